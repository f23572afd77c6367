//! From a binding and an input to the request that is sent.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gloveport_sdk::Failure;
use gloveport_sdk::http::{Part, Path, Request};
use serde_json::{Map, Value};

use crate::binding::{Binding, Body, Parameter, PartField, Piece};
use crate::style;
use crate::template;

/// The request of an operation.
///
/// # Errors
/// [`Failure::InvalidInput`] with the pointer of a value that cannot be sent.
pub(crate) fn request(binding: &Binding, input: &Map<String, Value>) -> Result<Request, Failure> {
    let mut target = binding.server.clone().unwrap_or_default();
    let path = path(binding, input)?;
    target.push_str(&path);
    let mut query = binding.fixed_query.clone();
    for (parameter, value) in given(&binding.query, input) {
        query.extend(style::in_query(parameter, value));
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query.join("&"));
    }
    let mut request = Request::new(binding.method.as_str(), Path::encoded(target));
    for (name, value) in &binding.fixed_headers {
        request = request.header(name, value);
    }
    for (parameter, value) in given(&binding.headers, input) {
        let text = style::in_header(parameter, value);
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Failure::invalid_input(
                pointer(&parameter.input),
                "must not have control characters: it is a header",
            ));
        }
        request = request.header(&parameter.name, text);
    }
    match &binding.body {
        Some(own) => body(own, input, request),
        None => Ok(request),
    }
}

/// Parameters with a value. `null` is no value where a text is made of it.
fn given<'a>(
    parameters: &'a [Parameter],
    input: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a Parameter, &'a Value)> {
    parameters
        .iter()
        .filter_map(|parameter| Some((parameter, input.get(&parameter.input).filter(|value| !value.is_null())?)))
}

fn path(binding: &Binding, input: &Map<String, Value>) -> Result<String, Failure> {
    let mut path = String::new();
    for piece in &binding.path {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Value(parameter) => {
                let value = input.get(&parameter.input).unwrap_or(&Value::Null);
                let text = style::in_path(parameter, value);
                if text.is_empty() {
                    return Err(Failure::invalid_input(
                        pointer(&parameter.input),
                        "must not be empty: it is a part of a path",
                    ));
                }
                path.push_str(&text);
                // Dots and what they stand beside, not the value alone, make a segment that climbs.
                let segment = path.rsplit('/').next().unwrap_or_default();
                if matches!(segment, "." | "..") {
                    return Err(Failure::invalid_input(
                        pointer(&parameter.input),
                        "must not be `.` or `..`: it is a part of a path",
                    ));
                }
            }
        }
    }
    Ok(path)
}

fn body(body: &Body, input: &Map<String, Value>, request: Request) -> Result<Request, Failure> {
    Ok(match body {
        Body::Json { input: name, content_type } => match input.get(name) {
            Some(value) => typed(request.json(value), content_type.as_deref()),
            None => request,
        },
        Body::Fields { fields, required, content_type } => {
            let given = fields.iter().filter_map(|(from, to)| Some((to.clone(), input.get(from)?.clone())));
            let object: Map<String, Value> = given.collect();
            if object.is_empty() && !required {
                return Ok(request);
            }
            typed(request.json(&object), content_type.as_deref())
        }
        Body::Template { value } => match template::fill(value, input) {
            Some(filled) => request.json(&filled),
            None => request,
        },
        Body::Form { fields, required } => {
            let pairs: Vec<_> = given(fields, input).flat_map(|(field, value)| style::in_form(field, value)).collect();
            if pairs.is_empty() && !required { request } else { request.form(pairs) }
        }
        Body::Multipart { fields, required } => {
            let parts = parts(fields, input)?;
            if parts.is_empty() && !required { request } else { request.multipart(parts) }
        }
        Body::Text { input: name, content_type } => match input.get(name) {
            Some(value) => request.bytes(style::as_text(value)).header("content-type", content_type),
            None => request,
        },
        Body::Bytes { input: name, content_type } => match input.get(name) {
            Some(value) => request.bytes(bytes(name, value)?).header("content-type", content_type),
            None => request,
        },
    })
}

fn typed(request: Request, content_type: Option<&str>) -> Request {
    match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    }
}

fn parts(fields: &[PartField], input: &Map<String, Value>) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for field in fields {
        let Some(value) = input.get(&field.input).filter(|value| !value.is_null()) else { continue };
        let several = std::slice::from_ref(value);
        // Each element of a list is a part of its own.
        let values = value.as_array().map_or(several, Vec::as_slice);
        for value in values {
            parts.push(part(field, value, input)?);
        }
    }
    Ok(parts)
}

fn part(field: &PartField, value: &Value, input: &Map<String, Value>) -> Result<Part, Failure> {
    let name = field.name.clone();
    if let Some(file_name) = &field.file_name {
        let said = input.get(file_name).and_then(Value::as_str).unwrap_or(&field.name).to_owned();
        let content_type = field.content_type.clone().unwrap_or_else(|| "application/octet-stream".into());
        return Ok(Part {
            name,
            file_name: Some(said),
            content_type: Some(content_type),
            content: bytes(&field.input, value)?,
        });
    }
    let own = value.is_object().then(|| "application/json".to_owned());
    Ok(Part {
        name,
        file_name: None,
        content_type: field.content_type.clone().or(own),
        content: style::as_text(value).into_bytes(),
    })
}

/// Base64 in either alphabet, with or without padding.
fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, Failure> {
    let text: String = style::as_text(value).chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let plain = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    STANDARD
        .decode(&text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(plain))
        .map_err(|_| Failure::invalid_input(pointer(name), "must be base64"))
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
