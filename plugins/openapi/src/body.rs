//! Bodies of requests: which content is sent, and which inputs it is made of.

use serde_json::{Value, json};

use crate::binding::{Body, Parameter, PartField, Style};
use crate::document::{Document, flag, object, text};
use crate::inputs::{Inputs, keywords_of};
use crate::schema::{Members, Translator};

/// What a body is being compiled for.
struct Content<'a> {
    document: &'a Document,
    media_type: String,
    media: &'a Value,
    required: bool,
    description: Option<&'a str>,
}

/// Compiles the body of an operation, if it has one.
pub(crate) fn compile<'a>(
    document: &'a Document,
    operation: &'a Value,
    translator: &mut Translator<'a>,
    inputs: &mut Inputs,
) -> Result<Option<Body>, String> {
    let Some(body) = operation.get("requestBody") else { return Ok(None) };
    let body = document.resolve(body)?;
    let Some(content) = object(body, "content") else { return Ok(None) };
    let Some((media_type, media)) = content.iter().min_by_key(|(media_type, _)| rank(media_type)) else {
        return Ok(None);
    };
    let media_type = plain(media_type);
    let content = Content {
        document,
        media,
        required: flag(body, "required"),
        description: text(body, "description"),
        media_type,
    };
    Ok(Some(content.compile(translator, inputs)?))
}

impl<'a> Content<'a> {
    fn compile(&self, translator: &mut Translator<'a>, inputs: &mut Inputs) -> Result<Body, String> {
        let schema = self.media.get("schema");
        match rank(&self.media_type) {
            0..=2 => self.json(schema, translator, inputs),
            3 => self.form(schema, translator, inputs),
            4 => self.multipart(schema, translator, inputs),
            5 | 6 => {
                let input = self.whole(json!({ "type": "string" }), inputs);
                Ok(Body::Text { input, content_type: self.media_type.clone() })
            }
            _ => {
                let input = self.whole(json!({ "type": "string", "contentEncoding": "base64" }), inputs);
                let concrete = !self.media_type.contains('*');
                let content_type = if concrete { self.media_type.as_str() } else { "application/octet-stream" };
                Ok(Body::Bytes { input, content_type: content_type.to_owned() })
            }
        }
    }

    fn json(
        &self,
        schema: Option<&'a Value>,
        translator: &mut Translator<'a>,
        inputs: &mut Inputs,
    ) -> Result<Body, String> {
        let own = !matches!(self.media_type.as_str(), "application/json" | "*/*");
        let content_type = own.then(|| self.media_type.clone());
        let Some(schema) = schema else {
            return Ok(Body::Json { input: self.whole(json!({}), inputs), content_type });
        };
        match translator.members(schema)? {
            Some(members) => {
                let fields = self.members(&members, translator, inputs, |schema, _| schema)?;
                let fields = fields.into_iter().map(|(input, name, _)| (input, name)).collect();
                Ok(Body::Fields { fields, required: self.required, content_type })
            }
            None => {
                let schema = translator.translate(schema)?;
                Ok(Body::Json { input: self.whole(schema, inputs), content_type })
            }
        }
    }

    fn form(
        &self,
        schema: Option<&'a Value>,
        translator: &mut Translator<'a>,
        inputs: &mut Inputs,
    ) -> Result<Body, String> {
        let members = schema.map(|schema| translator.members(schema)).transpose()?.flatten();
        let Some(members) = members else {
            let input = self.whole(json!({ "type": "object" }), inputs);
            let field = Parameter { name: input.clone(), input, style: Style::Form, explode: true, reserved: false };
            return Ok(Body::Form { fields: vec![field], required: self.required });
        };
        let fields = self.members(&members, translator, inputs, |schema, _| schema)?;
        let field = |(input, name, property): (String, String, &Value)| {
            let encoding = self.encoding(&name);
            let written = encoding.and_then(|encoding| text(encoding, "style"));
            let style = written.and_then(|style| serde_json::from_value(json!(style)).ok());
            let is_object = self.kind(property) == Some("object");
            let style = style.unwrap_or(if is_object { Style::Json } else { Style::Form });
            let explode = encoding.and_then(|encoding| encoding.get("explode")).and_then(Value::as_bool);
            Parameter { input, name, style, explode: explode.unwrap_or(style == Style::Form), reserved: false }
        };
        Ok(Body::Form { fields: fields.into_iter().map(field).collect(), required: self.required })
    }

    fn multipart(
        &self,
        schema: Option<&'a Value>,
        translator: &mut Translator<'a>,
        inputs: &mut Inputs,
    ) -> Result<Body, String> {
        let members = schema.map(|schema| translator.members(schema)).transpose()?.flatten();
        let members = members.ok_or("its multipart body has no named parts")?;
        let added = self.members(&members, translator, inputs, |schema, property| {
            if self.is_file(property) { file_schema(schema) } else { schema }
        })?;
        let mut fields = Vec::with_capacity(added.len());
        for (input, name, property) in added {
            let is_file = self.is_file(property);
            let written = self.encoding(&name).and_then(|encoding| text(encoding, "contentType"));
            let written = written.and_then(|types| types.split(',').next()).map(|one| one.trim().to_owned());
            let content_type = written.filter(|one| !one.contains('*') && !one.is_empty());
            let file_name = is_file.then(|| {
                let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255,
                    "description": format!("Name of the file in `{input}`.") });
                inputs.add("file", &format!("{input}_filename"), schema, false)
            });
            fields.push(PartField { input, name, content_type, file_name });
        }
        Ok(Body::Multipart { fields, required: self.required })
    }

    /// Adds each member as an input; answers their names in the input and in the body, and their schemas.
    fn members(
        &self,
        members: &Members<'a>,
        translator: &mut Translator<'a>,
        inputs: &mut Inputs,
        shape: impl Fn(Value, &'a Value) -> Value,
    ) -> Result<Vec<(String, String, &'a Value)>, String> {
        let mut added = Vec::with_capacity(members.properties.len());
        for (name, property) in &members.properties {
            let schema = shape(translator.translate(property)?, property);
            let required = self.required && members.required.contains(name);
            added.push((inputs.add("body", name, schema, required), (*name).to_owned(), *property));
        }
        if !self.required {
            let all: Vec<String> = added.iter().map(|(input, ..)| input.clone()).collect();
            let needed = added.iter().filter(|(_, name, _)| members.required.contains(&name.as_str()));
            let needed: Vec<String> = needed.map(|(input, ..)| input.clone()).collect();
            inputs.together(&all, &needed);
        }
        Ok(added)
    }

    /// One input that is the whole body.
    fn whole(&self, schema: Value, inputs: &mut Inputs) -> String {
        let mut members = keywords_of(schema);
        let said = self.description.unwrap_or("The body of the request.");
        members.entry("description").or_insert_with(|| json!(gloveport_importer::cut(said, 600)));
        inputs.add("body", "body", Value::Object(members), self.required)
    }

    fn encoding(&self, name: &str) -> Option<&'a Value> {
        object(self.media, "encoding")?.get(name)
    }

    fn kind(&self, property: &'a Value) -> Option<&'a str> {
        self.document.resolve(property).ok().and_then(|schema| text(schema, "type"))
    }

    /// Whether a part, or each element of it, is a file.
    fn is_file(&self, property: &'a Value) -> bool {
        let Ok(schema) = self.document.resolve(property) else { return false };
        if let Some(items) = schema.get("items").filter(|_| text(schema, "type") == Some("array")) {
            return self.document.resolve(items).is_ok_and(is_binary);
        }
        is_binary(schema)
    }
}

fn is_binary(schema: &Value) -> bool {
    let encoded = text(schema, "contentEncoding").is_some_and(|encoding| encoding != "base64");
    let typed =
        text(schema, "contentMediaType").is_some_and(|media| !media.contains("json") && !media.starts_with("text/"));
    text(schema, "format") == Some("binary") || text(schema, "type") == Some("file") || encoded || typed
}

/// What stands for a file in an input: base64, once or in a list.
fn file_schema(schema: Value) -> Value {
    let one = json!({ "type": "string", "contentEncoding": "base64" });
    let is_list = schema.get("type").is_some_and(|kind| kind == "array");
    let mut file = if is_list { json!({ "type": "array", "items": one }) } else { one };
    let said = schema.get("description").and_then(Value::as_str).map(|text| format!("{text} ")).unwrap_or_default();
    if let Value::Object(members) = &mut file {
        members.insert("description".into(), json!(format!("{said}A file, as base64.")));
    }
    file
}

/// Which content is sent, where there is a choice: the lower, the sooner.
fn rank(media_type: &str) -> u8 {
    let media_type = plain(media_type);
    match media_type.as_str() {
        "application/json" => 0,
        "*/*" => 2,
        "application/x-www-form-urlencoded" => 3,
        "multipart/form-data" => 4,
        json if json.ends_with("+json") || json == "text/json" => 1,
        xml if xml.ends_with("/xml") || xml.ends_with("+xml") => 6,
        text if text.starts_with("text/") => 5,
        _ => 7,
    }
}

/// A media type without its parameters.
fn plain(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
