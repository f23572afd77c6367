//! Parameters in paths, queries and headers: what a model fills in, and how it is written.

use serde_json::{Value, json};

use crate::binding::{Parameter, Style};
use crate::document::{Document, flag, list, object, text};
use crate::inputs::{Inputs, keywords_of};
use crate::path::Parts;
use crate::schema::Translator;
use gloveport_importer::{cut, line};

/// Headers that the host sets, or that other parts of a document stand for.
const NOT_SENT: [&str; 22] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-real-ip",
];

/// The parameters of an operation, compiled.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) path: Vec<Parameter>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) headers: Vec<Parameter>,
}

/// Those of the operation, and those of its path which the operation does not replace.
pub(crate) fn declared<'a>(
    document: &'a Document,
    item: &'a Value,
    operation: &'a Value,
) -> Result<Vec<&'a Value>, String> {
    let mut all: Vec<&Value> = Vec::new();
    for parameter in list(item, "parameters").iter().chain(list(operation, "parameters")) {
        let parameter = document.resolve(parameter)?;
        let same =
            |other: &&Value| other.get("in") == parameter.get("in") && other.get("name") == parameter.get("name");
        all.retain(|other| !same(other));
        all.push(parameter);
    }
    Ok(all)
}

/// Compiles parameters; `carries` tells of those that carry the credential.
pub(crate) fn compile<'a>(
    declared: &[&'a Value],
    path: &Parts,
    carries: &dyn Fn(&str) -> bool,
    translator: &mut Translator<'a>,
    inputs: &mut Inputs,
) -> Result<Compiled, String> {
    let mut compiled = Compiled::default();
    for name in &path.names {
        let found = declared.iter().find(|one| text(one, "in") == Some("path") && text(one, "name") == Some(name));
        compiled.path.push(match found {
            Some(parameter) => one(parameter, name, "path", true, translator, inputs)?,
            None => {
                translator
                    .warnings
                    .push(format!("path parameter `{}` is not declared, and was taken for text", line(name, 60)));
                let input = inputs.add("path", name, json!({ "type": "string", "minLength": 1 }), true);
                Parameter { input, name: name.clone(), style: Style::Simple, explode: false, reserved: false }
            }
        });
    }
    for parameter in declared {
        let (Some(name), Some(place)) = (text(parameter, "name"), text(parameter, "in")) else {
            translator.warnings.push("a parameter has no name or no place, and was left out".into());
            continue;
        };
        let required = flag(parameter, "required");
        let lower = name.to_ascii_lowercase();
        match place {
            "query" if !carries(&lower) => {
                compiled.query.push(one(parameter, name, "query", required, translator, inputs)?)
            }
            "header" if !carries(&lower) && !NOT_SENT.contains(&lower.as_str()) => {
                compiled.headers.push(one(parameter, name, "header", required, translator, inputs)?);
            }
            "cookie" if required && !carries(&lower) => {
                return Err(format!("it needs the cookie `{}`, and connectors send none", line(name, 60)));
            }
            "cookie" => translator.warnings.push(format!("cookie `{}`: connectors send none", line(name, 60))),
            "path" if !path.names.iter().any(|known| known == name) => {
                translator.warnings.push(format!("path parameter `{}` has no place in the path", line(name, 60)));
            }
            _ => {}
        }
    }
    Ok(compiled)
}

fn one<'a>(
    parameter: &'a Value,
    name: &str,
    place: &str,
    required: bool,
    translator: &mut Translator<'a>,
    inputs: &mut Inputs,
) -> Result<Parameter, String> {
    let content = object(parameter, "content").and_then(|content| content.values().next());
    let written = content.map_or_else(|| parameter.get("schema"), |media| media.get("schema"));
    let schema = match written {
        Some(schema) => translator.translate(schema)?,
        None => json!({ "type": "string" }),
    };
    let mut style = if content.is_some() { Style::Json } else { style(parameter, place, &schema) };
    // What `form` makes of lists of objects is not defined; who has them takes the list as JSON.
    if style == Style::Form && written.is_some_and(|schema| translator.lists_objects(schema)) {
        style = Style::Json;
    }
    let explode =
        parameter.get("explode").and_then(Value::as_bool).unwrap_or(matches!(style, Style::Form | Style::DeepObject));
    let input = inputs.add(place, name, described(schema, parameter), required);
    Ok(Parameter { input, name: name.to_owned(), style, explode, reserved: flag(parameter, "allowReserved") })
}

fn style(parameter: &Value, place: &str, schema: &Value) -> Style {
    let written = text(parameter, "style").and_then(|style| serde_json::from_value(json!(style)).ok());
    let fits = |style: &Style| match place {
        "path" => matches!(style, Style::Simple | Style::Label | Style::Matrix),
        "query" => matches!(style, Style::Form | Style::SpaceDelimited | Style::PipeDelimited | Style::DeepObject),
        _ => *style == Style::Simple,
    };
    match written.filter(fits) {
        // What `deepObject` makes of anything but an object is not defined; what servers expect is `form`.
        Some(Style::DeepObject) if schema.get("type").is_some_and(|kind| kind == "string" || kind == "array") => {
            Style::Form
        }
        Some(style) => style,
        None if place == "query" => Style::Form,
        None => Style::Simple,
    }
}

/// The schema with what the parameter says of itself.
fn described(schema: Value, parameter: &Value) -> Value {
    let mut members = keywords_of(schema);
    if let Some(description) = text(parameter, "description") {
        members.insert("description".into(), json!(cut(description, 600)));
    }
    if flag(parameter, "deprecated") {
        members.insert("deprecated".into(), json!(true));
    }
    Value::Object(members)
}
