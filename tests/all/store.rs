//! The store on both databases: tenancy, conflicts, pages, races, and what is left after an end.

mod agree;
mod audit;
mod auth_requests;
mod database;
mod executions;
mod fixture;
mod idempotency;
mod kept;
mod limits;
mod modifiers;
mod outbox;
mod plans;
mod profiles;
mod rotation;
mod rows;
mod secrets;
mod vault;

pub(crate) use rotation::places_of;
