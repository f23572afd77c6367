//! The store on both databases: tenancy, conflicts, pages, races, and what is left after an end.

mod audit;
mod database;
mod executions;
mod fixture;
mod rows;
mod vault;
