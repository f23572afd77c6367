//! Texts with `{{name}}` in them.

/// The names within `{{…}}`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|part| part.split_once("}}").map(|(name, _)| name.trim()))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_have_both_braces() {
        assert_eq!(names("{{a}} {{ b }} {{c").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(names("a}} {b}").count(), 0);
    }
}
