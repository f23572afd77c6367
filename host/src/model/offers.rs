//! Prompts and resources: what a connector offers besides tools, each got by a call of one of its tools.

/// The prompts of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    /// Name of the tool that gets them: its input is `name` and `arguments`, its output what MCP's `prompts/get` answers.
    pub tool: String,
    /// All of them, no two with one name.
    pub list: Vec<Prompt>,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Unique in the project, as names of tools are: the connector's name is before it.
    pub name: String,
    /// What the tool is given as `name`, where that is something else.
    pub input_name: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it is filled in with.
    pub arguments: Vec<PromptArgument>,
}

impl Prompt {
    /// What the tool is given as `name`.
    pub fn given(&self) -> &str {
        self.input_name.as_deref().unwrap_or(&self.name)
    }
}

/// A text that a prompt is filled in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptArgument {
    /// Unique in the prompt.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether the prompt cannot be got without it.
    pub required: bool,
}

/// The resources of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Name of the tool that reads them: its input is `uri`, its output what MCP's `resources/read` answers.
    pub tool: String,
    /// Those that are known by their URIs, no two with one URI.
    pub list: Vec<Resource>,
    /// Those that are known by how their URIs look: URI templates (RFC 6570).
    pub templates: Vec<Resource>,
}

/// One resource, or one kind of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// As the connector has it: a URI, or a URI template.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What is in it.
    pub description: Option<String>,
    /// Its media type, if it is known.
    pub media_type: Option<String>,
}
