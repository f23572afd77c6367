//! Auth patterns: `bearer(…)`, `api_key(…)`, `basic(…)`, `none(…)`, and the others by the keys that the manifest has.

use proc_macro2::{Span, TokenStream};
use serde_json::{Value as Json, json};
use syn::LitStr;

use crate::syntax::{Arguments, Problems, Value, unknown};

/// Keys of every pattern.
const COMMON: [&str; 6] = ["name", "title", "fields", "headers", "insertions", "lookups"];

/// What a type has besides.
struct Shape {
    kind: &'static str,
    /// Keys that must be there.
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Those of them that name a field.
    fields: &'static [&'static str],
}

impl Shape {
    const fn new(kind: &'static str, required: &'static [&'static str], optional: &'static [&'static str]) -> Self {
        Self { kind, required, optional, fields: &[] }
    }

    const fn naming(self, fields: &'static [&'static str]) -> Self {
        Self { fields, ..self }
    }
}

/// All types. Those without `required` keys have readers of their own, or nothing to say.
const SHAPES: [Shape; 14] = [
    Shape::new("bearer", &[], &["field"]),
    Shape::new("api_key", &[], &["field", "location", "parameter", "prefix"]),
    Shape::new("basic", &[], &["username", "password", "filler"]),
    Shape::new("none", &[], &[]),
    Shape::new("static_headers", &["headers"], &[]),
    Shape::new("caller_token", &[], &["token"]),
    Shape::new(
        "oauth2",
        &["authorize_url", "token_url"],
        &[
            "refresh_url",
            "revoke_url",
            "issuer",
            "iss_required",
            "scopes",
            "scope_separator",
            "scope_parameter",
            "client_auth",
            "body",
            "pkce",
            "authorize_parameters",
            "token_parameters",
            "refresh_parameters",
            "response",
            "callback_fields",
            "token",
            "registration",
        ],
    ),
    Shape::new(
        "oauth2_client_credentials",
        &["token_url", "client_id", "client_secret"],
        &["scopes", "scope_separator", "client_auth", "body", "parameters", "response", "token"],
    )
    .naming(&["client_id", "client_secret"]),
    Shape::new(
        "oauth1a",
        &[],
        &[
            "signature",
            "request_url",
            "authorize_url",
            "access_url",
            "authorize_parameters",
            "callback_fields",
            "response",
            "realm",
            "consumer_key",
            "consumer_secret",
            "token",
            "token_secret",
        ],
    )
    .naming(&["consumer_key", "consumer_secret", "token", "token_secret"]),
    Shape::new("jwt_bearer", &["token_url", "jwt"], &["scopes", "parameters", "response", "token"]),
    Shape::new("signed_jwt", &["jwt"], &["token"]),
    Shape::new("session", &["sign_in", "response"], &["sign_out", "token"]),
    Shape::new("aws_sigv4", &["access_key", "secret_key", "region", "service"], &["session_token"]).naming(&[
        "access_key",
        "secret_key",
        "session_token",
    ]),
    Shape::new("hmac", &["key", "text", "header"], &["key_encoding", "hash", "encoding", "prefix", "timestamp_header"])
        .naming(&["key"]),
];

/// Keys of a field.
const FIELD_KEYS: [&str; 6] = ["name", "label", "hint", "optional", "pattern", "default"];

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
    let Some(shape) = SHAPES.iter().find(|shape| shape.kind == kind) else {
        problems.add(&path, unknown("auth pattern", &kind, &SHAPES.map(|shape| shape.kind)));
        return None;
    };
    let keys = [&COMMON, shape.required, shape.optional].concat();
    let (span, tokens) = arguments.unwrap_or((span, TokenStream::new()));
    let mut arguments = match Arguments::read(tokens, span, &keys, problems) {
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
        _ => by_keys(shape, &mut arguments, &fields, pattern, problems),
    }
    for key in ["headers", "insertions", "lookups"] {
        pattern.extend(arguments.json(key, problems).map(|(value, _)| (key.to_owned(), value)));
    }
    let mut public: Vec<String> = fields.iter().filter(|field| !field.secret).map(|field| field.name.value()).collect();
    public.extend(filled(&manifest));
    Some((Pattern { manifest, public }, name))
}

/// Takes the keys over as they are: the host holds them to their meaning when the connector is installed.
fn by_keys(
    shape: &Shape,
    arguments: &mut Arguments,
    fields: &[Field],
    pattern: &mut serde_json::Map<String, Json>,
    problems: &mut Problems,
) {
    for key in shape.required.iter().filter(|key| !arguments.has(key)) {
        problems.at(arguments.span, format!("`{key}` is missing in this `{}`", shape.kind));
    }
    for key in shape.required.iter().chain(shape.optional).filter(|key| !COMMON.contains(key)) {
        if shape.fields.contains(key) {
            let Some(name) = arguments.text(key, problems) else { continue };
            declared(&name, fields, problems);
            pattern.insert((*key).into(), name.value().into());
            continue;
        }
        let Some((value, span)) = arguments.json(key, problems) else { continue };
        let url = value.as_str().filter(|_| key.ends_with("_url"));
        if url.is_some_and(|url| !url.starts_with("https://")) {
            problems.at(span, format!("`{key}` begins with `https://`"));
        }
        pattern.insert((*key).into(), value);
    }
}

/// Names of the public fields that the provider's answers fill.
fn filled(manifest: &Json) -> Vec<String> {
    let lookups = manifest["lookups"].as_array().into_iter().flatten().map(|lookup| &lookup["fields"]);
    let maps = lookups.chain([&manifest["callback_fields"], &manifest["response"]["fields"]]);
    maps.filter_map(Json::as_object).flat_map(|map| map.keys().cloned()).collect()
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
    let mut arguments = match Arguments::read(tokens, inner, &FIELD_KEYS, problems) {
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
    for key in ["hint", "pattern", "default"] {
        if let (Some(text), Json::Object(field)) = (arguments.text(key, problems), &mut manifest) {
            if kind == "password" && key == "default" {
                problems.add(&text, "a password has no default: everybody could read it here");
            }
            field.insert(key.into(), text.value().into());
        }
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
