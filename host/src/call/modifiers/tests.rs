//! What each verb does, and what is refused when it is stored: data-driven.

use serde_json::{Value, json};

use super::limits;
use super::steps::Steps;
use crate::model::Variable;

/// What stands for a variable in these tests.
pub(super) fn values(variable: &Variable) -> Option<&'static str> {
    match variable {
        Variable::Account(field) if field == "domain" => Some("acme.example"),
        Variable::Identifier => Some("ada"),
        _ => None,
    }
}

fn run(steps: &Value, document: &str) -> Result<String, String> {
    let (steps, _) = Steps::parse(&steps.to_string()).map_err(|errors| format!("{errors:?}"))?;
    steps.apply(document, limits::OUTPUT_BYTES, values).map_err(|error| error.to_string())
}

/// AK-601, AK-602: what each verb makes of a document.
#[test]
fn each_verb_does_what_it_says() {
    let rows = r#"{"items":[{"id":1,"secret":"a"},{"id":2},3],"next":null}"#;
    for (step, before, after) in [
        (json!({ "set": { "path": "/q", "value": "is:unread" } }), "{}", r#"{"q":"is:unread"}"#),
        (json!({ "set": { "path": "/q", "value": null } }), r#"{"q":{"a":1}}"#, r#"{"q":null}"#),
        (json!({ "set": { "path": "/a/b/c", "value": [1] } }), "{}", r#"{"a":{"b":{"c":[1]}}}"#),
        (json!({ "set": { "path": "/a/0", "value": 9 } }), r#"{"a":[1,2]}"#, r#"{"a":[9,2]}"#),
        (json!({ "set": { "path": "/a/-", "value": 9 } }), r#"{"a":[1,2]}"#, r#"{"a":[1,2,9]}"#),
        (json!({ "set": { "path": "/a/-/b", "value": 9 } }), r#"{"a":[]}"#, r#"{"a":[{"b":9}]}"#),
        (json!({ "set": { "path": "/a/-", "value": 9 } }), "{}", r#"{"a":{"-":9}}"#),
        (json!({ "set": { "path": "/0", "value": 9 } }), "{}", r#"{"0":9}"#),
        (json!({ "set": { "path": "", "value": {} } }), r#"{"a":1}"#, "{}"),
        (json!({ "set": { "path": "/*", "value": 0 } }), r#"{"a":1,"b":[2]}"#, r#"{"a":0,"b":0}"#),
        (json!({ "set": { "path": "/a/*/b", "value": 0 } }), "{}", "{}"),
        (json!({ "set": { "path": "/a/*/b", "value": 0 } }), r#"{"a":null}"#, r#"{"a":null}"#),
        (json!({ "set": { "path": "/a~1b/~0", "value": 0 } }), "{}", r#"{"a/b":{"~":0}}"#),
        (json!({ "default": { "path": "/n", "value": 5 } }), "{}", r#"{"n":5}"#),
        (json!({ "default": { "path": "/n", "value": 5 } }), r#"{"n":null}"#, r#"{"n":null}"#),
        (json!({ "default": { "path": "/a/n", "value": 5 } }), r#"{"a":{"n":7}}"#, r#"{"a":{"n":7}}"#),
        (json!({ "default": { "path": "/a/*/n", "value": 5 } }), r#"{"a":[{"n":1},{}]}"#, r#"{"a":[{"n":1},{"n":5}]}"#),
        (json!({ "default": { "path": "/a/0", "value": 5 } }), r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (json!({ "remove": { "path": "/next" } }), rows, r#"{"items":[{"id":1,"secret":"a"},{"id":2},3]}"#),
        (json!({ "remove": { "path": "/items/*/secret" } }), rows, r#"{"items":[{"id":1},{"id":2},3],"next":null}"#),
        (json!({ "remove": { "path": "/items/1" } }), rows, r#"{"items":[{"id":1,"secret":"a"},3],"next":null}"#),
        (json!({ "remove": { "path": "/items/*" } }), rows, r#"{"items":[],"next":null}"#),
        (json!({ "remove": { "path": "/*" } }), rows, "{}"),
        (json!({ "remove": { "path": "/nothing/at/all" } }), "{}", "{}"),
        (json!({ "remove": { "path": "/a/b" } }), r#"{"a":"b"}"#, r#"{"a":"b"}"#),
        (json!({ "remove": { "path": "/a/7" } }), r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (json!({ "rename": { "from": "/a", "to": "/b" } }), r#"{"a":1}"#, r#"{"b":1}"#),
        (json!({ "rename": { "from": "/a", "to": "/b" } }), r#"{"a":1,"b":2}"#, r#"{"b":1}"#),
        (json!({ "rename": { "from": "/x", "to": "/b" } }), r#"{"b":2}"#, r#"{"b":2}"#),
        (json!({ "rename": { "from": "/a", "to": "/a/b" } }), r#"{"a":1}"#, r#"{"a":{"b":1}}"#),
        (json!({ "rename": { "from": "/a/b", "to": "/a" } }), r#"{"a":{"b":1,"c":2}}"#, r#"{"a":1}"#),
        (json!({ "rename": { "from": "/data", "to": "" } }), r#"{"data":[1],"x":2}"#, "[1]"),
        (
            json!({ "rename": { "from": "/items/*/id", "to": "/items/*/key/0" } }),
            rows,
            r#"{"items":[{"key":{"0":1},"secret":"a"},{"key":{"0":2}},3],"next":null}"#,
        ),
        (json!({ "rename": { "from": "/a/0", "to": "/b/-" } }), r#"{"a":[1,2],"b":[]}"#, r#"{"a":[2],"b":[1]}"#),
        (json!({ "pick": { "paths": ["/items/*/id"] } }), rows, r#"{"items":[{"id":1},{"id":2}]}"#),
        (
            json!({ "pick": { "paths": ["/next", "/items/0"] } }),
            rows,
            r#"{"items":[{"id":1,"secret":"a"}],"next":null}"#,
        ),
        (json!({ "pick": { "paths": ["/*/*/id", "/items/1"] } }), rows, r#"{"items":[{"id":1},{"id":2}]}"#),
        (json!({ "pick": { "paths": ["/nothing"] } }), rows, "{}"),
        (json!({ "pick": { "paths": ["/nothing"] } }), "[1]", "[]"),
        (json!({ "pick": { "paths": ["/nothing"] } }), "\"secret\"", "null"),
        (
            json!({ "template": { "path": "/who", "template": "{{ call.identifier }}@{{ account.domain }}" } }),
            "{}",
            r#"{"who":"ada@acme.example"}"#,
        ),
        (
            json!({ "template": { "path": "/a", "template": { "b": ["{{call.identifier}}", 1.50] } } }),
            "{}",
            r#"{"a":{"b":["ada",1.5]}}"#,
        ),
    ] {
        assert_eq!(run(&json!([step]), before).as_deref(), Ok(after), "{step} {before}");
    }
}

/// AK-603: one after the other, each on what the one before made.
#[test]
fn steps_go_in_their_order() {
    let steps = json!([
        { "set": { "path": "/n", "value": 1 } },
        { "rename": { "from": "/n", "to": "/m" } },
        { "default": { "path": "/n", "value": 2 } },
    ]);
    assert_eq!(run(&steps, r#"{"n":0}"#).as_deref(), Ok(r#"{"m":1,"n":2}"#));
}

/// KO-07: what is not touched keeps every digit, and so does what is moved.
#[test]
fn what_is_not_touched_stays_as_it_was_written() {
    let document =
        "\r\n{ \"amount\": 9007199254740993123.10, \"e\": 1E+2 ,\"deep\": { \"x\" : [ 1.000, \"\\u00e9\\/\" ] } }";
    let steps =
        json!([{ "rename": { "from": "/amount", "to": "/deep/amount" } }, { "set": { "path": "/b", "value": 0 } }]);
    let expected = r#"{"b":0,"deep":{"amount":9007199254740993123.10,"x":[ 1.000, "\u00e9\/" ]},"e":1E+2}"#;
    assert_eq!(run(&steps, document).as_deref(), Ok(expected));
    let untouched = r#"{"b":{ "x" : 1.0 },"a":[ ]}"#;
    let steps = json!([{ "remove": { "path": "/b/y/z" } }, { "remove": { "path": "/a/0/0" } }]);
    assert_eq!(run(&steps, untouched).as_deref(), Ok(r#"{"a":[],"b":{"x":1.0}}"#));
    let value = "[{\"set\":{\"path\":\"/n\",\"value\":12345678901234567890.5000}}]";
    let (steps, stored) = Steps::parse(value).unwrap();
    assert_eq!(stored, value);
    assert_eq!(steps.apply("{}", 100, values).as_deref(), Ok(r#"{"n":12345678901234567890.5000}"#));
}

/// A step that cannot be done says which it is, and repeats nothing of the document.
#[test]
fn a_step_that_cannot_be_done_is_named() {
    let put = |path: &str| json!([{ "remove": { "path": "/x" } }, { "set": { "path": path, "value": "a secret" } }]);
    for (steps, document, reason) in [
        (put("/a/b"), r#"{"a":"secret"}"#, "step 1 (`set`): its path leads through a value that is neither"),
        (put("/a/b"), r#"{"a":null}"#, "neither"),
        (put("/a"), "7", "neither"),
        (put("/a/1"), r#"{"a":[0]}"#, "step 1 (`set`): its path leads to an element"),
        (put("/a/b"), r#"{"a":[0]}"#, "element"),
        (put("/a/01"), r#"{"a":[0,1]}"#, "element"),
        (json!([{ "rename": { "from": "/a", "to": "/b/c" } }]), r#"{"a":1,"b":2}"#, "step 0 (`rename`)"),
        (json!([{ "template": { "path": "/a", "template": "{{ account.x }}" } }]), "{}", "`account.x` has no value"),
        (put("/a"), "{secret", "not JSON"),
        (put("/a"), "{}secret", "not JSON"),
    ] {
        let failed = run(&steps, document).unwrap_err();
        assert!(failed.contains(reason) && !failed.contains("a secret"), "{steps} {document}: {failed}");
    }
}

/// What cannot work is refused when it is stored, with its place; all of it at once.
#[test]
fn steps_that_cannot_work_are_refused_with_their_place() {
    for (step, place, reason) in [
        (json!({}), "", "one verb"),
        (json!([]), "", "one verb"),
        (json!(null), "", "one verb"),
        (json!({ "delete": { "path": "/a" } }), "", "unknown variant `delete`"),
        (json!({ "remove": { "path": "/a" }, "set": { "path": "/a", "value": 1 } }), "", "one verb"),
        (json!({ "remove": { "path": "/a", "value": 1 } }), "", "unknown field `value`"),
        (json!({ "set": { "path": "/a" } }), "", "missing field `value`"),
        (json!({ "set": { "path": 7, "value": 1 } }), "", "invalid type"),
        (json!({ "set": { "path": "a", "value": 1 } }), "/set/path", "begins with `/`"),
        (json!({ "remove": { "path": "" } }), "/remove/path", "no member"),
        (json!({ "remove": { "path": "/a/-" } }), "/remove/path", "no member"),
        (json!({ "default": { "path": "", "value": 1 } }), "/default/path", "always"),
        (json!({ "rename": { "from": "", "to": "/a" } }), "/rename/from", "no member"),
        (json!({ "rename": { "from": "/a/*", "to": "/b" } }), "/rename/from", "no member"),
        (json!({ "rename": { "from": "/a", "to": "/a" } }), "/rename/to", "same place"),
        (json!({ "rename": { "from": "/a/*/b", "to": "/c/*/b" } }), "/rename/to", "begin as `from`"),
        (json!({ "rename": { "from": "/a/*/b", "to": "/b" } }), "/rename/to", "begin as `from`"),
        (json!({ "rename": { "from": "/a", "to": "/b/*/c" } }), "/rename/to", "no other `*`"),
        (json!({ "pick": { "paths": [] } }), "/pick/paths", "1 to 256"),
        (json!({ "pick": { "paths": ["/a", ""] } }), "/pick/paths/1", "no member"),
        (json!({ "pick": { "paths": ["/a", "/b/~"] } }), "/pick/paths/1", "`~0`"),
        (json!({ "template": { "path": "/a", "template": "{{ secret.x }}" } }), "/template/template", "column 4"),
        (json!({ "template": { "path": "/a", "template": { "b": ["{{ x"] } } }), "/template/template/b/0", "`}}`"),
    ] {
        let good = json!({ "remove": { "path": "/x" } });
        let errors = Steps::parse(&json!([good, step, good, step]).to_string()).unwrap_err();
        let places: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(places, [format!("/1{place}"), format!("/3{place}")], "{step}");
        assert!(errors[0].message.contains(reason), "{step}: {errors:?}");
    }
    let many = |n: usize| Value::Array(vec![json!({ "remove": { "path": "/x" } }); n]).to_string();
    assert!(Steps::parse(&many(limits::STEPS)).is_ok());
    let long = json!([{ "set": { "path": "/a", "value": "x".repeat(limits::STEPS_BYTES) } }]).to_string();
    let deep = format!("[{{\"set\":{{\"path\":\"/a\",\"value\":{}{}}}}}]", "[".repeat(200), "]".repeat(200));
    for text in ["", "{}", "null", "[]", "[", &many(limits::STEPS + 1), &long, &deep] {
        assert!(Steps::parse(text).is_err(), "{}", text.chars().take(80).collect::<String>());
    }
}

/// What steps add is bounded, and so is what they look at.
#[test]
fn no_steps_make_a_document_too_long_or_take_too_long() {
    let rows = |n: usize| format!("[{}{{}}]", "{},".repeat(n - 1));
    let set = |value: &str| json!([{ "set": { "path": "/*/a", "value": value } }]);
    assert!(run(&set("x"), &rows(1_000)).unwrap().len() > 9_000);
    assert!(run(&set(&"x".repeat(100_000)), &rows(1_000)).unwrap_err().contains("more than a document may have"));
    assert!(run(&set("x"), &rows(limits::WORK + 1)).unwrap_err().contains("more members and elements"));
    let append = json!([{ "set": { "path": "/a/-", "value": "x" } }]);
    let (steps, _) = Steps::parse(&append.to_string()).unwrap();
    assert!(steps.apply(r#"{"a":[]}"#, 11, values).is_ok());
    for most in 0..11 {
        let failed = steps.apply(r#"{"a":[]}"#, most, values).unwrap_err().to_string();
        assert!(failed.contains("more than a document"), "{most}: {failed}");
    }
    let pick = json!([{ "pick": { "paths": (0..256).map(|n| format!("/{n}")).collect::<Vec<_>>() } }]);
    assert!(run(&pick, &rows(10_000)).unwrap_err().contains("more members and elements"));
    // Moved into itself again and again, a value gets deeper, and nothing else happens.
    let deeper = json!({ "rename": { "from": "/a", "to": format!("/a{}", "/a".repeat(31)) } });
    let deep = run(&Value::Array(vec![deeper; limits::STEPS]), r#"{"a":1}"#).unwrap();
    assert_eq!(deep.matches("\"a\"").count(), 1 + 31 * limits::STEPS);
}
