//! What becomes of replies.

use serde_json::json;

use super::*;

/// HA-10, AK-508
#[test]
fn replies_become_one_documented_form() {
    let imported = imported(&with_operation("get", "/x", &json!({})));
    for (reply, expected) in [
        (Reply::json(200, json!({ "a": 9007199254740993123_u128.to_string() })), json!({ "a": "9007199254740993123" })),
        (Reply::json(200, json!([1, 2])), json!({ "items": [1, 2] })),
        (Reply::json(200, json!("x")), json!("x")),
        (Reply::text(200, "hello"), json!("hello")),
        (Reply::bytes(200, "<a/>").header("content-type", "application/xml"), json!("<a/>")),
        (Reply::bytes(204, ""), json!(null)),
        (Reply::bytes(200, "  \n").header("content-type", "application/json"), json!(null)),
        (Reply::bytes(200, "[1]"), json!({ "items": [1] })),
        (
            Reply::bytes(200, vec![0, 255]).header("content-type", "image/png"),
            json!({ "content_type": "image/png", "base64": "AP8=" }),
        ),
        (Reply::bytes(200, vec![0, 255]), json!({ "content_type": "", "base64": "AP8=" })),
    ] {
        assert_eq!(answered(&imported, "/x", &json!({}), reply.clone()), Ok(expected), "{reply:?}");
    }
    let digits = Reply::bytes(200, r#"{"id":90071992547409931234}"#).header("content-type", "application/json");
    let host = FakeHost::new().on("GET", "/x", digits);
    let output = host.run(|| call(imported.tools[0].binding.as_deref(), "{}"));
    assert_eq!(output, Ok(r#"{"id":90071992547409931234}"#.into()));
}

/// AK-501: a code and a sentence, and never the body.
#[test]
fn errors_are_a_code_and_a_sentence() {
    let operation =
        json!({ "responses": { "404": { "description": "No such\n invoice." }, "422": { "description": "Invalid" } } });
    let imported = imported(&with_operation("get", "/x", &operation));
    for (status, body, expected) in [
        (404, json!({ "secret": "private" }), Failure::not_found("No such invoice.")),
        (
            422,
            json!({ "error": { "code": "taken", "message": "The name is taken", "trace": "private" } }),
            Failure::upstream(422, Some("taken".into()), "Invalid: The name is taken"),
        ),
        (400, json!({ "errors": [{ "message": "bad" }] }), Failure::upstream(400, None, "bad")),
        (401, json!({}), Failure::auth_required("the provider answered with status 401")),
        (500, json!("private"), Failure::upstream(500, None, "the provider answered with status 500")),
    ] {
        let found = answered(&imported, "/x", &json!({}), Reply::json(status, body)).unwrap_err();
        assert_eq!(found, expected);
        assert!(!format!("{found:?}").contains("private"));
    }
    let broken = Reply::bytes(200, "{").header("content-type", "application/json");
    assert!(matches!(answered(&imported, "/x", &json!({}), broken), Err(Failure::Upstream(_))));
    assert!(matches!(call(None, "{}"), Err(Failure::Unsupported(_))));
    assert!(matches!(call(Some("{}"), "{}"), Err(Failure::Internal(_))));
}
