//! Paths take variables, and nothing that climbs.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

use gloveport_sdk::path;

fn paths(id: u64) {
    let _ = path!("x");
    let _ = path!("/x?id={id}");
    let _ = path!("/x/../{id}");
    let _ = path!("/x/{id+}/y");
    let _ = path!("/x/{id + 1}");
    let _ = path!("/x/{unknown}");
}

fn main() {}
