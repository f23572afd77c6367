//! The ways in which a call can be caused: whoever adds one finds out from the compiler what it has to hold to.

use super::words::words;

words! {
    /// How a call was caused. What rules hold for it does not depend on this; the test `matrix` has a row for each.
    Surface {
        /// An application calls a tool by the API.
        Execute = "execute",
        /// An application calls several tools at once.
        Batch = "batch",
        /// An MCP client calls a tool.
        Mcp = "mcp",
        /// A connector calls another tool.
        Inner = "inner",
        /// Somebody tries one tool of a connector.
        ToolTest = "tool_test",
        /// An operator tries an account, before anybody can use it.
        AccountTest = "account_test",
    }
}

impl Surface {
    /// Whether modifiers have a part in it: not where an operator wants to see what a tool itself does. Policies have a
    /// part in every call that a user's account can be used for (X24).
    pub fn is_modified(self) -> bool {
        match self {
            Self::Execute | Self::Batch | Self::Mcp | Self::Inner | Self::ToolTest => true,
            Self::AccountTest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_as_it_is_written() {
        for name in ["", "Execute", "execute ", "mcp2"] {
            assert_eq!(Surface::parse(name), None, "{name}");
        }
        for &surface in Surface::ALL {
            assert_eq!(Surface::parse(surface.as_str()), Some(surface));
        }
    }
}
