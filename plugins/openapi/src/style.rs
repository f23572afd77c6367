//! The styles in which parameters are written (OpenAPI 3.1, "Style Values"; RFC 6570).

use serde_json::Value;

use crate::binding::{Parameter, Style};

/// What a value is to a style.
enum Shape {
    One(String),
    List(Vec<String>),
    Pairs(Vec<(String, String)>),
}

/// How characters are encoded.
type Encode = fn(&str) -> String;

/// The text of a path's value, encoded.
pub(crate) fn in_path(parameter: &Parameter, value: &Value) -> String {
    let (name, explode) = (encoded(&parameter.name), parameter.explode);
    if parameter.style == Style::Json {
        return encoded(&value.to_string());
    }
    let shape = shape(value, encoded);
    match (parameter.style, shape) {
        (Style::Label, shape) => format!(".{}", joined(shape, if explode { "." } else { "," }, explode)),
        (Style::Matrix, Shape::One(text)) if text.is_empty() => format!(";{name}"),
        (Style::Matrix, Shape::One(text)) => format!(";{name}={text}"),
        (Style::Matrix, Shape::List(list)) if explode => list.iter().map(|one| format!(";{name}={one}")).collect(),
        (Style::Matrix, Shape::Pairs(pairs)) if explode => {
            pairs.iter().map(|(key, one)| format!(";{key}={one}")).collect()
        }
        (Style::Matrix, shape) => format!(";{name}={}", joined(shape, ",", false)),
        (_, shape) => joined(shape, ",", explode),
    }
}

/// `name=value` pairs of a query, encoded.
pub(crate) fn in_query(parameter: &Parameter, value: &Value) -> Vec<String> {
    let encode: Encode = if parameter.reserved { reserved } else { encoded };
    let name = encoded(&parameter.name);
    let separator = match parameter.style {
        Style::Json => return vec![format!("{name}={}", encoded(&value.to_string()))],
        Style::DeepObject => {
            let mut pairs = Vec::new();
            deep(&name, value, encode, &mut pairs);
            return pairs.into_iter().map(|(key, one)| format!("{key}={one}")).collect();
        }
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match shape(value, encode) {
        Shape::List(list) if parameter.explode => list.iter().map(|one| format!("{name}={one}")).collect(),
        Shape::Pairs(pairs) if parameter.explode => pairs.iter().map(|(key, one)| format!("{key}={one}")).collect(),
        shape => vec![format!("{name}={}", joined(shape, separator, false))],
    }
}

/// The value of a header.
pub(crate) fn in_header(parameter: &Parameter, value: &Value) -> String {
    if parameter.style == Style::Json {
        return value.to_string();
    }
    joined(shape(value, str::to_owned), ",", parameter.explode)
}

/// Fields of a form, not encoded: the host does that.
pub(crate) fn in_form(parameter: &Parameter, value: &Value) -> Vec<(String, String)> {
    let name = &parameter.name;
    let separator = match parameter.style {
        Style::Json => return vec![(name.clone(), as_text(value))],
        Style::DeepObject => {
            let mut pairs = Vec::new();
            deep(name, value, str::to_owned, &mut pairs);
            return pairs;
        }
        Style::SpaceDelimited => " ",
        Style::PipeDelimited => "|",
        _ => ",",
    };
    match shape(value, str::to_owned) {
        Shape::List(list) if parameter.explode => list.into_iter().map(|one| (name.clone(), one)).collect(),
        Shape::Pairs(pairs) if parameter.explode => pairs,
        shape => vec![(name.clone(), joined(shape, separator, false))],
    }
}

/// A single value as text: strings as they are, all else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    encoded_but(text, "")
}

/// `allowReserved`: what has a meaning in a query itself, and what would end it, is encoded all the same.
fn reserved(text: &str) -> String {
    encoded_but(text, ":/?@!$'()*,;")
}

fn encoded_but(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(c) || (byte.is_ascii() && kept.contains(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn shape(value: &Value, encode: Encode) -> Shape {
    match value {
        Value::Array(list) => Shape::List(list.iter().map(|one| encode(&as_text(one))).collect()),
        Value::Object(map) => Shape::Pairs(map.iter().map(|(key, one)| (encode(key), encode(&as_text(one)))).collect()),
        one => Shape::One(encode(&as_text(one))),
    }
}

fn joined(shape: Shape, separator: &str, explode: bool) -> String {
    match shape {
        Shape::One(text) => text,
        Shape::List(list) => list.join(separator),
        Shape::Pairs(pairs) => {
            let between = if explode { "=" } else { separator };
            pairs.iter().map(|(key, one)| format!("{key}{between}{one}")).collect::<Vec<_>>().join(separator)
        }
    }
}

/// `name[key]=value`, to any depth; the elements of lists are numbered.
fn deep(name: &str, value: &Value, encode: Encode, pairs: &mut Vec<(String, String)>) {
    let (open, close) = if encode("[") == "[" { ("[", "]") } else { ("%5B", "%5D") };
    match value {
        Value::Object(map) => {
            for (key, one) in map {
                deep(&format!("{name}{open}{}{close}", encode(key)), one, encode, pairs);
            }
        }
        Value::Array(list) => {
            for (index, one) in list.iter().enumerate() {
                deep(&format!("{name}{open}{index}{close}"), one, encode, pairs);
            }
        }
        one => pairs.push((name.to_owned(), encode(&as_text(one)))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameter(style: Style, explode: bool) -> Parameter {
        Parameter { input: "color".into(), name: "color".into(), style, explode, reserved: false }
    }

    /// The specification's own table of style examples: empty, string, array, object. `-` where it says "n/a".
    /// Objects are written in the order of their keys' names, which is B, G, R; the table has R, G, B.
    #[test]
    fn the_specifications_examples_hold() {
        let values =
            [json!(""), json!("blue"), json!(["blue", "black", "brown"]), json!({ "R": 100, "G": 200, "B": 150 })];
        for row in [
            "matrix false ;color ;color=blue ;color=blue,black,brown ;color=B,150,G,200,R,100",
            "matrix true ;color ;color=blue ;color=blue;color=black;color=brown ;B=150;G=200;R=100",
            "label false . .blue .blue,black,brown .B,150,G,200,R,100",
            "label true . .blue .blue.black.brown .B=150.G=200.R=100",
            "simple false _ blue blue,black,brown B,150,G,200,R,100",
            "simple true _ blue blue,black,brown B=150,G=200,R=100",
            "form false color= color=blue color=blue,black,brown color=B,150,G,200,R,100",
            "form true color= color=blue color=blue&color=black&color=brown B=150&G=200&R=100",
            "spaceDelimited false - - color=blue%20black%20brown color=B%20150%20G%20200%20R%20100",
            "pipeDelimited false - - color=blue%7Cblack%7Cbrown color=B%7C150%7CG%7C200%7CR%7C100",
            "deepObject true - - - color%5BB%5D=150&color%5BG%5D=200&color%5BR%5D=100",
        ] {
            let words: Vec<&str> = row.split(' ').collect();
            let style: Style = serde_json::from_value(json!(words[0])).unwrap();
            let parameter = parameter(style, words[1] == "true");
            for (value, expected) in values.iter().zip(&words[2..]) {
                let found = match style {
                    Style::Matrix | Style::Label | Style::Simple => in_path(&parameter, value),
                    _ => in_query(&parameter, value).join("&"),
                };
                if *expected != "-" {
                    assert_eq!(found, expected.replace('_', ""), "{row}: {value}");
                }
            }
        }
    }

    #[test]
    fn values_stay_in_their_place() {
        let form = parameter(Style::Form, true);
        for (value, expected) in [
            (json!("a b&c=d#e/é"), "color=a%20b%26c%3Dd%23e%2F%C3%A9"),
            (json!(["a,b", "c"]), "color=a%2Cb&color=c"),
            (json!(null), "color="),
            (json!(true), "color=true"),
            (json!([]), ""),
            (json!({ "a&b": [1, 2] }), "a%26b=%5B1%2C2%5D"),
        ] {
            assert_eq!(in_query(&form, &value).join("&"), expected, "{value}");
        }
        let open = Parameter { reserved: true, ..form.clone() };
        assert_eq!(in_query(&open, &json!("a/b:c?d=e&f#g")), ["color=a/b:c?d%3De%26f%23g"]);
        let deep = parameter(Style::DeepObject, true);
        let nested = json!({ "a": { "b": [{ "c": 1 }, "x y"] } });
        assert_eq!(
            in_query(&deep, &nested),
            ["color%5Ba%5D%5Bb%5D%5B0%5D%5Bc%5D=1", "color%5Ba%5D%5Bb%5D%5B1%5D=x%20y"]
        );
        assert_eq!(in_form(&deep, &json!({ "a=b": "c=d" })), [("color[a=b]".to_owned(), "c=d".to_owned())]);
        assert_eq!(in_path(&parameter(Style::Simple, false), &json!(["../a", "b"])), "..%2Fa,b");
        assert_eq!(in_header(&parameter(Style::Simple, true), &json!({ "a": 1, "b": "x" })), "a=1,b=x");
        assert_eq!(in_query(&parameter(Style::Json, false), &json!({ "a": 1 })), ["color=%7B%22a%22%3A1%7D"]);
    }
}
