//! Where a browser may be sent with an answer: to the very URI that a client registered, and to nothing that a browser runs.

use url::Url;

use crate::model::is_loopback;

/// Whether an answer may go where it is asked for: letter by letter to what is registered, or to another port of the user's
/// own machine (RFC 8252 section 7.3).
pub(super) fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && is_loopback(url))?;
        // A second spelling is not the same URI.
        if url.as_str() != text {
            return None;
        }
        url.set_port(None).ok()?;
        Some(url)
    };
    match (without_port(registered), without_port(asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        _ => false,
    }
}

/// What a person is told of where the answer goes.
pub(super) fn shown(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return String::new() };
    match url.host_str() {
        Some(_) if is_loopback(&url) => "this computer".into(),
        Some(host) if url.scheme() == "https" => host.to_owned(),
        _ => format!("the program for {}:", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_of_the_own_machine_may_differ() {
        let own = "http://127.0.0.1:33418/cb";
        for asked in [own, "http://127.0.0.1/cb", "http://127.0.0.1:1/cb"] {
            assert!(matches(own, asked), "{asked}");
        }
        assert!(matches("http://localhost/cb?a=1", "http://localhost:8/cb?a=1"));
        for asked in [
            "http://127.0.0.1:33418/cb/",
            "http://127.0.0.1:33418/cb?x",
            "http://127.0.0.1:33418/CB",
            "http://127.0.0.1:33418/x/../cb",
            "http://127.1:33418/cb",
            "http://localhost:33418/cb",
            "https://127.0.0.1:33418/cb",
            "http://127.0.0.1:33418@evil.example/cb",
            "http://evil.example:33418/cb",
        ] {
            assert!(!matches(own, asked), "{asked}");
        }
        for asked in [
            "https://client.example:8443/cb",
            "https://client.example/cb/..",
            "https://CLIENT.example/cb",
            "https://client.example/cb?",
            "https://client.example/cb#",
        ] {
            assert!(!matches("https://client.example/cb", asked), "{asked}");
        }
    }

    #[test]
    fn people_are_told_where_an_answer_goes() {
        for (text, expected) in [
            ("https://client.example:8443/cb", "client.example"),
            ("http://127.0.0.1:3/cb", "this computer"),
            ("http://[::1]:3/cb", "this computer"),
            ("cursor://anysphere/cb", "the program for cursor:"),
            ("com.example.app:/cb", "the program for com.example.app:"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
