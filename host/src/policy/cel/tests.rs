//! Conditions: what they mean, what is refused before it is stored, and that no text and no payload breaks anything.

use serde_json::{Value, json};

use super::super::limits::{CONDITION_MAX, RULE_COST_MAX};
use super::super::tests::{facts, payload};
use super::*;

pub(super) fn holds(text: &str, input: &Value) -> Result<bool, Failure> {
    let mut budget = RULE_COST_MAX;
    Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&facts(input), &mut budget)
}

pub(super) fn sample() -> Value {
    payload(
        r#"{"amount":5000,"big":9007199254740993,"cents":0.1,"more":0.2,"text":"Grüße, World","empty":"","none":null,
        "flag":true,"to":["a@example.com","b@example.com"],"items":[{"price":5,"n":2},{"price":7.50,"n":1}],
        "nested":{"a":{"b":[1,[2,3]]}},"at":"2026-11-21T06:00:00Z","id":"12","number":12,"x-y":1,"null":{}}"#,
    )
}

/// KO-03, KO-04 and the vocabulary of the specification.
#[test]
fn conditions_hold() {
    for text in [
        "true",
        "tool == \"stripe.refund_create\" && action_type == 'refund.create'",
        "connector == \"stripe\" && connection == 'stripe-live' && effect == 'write'",
        "caller.id == 'key_1' && caller.name.startsWith('support') && caller.role == 'agent'",
        "identifier == 'alice' && organization == null && chat_id == 'chat-7' && trigger_type == null",
        "effect in ['write', 'destroy'] && !(effect in ['read'])",
        "payload.amount > 4999 && payload.amount >= 5000 && !(payload.amount > 5000)",
        "payload.big > 9007199254740992 && payload.big != 9007199254740992",
        "payload.big == 9007199254740993u && payload.big == 0x20000000000001",
        "payload.cents + payload.more == 0.3",
        "payload.amount * 3 - 1 == 14999 && -payload.amount < -4999.5 && payload.amount == 5e3",
        "payload.amount < 123456789012345678901234567890123456789012345678901234567890",
        "has(payload.amount) && !has(payload.nothing) && has(payload.none) && payload.none == null",
        "has(payload.nested.a.b) && payload.nested.a.b[1][0] == 2 && payload.nested['a']['b'] == [1, [2, 3]]",
        "payload['x-y'] == 1 && payload.null == {}",
        "payload.text.startsWith('Gr') && payload.text.endsWith(\"World\") && payload.text.contains('üße')",
        "payload.text.matches('^Gr.+World$') && payload.text.matches(r\"\\w+, \\w+\") && !payload.text.matches('^World')",
        "payload.text.size() == 12 && size(payload.text) == 12 && size(payload.to) == 2 && size(payload.null) == 0",
        "payload.text.lowerAscii() == 'grüße, world' && 'ab'.upperAscii() == 'AB'",
        "'a@example.com' in payload.to && !('c' in payload.to) && 'amount' in payload && 12 in [1, 12.0]",
        "payload.to.all(to, to.endsWith('@example.com')) && payload.to.exists(to, to == 'b@example.com')",
        "payload.to.exists_one(to, to.startsWith('a')) && payload.to.filter(t, t > 'b').size() == 1",
        "payload.items.map(i, i.price * i.n) == [10, 7.5]",
        "payload.items.map(i, i.n > 1, i.price) == [5.0]",
        "payload.items.all(i, i.price > 1 && payload.to.exists(t, t.size() > i.n))",
        "payload.nested.all(key, key == 'a') && {'a': 1, 'b': 2}.exists(k, k == 'b')",
        "payload.items.all(tool, tool.n > 0) && tool.contains('refund')",
        "[].all(x, false) && ![].exists(x, true)",
        "{'EUR': 5000, 'JPY': 800000}['EUR'] == 5000 && 'EUR' in {'EUR': 1}",
        "{'a': [1, {'b': 2}]} == {'a': [1.0, {'b': 2e0}]} && {'a': 1} != {'b': 1} && [1] != [1, 2]",
        "payload.nested == {'a': {'b': [1, [2, 3]]}}",
        "payload.amount > 1000 ? payload.flag : false",
        "(has(payload.nothing) ? payload.nothing : 0) == 0",
        "false ? true : false ? false : true",
        "payload.amount == 5000 || payload.nothing == 1",
        "payload.nothing == 1 || payload.amount == 5000",
        "!(payload.nothing == 1 && payload.amount == 1)",
        "payload.items.exists(i, i.wrong == 1 || i.n == 1)",
        "payload.text != 5 && payload.none != 'x' && payload.amount != '5000'",
        "string(payload.number) == payload.id && int(payload.id) == payload.number && double('1.5') == 1.5",
        "string(true) == 'true' && string('x') == 'x' && string(1.50) == '1.5' && dyn(1) == 1",
        "'tic' + 'ket' == 'ticket' && [1, 2][0] == 1 && 'a' < 'b'",
        "time == timestamp('2026-11-21T06:30:00Z') && time < timestamp('2026-11-21T08:30:00.001+02:00')",
        "time - timestamp(payload.at) == duration('30m') && timestamp(payload.at) + duration('1h') > time",
        "time - duration('30m') == timestamp(payload.at) && duration('1h') + duration('-30m') == duration('1800s')",
        "time.getFullYear() == 2026 && time.getMonth() == 10 && time.getDate() == 21 && time.getDayOfMonth() == 20",
        "time.getDayOfWeek() == 6 && time.getDayOfYear() == 324 && time.getHours() == 6 && time.getMinutes() == 30",
        "time.getHours('Europe/Berlin') == 7 && time.getHours('+05:30') == 12 && time.getHours('-06:30') == 0",
        "timestamp('2026-07-01T06:30:00Z').getHours('Europe/Berlin') == 8 && time.getHours('UTC') == 6",
        "time.getSeconds() == 0 && time.getMilliseconds() == 0 && time.getHours('America/New_York') == 1",
        "duration('1h30m15.5s').getMinutes() == 90 && duration('1.5s').getMilliseconds() == 500",
        "duration('1h').getHours() == 1 && duration('90s').getSeconds() == 90 && -duration('1s') < duration('0')",
        "'\\u0041\\x42\\103\\n' == \"ABC\\n\" && r'\\n' == '\\\\n' && '''it's''' == \"it's\" && \"\"\"a\nb\"\"\" == 'a\\nb'",
        "// who\ntrue // what\n && payload.flag",
        "[1, 2,] == [1, 2] && 1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 - 4 - 3 == 3 && !!true && - -1 == 1",
        "1 < 2 == true",
    ] {
        assert_eq!(holds(text, &sample()), Ok(true), "{text}");
    }
}

#[test]
fn conditions_fail() {
    for (text, failure) in [
        ("payload.nothing", "there is no field `nothing`"),
        ("payload.amount == 1 || payload.nothing == 1", "there is no field `nothing`"),
        ("payload.nothing == 1 && payload.flag", "there is no field `nothing`"),
        ("has(payload.nothing.more)", "there is no field `nothing`"),
        ("has(payload.amount.more)", "a field needs a map, and was given a number"),
        ("payload.none.a == 1", "a field needs a map, and was given null"),
        ("payload.items.all(i, i.wrong > 1)", "there is no field `wrong`"),
        ("payload.items.exists(i, i.wrong > 1)", "there is no field `wrong`"),
        ("payload.items.filter(i, i.wrong > 1) == []", "there is no field `wrong`"),
        ("payload.items.map(i, i.wrong) == []", "there is no field `wrong`"),
        ("payload.amount.all(i, true)", "a macro needs a list or a map, and was given a number"),
        ("payload.items.all(i, i.n)", "a macro needs true or false, and was given a number"),
        ("payload.text > 5", "a comparison needs a text, and was given a number"),
        ("payload.flag > 5", "was given true or false"),
        ("payload.to > payload.to", "was given a list"),
        ("payload.text + 1 == 2", "arithmetic needs"),
        ("payload.amount + payload.text == 2", "arithmetic on a number needs a number, and was given a text"),
        ("payload.to[2] == ''", "there is no item"),
        ("payload.to[-1] == ''", "there is no item"),
        ("payload.to[1e30] == ''", "there is no item"),
        ("payload.to['a'] == ''", "an index of a list needs a number"),
        ("payload[payload.text] == ''", "there is no field `[…]`"),
        ("payload[0] == ''", "an index of a map needs a text"),
        ("1 in payload.text", "`in` needs a list or a map, and was given a text"),
        ("!payload.amount", "`!` needs true or false, and was given a number"),
        ("payload.amount ? true : false", "`?` needs true or false"),
        ("payload.amount || payload.none", "needs true or false"),
        ("size(payload.none) == 0", "`size` needs"),
        ("size(payload.amount) == 0", "`size` needs"),
        ("payload.amount.matches('5')", "needs a text, and was given a number"),
        ("chat_id + trigger_type == ''", "arithmetic needs"),
        ("int(payload.text) == 0", "not a number"),
        ("double('1e9999999999') == 0", "exponent"),
        ("string(payload.to) == ''", "a conversion needs"),
        ("string(1e100) == ''", "38 digits"),
        ("timestamp(payload.amount) < time", "a conversion needs a text"),
        ("duration(payload.text) < duration('1s')", "the text is not a duration"),
        ("-payload.text == 1", "`-` needs a number or a duration, and was given a text"),
        ("dyn(payload.text).getHours() == 1", "a part of a time needs a timestamp"),
    ] {
        let failed = holds(text, &sample()).expect_err(text).to_string();
        assert!(failed.contains(failure), "{text}: {failed}");
    }
}

/// Each text is refused at this line and column, with this in the message.
fn refused(rows: &[(&str, usize, usize, &str)]) {
    for (text, line, column, message) in rows {
        let error = Condition::parse(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!((error.line, error.column), (*line, *column), "{text}: {error}");
    }
}

/// What can never work is refused when it is stored, with its place.
#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    refused(&[
        ("", 1, 1, "the end is here, where an operand is needed"),
        ("tool", 1, 1, "a condition is true or false, and this is a text"),
        ("payload.amount + 1", 1, 16, "a condition is true or false, and this is a number"),
        ("action_type = 'refund.create'", 1, 13, "write `==`"),
        ("true AND false", 1, 6, "`&&` is needed"),
        ("true or false", 1, 6, "`||` is needed"),
        ("true & false", 1, 6, "write `&&`"),
        ("true | false", 1, 6, "write `||`"),
        ("true false", 1, 6, "an operator or the end"),
        ("{5: 1} == {}", 1, 2, "keys of a map are texts"),
        ("{'a': 1, 'a': 2} == {}", 1, 10, "there twice"),
        ("b'abc' == tool", 1, 1, "bytes are not offered"),
        ("x'abc' == tool", 1, 2, "an operator is missing"),
        ("'abc == tool", 1, 1, "this text has no end"),
        ("'a\nb' == tool", 1, 1, "no end on its line"),
        ("'''abc == tool", 1, 1, "this text has no end"),
        ("'\\q' == tool", 1, 2, "not an escape"),
        ("'\\ud800' == tool", 1, 2, "not an escape"),
        ("'\\u00' == tool", 1, 2, "not an escape"),
        ("5000EUR == 1", 1, 5, "a number ends here"),
        ("1.5u == 1", 1, 4, "a number ends here"),
        ("0x == 1", 1, 1, "not a hexadecimal number"),
        ("1e9999999999 == 1", 1, 1, "exponent"),
        ("1. == 1", 1, 4, "the name of a field"),
        ("(true", 1, 6, "`)` is needed"),
        ("[1, 2 == [1]", 1, 13, "`]` is needed"),
        ("true)", 1, 5, "an operator or the end"),
        ("payload. == 1", 1, 10, "the name of a field"),
        ("payload.?x == 1", 1, 9, "the name of a field"),
        ("true ? true", 1, 12, "`:` is needed"),
        ("in == 1", 1, 1, "an operand"),
        ("tool == \"x\" # comment", 1, 13, "means nothing here"),
        ("tool == “x”", 1, 9, "means nothing here"),
        ("tool\u{0} == 'x'", 1, 5, "means nothing here"),
    ]);
}

#[test]
fn names_and_operands_that_never_fit_are_refused_with_their_place() {
    refused(&[
        ("tool == refund", 1, 9, "there is no `refund`"),
        ("tool == refund.create", 1, 9, "texts stand in quotes"),
        ("true &&\n  toool == 'x'", 2, 3, "there is no `toool`"),
        ("'ü' == tool && wrong", 1, 16, "there is no `wrong`"),
        ("caller == 'x'", 1, 1, "write `caller.id`"),
        ("caller.mail == 'x'", 1, 8, "there is no `caller.mail`"),
        ("has(tool)", 1, 5, "`has` asks for a field"),
        ("has(caller.id)", 1, 12, "`has` asks for a field"),
        ("has(payload['a'])", 1, 12, "`has` asks for a field"),
        ("tool > 5", 1, 6, "never the same kind"),
        ("tool == 5", 1, 6, "`==` is between a text and a number"),
        ("organization == 5", 1, 14, "never the same kind"),
        ("payload.at == time", 1, 12, "never the same kind"),
        ("payload.at < time", 1, 12, "never the same kind"),
        ("true > false", 1, 1, "`>` needs a number or a text"),
        ("5 in tool", 1, 6, "`in` needs a list or a map"),
        ("tool in [1, 2]", 1, 6, "never the same kind"),
        ("5 in {'a': 1}", 1, 3, "never the same kind"),
        ("effect == 'wirte'", 1, 11, "only one of read, write, destroy"),
        ("'Destroy' != effect", 1, 1, "only one of read, write, destroy"),
        ("effect in ['read', 'wirte']", 1, 20, "only one of read, write, destroy"),
        ("caller.role == 'owner'", 1, 16, "only one of admin, agent"),
        ("tool.name == 'x'", 1, 6, "a field needs a map, and this is a text"),
        ("tool[0] == 'x'", 1, 5, "needs a list or a map"),
        ("[1]['a'] == 1", 1, 5, "an index needs a number"),
        ("payload[true] == 1", 1, 9, "an index needs a number or a text"),
        ("!tool", 1, 2, "`!` needs true or false"),
        ("-tool == 1", 1, 2, "`-` needs a number or a duration"),
        ("tool && true", 1, 1, "needs true or false"),
        ("tool ? true : false", 1, 1, "`?` needs true or false"),
        ("true ? 1 : 2", 1, 6, "a condition is true or false"),
        ("payload.a / 2 > 1", 1, 11, "there is no division"),
        ("payload.a % 2 == 1", 1, 11, "there is no division"),
        ("tool + 1 == 'x'", 1, 6, "`+` cannot be between a text and a number"),
        ("time + time > time", 1, 6, "`+` cannot be between"),
        ("'a' * 2 == 'aa'", 1, 5, "`*` cannot be between"),
    ]);
}

#[test]
fn calls_that_never_fit_are_refused_with_their_place() {
    refused(&[
        ("nope(1)", 1, 1, "there is no function `nope`"),
        ("tool.nope()", 1, 6, "there is no function `nope`"),
        ("size() == 1", 1, 1, "`size` takes one argument"),
        ("tool.startsWith()", 1, 6, "`startsWith` takes one argument"),
        ("tool.size(1) == 1", 1, 6, "`size` takes no argument"),
        ("tool.startsWith(5)", 1, 17, "`startsWith` needs a text"),
        ("time.startsWith('a')", 1, 1, "`startsWith` needs a text"),
        ("tool.matches(tool)", 1, 14, "a regular expression is a text in quotes"),
        ("tool.matches('(')", 1, 14, "not a regular expression: unclosed group"),
        ("tool.matches('(?=a)')", 1, 14, "not a regular expression"),
        ("tool.matches('(a{1000}){1000}')", 1, 14, "too big"),
        ("timestamp('yesterday') < time", 1, 11, "not a timestamp"),
        ("timestamp('2026-01-01T00:00:00') < time", 1, 11, "not a timestamp"),
        ("time - duration('1 day') < time", 1, 17, "not a duration"),
        ("timestamp(5) < time", 1, 11, "`timestamp` needs a text"),
        ("int(time) > 1", 1, 5, "`int` needs a number or a text"),
        ("time.getHours('Mars/Base') == 1", 1, 15, "is no time zone"),
        ("time.getHours('+25:00') == 1", 1, 15, "is no time zone"),
        ("time.getHours(payload.zone) == 1", 1, 23, "the time zone is a text in quotes"),
        ("duration('1h').getDate() == 1", 1, 1, "`getDate` needs a timestamp"),
        ("tool.getHours() == 1", 1, 1, "`getHours` needs a timestamp or a duration"),
        ("payload.items.all()", 1, 15, "takes a variable and a condition"),
        ("payload.items.all(x)", 1, 15, "takes a variable and a condition"),
        ("payload.items.all(x, true, true)", 1, 15, "takes a variable and a condition"),
        ("payload.items.all(5, true)", 1, 19, "the name of a variable"),
        ("payload.items.all(x, x) && x", 1, 28, "there is no `x`"),
        ("tool.all(x, true)", 1, 1, "`all` needs a list or a map"),
        ("[1].all(x, x.startsWith('a'))", 1, 12, "`startsWith` needs a text"),
    ]);
}

/// Nesting is refused before it costs stack, however it is written.
#[test]
fn deep_and_long_conditions_are_refused() {
    let deep = |open: &str, inner: &str, close: &str, n: usize| open.repeat(n) + inner + &close.repeat(n);
    for (open, inner, close) in [
        ("(", "true", ")"),
        ("!", "true", ""),
        ("- ", "1 == 1", ""),
        ("[", "1", "] == 1"),
        ("{'a': ", "1", "}"),
        ("true ? true : ", "true", ""),
        ("size(", "tool", ")"),
        ("", "payload", ".a"),
        ("", "payload", "[0]"),
        ("", "1", " + 1"),
        ("", "tool", ".lowerAscii()"),
        ("payload.a.all(x, ", "true", ")"),
        ("payload[", "'a'", "]"),
    ] {
        for n in [100, 200] {
            let error = Condition::parse(&deep(open, inner, close, n)).unwrap_err();
            assert!(error.message.contains("deeper than 64"), "{open}{close} {n}: {error}");
        }
        let error = Condition::parse(&deep(open, inner, close, 10_000)).unwrap_err();
        assert!(error.message.contains("longer than"), "{open}{close}: {error}");
    }
    assert_eq!(holds(&deep("(", "true", ")", 60), &json!({})), Ok(true));
    assert_eq!(holds(&deep("!", "true", "", 60), &json!({})), Ok(true));
    for (open, inner, close, end) in [
        ("[1].all(x, ", "true", ")", ""),
        ("[1].map(x, ", "1", ")", " != [2]"),
        ("1 == 1 ? (", "true", ") : false", ""),
        ("true && (false || ", "true", ")", ""),
        ("[", "1", "][0]", " == 1"),
    ] {
        // As deep as is read, each of them: evaluation has room for it on the stack of a test, 2 MiB.
        let deepest = (0..64).rev().find_map(|n| {
            let text = deep(open, inner, close, n) + end;
            Condition::parse(&text).is_ok().then_some((n, text))
        });
        let (n, text) = deepest.unwrap();
        assert!(n > 15, "{open}{close}: only {n} levels");
        assert_eq!(holds(&text, &json!({})), Ok(true), "{open}{close} {n}");
    }
    let wide = format!("true{}", " && true".repeat(500));
    assert_eq!(holds(&wide, &json!({})), Ok(true));
    let longest = format!("true{}", " ".repeat(CONDITION_MAX - 4));
    assert_eq!(holds(&longest, &json!({})), Ok(true));
    assert!(Condition::parse(&format!("{longest} ")).is_err());
}

/// A payload may be nested more deeply than the JSON reader lets in; comparing it ends.
#[test]
fn deep_payloads_are_no_danger() {
    let map = |inner| Value::Object([("a".to_owned(), inner)].into_iter().collect());
    let nested = (0..5_000).fold(json!(1), |inner, n| if n % 2 == 0 { Value::Array(vec![inner]) } else { map(inner) });
    let Value::Object(mut entries) = map(nested) else { panic!("a map") };
    entries.insert("b".to_owned(), json!(1));
    // To drop it would be recursive.
    let input = std::mem::ManuallyDrop::new(Value::Object(entries));
    assert_eq!(holds("payload.a == payload.a", &input), Err(Failure::Depth));
    assert_eq!(holds("payload.a in [payload.a]", &input), Err(Failure::Depth));
    assert_eq!(holds("payload.b == 1 && has(payload.a) && payload.a != 1", &input), Ok(true));
}
