//! When a modifier runs, and of which tools it speaks.

/// On which side of a tool a modifier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It changes the input, before policies decide.
    Before,
    /// It changes the output, before anybody sees it.
    After,
}

impl When {
    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }

    /// Reads [`When::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Before, Self::After].into_iter().find(|when| when.as_str() == text)
    }
}

/// Bytes of a pattern: a tool's name (64) and some stars.
const PATTERN_MAX: usize = 100;

/// Names of tools: one by its name or alias, or all that fit, where `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPattern(String);

impl ToolPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
        if text.is_empty() || text.len() > PATTERN_MAX || !text.chars().all(allowed) {
            return Err(format!(
                "a pattern is the name of a tool, with `*` for any characters: letters, digits, `_`, `-` and `.`, at most \
                 {PATTERN_MAX}"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a name fits. The time it takes grows with pattern times name, at worst.
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where to go on if it turns out that the last star stands for one character more.
        let mut retry = None;
        loop {
            match (pattern.get(p), name.get(n)) {
                (Some(b'*'), _) => {
                    retry = Some((p, n));
                    p += 1;
                }
                (Some(expected), Some(found)) if expected == found => {
                    p += 1;
                    n += 1;
                }
                (None, None) => return true,
                _ => match retry {
                    Some((star, from)) if from < name.len() => {
                        retry = Some((star, from + 1));
                        (p, n) = (star + 1, from + 1);
                    }
                    _ => return false,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        ToolPattern::parse(pattern).unwrap().fits(name)
    }

    /// AK-603: exact names and wildcards.
    #[test]
    fn patterns_fit_what_they_say_and_no_more() {
        for (pattern, name) in [
            ("gmail_send", "gmail_send"),
            ("gmail_*", "gmail_send"),
            ("gmail_*", "gmail_"),
            ("*", "anything"),
            ("*_send", "gmail_send_send"),
            ("g*_*d", "gmail_send"),
            ("**", "x"),
            ("refund.create", "refund.create"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("gmail_send", "gmail_send2"),
            ("gmail_send", "Gmail_send"),
            ("gmail_*", "gmail"),
            ("gmail_*", "xgmail_send"),
            ("*_send", "gmail_sends"),
            ("a*b*c", "acb"),
            ("refund.create", "refund_create"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        for text in ["", " ", "a b", "a?", "é", "a/b", &"a".repeat(PATTERN_MAX + 1)] {
            assert!(ToolPattern::parse(text).is_err(), "{text}");
        }
        assert_eq!((When::parse("before"), When::parse("Before")), (Some(When::Before), None));
    }

    proptest! {
        #[test]
        fn a_pattern_is_what_the_expression_is(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
            let expression = regex::Regex::new(&format!("^{}$", pattern.replace('*', ".*"))).unwrap();
            prop_assert_eq!(fits(&pattern, &name), expression.is_match(&name), "{} {}", pattern, name);
        }
    }
}
