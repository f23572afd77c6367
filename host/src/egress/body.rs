//! Request bodies: from what the guest means to bytes and a content type.

use bytes::Bytes;
use http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

use super::limits::{REQUEST_BODY_BYTES, REQUEST_PARTS};
use super::{Body, EgressError, Part};

/// What the form encoding leaves as it is (WHATWG URL, section 5.2); a space becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');

/// A body as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    /// For the `content-type` header; a guest's own wins, but for multipart bodies, whose boundary only we know.
    pub(super) content_type: HeaderValue,
    /// Whether a guest may say another content type.
    pub(super) fixed: bool,
    /// The bytes.
    pub(super) bytes: Bytes,
}

/// Encodes a body; `None` is no body at all, which is not the same as an empty one.
///
/// # Errors
/// [`EgressError::Limit`] if it is too long, [`EgressError::Invalid`] for a part's content type that is none.
pub(super) fn encode(body: Body) -> Result<Option<Encoded>, EgressError> {
    let encoded = match body {
        Body::None => return Ok(None),
        Body::Bytes(bytes) => Encoded { content_type: text("application/octet-stream"), fixed: false, bytes },
        Body::Json(json) => Encoded { content_type: text("application/json"), fixed: false, bytes: json.into() },
        Body::Form(pairs) => Encoded {
            content_type: text("application/x-www-form-urlencoded"),
            fixed: false,
            bytes: form(&pairs).into(),
        },
        Body::Multipart(parts) => multipart(&parts)?,
    };
    if encoded.bytes.len() > REQUEST_BODY_BYTES {
        return Err(too_long());
    }
    Ok(Some(encoded))
}

fn text(content_type: &'static str) -> HeaderValue {
    HeaderValue::from_static(content_type)
}

fn form(pairs: &[(String, String)]) -> String {
    let encode = |value: &str| percent_encode(value.as_bytes(), FORM).to_string().replace(' ', "+");
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn multipart(parts: &[Part]) -> Result<Encoded, EgressError> {
    if parts.len() > REQUEST_PARTS {
        return Err(EgressError::Limit(format!("a multipart body has at most {REQUEST_PARTS} parts")));
    }
    // Before anything is copied: what the parts hold must fit already.
    if parts.iter().map(|part| part.content.len()).sum::<usize>() > REQUEST_BODY_BYTES {
        return Err(too_long());
    }
    let boundary = boundary(parts);
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(part_header(part)?.as_bytes());
        bytes.extend_from_slice(&part.content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
        .map_err(|_| EgressError::Invalid("the boundary is not a header value".into()))?;
    Ok(Encoded { content_type, fixed: true, bytes: bytes.into() })
}

fn part_header(part: &Part) -> Result<String, EgressError> {
    let mut header = format!("content-disposition: form-data; name=\"{}\"", quote(&part.name));
    if let Some(file_name) = &part.file_name {
        header.push_str(&format!("; filename=\"{}\"", quote(file_name)));
    }
    header.push_str("\r\n");
    let default = part.file_name.as_ref().map(|_| "application/octet-stream");
    if let Some(content_type) = part.content_type.as_deref().or(default) {
        if content_type.is_empty() || !content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(EgressError::Invalid("a part's content type is not visible ASCII".into()));
        }
        header.push_str(&format!("content-type: {content_type}\r\n"));
    }
    header.push_str("\r\n");
    Ok(header)
}

/// For within quotes: what could end them or the line is percent-encoded, and nothing else, as browsers do.
fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii_control() || matches!(character, '"' | '\\') {
            quoted.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            quoted.push(character);
        }
    }
    quoted
}

/// A boundary that no part contains. It comes from the content and not from chance, so that the same request has the
/// same bytes when a call is replayed.
fn boundary(parts: &[Part]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        for field in [Some(part.name.as_bytes()), part.file_name.as_deref().map(str::as_bytes), Some(&part.content)] {
            let field = field.unwrap_or_default();
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
    }
    let mut seed = digest.finalize();
    loop {
        let boundary = format!("gloveport-{}", hex::encode(&seed[..16]));
        if !parts.iter().any(|part| contains(&part.content, boundary.as_bytes())) {
            return boundary;
        }
        seed = Sha256::digest(seed);
    }
}

fn contains(content: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(content, needle).is_some()
}

fn too_long() -> EgressError {
    EgressError::Limit(format!("a request body has at most {REQUEST_BODY_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, file_name: Option<&str>, content_type: Option<&str>, content: &'static [u8]) -> Part {
        Part {
            name: name.into(),
            file_name: file_name.map(Into::into),
            content_type: content_type.map(Into::into),
            content: Bytes::from_static(content),
        }
    }

    #[test]
    fn bodies_say_what_they_are() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let rows = [
            (Body::Bytes(Bytes::from_static(b"\0\xff")), "application/octet-stream", &b"\0\xff"[..]),
            (Body::Json("{\"id\":9223372036854775807}".into()), "application/json", b"{\"id\":9223372036854775807}"),
            (Body::Form(vec![]), "application/x-www-form-urlencoded", b""),
            (
                Body::Form(vec![pair("a b", "c+d&e=f"), pair("a b", "\u{e9}\r\n~*-._")]),
                "application/x-www-form-urlencoded",
                b"a+b=c%2Bd%26e%3Df&a+b=%C3%A9%0D%0A%7E*-._",
            ),
        ];
        for (body, content_type, bytes) in rows {
            let encoded = encode(body).unwrap().unwrap();
            assert_eq!(encoded.content_type, content_type);
            assert_eq!(encoded.bytes, bytes);
        }
        assert_eq!(encode(Body::None), Ok(None));
    }

    #[test]
    fn parts_cannot_break_out() {
        let body = |parts| encode(Body::Multipart(parts)).map(|encoded| encoded.unwrap());
        let sneaky = part("a\"\r\nX-Evil: 1", Some("é\"; x=\"\\\n"), Some("text/plain"), b"content\r\n--x--");
        let encoded = body(vec![sneaky, part("plain", None, None, b"")]).unwrap();
        let boundary = encoded.content_type.to_str().unwrap().split_once("boundary=").unwrap().1.to_owned();
        let expected = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"a%22%0D%0AX-Evil: 1\"; \
             filename=\"é%22; x=%22%5C%0A\"\r\ncontent-type: text/plain\r\n\r\ncontent\r\n--x--\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"plain\"\r\n\r\n\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(encoded.bytes.to_vec()).unwrap(), expected);
        for bad in ["", "a\r\nb", "a\nb", "é", "a\0"] {
            let refused = body(vec![part("a", None, Some(bad), b"")]);
            assert!(matches!(refused, Err(EgressError::Invalid(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_boundary_is_the_same_again_and_never_within() {
        let parts = vec![part("a", None, None, b"1"), part("b", None, None, b"2")];
        assert_eq!(boundary(&parts), boundary(&parts));
        assert_ne!(boundary(&parts), boundary(&parts[..1]));
        let mut hostile = parts;
        let guessed = boundary(&hostile);
        hostile[0].content = guessed.clone().into();
        assert_ne!(boundary(&hostile), guessed);
    }

    #[test]
    fn bodies_have_limits() {
        let zeros = |length| Bytes::from(vec![0; length]);
        assert!(encode(Body::Bytes(zeros(REQUEST_BODY_BYTES))).is_ok());
        let long = [
            Body::Bytes(zeros(REQUEST_BODY_BYTES + 1)),
            Body::Json("1".repeat(REQUEST_BODY_BYTES + 1)),
            Body::Form(vec![("a".into(), "é".repeat(REQUEST_BODY_BYTES / 6 + 1))]),
            Body::Multipart(vec![Part {
                name: "a".into(),
                file_name: None,
                content_type: None,
                content: zeros(REQUEST_BODY_BYTES),
            }]),
            Body::Multipart(vec![part("a", None, None, b""); REQUEST_PARTS + 1]),
        ];
        for body in long {
            assert!(matches!(encode(body), Err(EgressError::Limit(_))));
        }
    }
}
