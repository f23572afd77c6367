//! Decisions over whole sets of rules.

use serde_json::{Value, json};

use super::*;
use crate::model::{Effect, PolicyId, Role, Timestamp};

/// 2026-11-21T06:30:00Z, a Saturday.
pub(super) const NOW: Timestamp = Timestamp(1_795_242_600_000);

pub(super) fn facts(payload: &Value) -> Facts<'_> {
    Facts {
        tool: "stripe.refund_create",
        action_type: "refund.create",
        connector: Some("stripe"),
        connection: Some("stripe-live"),
        effect: Effect::Write,
        caller: CallerFacts { id: "key_1", name: "support agent", role: Role::Agent },
        identifier: Some("alice"),
        organization: None,
        payload,
        chat_id: Some("chat-7"),
        trigger_type: None,
        time: NOW,
    }
}

pub(super) fn payload(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn id(n: usize) -> PolicyId {
    PolicyId::parse(&format!("pol_{n:026}")).unwrap()
}

fn deny() -> Outcome {
    Outcome::Deny { reason: "Ask a person of the finance team.".into() }
}

fn ask() -> Ask {
    Ask { approvers: vec![Approver::Admin], at: At::Before, expires_after_ms: 60_000, each_write: false }
}

fn rules(rows: &[(&str, Outcome)]) -> Rules {
    let rules = rows
        .iter()
        .enumerate()
        .map(|(n, (condition, outcome))| Rule::new(id(n), &format!("rule {n}"), condition, outcome.clone()).unwrap());
    Rules::new(rules.collect(), Fallback::standard()).unwrap()
}

/// KO-03: `action_type = refund.create AND payload.amount > 5000`.
#[test]
fn amounts_over_a_bound_are_denied_and_others_pass() {
    let rules = rules(&[("action_type == \"refund.create\" && payload.amount > 5000", deny())]);
    for (amount, denied) in [
        ("5000", false),
        ("5000.0", false),
        ("5e3", false),
        ("4999.999999999999999999999", false),
        ("-5001", false),
        ("5001", true),
        ("5000.01", true),
        ("5000.000000000000000001", true),
        ("18446744073709551616", true),
        ("1e400", true),
    ] {
        let payload = payload(&format!("{{\"amount\":{amount}}}"));
        let decision = decide(&rules, &facts(&payload));
        assert_eq!(decision.outcome == deny(), denied, "{amount}: {decision:?}");
        assert_eq!(decision.rule.is_some(), denied, "{amount}");
    }
}

/// KO-04, KO-05: any name can be an action type, also one that no connector serves.
#[test]
fn a_custom_action_type_is_decided_on() {
    let rules = rules(&[("action_type == 'foo.bar' && connector == null", deny())]);
    let payload = json!({});
    let custom =
        Facts { action_type: "foo.bar", tool: "foo.bar", connector: None, connection: None, ..facts(&payload) };
    assert_eq!(decide(&rules, &custom).outcome, deny());
    assert_eq!(decide(&rules, &facts(&payload)).outcome, Outcome::Allow);
}

#[test]
fn the_first_rule_that_holds_decides() {
    let rules = rules(&[
        ("tool == \"other\"", deny()),
        ("payload.amount < 100", Outcome::Allow),
        ("payload.amount < 1000", Outcome::Ask(ask())),
        ("true", deny()),
        ("payload.nowhere == 1", Outcome::Allow),
    ]);
    for (amount, rule, outcome) in [(5, 1, Outcome::Allow), (500, 2, Outcome::Ask(ask())), (5_000, 3, deny())] {
        let payload = json!({ "amount": amount });
        let (decision, tried) = explain(&rules, &facts(&payload));
        assert_eq!(decision, decide(&rules, &facts(&payload)));
        assert_eq!((&decision.outcome, &decision.rule), (&outcome, &Some(id(rule))), "{amount}");
        assert_eq!(decision.why, Why::Rule { name: format!("rule {rule}") });
        let held: Vec<_> = tried.iter().map(|tried| tried.held.clone()).collect();
        let expected: Vec<_> = (0..=rule).map(|n| Ok(n == rule)).collect();
        assert_eq!(held, expected, "{amount}");
        assert!(tried.iter().all(|tried| tried.cost > 0 && tried.cost < 20), "{tried:?}");
    }
}

/// CX-34: what destroys waits for an administrator unless a rule says otherwise; reads and writes run.
#[test]
fn without_a_rule_the_effect_decides() {
    let none = rules(&[]);
    let payload = json!({});
    for effect in [Effect::Read, Effect::Write, Effect::Destroy] {
        let decision = decide(&none, &Facts { effect, ..facts(&payload) });
        let asks = matches!(&decision.outcome, Outcome::Ask(ask) if ask.approvers == [Approver::Admin]);
        assert_eq!(asks, effect == Effect::Destroy, "{effect:?}");
        assert_eq!(decision.outcome == Outcome::Allow, effect != Effect::Destroy, "{effect:?}");
        assert_eq!((decision.rule, decision.why), (None, Why::Fallback(effect)));
    }
    let strict = Fallback { read: deny(), ..Fallback::standard() };
    let strict = Rules::new(Vec::new(), strict).unwrap();
    assert_eq!(decide(&strict, &Facts { effect: Effect::Read, ..facts(&payload) }).outcome, deny());
    let allowed = rules(&[("effect == 'destroy' && identifier == 'alice'", Outcome::Allow)]);
    assert_eq!(decide(&allowed, &Facts { effect: Effect::Destroy, ..facts(&payload) }).outcome, Outcome::Allow);
}

/// KO-07: a rule that cannot be evaluated does not let a call through, whatever it would have said.
#[test]
fn a_rule_that_fails_denies() {
    let hundred = format!("{{\"amount\":1e{}}}", "9".repeat(30));
    for (condition, input, why) in [
        ("payload.amount > 5000", "{}", "there is no field `amount`"),
        ("payload.amount > 5000", "{\"amount\":\"6000\"}", "a comparison needs a text, and was given a number"),
        ("payload.amount > 5000", "{\"amount\":null}", "needs a number or a text"),
        ("payload.amount > 5000", "[]", "a field needs a map, and was given a list"),
        ("payload.a.b.c == 1", "{\"a\":{}}", "there is no field `b`"),
        ("payload.items[3] == 1", "{\"items\":[1]}", "there is no item"),
        ("payload.items[0.5] == 1", "{\"items\":[1]}", "not a whole number"),
        ("organization.startsWith(\"a\")", "{}", "needs a text, and was given null"),
        ("payload.flag", "{\"flag\":1}", "a condition needs true or false"),
        ("payload.amount == 1", &hundred, "exponent"),
        ("timestamp(payload.at) < time", "{\"at\":\"yesterday\"}", "not a timestamp"),
        ("duration(payload.for) < duration('1h')", "{\"for\":\"1 hour\"}", "not a duration"),
        ("payload.amount * payload.amount > 1", "{\"amount\":1e30000}", ""),
        ("int(payload.amount) > 1", "{\"amount\":1.5}", "not a whole number"),
        ("time - duration('9000000h') < time - duration('99999999999h')", "{}", "out of range"),
    ] {
        let rules = rules(&[(condition, Outcome::Allow), ("true", Outcome::Allow)]);
        let payload = payload(input);
        let decision = decide(&rules, &facts(&payload));
        if why.is_empty() {
            assert_eq!(decision.outcome, Outcome::Allow, "{condition}");
            continue;
        }
        let Outcome::Deny { reason } = &decision.outcome else { panic!("{condition} {input}: {decision:?}") };
        assert!(reason.contains(why) && reason.contains("rule 0"), "{condition} {input}: {reason}");
        assert_eq!(decision.rule, Some(id(0)), "{condition}");
        assert!(matches!(decision.why, Why::Failed { .. }), "{condition}");
    }
}

/// What an evaluation may cost ends before a call is slow, and the call is denied.
#[test]
fn an_expensive_rule_denies() {
    let items: Vec<_> = (0..2_000).collect();
    let deep = "[".repeat(120) + &"]".repeat(120);
    let large = json!({
        "items": items,
        "text": "a".repeat(4_000_000),
        "deep": payload(&deep),
        "number": payload(&"9".repeat(4_000_000)),
    });
    let doubled = format!("(payload.text + 'x'){}.size() > 0", ".lowerAscii()".repeat(20));
    let doubling =
        (0..12).fold("payload.items.map(x, string(x))".to_owned(), |list, _| format!("{list}.map(x, x + x)"));
    for condition in [
        "payload.items.all(a, payload.items.exists(b, a == b))",
        "payload.items.filter(a, payload.items.filter(b, a < b).size() > 5).size() > 3",
        "payload.items.exists(a, payload.text.contains('b'))",
        "payload.items.exists(a, payload.text == payload.text + 'b')",
        "payload.text.matches('^(a|aa)+$')",
        "payload.number > 5",
        "payload.items.exists(a, payload.items == payload.items && a < 0)",
        "payload.items.exists(a, a in payload.items && false)",
        // A limit is not outweighed by what decides.
        "payload.text.matches('b') || true",
        "!(payload.text.matches('b') && false)",
        &doubled,
        &format!("{doubling}.size() > 0"),
    ] {
        let rules = rules(&[(condition, Outcome::Allow), ("true", Outcome::Allow)]);
        let (decision, tried) = explain(&rules, &facts(&large));
        assert_eq!(decision.why, Why::CostLimit { name: "rule 0".into() }, "{condition}");
        assert!(matches!(decision.outcome, Outcome::Deny { .. }), "{condition}");
        assert_eq!((tried.len(), tried[0].cost), (1, RULE_COST_MAX), "{condition}");
    }
    let fits = rules(&[("payload.text.contains('b') || payload.items.all(a, a >= 0)", deny())]);
    assert_eq!(decide(&fits, &facts(&large)).outcome, deny());
}

/// All rules together have a limit, too.
#[test]
fn many_rules_that_are_expensive_together_deny() {
    let large = json!({ "text": "a".repeat(4_000_000) });
    let search = ("payload.text.contains('b')", Outcome::Allow);
    let many = rules(&vec![search; 100]);
    let (decision, tried) = explain(&many, &facts(&large));
    assert!(matches!(decision.why, Why::CostLimit { .. }), "{decision:?}");
    assert!(tried.len() > 10 && tried.len() < 100, "{}", tried.len());
    assert_eq!(tried.iter().map(|tried| tried.cost).sum::<u64>(), DECISION_COST_MAX);
}

#[test]
fn rules_that_cannot_be_carried_out_are_refused() {
    let wrong = |ask: Ask| Rule::new(id(1), "a", "true", Outcome::Ask(ask)).unwrap_err();
    assert_eq!(wrong(Ask { approvers: Vec::new(), ..ask() }), RuleError::Approvers);
    assert_eq!(wrong(Ask { approvers: vec![Approver::Key(" ".into())], ..ask() }), RuleError::Approvers);
    assert_eq!(wrong(Ask { approvers: vec![Approver::Admin; APPROVERS_MAX + 1], ..ask() }), RuleError::Approvers);
    for expires_after_ms in [0, EXPIRY_MIN_MS - 1, EXPIRY_MAX_MS + 1, u64::MAX] {
        assert_eq!(wrong(Ask { expires_after_ms, ..ask() }), RuleError::Expiry);
    }
    for reason in [String::new(), "\n".into(), "a".repeat(REASON_MAX + 1)] {
        let refused = Rule::new(id(1), "a", "true", Outcome::Deny { reason });
        assert_eq!(refused.unwrap_err(), RuleError::Reason);
    }
    for name in ["", " ", "a\nb", &"a".repeat(NAME_MAX + 1)] {
        assert_eq!(Rule::new(id(1), name, "true", Outcome::Allow).unwrap_err(), RuleError::Name, "{name}");
    }
    let error = Rule::new(id(1), "a", "tool ==\n  'x' &", Outcome::Allow).unwrap_err();
    assert_eq!(error.to_string(), "condition: line 2, column 7: `&` is no operator here: write `&&`");
    let rule = |n| Rule::new(id(n), "a", "true", Outcome::Allow).unwrap();
    let twice = Rules::new(vec![rule(1), rule(2), rule(1)], Fallback::standard());
    assert_eq!(twice.unwrap_err(), RuleError::Twice { id: id(1) });
    let many = Rules::new((0..=RULES_MAX).map(rule).collect(), Fallback::standard());
    assert_eq!(many.unwrap_err(), RuleError::TooMany);
    let fallback = Fallback { destroy: Outcome::Deny { reason: String::new() }, ..Fallback::standard() };
    assert_eq!(Rules::new(Vec::new(), fallback).unwrap_err(), RuleError::Reason);
}

/// Lesson 7: whoever asks does not approve, not even an administrator.
#[test]
fn who_asks_does_not_approve() {
    let by_name = Ask { approvers: vec![Approver::Key("finance".into()), Approver::Key("key_9".into())], ..ask() };
    for (asks, asking, id, name, admin, admitted) in [
        (&ask(), "key_1", "key_2", "ops", true, true),
        (&ask(), "key_1", "key_1", "ops", true, false),
        (&ask(), "key_1", "key_2", "ops", false, false),
        (&by_name, "key_1", "key_2", "finance", false, true),
        (&by_name, "key_1", "key_9", "x", false, true),
        (&by_name, "key_9", "key_9", "finance", true, false),
        (&by_name, "key_1", "key_2", "ops", true, false),
    ] {
        assert_eq!(asks.admits(asking, id, name, admin), admitted, "{asks:?} {asking} {id} {name} {admin}");
    }
}

/// Rules are compiled once and shared by all calls.
#[test]
fn rules_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&rules(&[("tool.matches('^a') && time.getHours('Europe/Berlin') > 8", deny())]));
}

#[test]
fn places_of_an_approval_read_back() {
    for at in [At::Before, At::AtWrite] {
        assert_eq!(At::parse(at.as_str()), Some(at));
    }
    assert_eq!(At::parse("later"), None);
}
