//! What a provider says that an account lacks: the challenge `insufficient_scope` (RFC 6750 section 3.1).

use super::Response;

/// What a provider answers whom it knows and does not let.
const FORBIDDEN: u16 = 403;

/// Scopes of one challenge: more are no list that a person could consent to.
const MAX_SCOPES: usize = 100;

/// The scopes that a refusal names; `None` if it names none.
pub(super) fn missing_scopes(answer: &Response) -> Option<Vec<String>> {
    if answer.status != FORBIDDEN {
        return None;
    }
    let challenges = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    challenges.filter_map(|(_, value)| of_challenge(value)).next()
}

fn of_challenge(text: &str) -> Option<Vec<String>> {
    let (scheme, parameters) = text.trim_start().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") || parameter(parameters, "error")? != "insufficient_scope" {
        return None;
    }
    let scopes: Vec<String> =
        parameter(parameters, "scope")?.split_ascii_whitespace().take(MAX_SCOPES).map(str::to_owned).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// The value of a challenge's parameter: a quoted text without escapes, or a token (RFC 9110 section 11.2).
pub fn parameter<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_start_matches([',', ' ', '\t']).trim_end();
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once([',', ' ']).unwrap_or((after, "")),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, challenges: &[&str]) -> Response {
        let header = |value: &&str| ("www-authenticate".to_owned(), (*value).to_owned());
        Response {
            status,
            headers: challenges.iter().map(header).collect(),
            body: bytes::Bytes::new(),
            truncated: false,
            scrubbed: 0,
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    /// AK-406.
    #[test]
    fn scopes_are_read_where_they_are_said_to_be_missing() {
        for (challenge, expected) in [
            (r#"Bearer error="insufficient_scope", scope="a b""#, vec!["a", "b"]),
            (
                r#"bearer realm="x, scope=no", error=insufficient_scope,scope="https://a.example/auth/x""#,
                vec!["https://a.example/auth/x"],
            ),
            (r#"Bearer scope=a, error="insufficient_scope""#, vec!["a"]),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(missing_scopes(&answer(403, &["Basic realm=\"x\"", challenge])), Some(expected), "{challenge}");
        }
        for challenge in [
            "",
            "Bearer",
            r#"Bearer error="insufficient_scope""#,
            r#"Bearer error="insufficient_scope", scope="""#,
            r#"Bearer error="insufficient_scope", scope="a"#,
            r#"Bearer error="invalid_token", scope="a""#,
            r#"Bearer scope="a""#,
            r#"Bearer realm="error=insufficient_scope", scope="a""#,
            r#"Basic error="insufficient_scope", scope="a""#,
            r#"Bearererror="insufficient_scope", scope="a""#,
            "Bearer ====",
            "Bearer \"\"\"",
        ] {
            assert_eq!(missing_scopes(&answer(403, &[challenge])), None, "{challenge}");
        }
        let good = r#"Bearer error="insufficient_scope", scope="a""#;
        for status in [200, 401, 404, 429] {
            assert_eq!(missing_scopes(&answer(status, &[good])), None, "{status}");
        }
    }
}
