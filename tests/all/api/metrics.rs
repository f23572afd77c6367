//! What can be seen from outside: figures of every phase, by code and culprit, and of the pool (point 10).

use serde_json::json;

use super::bed::{Bed, JUNK};

#[tokio::test]
async fn the_figures_tell_phases_codes_and_the_pool() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    bed.host.execute("probe_whoami", "eve", &json!({})).await.problem(409);
    bed.host.execute("probe_trap", "ada", &json!({})).await.problem(502);
    bed.host.account("probe", "bob", &json!({ "token": JUNK })).await.problem(422);
    let answer = bed.client().with_key("").get("/metrics").await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    for phase in ["queue", "resolve", "instantiate", "guest", "upstream", "record"] {
        assert!(text.contains(&format!("gloveport_call_phase_seconds_bucket{{phase=\"{phase}\"")), "{phase}:\n{text}");
    }
    for (code, culprit) in [("ok", "none"), ("account_not_connected", "caller"), ("guest_error", "guest")] {
        let labels = format!("gloveport_calls_total{{code=\"{code}\",culprit=\"{culprit}\"}}");
        assert!(text.contains(&labels), "{labels}:\n{text}");
    }
    for gauge in ["gloveport_pool_slots", "gloveport_pool_busy_slots", "gloveport_pool_warm_memory_bytes"] {
        assert!(text.contains(&format!("# TYPE {gauge} gauge")), "{gauge}:\n{text}");
    }
    // Users and tools would make a series each, without an end.
    assert!(!text.contains("ada") && !text.contains("whoami"), "{text}");
}
