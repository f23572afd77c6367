//! No text and no payload breaks anything: properties, and bounded fuzzing of conditions.

use proptest::prelude::*;
use serde_json::Value;

use super::super::limits::RULE_COST_MAX;
use super::super::tests::{facts, payload};
use super::tests::{holds, sample};
use super::{Condition, Failure};

const WORDS: [&str; 48] = [
    "payload",
    "tool",
    "caller",
    ".id",
    ".amount",
    ".a",
    "time",
    "effect",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "in",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "'a'",
    "\"x\"",
    "r'\\d'",
    "5",
    "0.1",
    "1e400",
    "null",
    "true",
    "has(",
    "size(",
    ".all(x,",
    ".map(x,",
    "x",
    ".matches(",
    ".getHours(",
    "timestamp(",
    "duration('1h')",
    "//",
    "'''",
];

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?".prop_map(|text| payload(&text)),
        "\\PC{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map("[a-d]|amount|items", inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Evaluates whatever compiles: neither may panic, and the budget holds.
fn exercise(text: &str, input: &Value) {
    if let Ok(condition) = Condition::parse(text) {
        let mut budget = RULE_COST_MAX;
        let held = condition.holds(&facts(input), &mut budget);
        assert_eq!(held == Err(Failure::Cost), budget == 0 && held.is_err(), "{text}");
        assert_eq!(condition.text(), text);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}|[ -~\\n]{0,60}") {
        exercise(&text, &sample());
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(error.line <= text.matches('\n').count() + 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24)) {
        exercise(&words.join(" "), &sample());
        exercise(&words.concat(), &sample());
    }

    #[test]
    fn any_payload_is_decided_on(input in json_values()) {
        for text in [
            "payload.amount > 5000",
            "payload.a == payload.b || payload.items.exists(x, x in payload.items && x > 5)",
            "payload.all(x, size(x) > 0) && payload == payload",
            "payload.items.map(x, x + x).filter(x, x.size() > 1).exists_one(x, x.contains('a'))",
            "string(payload.a) == string(payload.b) && int(payload.a) * int(payload.b) - payload.c > -1",
            "payload[payload.a] == payload.items[payload.b] ? payload.c : payload[0]",
        ] {
            exercise(text, &input);
        }
    }

    /// KO-03: exact for every amount, as a reference of whole cents says.
    #[test]
    fn amounts_compare_as_cents_do(amount in -1_000_000_i64..1_000_000, bound in -1_000_000_i64..1_000_000) {
        let written = |cents: i64| format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
        let input = payload(&format!("{{\"amount\":{}}}", written(amount)));
        for (sign, expected) in [(">", amount > bound), ("<=", amount <= bound), ("==", amount == bound)] {
            let text = format!("payload.amount {sign} {}", written(bound));
            prop_assert_eq!(holds(&text, &input), Ok(expected), "{} {}", text, input);
        }
    }
}

/// Bounded fuzzing: conditions that mean something, changed a little, many times. The seed is fixed.
#[test]
fn mutated_conditions_are_read_or_refused() {
    let corpus = [
        "action_type == \"refund.create\" && payload.amount > 5000.01",
        "payload.items.all(i, i.price * i.n <= 1e3) || has(payload.a.b)",
        "time.getHours(\"Europe/Berlin\") in [8, 9] ? caller.role != 'admin' : -1 < 0x1F",
        "payload.text.matches(r'^[a-z]+$') && {'a': [1, 2]}['a'][0] == 1u",
        "timestamp('2026-01-01T00:00:00Z') + duration('1h30m') < time // late",
        "'\\u00e9\\n' + \"\"\"x\"\"\" != tool.lowerAscii() && !(organization == null)",
    ];
    let characters: Vec<char> = "()[]{}.,'\"\\+-*/!&|?:=<>0e9ux éß\u{0}\n\r`r\u{10ffff}".chars().collect();
    let input = sample();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut read = 0;
    for round in 0..20_000 {
        let mut text: Vec<char> = corpus[round % corpus.len()].chars().collect();
        for _ in 0..=random(4) {
            let (at, other) = (random(text.len()), random(text.len()));
            match random(5) {
                0 if !text.is_empty() => drop(text.remove(at)),
                1 => text.insert(at, characters[random(characters.len())]),
                2 if !text.is_empty() => text.swap(at, other),
                3 => {
                    let piece: Vec<char> = text[at.min(other)..at.max(other)].to_vec();
                    text.splice(at..at, piece);
                }
                _ => text.truncate(text.len().saturating_sub(random(4))),
            }
        }
        let text: String = text.into_iter().collect();
        exercise(&text, &input);
        read += usize::from(Condition::parse(&text).is_ok());
    }
    assert!(read > 500, "only {read} of the mutations are still conditions: the test looks at too little");
}
