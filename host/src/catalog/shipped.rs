//! The services that come with the program: each is a document, imported like any other by whoever wants it.

/// A service that can be installed by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is called, and what its connector is called unless somebody says otherwise.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For people.
    pub description: &'static str,
    /// What it is filed under.
    pub categories: &'static [&'static str],
    /// The ways to authorize.
    pub auth: &'static [ServicePattern],
    /// How many tools it has.
    pub tools: usize,
    /// Where the vendor's own OpenAPI document is, for who wants all of the API.
    pub document_url: Option<&'static str>,
    /// Declared operations in YAML.
    pub document: &'static str,
}

/// A way to authorize at a service.
#[derive(Debug, PartialEq, Eq)]
pub struct ServicePattern {
    /// Unique within the service.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// As in a manifest: `oauth2`, `bearer` and so on.
    pub kind: &'static str,
}

/// All of them, by name. The build writes them from `plugins/catalog`.
pub const SERVICES: &[Service] = include!(concat!(env!("OUT_DIR"), "/services.rs"));

impl Service {
    /// The one of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        let at = SERVICES.binary_search_by(|service| service.name.cmp(name)).ok()?;
        SERVICES.get(at)
    }

    /// Whether each of these words stands in what is said of it, and whether it is filed under this category and has such a
    /// way to authorize, where one is given. Case does not count.
    pub fn fits(&self, words: &str, category: Option<&str>, auth: Option<&str>) -> bool {
        let said = [self.name, self.title, self.description].into_iter().chain(self.categories.iter().copied());
        let said = said.collect::<Vec<_>>().join("\n").to_lowercase();
        let is = |wanted: &str, one: &str| wanted.eq_ignore_ascii_case(one);
        words.split_whitespace().all(|word| said.contains(&word.to_lowercase()))
            && category.is_none_or(|wanted| self.categories.iter().any(|category| is(wanted, category)))
            && auth.is_none_or(|wanted| self.auth.iter().any(|pattern| is(wanted, pattern.kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str, category: Option<&str>, auth: Option<&str>) -> Vec<&'static str> {
        let fits = SERVICES.iter().filter(|service| service.fits(words, category, auth));
        fits.map(|service| service.name).collect()
    }

    #[test]
    fn services_are_found_by_name_and_by_what_is_said_of_them() {
        assert!(SERVICES.is_sorted_by_key(|service| service.name) && SERVICES.len() >= 84);
        for service in SERVICES {
            assert_eq!(Service::find(service.name), Some(service));
            assert!(service.document.contains(&format!("name: {}\n", service.name)), "{}", service.name);
        }
        assert_eq!((Service::find("nothing"), Service::find("Slack"), Service::find("")), (None, None, None));
        assert_eq!(found("", None, None).len(), SERVICES.len());
        assert_eq!(found("CARDS lists", None, None), ["trello"]);
        assert_eq!(found("", None, Some("session")), ["tableau"]);
        assert!(found("", Some("crm"), Some("OAuth2")).contains(&"salesforce"));
        assert!(!found("", Some("crm"), None).contains(&"slack"));
        for nothing in [found("zzz", None, None), found("", Some("cr"), None), found("", None, Some("oauth"))] {
            assert!(nothing.is_empty(), "{nothing:?}");
        }
    }
}
