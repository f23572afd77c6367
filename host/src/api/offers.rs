//! Prompts and resources of a connector, as an operator sees them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Prompt, PromptArgument, Prompts, Resource, Resources};

/// Prompts of a connector.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PromptsBody {
    /// The tool that gets them: who may not call it is not offered them.
    tool: String,
    list: Vec<PromptBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PromptBody {
    name: String,
    /// What the tool is given as `name`.
    input_name: String,
    title: Option<String>,
    description: Option<String>,
    arguments: Vec<PromptArgumentBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PromptArgumentBody {
    name: String,
    title: Option<String>,
    description: Option<String>,
    required: bool,
}

/// Resources of a connector.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResourcesBody {
    /// The tool that reads them: who may not call it is not offered them.
    tool: String,
    list: Vec<ResourceBody>,
    /// Kinds of resources, by URI templates.
    templates: Vec<ResourceBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ResourceBody {
    /// As the connector has it: a URI, or a URI template.
    uri: String,
    name: String,
    title: Option<String>,
    description: Option<String>,
    mime_type: Option<String>,
}

pub(super) fn prompts(prompts: &Prompts) -> PromptsBody {
    PromptsBody { tool: prompts.tool.clone(), list: prompts.list.iter().map(prompt).collect() }
}

fn prompt(prompt: &Prompt) -> PromptBody {
    let Prompt { name, title, description, arguments, .. } = prompt.clone();
    let arguments = arguments.into_iter().map(|argument| {
        let PromptArgument { name, title, description, required } = argument;
        PromptArgumentBody { name, title, description, required }
    });
    let input_name = prompt.given().to_owned();
    PromptBody { name, input_name, title, description, arguments: arguments.collect() }
}

pub(super) fn resources(resources: &Resources) -> ResourcesBody {
    let all = |list: &[Resource]| list.iter().map(resource).collect();
    ResourcesBody { tool: resources.tool.clone(), list: all(&resources.list), templates: all(&resources.templates) }
}

fn resource(resource: &Resource) -> ResourceBody {
    let Resource { uri, name, title, description, media_type } = resource.clone();
    ResourceBody { uri, name, title, description, mime_type: media_type }
}
