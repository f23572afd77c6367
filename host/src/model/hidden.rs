//! Signs that a reader does not see and a model does: one list, for the host and for the connector of MCP servers.

/// Whether a sign has no width, turns the direction of others, fills a place with nothing, or is of the invisible copy of
/// ASCII.
pub fn is_hidden(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn what_is_seen_is_not_hidden() {
        for sign in ['a', ' ', '\n', 'é', '中', '😀', 'ᄀ', 'ក', '\u{a0}', '\u{3000}', '\u{2028}'] {
            assert!(!is_hidden(sign), "{sign:?}");
        }
        for sign in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{202e}',
            '\u{2066}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert!(is_hidden(sign), "{sign:?}");
        }
    }
}
