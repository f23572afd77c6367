//! Its prompts and resources.

use std::collections::BTreeMap;

use gloveport_sdk::{Failure, input, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PNG;

/// A prompt, filled in.
#[derive(Serialize, JsonSchema)]
pub struct Prompt {
    messages: Vec<Message>,
}

/// What a user says.
#[derive(Serialize, JsonSchema)]
pub struct Message {
    role: &'static str,
    content: Content,
}

/// A piece of what a user says.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Content {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A picture.
    Image {
        /// As base64.
        data: String,
        /// Its type.
        #[serde(rename = "mimeType")]
        mime_type: &'static str,
    },
    /// A file.
    Resource {
        /// What is in it.
        resource: Contents,
    },
}

/// What is in some resources.
#[derive(Serialize, JsonSchema)]
pub struct Read {
    contents: Vec<Contents>,
}

/// What is in a resource.
#[derive(Serialize, JsonSchema)]
pub struct Contents {
    uri: String,
    #[serde(rename = "mimeType")]
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<&'static str>,
}

/// What a prompt is about. The question is called as the schema of its answer calls itself.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("$anchor" = "user_context"))]
pub struct Context {
    context: String,
}

/// Which prompt.
#[derive(Deserialize, JsonSchema)]
pub struct Wanted {
    name: String,
    #[serde(default)]
    arguments: BTreeMap<String, String>,
}

/// Which resource.
#[derive(Deserialize, JsonSchema)]
pub struct Located {
    uri: String,
}

/// Gets a prompt.
#[tool(effect = read, deferred)]
pub fn prompt_get(wanted: Wanted) -> Result<Prompt, Failure> {
    let Wanted { name, arguments } = wanted;
    let given = |name: &str| arguments.get(name).cloned().unwrap_or_default();
    let text = |text: &str| Content::Text { text: text.to_owned() };
    let pieces = match name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            vec![text(&format!("Prompt with arguments: arg1='{}', arg2='{}'", given("arg1"), given("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = given("resourceUri");
            let said = Some("Embedded resource content for testing.".to_owned());
            let resource = Contents { uri, mime_type: "text/plain", text: said, blob: None };
            vec![Content::Resource { resource }, text("Please process the embedded resource above.")]
        }
        "test_prompt_with_image" => {
            let image = Content::Image { data: PNG.to_owned(), mime_type: "image/png" };
            vec![image, text("Please analyze the image above.")]
        }
        "test_input_required_result_prompt" => {
            let Context { context } = input::request("What context should the prompt use?")?;
            vec![text(&format!("Use this: {context}"))]
        }
        _ => return Err(Failure::not_found("there is no such prompt")),
    };
    Ok(Prompt { messages: pieces.into_iter().map(|content| Message { role: "user", content }).collect() })
}

/// Reads a resource.
#[tool(effect = read, deferred)]
pub fn resource_read(located: Located) -> Result<Read, Failure> {
    let Located { uri } = located;
    let contents = match uri.as_str() {
        "test://static-text" => {
            let text = Some("This is the content of the static text resource.".to_owned());
            Contents { uri, mime_type: "text/plain", text, blob: None }
        }
        "test://static-binary" => Contents { uri, mime_type: "image/png", text: None, blob: Some(PNG) },
        _ => {
            let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
            let id = id.ok_or_else(|| Failure::not_found("there is no such resource"))?;
            let text = format!(r#"{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}"#);
            Contents { mime_type: "application/json", text: Some(text), blob: None, uri }
        }
    };
    Ok(Read { contents: vec![contents] })
}
