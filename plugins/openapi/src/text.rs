//! Texts of a document made fit for names, titles and descriptions.

use std::fmt::Write as _;

use crate::limits::NAME_BYTES;

/// The text without control characters, cut to so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    let clean: String = text.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if clean.len() <= bytes {
        return clean;
    }
    let mut end = bytes.saturating_sub('…'.len_utf8());
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", clean[..end].trim_end())
}

/// The text in one line, cut to so many bytes.
pub(crate) fn line(text: &str, bytes: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), bytes)
}

/// `issues/list-forRepo` as `issues_list_for_repo`: letters, digits and single `_`.
pub(crate) fn snake(text: &str) -> String {
    let mut name = String::with_capacity(text.len() + 8);
    let mut before: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_ascii_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
        } else {
            // `listID` is `list_id`, and `HTMLPage` is `html_page`.
            let lower_before = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
            let word_ends = before.is_some_and(|before| before.is_ascii_uppercase())
                && chars.peek().is_some_and(char::is_ascii_lowercase);
            if c.is_ascii_uppercase() && (lower_before || word_ends) && !name.ends_with('_') {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        before = Some(c);
    }
    name.trim_end_matches('_').to_owned()
}

/// `issues_list_for_repo` as `Issues list for repo`.
pub(crate) fn human(snake: &str) -> String {
    let text = snake.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A name of an input that all models take: letters, digits and `_`, no digit first, at most 64.
pub(crate) fn input_name(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    while name.contains("__") && !text.contains("__") {
        name = name.replace("__", "_");
    }
    let name = if text.starts_with('_') { name.as_str() } else { name.trim_matches('_') };
    let mut name = if name.is_empty() { "value".to_owned() } else { name.to_owned() };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name.truncate(NAME_BYTES);
    name
}

/// Eight hexadecimal digits that stand for a text (FNV-1a): stable for good, and no secret.
pub(crate) fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut digits = String::with_capacity(8);
    // Writing to a string does not fail.
    let _ = write!(digits, "{hash:08x}");
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_documents_call_things() {
        for (text, expected) in [
            ("issues/list-for-repo", "issues_list_for_repo"),
            ("listPetsByID", "list_pets_by_id"),
            ("getHTMLPage", "get_html_page"),
            ("Get User (v2)", "get_user_v2"),
            ("__a--b__", "a_b"),
            ("get_v1Users", "get_v1_users"),
            ("été", "t"),
            ("", ""),
        ] {
            assert_eq!(snake(text), expected, "{text}");
        }
        for (text, expected) in [
            ("X-GitHub-Api-Version", "X_GitHub_Api_Version"),
            ("filter[name]", "filter_name"),
            ("$top", "top"),
            ("_id", "_id"),
            ("a__b", "a__b"),
            ("2fa", "_2fa"),
            ("é", "value"),
        ] {
            assert_eq!(input_name(text), expected, "{text}");
        }
        assert_eq!(human("issues_list"), "Issues list");
        assert_eq!(digest(""), "811c9dc5");
        assert_eq!(digest("foobar"), "bf9cf968");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ééé", 6), "ééé");
        assert_eq!(cut("éééé", 7), "éé…");
        assert_eq!(cut(" a\u{7}\n ", 7), "a");
        assert_eq!(line("a\n  b", 7), "a b");
    }
}
