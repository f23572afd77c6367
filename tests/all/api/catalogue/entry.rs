//! A file of the catalogue as a person reads it, without the host's help.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use url::Url;

/// One service.
pub(super) struct Entry {
    pub(super) name: String,
    content: Value,
}

/// All services, in the order of their names.
pub(super) fn all() -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/catalog");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files.iter().map(|path| Entry::read(path)).collect()
}

impl Entry {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let content: Value =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(content["name"], name, "a file is named as its service");
        Self { name, content }
    }

    /// The ways to authorize.
    pub(super) fn patterns(&self) -> &[Value] {
        self.content["auth"].as_array().unwrap()
    }

    pub(super) fn operations(&self) -> &[Value] {
        self.content["operations"].as_array().unwrap()
    }

    /// The operation that tries a new account.
    pub(super) fn test(&self) -> Option<&Value> {
        let name = self.content.get("test")?.get("operation")?;
        self.operations().iter().find(|operation| operation["name"] == *name)
    }

    /// The host and the path of an operation, whose parameters still stand in braces.
    pub(super) fn place_of(&self, operation: &Value, fields: &BTreeMap<String, String>) -> (String, String) {
        let path = operation["path"].as_str().unwrap();
        let base = filled(self.content["base_url"].as_str().unwrap(), fields);
        let whole = if path.starts_with("https://") { path.to_owned() } else { format!("{base}{path}") };
        let (host, path) = whole.strip_prefix("https://").unwrap().split_once('/').unwrap();
        (host.to_owned(), format!("/{path}"))
    }
}

/// A text with fields in its gaps.
pub(super) fn filled(text: &str, fields: &BTreeMap<String, String>) -> String {
    fields.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// The host and the path of a URL.
pub(super) fn address(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    format!("{}{}", url.host_str().unwrap(), url.path())
}

/// Whether a path is the template's, with some value for each parameter.
pub(super) fn fits(template: &str, path: &str) -> bool {
    let template = template.split('?').next().unwrap_or_default();
    let (expected, found): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| segment(expected, found))
}

/// One segment: what stands around its parameter has to be there.
fn segment(expected: &str, found: &str) -> bool {
    let Some((before, rest)) = expected.split_once('{') else { return expected == found };
    let (_, after) = rest.rsplit_once('}').unwrap();
    found.len() > before.len() + after.len() && found.starts_with(before) && found.ends_with(after)
}
