//! Hosts and base URLs as they are written in rows, read once: what a text means does not change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{HostPattern, HostPatternError, UrlTemplate, UrlTemplateError};

/// Texts of each kind that are kept, after which all are dropped: more than most hosts have, each some hundred bytes.
const MAX_TEXTS: usize = 4_096;

/// What texts were read as.
#[derive(Debug, Default)]
pub struct Parsed {
    hosts: Mutex<HashMap<String, HostPattern>>,
    urls: Mutex<HashMap<String, Arc<UrlTemplate>>>,
}

impl Parsed {
    /// The pattern of a host.
    pub(super) fn host(&self, text: &str) -> Result<HostPattern, HostPatternError> {
        kept(&self.hosts, text, HostPattern::parse)
    }

    /// The template of a base URL.
    pub(super) fn url(&self, text: &str) -> Result<Arc<UrlTemplate>, UrlTemplateError> {
        kept(&self.urls, text, |text| UrlTemplate::parse(text).map(Arc::new))
    }
}

/// What a text that can be read was read as; of one that cannot, why not, each time anew.
fn kept<V: Clone, E>(
    all: &Mutex<HashMap<String, V>>,
    text: &str,
    read: impl FnOnce(&str) -> Result<V, E>,
) -> Result<V, E> {
    let locked = || all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = locked().get(text) {
        return Ok(found.clone());
    }
    let value = read(text)?;
    let mut all = locked();
    if all.len() >= MAX_TEXTS {
        all.clear();
    }
    all.insert(text.into(), value.clone());
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_and_one_that_cannot_be_read_is_not_kept() {
        let parsed = Parsed::default();
        for _ in 0..2 {
            assert_eq!(parsed.host("*.example.com"), HostPattern::parse("*.example.com"));
            assert_eq!(parsed.url("https://{{site}}.example").unwrap().to_string(), "https://{{site}}.example");
            assert!(parsed.host("https://x").is_err() && parsed.url("ftp://x").is_err());
        }
        assert_eq!((parsed.hosts.lock().unwrap().len(), parsed.urls.lock().unwrap().len()), (1, 1));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let parsed = Parsed::default();
        for number in 0..=MAX_TEXTS {
            parsed.host(&format!("a{number}.example")).unwrap();
        }
        assert_eq!(parsed.hosts.lock().unwrap().len(), 1);
    }
}
