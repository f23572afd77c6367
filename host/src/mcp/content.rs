//! What a call came to, as content for a model.

use serde_json::{Value, json};

use super::era::Era;
use super::limits::HEAD;
use super::link;
use super::names::meta;
use super::reached::Reached;
use super::resources::uri_of;
use crate::call::{Answer, Failed};
use crate::model::{ExecutionId, Fault};

/// What a call of a tool has come to, as its result.
pub(super) fn of_reached(reached: Reached, era: &Era) -> Value {
    match reached {
        Reached::Done { answer, output_schema } => of_answer(&answer, output_schema.as_deref(), era),
        Reached::Asked(question) => question,
        Reached::Waits(told, execution) => of_told(&told, &execution),
        Reached::Failed(failed) => of_failed(&failed),
        Reached::Lacks(lack) => {
            let (failed, offer) = *lack;
            let text = link::told(&failed, &offer).to_string();
            json!({ "content": [{ "type": "text", "text": text }], "isError": true })
        }
    }
}

/// A tool's result. `output_schema` is JSON text.
fn of_answer(answer: &Answer, output_schema: Option<&str>, era: &Era) -> Value {
    let mut result = if answer.collect_until.is_some() {
        cut(&answer.execution, &answer.data, era)
    } else {
        whole(&answer.data, output_schema, era)
    };
    result["isError"] = false.into();
    if answer.simulated {
        result["_meta"] = json!({ "gloveport/simulated": true });
    }
    about(result, Some(&answer.execution))
}

/// A call that failed, in words that a model can act on: a result, so that it reads them.
fn of_failed(failed: &Failed) -> Value {
    let text = told(&failed.fault, failed.execution.as_ref()).to_string();
    let result = json!({ "content": [{ "type": "text", "text": text }], "isError": true });
    about(result, failed.execution.as_ref())
}

/// Something that is no result yet: JSON that says what to do.
fn of_told(told: &Value, execution: &ExecutionId) -> Value {
    let result = json!({ "content": [{ "type": "text", "text": told.to_string() }], "isError": false });
    about(result, Some(execution))
}

/// What a fault says, as in the API.
pub(super) fn told(fault: &Fault, execution: Option<&ExecutionId>) -> Value {
    let mut told = json!({ "code": fault.code.as_str(), "detail": fault.detail });
    if !fault.errors.is_empty() {
        let errors = fault.errors.iter().map(|error| json!({ "path": error.path, "message": error.message }));
        told["errors"] = errors.collect();
    }
    if !fault.missing_scopes.is_empty() {
        told["missing_scopes"] = json!(fault.missing_scopes);
    }
    if let Some(millis) = fault.retry_after_ms {
        told["retry_after_ms"] = millis.into();
    }
    if let Some(execution) = execution {
        told["execution_id"] = execution.as_str().into();
    }
    told
}

fn about(mut result: Value, execution: Option<&ExecutionId>) -> Value {
    if let Some(execution) = execution {
        result["_meta"][meta::EXECUTION] = execution.as_str().into();
    }
    result
}

/// All of an output: as text for models, as it is for programs, and what is no text by its type.
fn whole(data: &str, output_schema: Option<&str>, era: &Era) -> Value {
    let value: Value = serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()));
    let media = output_schema.map(media_in).unwrap_or_default();
    let mut shown = value.clone();
    let blocks: Vec<Value> = media.iter().filter_map(|media| block(media, &mut shown, era)).collect();
    let text = match (&shown, blocks.is_empty()) {
        // As the connector wrote it, to the last digit.
        (_, true) => Some(data.to_owned()),
        // Nothing is left beside what is no text.
        (Value::Null, false) => None,
        (shown, false) => Some(shown.to_string()),
    };
    let text = text.map(|text| json!({ "type": "text", "text": text }));
    let mut result = json!({ "content": text.into_iter().chain(blocks).collect::<Vec<_>>() });
    // Before the current revision it had to be an object; before 2025-06-18 there was none.
    if era.is_modern() || (value.is_object() && era.since("2025-06-18")) {
        result["structuredContent"] = value;
    }
    result
}

/// The beginning of an output that is longer than answers are, and where the rest is.
fn cut(execution: &ExecutionId, data: &str, era: &Era) -> Value {
    let head = &data[..data.floor_char_boundary(HEAD)];
    let uri = uri_of(execution);
    let length = data.len();
    let note = format!("This is the beginning of {length} bytes; resources/read of {uri} gives all of it.\\n{head}")
        .replace("\\n", "\n");
    let mut content = vec![json!({ "type": "text", "text": note })];
    if era.since("2025-06-18") {
        content.push(json!({ "type": "resource_link", "uri": uri, "name": execution.as_str(),
            "title": "The whole result", "mimeType": "application/json", "size": length }));
    }
    json!({ "content": content })
}

/// A part of an output that is base64 of another type: JSON Schema's `contentEncoding` and `contentMediaType`.
#[derive(Debug, PartialEq)]
struct Media {
    /// The member that it is; the output itself if `None`.
    member: Option<String>,
    media_type: String,
}

fn media_in(schema: &str) -> Vec<Media> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let of = |member: Option<&String>, schema: &Value| {
        let coded = schema["contentEncoding"].as_str().is_some_and(|coding| coding.eq_ignore_ascii_case("base64"));
        let media_type = schema["contentMediaType"].as_str().filter(|_| coded)?;
        Some(Media { member: member.cloned(), media_type: media_type.to_owned() })
    };
    let members = schema["properties"].as_object().into_iter().flatten();
    of(None, &schema).into_iter().chain(members.filter_map(|(name, schema)| of(Some(name), schema))).collect()
}

/// The content of a part; what is left of the output in words says that it is there.
fn block(media: &Media, shown: &mut Value, era: &Era) -> Option<Value> {
    let place = match &media.member {
        None => shown,
        Some(member) => shown.get_mut(member)?,
    };
    let data = place.as_str()?.to_owned();
    let media_type = media.media_type.as_str();
    *place = if media.member.is_some() { format!("({media_type}, beside this)").into() } else { Value::Null };
    Some(match media_type.split('/').next() {
        Some("image") => json!({ "type": "image", "data": data, "mimeType": media_type }),
        Some("audio") if era.since("2025-03-26") => json!({ "type": "audio", "data": data, "mimeType": media_type }),
        _ => json!({ "type": "resource", "resource": {
            "uri": format!("gloveport://output/{}", media.member.as_deref().unwrap_or("data")),
            "mimeType": media_type, "blob": data } }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern() -> Era {
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "ping")];
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "_meta": {
            meta::VERSION: "2026-07-28", meta::CAPABILITIES: {} } } });
        match super::super::message::Message::read(body.to_string().as_bytes()) {
            Ok(super::super::message::Message::Request(request)) => Era::of(&request, &headers).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_output_is_text_and_data() {
        let legacy = Era::begun("2025-11-25", None);
        let old = Era::begun("2025-03-26", None);
        for (data, in_legacy) in [(r#"{"a":1.50}"#, true), ("[1]", false), ("\"x\"", false), ("null", false)] {
            let value: Value = serde_json::from_str(data).unwrap();
            for (era, structured) in [(modern(), true), (legacy.clone(), in_legacy), (old.clone(), false)] {
                let told = whole(data, None, &era);
                assert_eq!(told["content"], json!([{ "type": "text", "text": data }]));
                assert_eq!(told.get("structuredContent"), structured.then_some(&value), "{data} {era}");
            }
        }
    }

    #[test]
    fn what_is_no_text_is_content_of_its_type() {
        let image = r#"{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"}"#;
        let told = whole("\"aGk=\"", Some(image), &modern());
        assert_eq!(told["content"], json!([{ "type": "image", "data": "aGk=", "mimeType": "image/png" }]));
        let schema = json!({ "properties": {
            "sound": { "contentEncoding": "BASE64", "contentMediaType": "audio/wav" },
            "file": { "contentEncoding": "base64", "contentMediaType": "application/pdf" },
            "name": { "type": "string", "contentMediaType": "image/png" },
            "gone": { "contentEncoding": "base64", "contentMediaType": "image/png" } } });
        let data = r#"{"sound":"AA==","file":"AQ==","name":"x"}"#;
        let told = whole(data, Some(&schema.to_string()), &modern());
        let kinds: Vec<&str> =
            told["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["text", "resource", "audio"]);
        assert_eq!(told["content"][1]["resource"]["blob"], "AQ==");
        let text = told["content"][0]["text"].as_str().unwrap();
        assert!(!text.contains("AQ==") && text.contains("application/pdf") && text.contains(r#""name":"x""#), "{text}");
        assert_eq!(told["structuredContent"]["file"], "AQ==");
    }
}
