//! What goes along with a credential, and what is asked once there is one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986 section 2.3): every reader of forms undoes it.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A header that goes along with the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    /// Its name.
    pub name: String,
    /// Its value: a template over all fields of the account, secret ones included (`Bearer {{token}}`). A header whose
    /// fields are all empty is left out.
    pub value: String,
}

/// A place within a body where the credential goes. The guest writes the marker, the host the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyInsertion {
    /// Bodies of this media type only, for example `text/xml`.
    pub content_type: String,
    /// What stands in the body where the credential goes.
    pub marker: String,
    /// The field that is put there, escaped as the media type has it; `access_token` for the token that the host got.
    pub field: String,
}

/// How a value is written within a text of some media type, so that it stays a value there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// Within the quotes of a JSON string.
    Json,
    /// Within an element or a quoted attribute.
    Xml,
    /// As a part of a form's pair.
    Form,
    /// As it is.
    Plain,
}

impl Escaping {
    /// That of a media type, parameters aside; `None` for one that values cannot be put into.
    pub fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let ends = |ending: &str| kind.ends_with(&format!("/{ending}")) || kind.ends_with(&format!("+{ending}"));
        Some(match kind.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "text/plain" => Self::Plain,
            _ if ends("json") => Self::Json,
            _ if ends("xml") => Self::Xml,
            _ => return None,
        })
    }

    /// The value as it is written there.
    pub fn escape(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Form => utf8_percent_encode(value, FORM).to_string(),
            Self::Json => {
                let mut text = String::with_capacity(value.len());
                for c in value.chars() {
                    match c {
                        '"' | '\\' => text.extend(['\\', c]),
                        c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                        c => text.push(c),
                    }
                }
                text
            }
            Self::Xml => {
                let mut text = String::with_capacity(value.len());
                for c in value.chars() {
                    match c {
                        '&' => text.push_str("&amp;"),
                        '<' => text.push_str("&lt;"),
                        '>' => text.push_str("&gt;"),
                        '"' => text.push_str("&quot;"),
                        '\'' => text.push_str("&apos;"),
                        c => text.push(c),
                    }
                }
                text
            }
        }
    }
}

/// A request that is sent as the account once it is authorized, to fill its public fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// A GET of this URL: a template over the account's public fields.
    pub url: String,
    /// What becomes a public field: JSON Pointer into the answer, field. With a choice the pointers are into the item.
    pub fields: Vec<(String, String)>,
    /// Where the answer has several things to choose from, of which the user takes one.
    pub choice: Option<Choice>,
}

/// What a user chooses from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// JSON Pointer to the list.
    pub items: String,
    /// JSON Pointer into an item: what is shown.
    pub label: String,
    /// The question, for people.
    pub title: String,
}

#[cfg(test)]
mod tests {
    use super::Escaping;

    #[test]
    fn media_types_say_how_values_are_written() {
        for (kind, expected) in [
            ("text/xml; charset=UTF-8", Some(Escaping::Xml)),
            ("application/soap+xml", Some(Escaping::Xml)),
            ("Application/JSON", Some(Escaping::Json)),
            ("application/vnd.api+json;v=1", Some(Escaping::Json)),
            ("application/x-www-form-urlencoded", Some(Escaping::Form)),
            ("text/plain", Some(Escaping::Plain)),
            ("multipart/form-data", None),
            ("application/jsonl", None),
            ("json", None),
            ("", None),
        ] {
            assert_eq!(Escaping::of(kind), expected, "{kind}");
        }
        let value = "a\"b\\c<&>'\n\u{e9} +";
        for (escaping, expected) in [
            (Escaping::Json, "a\\\"b\\\\c<&>'\\u000a\u{e9} +"),
            (Escaping::Xml, "a&quot;b\\c&lt;&amp;&gt;&apos;\n\u{e9} +"),
            (Escaping::Form, "a%22b%5Cc%3C%26%3E%27%0A%C3%A9%20%2B"),
            (Escaping::Plain, value),
        ] {
            assert_eq!(escaping.escape(value), expected);
        }
    }
}
