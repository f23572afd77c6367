//! The pages on which users connect their accounts: how they look, and where they may send a browser.

use serde::Deserialize;
use url::Url;

use super::ConfigError;
use crate::model::is_loopback;

/// A longer name would not fit on a small screen.
const MAX_NAME: usize = 60;

/// As written under `[connect]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrittenConnect {
    /// Who asks users for access: the name of the application.
    pub name: Option<String>,
    /// The colour of buttons and links, as `#rrggbb`.
    pub colour: Option<String>,
    /// The applications that may confirm who authorized an account: `https://app.example.com`.
    pub verify_origins: Option<Vec<String>>,
    /// Whether a link for an OAuth connection has to name such an application.
    pub require_verification: Option<bool>,
}

/// As used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Who asks users for access.
    pub name: String,
    /// The colour of buttons and links: red, green, blue. The pages make it darker or lighter until it can be read.
    pub colour: [u8; 3],
    /// Scheme, host and port of the applications that may confirm who authorized an account.
    pub verify_origins: Vec<String>,
    /// Whether a link for an OAuth connection has to name such an application.
    pub require_verification: bool,
}

impl Connect {
    /// What is used, from what was written.
    pub fn resolve(written: WrittenConnect) -> Result<Self, ConfigError> {
        let name = written.name.unwrap_or_else(|| "Gloveport".into());
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(wrong("connect.name", name, format!("1 to {MAX_NAME} printable characters")));
        }
        let colour = match written.colour {
            Some(text) => {
                colour(&text).ok_or_else(|| wrong("connect.colour", text, "a colour such as #0b5fff".into()))?
            }
            None => [0x0b, 0x5f, 0xff],
        };
        let verify_origins = written.verify_origins.unwrap_or_default().into_iter().map(origin);
        let verify_origins = verify_origins.collect::<Result<Vec<_>, _>>()?;
        let require_verification = written.require_verification.unwrap_or(false);
        if require_verification && verify_origins.is_empty() {
            let reason = "at least one application where `require_verification` is set".into();
            return Err(wrong("connect.verify_origins", "[]".into(), reason));
        }
        Ok(Self { name, colour, verify_origins, require_verification })
    }
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let bytes = hex::decode(text.strip_prefix('#')?).ok()?;
    bytes.try_into().ok()
}

/// An application is named by its origin alone, so that what is compared later has no second spelling.
fn origin(text: String) -> Result<String, ConfigError> {
    let expected = "the origin of an https:// address (or http:// on a loopback address) and nothing after it, such as \
                    https://app.example.com";
    let Ok(url) = Url::parse(&text) else {
        return Err(wrong("connect.verify_origins", text, expected.into()));
    };
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    if !(plain && nobody && is_safe(&url)) {
        return Err(wrong("connect.verify_origins", text, expected.into()));
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether a browser's way there cannot be listened to.
fn is_safe(url: &Url) -> bool {
    url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(url))
}

fn wrong(name: &'static str, value: String, reason: String) -> ConfigError {
    ConfigError::Value { name, value, reason: format!("expected {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut WrittenConnect)) -> Result<Connect, String> {
        let mut written = WrittenConnect::default();
        change(&mut written);
        Connect::resolve(written).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_used() {
        let used = with(|written| {
            written.name = Some("Acme & Sons".into());
            written.colour = Some("#FF8000".into());
            written.verify_origins = Some(vec!["https://App.Example.com:443/".into(), "http://127.0.0.1:80".into()]);
            written.require_verification = Some(true);
        })
        .unwrap();
        assert_eq!((used.name.as_str(), used.colour), ("Acme & Sons", [255, 128, 0]));
        assert_eq!(used.verify_origins, ["https://app.example.com", "http://127.0.0.1"]);
        assert_eq!(with(|_| {}).unwrap().name, "Gloveport");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", " ", "a\nb", &long] {
            let error = with(|written| written.name = Some(name.into())).unwrap_err();
            assert!(error.contains("connect.name"), "{error}");
        }
        for text in ["", "red", "#fff", "#12345g", "#1234567", "123456"] {
            let error = with(|written| written.colour = Some(text.into())).unwrap_err();
            assert!(error.contains("connect.colour"), "{error}");
        }
        let origins = [
            "",
            "app.example.com",
            "http://app.example.com",
            "https://app.example.com/verify",
            "https://app.example.com/?a",
            "https://app.example.com/#a",
            "https://ada@app.example.com",
            "https://:secret@app.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "ftp://127.0.0.1",
        ];
        for text in origins {
            let error = with(|written| written.verify_origins = Some(vec![text.into()])).unwrap_err();
            assert!(error.contains("connect.verify_origins"), "{error}");
        }
        assert!(with(|written| written.require_verification = Some(true)).is_err(), "nobody could verify");
    }
}
