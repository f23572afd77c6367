//! The host under measurement: the real server, with the connector `github` and one account.

use bytes::Bytes;
use gloveport::config::{KeepBodies, Records, WrittenRetention};
use gloveport_tests::host::{ADMIN_KEY, Setup, TestHost};
use serde_json::json;

use crate::load::Shot;

/// Guests at once: more than there are connections, and few enough for several hosts in one address space.
const CALLS: u32 = 256;

/// Starts a host with or without records and the bodies of calls, and connects a user at the upstream.
///
/// # Errors
///
/// When the account is not connected.
pub(crate) async fn start(
    upstream: &str,
    credential: &str,
    records: Records,
    bodies: KeepBodies,
) -> Result<TestHost, String> {
    let retention = WrittenRetention { bodies: Some(bodies), ..WrittenRetention::default() };
    // A log in memory, down to the last detail, is not what an operator runs.
    let setup = Setup { records, retention, captures_log: false, max_concurrent_calls: Some(CALLS), ..Setup::usual() };
    let host = TestHost::with(setup).await;
    let installed = host.install("github").await;
    let field = installed["auth"][0]["fields"][0]["name"].as_str().ok_or("github asks for no credential")?;
    host.connection("github", upstream).await;
    let account = host.account("github", "ada", &json!({ field: credential })).await;
    if account.status >= 300 {
        return Err(String::from_utf8_lossy(&account.body).into_owned());
    }
    Ok(host)
}

/// The same call as the native one, through a fresh instance.
pub(crate) fn shot(host: &TestHost) -> Shot {
    Shot {
        url: format!("{}/v1/tools/github_user_get/execute", host.client().base()),
        headers: vec![("authorization", format!("Bearer {ADMIN_KEY}"))],
        body: Some(Bytes::from_static(b"{\"identifier\":\"ada\",\"input\":{}}")),
    }
}

/// Rules that look at what rules look at, and hold of nothing here.
const RULES: [&str; 4] = [
    "connector == 'stripe' && payload.amount > 5000",
    "effect == 'destroy' && !(identifier in ['root', 'ops'])",
    "tool.startsWith('slack_') && has(payload.channel)",
    "time.getHours('UTC') > 23 || chat_id == 'none'",
];

/// Gives the host a large set of rules, each of which every call is tried against.
///
/// # Errors
///
/// When a rule is refused.
pub(crate) async fn add_rules(host: &TestHost, count: usize) -> Result<(), String> {
    for number in 0..count {
        let rule = json!({ "name": format!("rule {number}"), "condition": RULES[number % RULES.len()],
            "outcome": { "outcome": "deny", "reason": "of the benchmark" } });
        let answer = host.client().post("/v1/policies", &rule).await;
        if answer.status != 201 {
            return Err(String::from_utf8_lossy(&answer.body).into_owned());
        }
    }
    Ok(())
}
