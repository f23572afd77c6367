//! A guest with the tools, prompts and resources that the official conformance suite of MCP asks for by name.

pub mod native;

use gloveport_sdk::http::Request;
use gloveport_sdk::{Failure, connector, input, progress, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers what a suite expects.
#[connector(
    name = "test",
    title = "Fixed answers",
    publisher = "Gloveport",
    categories = ["test"],
    base_url = "https://fixed.test",
    hosts = ["fixed.test"],
    imports = ["http", "input", "progress"],
    auth = [none(name = "none", title = "No account")],
    prompts = native::prompt_get({"list": [
        {"name": "test_simple_prompt", "description": "Says one thing."},
        {"name": "test_prompt_with_arguments", "description": "Says what it is given.", "arguments": [
            {"name": "arg1", "description": "One thing.", "required": true},
            {"name": "arg2", "description": "Another thing.", "required": true}]},
        {"name": "test_prompt_with_embedded_resource", "description": "Brings a file along.", "arguments": [
            {"name": "resourceUri", "description": "What the file is called.", "required": true}]},
        {"name": "test_prompt_with_image", "description": "Brings an image along."},
        {"name": "test_input_required_result_prompt", "description": "Asks what it is about."}
    ]}),
    resources = native::resource_read({
        "list": [
            {"uri": "test://static-text", "name": "Text", "description": "A text.", "mimeType": "text/plain"},
            {"uri": "test://static-binary", "name": "Image", "description": "An image.", "mimeType": "image/png"}],
        "templates": [
            {"uriTemplate": "test://template/{id}/data", "name": "Data", "description": "What is known of an id.",
                "mimeType": "application/json"}]
    }),
    tools = [
        simple_text, image_content, audio_content, embedded_resource, multiple_content_types, error_handling,
        tool_with_progress, input_required_result_elicitation, input_required_result_request_state,
        input_required_result_multi_round, input_required_result_tampered_state, input_required_result_capabilities,
        streaming_elicitation, logging_tool, native::prompt_get, native::resource_read,
    ],
)]
pub struct Fixed;

/// One red pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// No sound at all, 8,000 times a second.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// `This is an embedded resource content.`
const TEXT: &str = "VGhpcyBpcyBhbiBlbWJlZGRlZCByZXNvdXJjZSBjb250ZW50Lg==";

/// An image.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("contentEncoding" = "base64", "contentMediaType" = "image/png"))]
pub struct Png(&'static str);

/// A sound.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("contentEncoding" = "base64", "contentMediaType" = "audio/wav"))]
pub struct Wav(&'static str);

/// A file.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("contentEncoding" = "base64", "contentMediaType" = "text/plain"))]
pub struct File(&'static str);

/// A text, an image and a file.
#[derive(Serialize, JsonSchema)]
pub struct Mixed {
    text: &'static str,
    image: Png,
    file: File,
}

/// Answers a text.
#[tool(effect = read)]
pub fn simple_text() -> Result<String, Failure> {
    Ok("This is a simple text response for testing.".into())
}

/// Answers an image.
#[tool(effect = read)]
pub fn image_content() -> Result<Png, Failure> {
    Ok(Png(PNG))
}

/// Answers a sound.
#[tool(effect = read)]
pub fn audio_content() -> Result<Wav, Failure> {
    Ok(Wav(WAV))
}

/// Answers a file.
#[tool(effect = read)]
pub fn embedded_resource() -> Result<File, Failure> {
    Ok(File(TEXT))
}

/// Answers a text, an image and a file.
#[tool(effect = read)]
pub fn multiple_content_types() -> Result<Mixed, Failure> {
    Ok(Mixed { text: "Multiple content types test:", image: Png(PNG), file: File(TEXT) })
}

/// Always fails.
#[tool(effect = read)]
pub fn error_handling() -> Result<(), Failure> {
    Err(Failure::unsupported("This tool intentionally returns an error for testing"))
}

/// Tells how far it has come, with a request between each two steps.
#[tool(effect = read, routes = ["GET /step"])]
pub fn tool_with_progress() -> Result<String, Failure> {
    for done in [0, 50] {
        progress::report(done, 100, "");
        Request::get("/step").send()?.error_for_status()?;
    }
    progress::report(100, 100, "");
    Ok("done".into())
}

/// A name. Questions are called as the schemas of their answers call themselves.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("$anchor" = "user_name"))]
pub struct Name {
    name: String,
}

/// A colour.
#[derive(Deserialize, JsonSchema)]
pub struct Colour {
    color: String,
}

/// Yes or no.
#[derive(Deserialize, JsonSchema)]
pub struct Confirmed {
    ok: bool,
}

/// Asks for a name.
#[tool(effect = read)]
pub fn input_required_result_elicitation() -> Result<String, Failure> {
    Ok(format!("Hello, {}!", input::request::<Name>("What is your name?")?.name))
}

/// Asks for a name, if anybody can be asked.
#[tool(effect = read)]
pub fn input_required_result_capabilities() -> Result<String, Failure> {
    input_required_result_elicitation()
}

/// Asks for a name, of a client that takes a stream.
#[tool(effect = read)]
pub fn streaming_elicitation() -> Result<String, Failure> {
    input_required_result_elicitation()
}

/// Says nothing but its answer.
#[tool(effect = read)]
pub fn logging_tool() -> Result<String, Failure> {
    simple_text()
}

/// Asks for a yes.
#[tool(effect = read)]
pub fn input_required_result_request_state() -> Result<String, Failure> {
    match input::request::<Confirmed>("Please confirm")?.ok {
        true => Ok("state-ok".into()),
        false => Err(Failure::denied("it was not confirmed")),
    }
}

/// Asks for a yes.
#[tool(effect = read)]
pub fn input_required_result_tampered_state() -> Result<String, Failure> {
    input_required_result_request_state()
}

/// Asks for a name, then for a colour.
#[tool(effect = read)]
pub fn input_required_result_multi_round() -> Result<String, Failure> {
    let Name { name } = input::request("Step 1: What is your name?")?;
    let Colour { color } = input::request("Step 2: What is your favorite color?")?;
    Ok(format!("{name} likes {color}."))
}
