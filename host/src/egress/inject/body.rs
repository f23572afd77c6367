//! A credential within a body: the guest writes a marker, and what stands for it is put there on the way out.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use memchr::memmem;
use zeroize::Zeroizing;

use super::super::EgressError;
use super::Outgoing;
use super::place::unusable;
use crate::model::Escaping;

/// Puts `value` in the place of the marker, if the body is of this media type and has it.
///
/// A body has it once. A second one is not the connector's own: it came with the input, and would put the credential
/// where whoever wrote the input can read it.
pub(super) fn insert(request: &mut Outgoing, content_type: &str, marker: &str, value: &str) -> Result<(), EgressError> {
    let Some(body) = &request.body else { return Ok(()) };
    let said = request.headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(content_type) || marker.is_empty() {
        return Ok(());
    }
    let mut found = memmem::find_iter(body, marker);
    let Some(at) = found.next() else { return Ok(()) };
    if found.next().is_some() {
        return Err(EgressError::Invalid("the place of the credential stands in the body more than once".into()));
    }
    if value.is_empty() {
        return Err(unusable("what goes into the body is empty"));
    }
    let escaping = Escaping::of(content_type).ok_or_else(|| unusable("nothing can be put into such a body"))?;
    let value = Zeroizing::new(escaping.escape(value));
    let (before, after) = (&body[..at], &body[at + marker.len()..]);
    request.body = Some(Bytes::from([before, value.as_bytes(), after].concat()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{moment, outgoing, secret};
    use super::super::{Injection, inject};
    use super::*;
    use crate::egress::Text;

    const MARKER: &str = "{{session}}";

    fn inserted(kind: &str, declared: &str, body: &str, value: &str) -> Result<String, EgressError> {
        let mut request = outgoing("POST", "https://a.example/", &[("content-type", kind)], body);
        let injection = Injection::Insertion {
            content_type: declared.into(),
            marker: MARKER.into(),
            value: Text::Secret(secret(value)),
        };
        inject(&injection, &mut request, &moment(0))?;
        Ok(String::from_utf8(request.body.unwrap_or_default().to_vec()).unwrap())
    }

    /// CX-02: where the marker stands, and nowhere else, escaped as the body has it.
    #[test]
    fn the_marker_becomes_the_credential() {
        const XML: &str = "text/xml";
        for (kind, declared, body, value, expected) in [
            ("text/xml; charset=UTF-8", XML, "<s>{{session}}</s>", "00D!a<&\"", Some("<s>00D!a&lt;&amp;&quot;</s>")),
            ("TEXT/XML", XML, "{{session}}", "k", Some("k")),
            ("application/json", "application/json", r#"{"s":"{{session}}"}"#, "a\"b\n", Some(r#"{"s":"a\"b\u000a"}"#)),
            (
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded",
                "a=1&s={{session}}&b",
                "a b&c",
                Some("a=1&s=a%20b%26c&b"),
            ),
            ("text/plain", XML, "{{session}}", "k", Some("{{session}}")),
            (XML, XML, "nothing", "k", Some("nothing")),
            (XML, XML, "nothing", "", Some("nothing")),
            (XML, XML, "", "k", Some("")),
            (XML, XML, "{{session}}", "", None),
            (XML, XML, "{{session}} {{session}}", "k", None),
            (XML, XML, "{{session}}{{session}}", "k", None),
        ] {
            assert_eq!(inserted(kind, declared, body, value).ok().as_deref(), expected, "{kind} {body}");
        }
        // What was put there is not read again.
        assert_eq!(inserted(XML, XML, MARKER, MARKER).unwrap(), MARKER);
    }
}
