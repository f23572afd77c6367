//! Prompts and resources as a manifest has them. Models and people read them, so they hold to what holds for tools.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::is_name;
use crate::model::{Prompt, PromptArgument, Prompts, Resource, Resources, check_uri, check_uri_template, is_hidden};

/// Prompts of one connector: a person chooses one of them from a menu.
const PROMPTS: usize = 200;

/// Resources of one connector, and templates of them: what a person finds in a list. More are read by a tool.
const RESOURCES: usize = 1_000;

/// Arguments of one prompt: what a person fills in.
const ARGUMENTS: usize = 32;

/// Bytes of a prompt's name, as of a tool's.
const NAME_BYTES: usize = 64;

/// Bytes of a name that is the connector's own matter: of an argument, of a resource, of what a tool is given.
const OWN_NAME_BYTES: usize = 512;

/// Bytes of a title, as of a tool's.
const TITLE_BYTES: usize = 200;

/// Bytes of a description, as of a tool's.
const DESCRIPTION_BYTES: usize = 8 << 10;

/// Bytes of a URI: what clients and proxies take of a URL.
const URI_BYTES: usize = 2_048;

/// Bytes of a media type: the longest that are registered have some 80.
const MEDIA_TYPE_BYTES: usize = 128;

/// Bytes of all texts of a connector's prompts, and of its resources: a list of them is read at once.
const ALL_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
pub(super) struct PromptsText {
    tool: String,
    list: Vec<PromptText>,
}

#[derive(Deserialize)]
struct PromptText {
    name: String,
    input_name: Option<String>,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    arguments: Vec<ArgumentText>,
}

#[derive(Deserialize)]
struct ArgumentText {
    name: String,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
pub(super) struct ResourcesText {
    tool: String,
    #[serde(default)]
    list: Vec<ResourceText>,
    #[serde(default)]
    templates: Vec<ResourceText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceText {
    #[serde(alias = "uriTemplate")]
    uri: String,
    name: String,
    title: Option<String>,
    description: Option<String>,
    mime_type: Option<String>,
}

/// Checks the prompts of a connector.
pub(super) fn prompts(connector: &str, text: PromptsText) -> Result<Prompts, String> {
    if text.list.len() > PROMPTS {
        return Err(format!("at most {PROMPTS} prompts, not {}", text.list.len()));
    }
    let (mut names, mut bytes) = (BTreeSet::new(), Bytes(ALL_BYTES));
    let mut list = Vec::with_capacity(text.list.len());
    for written in text.list {
        let (name, prefix) = (written.name.clone(), format!("{connector}_"));
        let told = |reason: String| format!("prompt `{}`: {reason}", shown(&name));
        if !is_name(&name) || name.len() > NAME_BYTES || !name.starts_with(&prefix) {
            let reason = format!(
                "its name is of lower-case letters, digits and `_`, at most {NAME_BYTES}, and begins with `{prefix}`"
            );
            return Err(told(reason));
        }
        if !names.insert(name.clone()) {
            return Err(told("another one has its name".into()));
        }
        list.push(prompt(written, &mut bytes).map_err(told)?);
    }
    Ok(Prompts { tool: text.tool, list })
}

fn prompt(text: PromptText, bytes: &mut Bytes) -> Result<Prompt, String> {
    let PromptText { name, input_name, title, description, arguments } = text;
    bytes.take("name", Some(&name), NAME_BYTES)?;
    bytes.take("input_name", input_name.as_deref(), OWN_NAME_BYTES)?;
    bytes.take("title", title.as_deref(), TITLE_BYTES)?;
    bytes.take("description", description.as_deref(), DESCRIPTION_BYTES)?;
    if arguments.len() > ARGUMENTS {
        return Err(format!("at most {ARGUMENTS} arguments, not {}", arguments.len()));
    }
    let mut names = BTreeSet::new();
    for argument in &arguments {
        bytes.take("name of an argument", Some(&argument.name), OWN_NAME_BYTES)?;
        bytes.take("title of an argument", argument.title.as_deref(), TITLE_BYTES)?;
        bytes.take("description of an argument", argument.description.as_deref(), DESCRIPTION_BYTES)?;
        if !names.insert(&argument.name) {
            return Err(format!("two arguments are named `{}`", shown(&argument.name)));
        }
    }
    let arguments = arguments.into_iter().map(|argument| {
        let ArgumentText { name, title, description, required } = argument;
        PromptArgument { name, title, description, required }
    });
    Ok(Prompt { name, input_name, title, description, arguments: arguments.collect() })
}

/// Checks the resources of a connector.
pub(super) fn resources(text: ResourcesText) -> Result<Resources, String> {
    let mut bytes = Bytes(ALL_BYTES);
    let mut checked = |list: Vec<ResourceText>, check: fn(&str) -> Result<(), String>| {
        if list.len() > RESOURCES {
            return Err(format!("at most {RESOURCES} resources, not {}", list.len()));
        }
        let mut uris = BTreeSet::new();
        for resource in &list {
            let told = |reason: String| format!("resource `{}`: {reason}", shown(&resource.uri));
            check(&resource.uri).map_err(told)?;
            bytes.take("uri", Some(&resource.uri), URI_BYTES).map_err(told)?;
            bytes.take("name", Some(&resource.name), OWN_NAME_BYTES).map_err(told)?;
            bytes.take("title", resource.title.as_deref(), TITLE_BYTES).map_err(told)?;
            bytes.take("description", resource.description.as_deref(), DESCRIPTION_BYTES).map_err(told)?;
            bytes.take("mimeType", resource.mime_type.as_deref(), MEDIA_TYPE_BYTES).map_err(told)?;
            if !uris.insert(&resource.uri) {
                return Err(told("another one has its URI".into()));
            }
        }
        Ok(list.into_iter().map(resource).collect())
    };
    let list = checked(text.list, |uri| check_uri(uri).map_err(|error| error.to_string()))?;
    let templates = checked(text.templates, |uri| check_uri_template(uri).map_err(|error| error.to_string()))?;
    Ok(Resources { tool: text.tool, list, templates })
}

fn resource(text: ResourceText) -> Resource {
    let ResourceText { uri, name, title, description, mime_type } = text;
    Resource { uri, name, title, description, media_type: mime_type }
}

/// What is left for texts.
struct Bytes(usize);

impl Bytes {
    /// Checks a text that somebody reads: not empty, not too long, and with nothing in it that is not seen.
    fn take(&mut self, what: &str, text: Option<&str>, most: usize) -> Result<(), String> {
        let Some(text) = text else { return Ok(()) };
        if text.is_empty() || text.len() > most {
            return Err(format!("{what}: 1 to {most} bytes, not {}", text.len()));
        }
        if text.chars().any(|c| is_hidden(c) || c.is_control() && c != '\n' && c != '\t') {
            return Err(format!("{what}: has signs that nobody sees"));
        }
        let left = self.0.checked_sub(text.len());
        self.0 = left.ok_or_else(|| format!("all of them together have more than {ALL_BYTES} bytes"))?;
        Ok(())
    }
}

/// A name within a sentence.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !is_hidden(*c)).take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_prompts(list: &Value) -> Result<Prompts, String> {
        prompts("notes", serde_json::from_value(json!({ "tool": "notes_get", "list": list })).unwrap())
    }

    fn of_resources(list: &Value, templates: &Value) -> Result<Resources, String> {
        let text = json!({ "tool": "notes_read", "list": list, "templates": templates });
        resources(serde_json::from_value(text).unwrap())
    }

    #[test]
    fn prompts_are_read() {
        let one = json!([{ "name": "notes_review", "input_name": "code-review", "title": "Review", "description": "Reviews.",
            "arguments": [{ "name": "code", "required": true }, { "name": "language" }] }]);
        let read = of_prompts(&one).unwrap();
        assert_eq!((read.tool.as_str(), read.list[0].given()), ("notes_get", "code-review"));
        let required: Vec<bool> = read.list[0].arguments.iter().map(|argument| argument.required).collect();
        assert_eq!(required, [true, false]);
        assert_eq!(of_prompts(&json!([])).unwrap().list, []);
    }

    #[test]
    fn what_a_model_could_be_misled_by_is_refused() {
        let argument = |argument: Value| json!([{ "name": "notes_a", "arguments": [argument] }]);
        for list in [
            json!([{ "name": "a" }]),
            json!([{ "name": "other_a" }]),
            json!([{ "name": "notes-a" }]),
            json!([{ "name": format!("notes_{}", "a".repeat(NAME_BYTES)) }]),
            json!([{ "name": "notes_a" }, { "name": "notes_a" }]),
            json!([{ "name": "notes_a", "title": "" }]),
            json!([{ "name": "notes_a", "description": "Reads.\u{200b}" }]),
            json!([{ "name": "notes_a", "description": "Reads.\u{1b}[8m" }]),
            json!([{ "name": "notes_a", "description": "x".repeat(DESCRIPTION_BYTES + 1) }]),
            argument(json!({ "name": "" })),
            argument(json!({ "name": "a", "description": "x\u{e0041}" })),
            json!([{ "name": "notes_a", "arguments": [{ "name": "a" }, { "name": "a" }] }]),
            json!([{ "name": "notes_a", "arguments": vec![json!({ "name": "a" }); ARGUMENTS + 1] }]),
            json!(vec![json!({ "name": "notes_a" }); PROMPTS + 1]),
            (0..PROMPTS).map(|n| json!({ "name": format!("notes_{n}"), "description": "x".repeat(6_000) })).collect(),
        ] {
            assert!(of_prompts(&list).is_err(), "{:.80}", list.to_string());
        }
    }

    #[test]
    fn resources_have_uris_that_differ() {
        let one = json!({ "uri": "file:///a", "name": "a", "mimeType": "text/plain" });
        let template = json!({ "uriTemplate": "file:///{+path}", "name": "Files" });
        let read = of_resources(&json!([one]), &json!([template])).unwrap();
        assert_eq!(read.list[0].media_type.as_deref(), Some("text/plain"));
        assert_eq!(read.templates[0].uri, "file:///{+path}");
        for (list, templates) in [
            (json!([one, one]), json!([])),
            (json!([{ "uri": "a", "name": "a" }]), json!([])),
            (json!([{ "uri": "file:///{a}", "name": "a" }]), json!([])),
            (json!([{ "uri": format!("file:///{}", "a".repeat(URI_BYTES)), "name": "a" }]), json!([])),
            (json!([{ "uri": "file:///a", "name": "a\u{202e}" }]), json!([])),
            (json!([]), json!([{ "uriTemplate": "{scheme}://a", "name": "a" }])),
            (json!([]), json!([template, template])),
        ] {
            assert!(of_resources(&list, &templates).is_err(), "{list} {templates}");
        }
    }
}
