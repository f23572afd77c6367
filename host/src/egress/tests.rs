//! What the tests of the way out share: grants, upstreams on loopback, a resolver with its own answers.

use std::time::Duration;

use super::*;
use crate::model::{HostPattern, PathTemplate, Route, Secret};

/// A grant without a credential. Routes are `METHOD /path` or `METHOD host /path`.
pub(super) fn grant(base_url: &str, hosts: &[&str], routes: &[&str]) -> Grant {
    let route = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let (method, host, path) = match words[..] {
            [method, path] => (method, None, path),
            [method, host, path] => (method, Some(HostPattern::parse(host).unwrap()), path),
            _ => panic!("not a route: {text}"),
        };
        let path = PathTemplate::parse(path).unwrap();
        Route { method: method.into(), host, path, effect: Route::effect_of_method(method) }
    };
    Grant {
        account: None,
        base_url: base_url.parse().unwrap(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        routes: routes.iter().map(route).collect(),
        injection: Injection::None,
        idempotency: None,
        timeout: Duration::from_secs(20),
        state: GrantState::new(),
    }
}

pub(super) fn bearer(token: &str) -> Injection {
    Injection::Bearer(Secret::new(token.into()))
}

mod echo;
mod sending;
mod tls;
