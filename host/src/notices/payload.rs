//! What a receiver reads: `type`, `timestamp` and `data`, the latter with links to this host.

use serde_json::{Map, Value};
use url::Url;

use crate::model::Timestamp;
use crate::store::Claimed;

/// Members of the data that are identifiers of what the API shows, with the name of the link and its path.
const LINKS: [(&str, &str, &str); 4] = [
    ("execution_id", "execution", "v1/executions"),
    ("approval_id", "approval", "v1/approvals"),
    ("webhook_id", "webhook", "v1/webhooks"),
    ("connector", "connector", "v1/connectors"),
];

/// Members of the data that are stored as milliseconds.
const TIMES: [&str; 1] = ["expires_at"];

/// The body of a notice: the same each time it is sent, as long as this host's public URL is.
pub(super) fn body(claimed: &Claimed, public_url: &Url) -> String {
    // Written by the store, and so an object; a row that somebody spoilt still tells what happened and when.
    let mut data: Map<String, Value> = serde_json::from_str(&claimed.data).unwrap_or_default();
    for name in TIMES {
        if let Some(time) = data.get_mut(name) {
            *time = time.as_i64().map(|millis| Timestamp(millis).to_rfc3339()).into();
        }
    }
    let base = public_url.as_str().trim_end_matches('/');
    let links: Map<String, Value> = LINKS
        .into_iter()
        .filter_map(|(member, name, path)| {
            let id = data.get(member)?.as_str()?;
            Some((name.to_owned(), format!("{base}/{path}/{id}").into()))
        })
        .collect();
    if !links.is_empty() {
        data.insert("links".into(), links.into());
    }
    let mut body = Map::new();
    body.insert("type".into(), claimed.event.as_str().into());
    body.insert("timestamp".into(), claimed.at.to_rfc3339().into());
    body.insert("data".into(), data.into());
    Value::from(body).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Event, MessageId};

    fn written(data: &str, public_url: &str) -> Value {
        let (event, at) = (Event::ApprovalWaiting, Timestamp(1_795_255_200_123));
        let id = MessageId::of(at, &[]);
        let claimed = Claimed { id, event, at, data: data.into(), failures: 0, attempts: "[]".into(), lease: 1 };
        serde_json::from_str(&body(&claimed, &Url::parse(public_url).unwrap())).unwrap()
    }

    #[test]
    fn a_body_has_type_time_data_and_links_of_the_public_url() {
        let data = r#"{"execution_id": "exec_1", "approval_id": "appr_1", "expires_at": 1795255200123, "rule": null}"#;
        for public in ["https://g.example/base", "https://g.example/base/"] {
            let expected = json!({
                "type": "approval.waiting",
                "timestamp": "2026-11-21T10:00:00.123Z",
                "data": {
                    "execution_id": "exec_1", "approval_id": "appr_1", "rule": null,
                    "expires_at": "2026-11-21T10:00:00.123Z",
                    "links": {
                        "execution": "https://g.example/base/v1/executions/exec_1",
                        "approval": "https://g.example/base/v1/approvals/appr_1",
                    },
                },
            });
            assert_eq!(written(data, public), expected);
        }
    }

    #[test]
    fn a_spoilt_row_still_tells_what_happened() {
        for data in ["", "[]", "{", "7"] {
            assert_eq!(written(data, "https://g.example")["data"], json!({}), "{data}");
        }
        assert_eq!(written(r#"{"execution_id": 7}"#, "https://g.example")["data"], json!({ "execution_id": 7 }));
    }
}
