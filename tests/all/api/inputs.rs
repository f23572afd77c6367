//! Inputs made of input schemas: by chance, but always the same for the same seed.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

/// How deep optional members are filled in: recursive schemas have no end.
const DEPTH: usize = 4;

/// How much of what is optional is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Nothing.
    Required,
    /// All that goes together.
    Everything,
}

/// Makes one input.
struct Maker<'a> {
    root: &'a Value,
    random: u64,
    /// Of a hundred optional members, how many are given.
    optional: u64,
}

/// An input that satisfies the schema, or why none was found.
pub(super) fn input(schema: &Value, fill: Fill, seed: u64) -> Result<Value, String> {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema);
    let validator = validator.map_err(|error| error.to_string())?;
    let mut last = String::new();
    // Alternatives may exclude each other in ways that only a try shows; the fewer members, the rarer.
    for attempt in 0..60_u64 {
        let optional = if fill == Fill::Required { 0 } else { [100, 100, 90, 70, 50, 30, 10][attempt as usize / 9] };
        let mut maker = Maker { root: schema, random: seed.wrapping_mul(0x9e37_79b9).wrapping_add(attempt), optional };
        let made = maker.value(schema, 0);
        let wrong = validator.iter_errors(&made).next().map(|error| format!("{}: {error}", error.instance_path()));
        match wrong {
            None => return Ok(made),
            Some(wrong) => last = wrong,
        }
    }
    Err(last.chars().take(300).collect())
}

impl<'a> Maker<'a> {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(schema) = self.plain(schema, depth) else { return json!("any") };
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let some: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
            return if some.is_empty() { Value::Null } else { some[self.below(some.len())].clone() };
        }
        match self.kind(&schema) {
            "object" => self.object(&schema, depth),
            "array" => self.array(&schema, depth),
            "integer" => self.number(&schema, true),
            "number" => self.number(&schema, false),
            "boolean" => json!(self.next().is_multiple_of(2)),
            "null" => Value::Null,
            _ => Value::String(self.text(&schema)),
        }
    }

    /// The schema without references, and with one alternative of each choice. `None` where it says nothing.
    fn plain(&mut self, schema: &Value, depth: usize) -> Option<Map<String, Value>> {
        let mut plain = Map::new();
        let mut waiting = vec![schema.clone()];
        for _ in 0..64 {
            let Some(Value::Object(mut part)) = waiting.pop() else { break };
            if let Some(Value::String(reference)) = part.remove("$ref") {
                waiting.extend(self.root.pointer(reference.trim_start_matches('#')).cloned());
            }
            for choice in ["oneOf", "anyOf"] {
                if let Some(Value::Array(ways)) = part.remove(choice) {
                    let ways: Vec<&Value> = ways.iter().filter(|way| way["type"] != "null").collect();
                    // Deep down the first: of alternatives that lead to one another it is the one that ends.
                    let at = if depth > DEPTH { 0 } else { self.below(ways.len()) };
                    waiting.extend(ways.get(at).map(|way| (*way).clone()));
                }
            }
            if let Some(Value::Array(all)) = part.remove("allOf") {
                waiting.extend(all);
            }
            merge(&mut plain, part);
        }
        (!plain.is_empty()).then_some(plain)
    }

    fn kind(&mut self, schema: &Map<String, Value>) -> &'static str {
        const KINDS: [&str; 6] = ["object", "array", "integer", "number", "boolean", "string"];
        let written: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let known: Vec<&'static str> = KINDS.into_iter().filter(|kind| written.contains(kind)).collect();
        if !known.is_empty() {
            return known[self.below(known.len())];
        }
        let hints = [
            ("properties", "object"),
            ("required", "object"),
            ("additionalProperties", "object"),
            ("items", "array"),
            ("prefixItems", "array"),
            ("minimum", "integer"),
            ("maximum", "integer"),
        ];
        let hint = hints.into_iter().find(|(key, _)| schema.contains_key(*key)).map_or("string", |(_, kind)| kind);
        if written == ["null"] { "null" } else { hint }
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let mut made = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut wanted = texts(schema.get("required"));
        for name in properties.keys() {
            if depth < DEPTH && self.next() % 100 < self.optional && !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        let mut at = 0;
        while let Some(name) = wanted.get(at) {
            let also = schema.get("dependentRequired").and_then(|all| all.get(name));
            let new: Vec<String> = texts(also).into_iter().filter(|other| !wanted.contains(other)).collect();
            wanted.extend(new);
            at += 1;
        }
        for name in &wanted {
            let property = properties.get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null);
            made.insert(name.clone(), self.value(property, depth + 1));
        }
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0) as usize;
        let more = schema.get("additionalProperties").filter(|more| more.is_object() && depth < DEPTH);
        let least = if more.is_some() && properties.is_empty() && self.optional > 0 { least.max(1) } else { least };
        let mut names = properties.keys();
        for n in made.len()..least {
            match (more, names.find(|name| !wanted.contains(name)), first_pattern(schema)) {
                (_, Some(name), _) => made.insert(name.clone(), self.value(&properties[name], depth + 1)),
                (_, _, Some((pattern, one))) => {
                    made.insert(self.matching(pattern).unwrap_or_default(), self.value(one, depth + 1))
                }
                (more, ..) => made.insert(format!("key_{n}"), self.value(more.unwrap_or(&Value::Null), depth + 1)),
            };
        }
        Value::Object(made)
    }

    fn array(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let usual = if self.optional > 0 && depth < DEPTH { 2 } else { 1 };
        let count = usual.max(bound("minItems").unwrap_or(0)).min(bound("maxItems").unwrap_or(usize::MAX));
        let mut made: Vec<Value> = Vec::new();
        let first = schema.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        for at in 0..count * 8 {
            let one = self.value(first.get(at).or_else(|| schema.get("items")).unwrap_or(&Value::Null), depth + 1);
            // Equal ones are of no use, and often forbidden.
            if made.len() < count && (!made.contains(&one) || (at > count * 4 && schema.get("uniqueItems").is_none())) {
                made.push(one);
            }
        }
        Value::Array(made)
    }

    fn number(&mut self, schema: &Map<String, Value>, whole: bool) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let step = bound("multipleOf").unwrap_or(if whole { 1.0 } else { 0.25 });
        let low = bound("minimum").or(bound("exclusiveMinimum").map(|low| low + step));
        let high = bound("maximum").or(bound("exclusiveMaximum").map(|high| high - step));
        let low = low.unwrap_or_else(|| high.map_or(1.0, |high| high.min(1.0)));
        let high = high.unwrap_or(low + 500.0 * step);
        let steps = ((high - low) / step).clamp(0.0, 500.0) as usize;
        let number = (low / step).ceil() * step + step * self.below(steps + 1) as f64;
        let number = if number > high { low } else { number };
        if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
    }

    fn text(&mut self, schema: &Map<String, Value>) -> String {
        let said = |key: &str| schema.get(key).and_then(Value::as_str);
        if let Some(made) = said("pattern").and_then(|pattern| self.matching(pattern)) {
            return made;
        }
        let n = self.below(100);
        match said("format").or_else(|| said("contentEncoding")).unwrap_or_default() {
            "date" => return format!("2026-03-{:02}", n % 28 + 1),
            "date-time" => return format!("2026-03-{:02}T10:{:02}:00Z", n % 28 + 1, n % 60),
            "time" => return format!("10:{:02}:00Z", n % 60),
            "duration" => return format!("PT{n}S"),
            "uuid" => return format!("{:08x}-0000-4000-8000-{:012x}", self.next() as u32, n),
            "email" => return format!("user{n}@example.com"),
            "uri" | "url" | "uri-reference" | "iri" => return format!("https://example.com/a{n}?b=c#d"),
            "hostname" => return format!("host{n}.example.com"),
            "ipv4" => return format!("192.0.2.{n}"),
            "ipv6" => return format!("2001:db8::{n:x}"),
            "byte" | "base64" => return format!("{}==", ["AA", "gA", "_w", "fw"][n % 4].replace('_', "/")),
            _ => {}
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|n| n as usize);
        // What has a meaning in URLs, forms, headers and JSON, inside: blanks at the ends of a header are nobody's.
        let odd = ["a b", "a&b=c", "50%", "x/y", "q?", "#1", "a+b", "é", "\"q\"", "a;b", "<b>", "{x}", "[0]", "plain"];
        let mut made = format!("v{}{n}", odd[self.below(odd.len())]);
        while made.chars().count() < bound("minLength").unwrap_or(0) {
            made.push('x');
        }
        made.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect()
    }

    /// A text that matches a pattern, where one can be made.
    fn matching(&mut self, pattern: &str) -> Option<String> {
        let mut seed = [0_u8; 32];
        seed[..8].copy_from_slice(&self.next().to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        let strategy = proptest::string::string_regex(&unanchored(pattern)).ok()?;
        Some(strategy.new_tree(&mut runner).ok()?.current())
    }
}

/// What both schemas ask for, as far as one value can be made of it.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (key.as_str(), into.get_mut(&key), value) {
            (_, None, value) => drop(into.insert(key, value)),
            ("properties", Some(Value::Object(known)), Value::Object(more)) => {
                for (name, property) in more {
                    let both = known.remove(&name).map(|known| json!({ "allOf": [known, property] }));
                    known.insert(name, both.unwrap_or(property));
                }
            }
            ("required", Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            ("enum", Some(Value::Array(known)), Value::Array(more)) => known.retain(|one| more.contains(one)),
            ("type", Some(known), more) => {
                let has = |kinds: &Value, kind: &Value| {
                    kinds == kind || kinds.as_array().is_some_and(|all| all.contains(kind))
                };
                if let Value::Array(kinds) = known {
                    kinds.retain(|kind| has(&more, kind));
                }
            }
            ("minLength" | "minItems" | "minimum", Some(known), more) if more.as_f64() > known.as_f64() => {
                *known = more
            }
            ("maxLength" | "maxItems" | "maximum", Some(known), more) if more.as_f64() < known.as_f64() => {
                *known = more
            }
            _ => {}
        }
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !texts.iter().any(|known| known == text) {
            texts.push(text.to_owned());
        }
    }
    texts
}

fn first_pattern(schema: &Map<String, Value>) -> Option<(&String, &Value)> {
    schema.get("patternProperties").and_then(Value::as_object).and_then(|all| all.iter().next())
}

/// The pattern without the anchors, which say where a match is and not what it is made of; and with ASCII's classes only.
fn unanchored(pattern: &str) -> String {
    let (mut out, mut class, mut escaped) = (String::new(), false, false);
    for c in pattern.chars() {
        match c {
            'd' if escaped => out.replace_range(out.len() - 1.., if class { "0-9" } else { "[0-9]" }),
            'w' if escaped => out.replace_range(out.len() - 1.., if class { "a-zA-Z0-9_" } else { "[a-zA-Z0-9_]" }),
            's' if escaped => out.replace_range(out.len() - 1.., " "),
            '^' if !escaped && !class => {}
            '$' if !escaped && !class => {}
            '.' if !escaped && !class => out.push_str("[a-z0-9]"),
            _ => out.push(c),
        }
        class = if escaped { class } else { (class || c == '[') && c != ']' };
        escaped = c == '\\' && !escaped;
    }
    out
}
