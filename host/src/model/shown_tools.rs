//! Which tools an MCP server shows with one account, where it does not show all of them to everybody.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What stands between two names: in none of them is a sign that nobody sees.
const BETWEEN: char = '\n';

/// Names of tools, as their server calls them. Clones share what is read of it.
#[derive(Clone)]
pub struct ShownTools(Arc<Inner>);

struct Inner {
    text: String,
    names: OnceLock<HashSet<String>>,
}

impl ShownTools {
    /// These names; what is no name is left out.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let is_name = |name: &&str| !name.is_empty() && !name.chars().any(char::is_control);
        let names: BTreeSet<&str> = names.into_iter().filter(is_name).collect();
        Self::read(&names.into_iter().collect::<Vec<_>>().join(&BETWEEN.to_string()))
    }

    /// Reads [`ShownTools::as_str`] back.
    pub fn read(text: &str) -> Self {
        Self(Arc::new(Inner { text: text.to_owned(), names: OnceLock::new() }))
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.text.split(BETWEEN).filter(|name| !name.is_empty())
    }

    /// Whether a tool is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.names.get_or_init(|| self.iter().map(str::to_owned).collect()).contains(name)
    }
}

impl PartialEq for ShownTools {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ShownTools {}

impl fmt::Debug for ShownTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let shown = ShownTools::of(["pay", "look", "", "pay", "a\nb", "x\"y"]);
        assert_eq!(shown.iter().collect::<Vec<_>>(), ["look", "pay", "x\"y"]);
        let again = ShownTools::read(shown.as_str());
        assert_eq!(again, shown);
        for (name, expected) in [("pay", true), ("look", true), ("pa", false), ("", false), ("y", false)] {
            assert_eq!(again.has(name), expected, "{name}");
        }
        let none = ShownTools::of([]);
        assert_eq!((none.as_str(), none.has(""), ShownTools::read("").iter().count()), ("", false, 0));
    }
}
