//! Where a client's answers may go at all.

use url::Url;

use super::loopback::is_loopback;

/// Bytes of a redirect URI.
const MAX_REDIRECT_URI: usize = 1_024;

/// Schemes of programs that do not name theirs after a domain, as RFC 8252 section 7.1 wants. Any other without a dot could
/// be one that browsers understand themselves.
const KNOWN: [&str; 5] = ["cursor", "vscode", "vscode-insiders", "windsurf", "claude"];

/// Whether this is a redirect URI at all: https, http to the user's own machine, or a scheme of a program's own; without
/// fragment and user name.
pub fn is_redirect_uri(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let plain = text.len() <= MAX_REDIRECT_URI && text.bytes().all(|byte| byte.is_ascii_graphic());
    let nobody = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let scheme = url.scheme();
    let reachable = match scheme {
        "https" => url.host().is_some(),
        "http" => is_loopback(&url),
        own => own.contains('.') || KNOWN.contains(&own),
    };
    plain && nobody && reachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uris_of_programs_are_sound() {
        for text in [
            "https://client.example/cb",
            "https://client.example/cb?x=1",
            "http://127.0.0.1/cb",
            "http://localhost:3000/",
            "http://[::1]:9/cb",
            "com.example.app:/cb",
            "cursor://anysphere.cursor-retrieval/oauth/cb",
        ] {
            assert!(is_redirect_uri(text), "{text}");
        }
        let long = format!("https://client.example/{}", "x".repeat(MAX_REDIRECT_URI));
        for text in [
            "",
            "/cb",
            "//client.example/cb",
            "http://client.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost.evil.example/",
            "https://a@client.example/",
            "https://client.example/#x",
            "https://client.example/ x",
            "https://client.example/\n",
            "https://",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://client.example/x",
            "vbscript:x",
            "about:blank",
            "intent:x",
            "ftp://client.example/",
            &long,
        ] {
            assert!(!is_redirect_uri(text), "{text}");
        }
    }
}
