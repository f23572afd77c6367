//! What a guest can learn from the host: the time of the call, public facts of the account, and nothing else.

use serde_json::json;

use super::{Case, USER};

/// HC-18: time stands still within a call.
pub(super) async fn clock_now(case: &Case) {
    let outcome = case.call(&json!({})).await;
    let data = outcome.requests(0).data();
    let times = &data["items"];
    assert_eq!(times[0], times[1]);
    assert!(times[0].as_u64().unwrap() > 1_600_000_000_000);
}

/// At most 1,024 a time, and never the same.
pub(super) async fn random_bytes(case: &Case) {
    for (asked, given) in [(0, 0), (16, 16), (1024, 1024), (1025, 1024), (u32::MAX, 1024)] {
        let data = case.call(&json!({ "count": asked })).await.requests(0).data();
        assert_eq!(data["items"].as_array().unwrap().len(), given, "{asked}");
    }
    let pair = [case.call(&json!({ "count": 32 })).await.data(), case.call(&json!({ "count": 32 })).await.data()];
    assert_ne!(pair[0], pair[1]);
}

/// AU-04: a guest reads public fields and never a secret one, whatever it is called.
pub(super) async fn account_field(case: &Case) {
    let fields = json!({ "credentials": { "token": case.canary.token(), "domain": "acme.example" } });
    case.host.client().put(&format!("/v1/connections/probe/accounts/{USER}"), &fields).await.expect(200);
    for (name, value) in [
        ("domain", json!("acme.example")),
        ("token", json!(null)),
        ("credentials.token", json!(null)),
        ("", json!(null)),
        ("Domain", json!(null)),
    ] {
        assert_eq!(case.call(&json!({ "name": name })).await.requests(0).data(), value, "{name}");
    }
}

pub(super) async fn setting(case: &Case) {
    for (name, value) in
        [("text", json!("a setting")), ("big", json!(1)), ("token", json!(null)), ("base_url", json!(null))]
    {
        assert_eq!(case.call(&json!({ "name": name })).await.requests(0).data(), value, "{name}");
    }
}

/// The last report is in the log, as the guest's own word; those before it are over.
pub(super) async fn progress(case: &Case) {
    let outcome = case.call(&json!({ "count": 3 })).await;
    outcome.requests(0).data();
    let id = outcome.record["id"].as_str().unwrap();
    let log = String::from_utf8_lossy(&gloveport_tests::host::log::lines()).into_owned();
    let told = log.lines().filter(|line| line.contains(id) && line.contains("progress: "));
    let told: Vec<serde_json::Value> = told.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let fields = &told[0]["fields"];
    assert_eq!((&told[0]["target"], &fields["message"]), (&json!("guest"), &json!("progress: step")));
    assert_eq!((&fields["done"], &fields["total"]), (&json!(3), &json!(3)));
}

/// A guest cannot forge a line of the host's log, nor move the terminal of who reads it.
pub(super) async fn log_lines(case: &Case) {
    let forged = "a\r\n{\"level\":\"ERROR\",\"target\":\"gloveport\",\"fields\":{\"message\":\"forged\"}}\u{1b}[2J";
    case.call(&json!({ "messages": ["plain", forged, ""] })).await.requests(0).data();
    let log = String::from_utf8_lossy(&gloveport_tests::host::log::lines()).into_owned();
    let line = log.lines().find(|line| line.contains("forged")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["target"], "guest");
    let message = line["fields"]["message"].as_str().unwrap();
    assert!(message.starts_with("a  {") && !message.contains(char::is_control), "{message:?}");
}
