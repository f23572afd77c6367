//! Texts with `{{name}}` in them: header values, claims, bodies of signing in, and what is signed.

use std::collections::BTreeMap;

use thiserror::Error;
use zeroize::Zeroizing;

/// The longest template, in bytes: an XML envelope of signing in, not a document.
const TEMPLATE_MAX: usize = 8 * 1024;

/// A text with gaps. Two braces open a gap and need their end; any other brace is text, so that JSON can stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTemplate(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Name(String),
}

/// A part of a [`TextTemplate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPiece<'a> {
    /// Text as it is.
    Literal(&'a str),
    /// What is to stand there.
    Name(&'a str),
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TextTemplateError {
    /// It is too long.
    #[error("it is longer than {TEMPLATE_MAX} bytes")]
    TooLong,
    /// A gap has no end.
    #[error("a `{{{{` has no `}}}}`")]
    Open,
    /// A name that is none.
    #[error("the name in `{{{{…}}}}` has letters, digits and `_`")]
    Name,
}

impl TextTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TextTemplateError`].
    pub fn parse(text: &str) -> Result<Self, TextTemplateError> {
        if text.len() > TEMPLATE_MAX {
            return Err(TextTemplateError::TooLong);
        }
        let mut pieces = Vec::new();
        let literal = |text: &str, pieces: &mut Vec<Piece>| {
            if !text.is_empty() {
                pieces.push(Piece::Literal(text.to_owned()));
            }
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(TextTemplateError::Open)?;
            let name = name.trim();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(TextTemplateError::Name);
            }
            literal(before, &mut pieces);
            pieces.push(Piece::Name(name.to_owned()));
            rest = after;
        }
        literal(rest, &mut pieces);
        Ok(Self(pieces))
    }

    /// Its literals and its gaps, in the order of the text.
    pub fn pieces(&self) -> impl Iterator<Item = TextPiece<'_>> {
        self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => TextPiece::Literal(text),
            Piece::Name(name) => TextPiece::Name(name),
        })
    }

    /// Fills it in with public fields. Nothing stands where there is no such field.
    pub fn with_fields(&self, fields: &BTreeMap<String, String>) -> String {
        let text = |piece| match piece {
            TextPiece::Literal(text) => text,
            TextPiece::Name(name) => fields.get(name).map_or("", String::as_str),
        };
        self.pieces().map(text).collect()
    }

    /// The names in its gaps, in the order of the text; one may be there twice.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The text with what `fill` writes for each name. What is written is not read again.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn render<E>(&self, mut fill: impl FnMut(&str, &mut String) -> Result<(), E>) -> Result<Zeroizing<String>, E> {
        // A text that grows leaves its shorter self behind in memory: what goes in is gathered first, at its full length.
        let mut parts: Vec<Zeroizing<String>> = Vec::with_capacity(self.0.len());
        for piece in &self.0 {
            let mut part = Zeroizing::new(String::new());
            match piece {
                Piece::Literal(text) => part.push_str(text),
                Piece::Name(name) => fill(name, &mut part)?,
            }
            parts.push(part);
        }
        let mut whole = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        parts.iter().for_each(|part| whole.push_str(part));
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let template = TextTemplate::parse(text).map_err(|error| error.to_string())?;
        let fill = |name: &str, into: &mut String| {
            into.push_str(match name {
                "a" => "{{b}}",
                "b" => "é",
                other => return Err(other.to_owned()),
            });
            Ok(())
        };
        template.render(fill).map(|text| text.to_string())
    }

    #[test]
    fn gaps_are_filled_once() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{{a}}", "{{b}}"),
            ("x{{ b }}y{{b}}", "xéyé"),
            (r#"{"k":{"v":"{{b}}"}}"#, r#"{"k":{"v":"é"}}"#),
            ("}}{{b}}}}", "}}é}}"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["{{", "{{}}", "{{ }}", "{{a", "{{a-b}}", "{{a.b}}", "{{a b}}", "{{{a}}}", &"x".repeat(8_193)] {
            assert!(TextTemplate::parse(text).is_err(), "{text}");
        }
        assert_eq!(filled("{{c}}"), Err("c".to_owned()));
    }
}
