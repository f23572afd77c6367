//! The tools that every connector has without having written them: requests that the caller wrote, one tool for each effect.

use super::InstalledTool;
use crate::model::{Connector, Effect, PathTemplate, Route, Tool};

/// What the generic connector takes for a request of the caller's own (`plugins/openapi`).
const BINDING: &str = "proxy";

const INPUT: &str = include_str!("proxy/input.json");
const OUTPUT: &str = include_str!("proxy/output.json");

/// The name's last part, the effect, and the methods that have it. A method that is not here cannot be sent.
const KINDS: [(&str, Effect, &[&str]); 3] = [
    ("proxy_read", Effect::Read, &["GET", "HEAD", "OPTIONS"]),
    ("proxy_write", Effect::Write, &["POST", "PUT", "PATCH"]),
    ("proxy_delete", Effect::Destroy, &["DELETE"]),
];

/// A connector's proxies, but those whose names its own tools have.
pub(super) fn tools(connector: &Connector, own: &[InstalledTool]) -> Vec<InstalledTool> {
    let taken =
        |name: &str| own.iter().any(|tool| tool.tool.name == name || tool.tool.aliases.iter().any(|a| a == name));
    let all = KINDS.iter().map(|kind| tool(connector, kind));
    all.filter(|tool| !taken(&tool.tool.name)).collect()
}

fn tool(connector: &Connector, (kind, effect, methods): &(&str, Effect, &[&str])) -> InstalledTool {
    let title = &connector.title;
    let tool = Tool {
        name: format!("{}_{kind}", connector.name),
        title: format!("{title}: {} of your own", methods.join(", ")),
        description: format!(
            "Sends a request to {title} as you write it ({}), below the connection's base URL and with the account's \
             credential, and answers with status, headers and body. For what no other tool does.",
            methods.join(", ")
        ),
        input_schema: INPUT.replace("[\"METHODS\"]", &format!("{methods:?}")),
        output_schema: Some(OUTPUT.to_owned()),
        effect: *effect,
        scopes: Vec::new(),
        routes: methods.iter().flat_map(|method| routes(method, *effect)).collect(),
        tags: vec!["proxy".into()],
        deferred: false,
        aliases: Vec::new(),
        binding: Some(BINDING.into()),
        requires_approval: false,
        shown_as: None,
    };
    InstalledTool::new(tool).into_proxy()
}

/// Everything below the base URL, and nothing elsewhere.
fn routes(method: &str, effect: Effect) -> impl Iterator<Item = Route> {
    let paths = ["/", "/{path+}"].into_iter().filter_map(|path| PathTemplate::parse(path).ok());
    paths.map(move |path| Route { method: method.to_owned(), host: None, path, effect })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Installed, manifest};
    use super::*;
    use crate::model::Timestamp;

    fn installed(own: impl FnOnce(&Connector) -> Vec<Tool>) -> Installed {
        let manifest = r#"{"manifest": 1, "name": "x", "version": "1.0.0", "title": "X", "description": "X.",
            "publisher": "X", "categories": [], "wit": "0.1.0", "imports": ["http"], "hosts": ["api.example.com"],
            "base_url": "https://api.example.com", "auth": [{"name": "none", "title": "No account", "type": "none"}]}"#;
        let connector = manifest::parse(manifest).unwrap();
        let own = own(&connector);
        Installed::new(connector, String::new(), BTreeSet::new(), own, Timestamp(0))
    }

    #[test]
    fn each_method_has_one_tool_or_none() {
        let installed = installed(|_| Vec::new());
        let proxy = |method: &str| installed.proxy(method).map(|tool| tool.tool.name.as_str());
        for (method, tool) in [("GET", "x_proxy_read"), ("PATCH", "x_proxy_write"), ("DELETE", "x_proxy_delete")] {
            assert_eq!(proxy(method), Some(tool));
        }
        for method in ["get", "TRACE", "CONNECT", "", "GET POST"] {
            assert_eq!(proxy(method), None, "{method}");
        }
    }

    /// A connector cannot have what callers write sent to a tool of its own, under an effect of its choice.
    #[test]
    fn a_tool_of_its_own_with_such_a_name_is_no_proxy() {
        let installed = installed(|connector| vec![Tool { effect: Effect::Read, ..tool(connector, &KINDS[1]).tool }]);
        assert_eq!(installed.own_tools().count(), 1);
        assert!(installed.proxy("POST").is_none() && installed.proxy("GET").is_some());
    }

    #[test]
    fn schemas_are_json() {
        for text in [INPUT, OUTPUT] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
        assert_eq!(routes("GET", Effect::Read).count(), 2);
    }
}
