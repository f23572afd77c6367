//! Auth patterns: `bearer(…)`, `api_key(…)`, `basic(…)`, `none(…)`.

use proc_macro2::{Span, TokenStream};
use serde_json::{Value as Json, json};
use syn::LitStr;

use crate::syntax::{Arguments, Problems, Value, unknown};

const TYPES: [&str; 4] = ["bearer", "api_key", "basic", "none"];

/// A pattern, as far as the rest of the manifest needs it.
pub(crate) struct Pattern {
    /// Its JSON in the manifest.
    pub(crate) manifest: Json,
    /// Names of the fields that are no secrets.
    pub(crate) public: Vec<String>,
}

struct Field {
    name: LitStr,
    secret: bool,
    manifest: Json,
}

/// Reads `auth = […]`.
pub(crate) fn read(values: Vec<Value>, problems: &mut Problems) -> Vec<Pattern> {
    let mut names: Vec<String> = Vec::new();
    let mut patterns = Vec::new();
    for value in values {
        let Some((pattern, name)) = read_one(value, problems) else { continue };
        if names.contains(&name.value()) {
            problems.add(&name, format!("two auth patterns are named `{}`", name.value()));
        }
        names.push(name.value());
        patterns.push(pattern);
    }
    patterns
}

fn read_one(value: Value, problems: &mut Problems) -> Option<(Pattern, LitStr)> {
    let span = value.span();
    let Value::Word(path, arguments) = value else {
        problems.at(span, "an auth pattern is a call: `bearer(name = \"token\", …)`");
        return None;
    };
    let kind = path.get_ident().map(ToString::to_string).unwrap_or_default();
    let keys: &[&str] = match kind.as_str() {
        "bearer" => &["name", "title", "fields", "field"],
        "api_key" => &["name", "title", "fields", "field", "location", "parameter", "prefix"],
        "basic" => &["name", "title", "fields", "username", "password", "filler"],
        "none" => &["name", "title", "fields"],
        other => {
            problems.add(&path, unknown("auth pattern", other, &TYPES));
            return None;
        }
    };
    let (span, tokens) = arguments.unwrap_or((span, TokenStream::new()));
    let mut arguments = match Arguments::read(tokens, span, keys, problems) {
        Ok(arguments) => arguments,
        Err(error) => {
            problems.at(error.span(), error);
            return None;
        }
    };
    let name = arguments.required("name", &kind, problems)?;
    let title = arguments.required("title", "Personal access token", problems)?;
    let fields = read_fields(arguments.list("fields", problems).unwrap_or_default(), problems);
    let mut manifest = json!({
        "name": name.value(),
        "title": title.value(),
        "type": kind,
        "fields": fields.iter().map(|field| field.manifest.clone()).collect::<Vec<_>>(),
    });
    let Json::Object(pattern) = &mut manifest else { return None };
    match kind.as_str() {
        "bearer" => secret(&mut arguments, "field", &fields, pattern, problems),
        "api_key" => {
            secret(&mut arguments, "field", &fields, pattern, problems);
            api_key(&mut arguments, pattern, problems);
        }
        "basic" => basic(&mut arguments, &fields, pattern, problems),
        _ => {}
    }
    let public = fields.iter().filter(|field| !field.secret).map(|field| field.name.value()).collect();
    Some((Pattern { manifest, public }, name))
}

fn read_fields(values: Vec<Value>, problems: &mut Problems) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for value in values {
        let span = value.span();
        let Some(field) = read_field(value, span, problems) else { continue };
        if fields.iter().any(|earlier| earlier.name.value() == field.name.value()) {
            problems.add(&field.name, format!("field `{}` is declared twice", field.name.value()));
        }
        fields.push(field);
    }
    fields
}

fn read_field(value: Value, span: Span, problems: &mut Problems) -> Option<Field> {
    let Value::Word(path, Some((inner, tokens))) = value else {
        problems.at(span, "a field is `password(name = \"token\", label = \"Token\")` or `text(…)`");
        return None;
    };
    let kind = path.get_ident().map(ToString::to_string).unwrap_or_default();
    if !["password", "text"].contains(&kind.as_str()) {
        problems.add(&path, unknown("kind of field", &kind, &["password", "text"]));
        return None;
    }
    let mut arguments = match Arguments::read(tokens, inner, &["name", "label", "hint", "optional"], problems) {
        Ok(arguments) => arguments,
        Err(error) => {
            problems.at(error.span(), error);
            return None;
        }
    };
    let name = arguments.required("name", "token", problems)?;
    let label = arguments.required("label", "Token", problems)?;
    let mut manifest = json!({
        "name": name.value(),
        "label": label.value(),
        "type": kind,
        "required": !arguments.flag("optional", problems),
    });
    if let (Some(hint), Json::Object(field)) = (arguments.text("hint", problems), &mut manifest) {
        field.insert("hint".into(), hint.value().into());
    }
    Some(Field { name, secret: kind == "password", manifest })
}

/// Fills `key` with the field that the author named, or with the only password field.
fn secret(
    arguments: &mut Arguments,
    key: &str,
    fields: &[Field],
    pattern: &mut serde_json::Map<String, Json>,
    problems: &mut Problems,
) {
    if let Some(name) = arguments.text(key, problems) {
        declared(&name, fields, problems);
        pattern.insert(key.into(), name.value().into());
        return;
    }
    let secrets: Vec<&Field> = fields.iter().filter(|field| field.secret).collect();
    match secrets.as_slice() {
        [only] => {
            pattern.insert(key.into(), only.name.value().into());
        }
        [] => problems.at(
            arguments.span,
            "this pattern needs a secret: `fields = [password(name = \"token\", label = \"Token\")]`",
        ),
        _ => problems.at(arguments.span, format!("more than one password field: say which with `{key} = \"…\"`")),
    }
}

fn api_key(arguments: &mut Arguments, pattern: &mut serde_json::Map<String, Json>, problems: &mut Problems) {
    const PLACES: [&str; 3] = ["header", "query", "cookie"];
    if let Some(location) = arguments.required("location", "header", problems) {
        if !PLACES.contains(&location.value().as_str()) {
            problems.add(&location, unknown("location", &location.value(), &PLACES));
        }
        pattern.insert("in".into(), location.value().into());
    }
    if let Some(parameter) = arguments.required("parameter", "X-Api-Key", problems) {
        pattern.insert("parameter".into(), parameter.value().into());
    }
    if let Some(prefix) = arguments.text("prefix", problems) {
        pattern.insert("prefix".into(), prefix.value().into());
    }
}

fn basic(
    arguments: &mut Arguments,
    fields: &[Field],
    pattern: &mut serde_json::Map<String, Json>,
    problems: &mut Problems,
) {
    if let Some(username) = arguments.required("username", "user", problems) {
        declared(&username, fields, problems);
        pattern.insert("username".into(), username.value().into());
    }
    match (arguments.text("password", problems), arguments.text("filler", problems)) {
        (Some(password), None) => {
            declared(&password, fields, problems);
            pattern.insert("password".into(), password.value().into());
        }
        (None, Some(filler)) => {
            pattern.insert("filler".into(), filler.value().into());
        }
        (Some(_), Some(filler)) => problems.add(&filler, "`password` and `filler` exclude each other"),
        (None, None) => problems.at(
            arguments.span,
            "`basic` needs `password = \"<field>\"`, or `filler = \"X\"` where the provider takes a key as user name",
        ),
    }
}

fn declared(name: &LitStr, fields: &[Field], problems: &mut Problems) {
    if !fields.iter().any(|field| field.name.value() == name.value()) {
        let names: Vec<String> = fields.iter().map(|field| field.name.value()).collect();
        problems.add(name, unknown("field", &name.value(), &names.iter().map(String::as_str).collect::<Vec<_>>()));
    }
}
