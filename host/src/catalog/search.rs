//! Finding tools by words: in texts that are made ready by the first search, and compared by every one after it.

use super::{Installed, InstalledTool};

/// The words of a search. A word is found where it begins, ends or stands within another; case does not count.
#[derive(Debug)]
pub struct Words(Vec<String>);

/// How well a tool fits: more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// Words that it has anywhere.
    pub anywhere: usize,
    /// Words that it has in its name.
    pub in_name: usize,
}

/// A tool's texts in lower case.
#[derive(Debug)]
pub(super) struct SearchText {
    name: String,
    /// Title, description and tags, and the connector's title.
    rest: String,
}

impl SearchText {
    pub(super) fn of(installed: &Installed, InstalledTool { tool, .. }: &InstalledTool) -> Self {
        let texts = [&tool.title, &tool.description, &installed.connector.title].into_iter().chain(&tool.tags);
        let rest = texts.map(|text| text.to_lowercase()).collect::<Vec<_>>().join("\n");
        Self { name: tool.name.to_lowercase(), rest }
    }
}

impl Words {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    /// How well a tool of this connector fits.
    pub fn fit(&self, installed: &Installed, tool: &InstalledTool) -> Fit {
        if self.0.is_empty() {
            return Fit { anywhere: 0, in_name: 0 };
        }
        let SearchText { name, rest } = tool.search_text(installed);
        let mut fit = Fit { anywhere: 0, in_name: 0 };
        for word in &self.0 {
            let in_name = name.contains(word.as_str());
            fit.in_name += usize::from(in_name);
            fit.anywhere += usize::from(in_name || rest.contains(word.as_str()));
        }
        fit
    }

    /// Whether this is a tool with all of them.
    pub fn all(&self, fit: Fit) -> bool {
        fit.anywhere == self.0.len()
    }
}
