//! No steps and no document break anything: properties, and bounded fuzzing of steps that mean something.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::limits;
use super::steps::Steps;
use super::tests::values;

const PATHS: [&str; 20] = [
    "", "/a", "/b", "/a/b", "/a/*", "/*", "/a/*/b", "/*/*", "/a/0", "/a/-", "/0", "/-", "/a/1/b", "/*/a", "/a/*/b/*",
    "/a/*/-", "/~0~1", "/b/a", "nothing", "/~",
];

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,9})?"
            .prop_map(|text| serde_json::from_str(&text).unwrap()),
        "\\PC{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[ab0]|~/|-", inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn step() -> impl Strategy<Value = Value> {
    let path = || prop::sample::select(&PATHS[..]);
    prop_oneof![
        (path(), documents()).prop_map(|(path, value)| json!({ "set": { "path": path, "value": value } })),
        (path(), documents()).prop_map(|(path, value)| json!({ "default": { "path": path, "value": value } })),
        path().prop_map(|path| json!({ "remove": { "path": path } })),
        (path(), path()).prop_map(|(from, to)| json!({ "rename": { "from": from, "to": to } })),
        prop::collection::vec(path(), 0..4).prop_map(|paths| json!({ "pick": { "paths": paths } })),
        (path(), prop::sample::select(&["{{ call.identifier }}", "{{ account.no }}", "x", "{{"][..]))
            .prop_map(|(path, template)| json!({ "template": { "path": path, "template": template } })),
    ]
}

/// Does whatever can be read, twice: it never panics, is the same both times, is JSON, and keeps to its limits.
fn exercise(steps: &str, document: &str, most: usize) -> bool {
    let (read, stored) = match Steps::parse(steps) {
        Ok(read) => read,
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= limits::STEPS, "{steps}");
            return false;
        }
    };
    let (again, _) = Steps::parse(&stored).unwrap();
    let done = read.apply(document, most, values);
    assert_eq!(done, again.apply(document, most, values), "{steps} {document}");
    if let Ok(text) = &done {
        assert!(text.len() <= most, "{steps} {document}");
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{steps} {document}: {text}");
    }
    done.is_ok()
}

/// What `value` has at a path without `*`, and whether it was there.
fn at(text: &str, path: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text).unwrap().pointer(path).cloned()
}

proptest! {
    #[test]
    fn any_steps_on_any_document_end(
        steps in prop::collection::vec(step(), 1..6),
        document in documents(),
        most in prop_oneof![Just(limits::OUTPUT_BYTES), 0_usize..200],
    ) {
        // Those that can be read are tried together, so that most rounds do something.
        let good: Vec<_> = steps.iter().filter(|step| Steps::parse(&json!([step]).to_string()).is_ok()).collect();
        exercise(&json!(steps).to_string(), &document.to_string(), most);
        exercise(&json!(good).to_string(), &document.to_string(), most);
    }

    #[test]
    fn any_text_is_read_or_refused(steps in "\\PC{0,80}|[\\[\\]{}\":,/a-z0-9*~ -]{0,80}", document in "\\PC{0,40}") {
        exercise(&steps, "{}", 1_000);
        // Not even a document that is not JSON does any harm.
        let steps = json!([{ "set": { "path": "/a/b", "value": 1 } }, { "pick": { "paths": ["/a/*"] } }]).to_string();
        let (steps, _) = Steps::parse(&steps).unwrap();
        let _ = steps.apply(&document, 1_000, values);
    }

    /// What was set is there, and what was removed is not, whatever the document was.
    #[test]
    fn what_is_set_is_there_and_what_is_removed_is_not(document in documents(), value in documents()) {
        let text = document.to_string();
        let run = |step: Value| Steps::parse(&json!([step]).to_string()).unwrap().0.apply(&text, 1 << 20, values);
        if let Ok(after) = run(json!({ "set": { "path": "/a/b", "value": value } })) {
            prop_assert_eq!(at(&after, "/a/b"), Some(value.clone()));
        }
        if document.is_object() {
            let after = run(json!({ "remove": { "path": "/a" } })).unwrap();
            let mut expected = document.clone();
            expected.as_object_mut().unwrap().remove("a");
            prop_assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), expected);
            // Numbers are the same to the last digit, or this is not equal.
            let after = run(json!({ "default": { "path": "/a", "value": value } })).unwrap();
            prop_assert_eq!(at(&after, "/a"), Some(document.get("a").cloned().unwrap_or(value)));
        }
        let after = run(json!({ "pick": { "paths": ["/a"] } })).unwrap();
        prop_assert_eq!(at(&after, "/a"), document.pointer("/a").cloned());
        prop_assert!(at(&after, "/b").is_none());
    }
}

/// Bounded fuzzing: steps that mean something, changed a little, many times. The seed is fixed.
#[test]
fn mutated_steps_are_read_or_refused() {
    let corpus = [
        r#"[{"set":{"path":"/q","value":"is:unread"}},{"default":{"path":"/n","value":10}}]"#,
        r#"[{"pick":{"paths":["/a/*/b","/b"]}},{"remove":{"path":"/a/0/b"}}]"#,
        r#"[{"rename":{"from":"/a/*/b","to":"/a/*/c"}},{"template":{"path":"/x","template":"{{call.identifier}}"}}]"#,
    ];
    let document = r#"{"a":[{"b":1.50},{"b":[]},null],"b":{"a":"x"},"0":12345678901234567890}"#;
    let characters: Vec<char> = "[]{}\",:/*~-0e.ab \\u\u{0}é\u{10ffff}".chars().collect();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut done = 0;
    for round in 0..20_000 {
        let mut text: Vec<char> = corpus[round % corpus.len()].chars().collect();
        for _ in 0..=random(2) {
            let (at, other) = (random(text.len()), random(text.len()));
            match random(4) {
                0 if !text.is_empty() => drop(text.remove(at)),
                1 => text.insert(at, characters[random(characters.len())]),
                2 if !text.is_empty() => text[at] = characters[random(characters.len())],
                _ => text.swap(at, other),
            }
        }
        done += usize::from(exercise(&text.into_iter().collect::<String>(), document, 1_000));
    }
    assert!(done > 500, "only {done} of the mutations are still steps: the test looks at too little");
}
