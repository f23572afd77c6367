//! A guest made of other tools: what it answers is what it was told by them, and by its user.

pub mod native;

use gloveport_sdk::http::{Path, Request};
use gloveport_sdk::tools::{ToolCall, call_all};
use gloveport_sdk::{Failure, Json, connector, input, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Calls tools and asks users.
#[connector(
    title = "Relay",
    publisher = "Gloveport",
    categories = ["test"],
    base_url = "https://relay.test",
    hosts = ["relay.test"],
    imports = ["http", "tools", "input"],
    auth = [none(name = "none", title = "No account")],
    prompts = native::prompt_get({"list": [{"name": "relay_called", "arguments": [
        {"name": "tool", "required": true}, {"name": "input", "required": true}]}]}),
    resources = native::resource_read({"templates": [{"uriTemplate": "relay://{tool}/{input}", "name": "called"}]}),
    tools = [call, all, nest, flood, ask, ask_then_call, ask_then_send, native::prompt_get, native::resource_read],
)]
pub struct Relay;

/// A call of another tool.
#[derive(Deserialize, JsonSchema)]
pub struct Call {
    /// Its name.
    tool: String,
    /// Its input.
    input: Json,
    /// Name of a connection.
    connection: Option<String>,
    /// Id of an account.
    account: Option<String>,
}

impl Call {
    fn made(self) -> Result<ToolCall, Failure> {
        let mut call = ToolCall::new(&self.tool, &self.input)?;
        if let Some(name) = &self.connection {
            call = call.connection(name);
        }
        if let Some(id) = &self.account {
            call = call.account(id);
        }
        Ok(call)
    }
}

/// What another tool answered.
#[derive(Serialize, JsonSchema)]
pub struct Answer {
    output: Json,
}

/// Calls one tool and passes on what it answers.
#[tool(effect = write, routes = [])]
pub fn call(input: Call) -> Result<Answer, Failure> {
    Ok(Answer { output: input.made()?.send()? })
}

/// Several calls.
#[derive(Deserialize, JsonSchema)]
pub struct Calls {
    calls: Vec<Call>,
}

/// What came of one of them.
#[derive(Serialize, JsonSchema)]
pub struct Outcome {
    output: Option<Json>,
    failure: Option<String>,
}

/// Calls several tools at once and goes on whatever comes of each.
#[tool(effect = write, routes = [])]
pub fn all(input: Calls) -> Result<Vec<Outcome>, Failure> {
    let calls = input.calls.into_iter().map(Call::made).collect::<Result<_, _>>()?;
    let outcome = |result: Result<Json, Failure>| match result {
        Ok(output) => Outcome { output: Some(output), failure: None },
        Err(failure) => Outcome { output: None, failure: Some(format!("{failure:?}")) },
    };
    Ok(call_all(calls).into_iter().map(outcome).collect())
}

/// How often to go on.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Depth {
    below: u32,
}

/// Calls itself.
#[tool(effect = read, routes = [])]
pub fn nest(input: Depth) -> Result<Depth, Failure> {
    match input.below {
        0 => Ok(Depth { below: 0 }),
        below => {
            let Depth { below } = tools::call("relay_nest", &Depth { below: below - 1 })?;
            Ok(Depth { below: below + 1 })
        }
    }
}

/// Calls a tool again and again until it is refused; tells how often it was not.
#[tool(effect = read, routes = [])]
pub fn flood() -> Result<Depth, Failure> {
    let mut below = 0;
    while tools::call::<Depth>("relay_nest", &Depth { below: 0 }).is_ok() {
        below += 1;
    }
    Ok(Depth { below })
}

/// A question.
#[derive(Deserialize, JsonSchema)]
pub struct Question {
    question: String,
}

/// What the user said.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Said {
    #[schemars(length(min = 4))]
    code: String,
}

/// Asks the user twice.
#[tool(effect = read, routes = [])]
pub fn ask(input: Question) -> Result<Vec<Said>, Failure> {
    let first: Said = input::request(&input.question)?;
    let second: Said = input::request(&format!("{} Once more, after {}", input.question, first.code))?;
    Ok(vec![first, second])
}

/// Calls a tool, asks the user, and calls a tool with what was said.
#[tool(effect = write, routes = [])]
pub fn ask_then_call(input: Call) -> Result<Answer, Failure> {
    let _: Json = ToolCall::new(&input.tool, &input.input)?.send()?;
    let said: Said = input::request("Which code?")?;
    let again = ToolCall::new("relay_nest", &Depth { below: u32::try_from(said.code.len()).unwrap_or_default() % 2 })?;
    let _: Depth = again.send()?;
    Ok(Answer { output: input.made()?.send()? })
}

/// Where to read and write.
#[derive(Deserialize, JsonSchema)]
pub struct Place {
    path: String,
}

/// What was written.
#[derive(Serialize, JsonSchema)]
pub struct Wrote {
    status: u16,
}

/// Reads, asks the user, and writes what was said below what it has read.
#[tool(effect = write, routes = ["GET /{path+}", "POST /{path+}"])]
pub fn ask_then_send(input: Place) -> Result<Wrote, Failure> {
    Request::get(Path::encoded(input.path.clone())).send()?.error_for_status()?;
    let said: Said = input::request("Which code?")?;
    let written = Request::post(Path::encoded(format!("{}/w", input.path))).bytes(said.code).send()?;
    Ok(Wrote { status: written.status })
}
