//! What another import changes of prompts and resources: an operator is told the words that models and people would read.

use std::collections::BTreeMap;

use crate::model::{Connector, Prompt, Resource};

/// What is different about one prompt, resource or template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferChange {
    /// `prompt`, `resource` or `template`.
    pub kind: &'static str,
    /// The prompt's name, or the URI.
    pub name: String,
    /// One sentence.
    pub what: String,
}

/// Compares what two versions of a connector offer besides tools.
pub(super) fn offer_difference(old: Option<&Connector>, new: &Connector) -> Vec<OfferChange> {
    let [old, new] = [old.map(offered).unwrap_or_default(), offered(new)];
    let change = |(kind, name): &(&'static str, String), what: String| OfferChange { kind, name: name.clone(), what };
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(key, _)| change(key, "it is gone".into()));
    let there = new.iter().filter_map(|(key, words)| match old.get(key) {
        None => Some(change(key, format!("it is new: {words}"))),
        Some(before) => (before != words).then(|| change(key, format!("it is described otherwise: {words}"))),
    });
    gone.chain(there).collect()
}

/// All that is said of each, by its kind and name.
fn offered(connector: &Connector) -> BTreeMap<(&'static str, String), String> {
    let prompts = connector.prompts.iter().flat_map(|prompts| &prompts.list);
    let prompts = prompts.map(|prompt| (("prompt", prompt.name.clone()), of_prompt(prompt)));
    let resources = connector.resources.iter().flat_map(|resources| {
        let of = |kind: &'static str| move |one: &Resource| ((kind, one.uri.clone()), of_resource(one));
        resources.list.iter().map(of("resource")).chain(resources.templates.iter().map(of("template")))
    });
    prompts.chain(resources).collect()
}

fn of_prompt(prompt: &Prompt) -> String {
    let arguments = prompt.arguments.iter().map(|argument| {
        let required = if argument.required { ", required" } else { "" };
        format!("; `{}`{required}{}", argument.name, words(argument.title.as_deref(), argument.description.as_deref()))
    });
    let of = if prompt.given() == prompt.name { String::new() } else { format!("`{}`", prompt.given()) };
    format!("{of}{}{}", words(prompt.title.as_deref(), prompt.description.as_deref()), arguments.collect::<String>())
}

fn of_resource(resource: &Resource) -> String {
    let media_type = resource.media_type.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    let said = words(resource.title.as_deref(), resource.description.as_deref());
    format!("`{}`{media_type}{said}", resource.name)
}

fn words(title: Option<&str>, description: Option<&str>) -> String {
    let title = title.map(|title| format!(" \"{title}\"")).unwrap_or_default();
    let description = description.map(|description| format!(": {description}")).unwrap_or_default();
    format!("{title}{description}")
}
