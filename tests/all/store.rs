//! The store on both databases: tenancy, conflicts, pages, races, and what is left after an end.

mod agree;
mod database;
mod executions;
mod fixture;
mod idempotency;
mod limits;
mod rows;
mod vault;
