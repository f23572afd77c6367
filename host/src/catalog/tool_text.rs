//! Tools as the text that is stored, so that a start needs no component to be asked again.

use serde::{Deserialize, Serialize};

use crate::model::{Effect, HostPattern, PathTemplate, Route, Tool};

#[derive(Serialize, Deserialize)]
struct ToolText {
    name: String,
    title: String,
    description: String,
    input_schema: String,
    output_schema: Option<String>,
    effect: String,
    scopes: Vec<String>,
    routes: Vec<RouteText>,
    tags: Vec<String>,
    deferred: bool,
    aliases: Vec<String>,
    binding: Option<String>,
    /// Not in what was stored before there was such a thing.
    #[serde(default)]
    requires_approval: bool,
    /// Not in what is stored of most tools: what is made again is the same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown_as: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RouteText {
    method: String,
    host: Option<String>,
    path: String,
    effect: String,
}

/// The stored text of `tools`.
pub(super) fn write(tools: &[Tool]) -> Result<String, serde_json::Error> {
    let texts: Vec<ToolText> = tools.iter().map(to_text).collect();
    serde_json::to_string(&texts)
}

/// Reads [`write`]'s text back; `None` if it is not one.
pub(super) fn read(text: &str) -> Option<Vec<Tool>> {
    let texts: Vec<ToolText> = serde_json::from_str(text).ok()?;
    texts.into_iter().map(from_text).collect()
}

fn to_text(tool: &Tool) -> ToolText {
    ToolText {
        name: tool.name.clone(),
        title: tool.title.clone(),
        description: tool.description.clone(),
        input_schema: tool.input_schema.clone(),
        output_schema: tool.output_schema.clone(),
        effect: tool.effect.as_str().into(),
        scopes: tool.scopes.clone(),
        routes: tool
            .routes
            .iter()
            .map(|route| RouteText {
                method: route.method.clone(),
                host: route.host.as_ref().map(ToString::to_string),
                path: route.path.to_string(),
                effect: route.effect.as_str().into(),
            })
            .collect(),
        tags: tool.tags.clone(),
        deferred: tool.deferred,
        aliases: tool.aliases.clone(),
        binding: tool.binding.clone(),
        requires_approval: tool.requires_approval,
        shown_as: tool.shown_as.clone(),
    }
}

fn from_text(text: ToolText) -> Option<Tool> {
    Some(Tool {
        name: text.name,
        title: text.title,
        description: text.description,
        input_schema: text.input_schema,
        output_schema: text.output_schema,
        effect: Effect::parse(&text.effect)?,
        scopes: text.scopes,
        routes: text.routes.into_iter().map(route_from_text).collect::<Option<_>>()?,
        tags: text.tags,
        deferred: text.deferred,
        aliases: text.aliases,
        binding: text.binding,
        requires_approval: text.requires_approval,
        shown_as: text.shown_as,
    })
}

fn route_from_text(text: RouteText) -> Option<Route> {
    Some(Route {
        method: text.method,
        host: match text.host {
            Some(host) => Some(HostPattern::parse(&host).ok()?),
            None => None,
        },
        path: PathTemplate::parse(&text.path).ok()?,
        effect: Effect::parse(&text.effect)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_read_back_as_they_were_written() {
        let tool = Tool {
            name: "probe_echo".into(),
            title: "Echo".into(),
            description: "Answers its input.".into(),
            input_schema: r#"{"type":"object"}"#.into(),
            output_schema: None,
            effect: Effect::Destroy,
            scopes: vec!["all".into()],
            routes: vec![Route {
                method: "DELETE".into(),
                host: Some(HostPattern::parse("*.example.com").unwrap()),
                path: PathTemplate::parse("/items/{id}").unwrap(),
                effect: Effect::Write,
            }],
            tags: vec!["x".into()],
            deferred: true,
            aliases: vec!["echo.it".into()],
            binding: Some("{}".into()),
            requires_approval: true,
            shown_as: None,
        };
        let text = write(std::slice::from_ref(&tool)).unwrap();
        assert_eq!(read(&text), Some(vec![tool.clone()]));
        let older = text.replace(r#","requires_approval":true"#, "");
        assert_eq!(read(&older), Some(vec![Tool { requires_approval: false, ..tool.clone() }]));
        let shown = Tool { shown_as: Some("echo".into()), ..tool.clone() };
        assert_eq!(read(&write(std::slice::from_ref(&shown)).unwrap()), Some(vec![shown]));
        assert_eq!(read(&text.replace("destroy", "explode")), None);
        assert_eq!(read("[{}]"), None);
    }
}
