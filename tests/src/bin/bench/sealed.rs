//! The host under measurement: the real server, with the connector `github` and one account.

use bytes::Bytes;
use gloveport::config::Records;
use gloveport_tests::host::{ADMIN_KEY, Setup, TestHost};
use serde_json::json;

use crate::load::Shot;

/// Starts a host with or without records, and connects a user at the upstream.
///
/// # Errors
///
/// When the account is not connected.
pub(crate) async fn start(upstream: &str, credential: &str, records: Records) -> Result<TestHost, String> {
    // A log in memory, down to the last detail, is not what an operator runs.
    let host = TestHost::with(Setup { records, captures_log: false, ..Setup::usual() }).await;
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
