//! Texts of a stranger made fit for names, titles and descriptions, which models read.

use std::fmt::Write as _;

use crate::hidden::is_hidden;

/// The text without control characters and without what no reader sees, cut to so many bytes.
pub fn cut(text: &str, bytes: usize) -> String {
    let clean: String = visible(text).trim().to_owned();
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
pub fn line(text: &str, bytes: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), bytes)
}

/// The text as a person sees it. Signs without a width, marks that turn the direction, and the invisible copy of ASCII say
/// things to a model that the operator who read the text did not see.
pub fn visible(text: &str) -> String {
    text.chars().filter(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !is_hidden(*c)).collect()
}

/// `search-actors` and `searchActors` as `search_actors`: letters, digits and single `_`.
pub fn snake(text: &str) -> String {
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

/// `search_actors` as `Search actors`.
pub fn human(snake: &str) -> String {
    let text = snake.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Eight hexadecimal digits that stand for a text (FNV-1a): stable for good, and no secret.
pub fn digest(text: &str) -> String {
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
            ("get_v1Users", "get_v1_users"),
            ("search-actors", "search_actors"),
            ("searchActors", "search_actors"),
            ("apify/rag-web-browser", "apify_rag_web_browser"),
            ("get.v1.user", "get_v1_user"),
            ("__a--b__", "a_b"),
            ("été", "t"),
            ("", ""),
        ] {
            assert_eq!(snake(text), expected, "{text}");
        }
        assert_eq!(human("search_actors"), "Search actors");
        assert_eq!(digest(""), "811c9dc5");
        assert_eq!(digest("foobar"), "bf9cf968");
    }

    /// What a person cannot see is not told to a model either.
    #[test]
    fn hidden_text_is_left_out() {
        let hidden: String = "ignore".chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
        for (text, expected) in [
            (format!("Adds.{hidden}"), "Adds."),
            ("A\u{200b}dds\u{202e}.\u{feff}".into(), "Adds."),
            ("A\u{1b}[31mdds.".into(), "A[31mdds."),
            // Fillers, joiners and selectors, which look like nothing or like a space.
            ("A\u{3164}d\u{ffa0}d\u{115f}s\u{34f}.\u{fe0f}\u{e0100}\u{17b4}\u{180b}".into(), "Adds."),
            ("Adds.\n\tTwo lines: é, 中, 😀".into(), "Adds.\n\tTwo lines: é, 中, 😀"),
        ] {
            assert_eq!(cut(&text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ééé", 6), "ééé");
        assert_eq!(cut("éééé", 7), "éé…");
        assert_eq!(cut(" a\u{7}\n ", 7), "a");
        assert_eq!(line("a\n  b", 7), "a b");
    }
}
