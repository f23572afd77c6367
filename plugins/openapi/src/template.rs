//! Texts with `{{name}}` in them.

use serde_json::{Map, Value};

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The names in a template, each once.
pub(crate) fn fields(template: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for piece in pieces(template) {
        if let Piece::Name(name) = piece
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Fills a template of JSON with the values of an input. A text that is one name and nothing else becomes the value itself;
/// what the input does not have is left out of its object or list.
pub(crate) fn fill(template: &Value, input: &Map<String, Value>) -> Option<Value> {
    match template {
        Value::String(text) => filled_text(text, input),
        Value::Array(list) => Some(Value::Array(list.iter().filter_map(|one| fill(one, input)).collect())),
        Value::Object(map) => {
            let filled = map.iter().filter_map(|(key, one)| Some((key.clone(), fill(one, input)?)));
            Some(Value::Object(filled.collect()))
        }
        other => Some(other.clone()),
    }
}

/// Names in a template of JSON.
pub(crate) fn fields_of(template: &Value, names: &mut Vec<String>) {
    match template {
        Value::String(text) => names.extend(fields(text)),
        Value::Array(list) => list.iter().for_each(|one| fields_of(one, names)),
        Value::Object(map) => map.values().for_each(|one| fields_of(one, names)),
        _ => {}
    }
}

fn filled_text(text: &str, input: &Map<String, Value>) -> Option<Value> {
    let pieces: Vec<Piece<'_>> = pieces(text).collect();
    if let [Piece::Name(name)] = pieces[..] {
        return input.get(name).cloned();
    }
    let mut filled = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => filled.push_str(&crate::style::as_text(input.get(name)?)),
        }
    }
    Some(Value::String(filled))
}

fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    let mut name = None;
    std::iter::from_fn(move || {
        if let Some(name) = name.take() {
            return Some(Piece::Name(name));
        }
        if rest.is_empty() {
            return None;
        }
        let found = rest.split_once("{{").and_then(|(text, after)| Some((text, after.split_once("}}")?)));
        let Some((text, (inner, after))) = found else {
            return Some(Piece::Text(std::mem::take(&mut rest)));
        };
        rest = after;
        if text.is_empty() {
            return Some(Piece::Name(inner.trim()));
        }
        name = Some(inner.trim());
        Some(Piece::Text(text))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_take_values_of_any_type() {
        let input = json!({ "a": [1, 2], "b": "x", "n": null });
        let input = input.as_object().unwrap();
        for (template, expected) in [
            (json!("{{a}}"), Some(json!([1, 2]))),
            (json!("{{ b }}"), Some(json!("x"))),
            (json!("<{{b}}>{{a}}"), Some(json!("<x>[1,2]"))),
            (json!("{{gone}}"), None),
            (json!("x{{gone}}"), None),
            (
                json!({ "k": "{{gone}}", "l": ["{{b}}", "{{gone}}", 3], "n": "{{n}}" }),
                Some(json!({ "l": ["x", 3], "n": null })),
            ),
            (json!("{{b"), Some(json!("{{b"))),
            (json!(true), Some(json!(true))),
        ] {
            assert_eq!(fill(&template, input), expected, "{template}");
        }
        assert_eq!(fields("https://{{site}}.x/{{ a }}/{{site}}"), ["site", "a"]);
    }
}
