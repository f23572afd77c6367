//! Pages of a list: what GitHub's `Link` header says of the next one.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One page of a list.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Give this as `page` to get what follows; null on the last page.
    pub next_page: Option<u32>,
}

impl<T: DeserializeOwned> Page<T> {
    /// The page in a response whose body is the list.
    ///
    /// # Errors
    ///
    /// [`Failure::Upstream`] when the body is something else.
    pub fn read(response: &Response) -> Result<Self, Failure> {
        Ok(Self { items: response.json()?, next_page: next_page(response) })
    }
}

/// The number of the next page, if there is one.
pub fn next_page(response: &Response) -> Option<u32> {
    next_in(response.header("link")?)
}

/// The default of every `page`.
pub(crate) fn first_page() -> u32 {
    1
}

/// The default of every `per_page`, which is GitHub's own.
pub(crate) fn default_per_page() -> u32 {
    30
}

/// The page that `<https://…?page=2>; rel="next"` leads to, in a list of such links.
fn next_in(links: &str) -> Option<u32> {
    // `<` stands in no URL, so each link begins at one.
    links.split('<').find_map(|link| {
        let (url, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| parameter.trim() == "rel=\"next\"");
        let (_, query) = url.split_once('?')?;
        let page = query.split('&').find_map(|parameter| parameter.strip_prefix("page="))?;
        if is_next { page.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_in_the_link_header() {
        for (links, expected) in [
            (r#"<https://api.github.com/user/repos?page=2>; rel="next""#, Some(2)),
            (
                r#"<https://x.example/a?page=1>; rel="prev", <https://x.example/a?page=3&per_page=9>; rel="next""#,
                Some(3),
            ),
            (
                r#"<https://x.example/a?per_page=9&page=4>; rel="next", <https://x.example/a?page=7>; rel="last""#,
                Some(4),
            ),
            (r#"<https://x.example/a?labels=a,b&page=5>; rel="next""#, Some(5)),
            (r#"<https://x.example/a?page=1>; rel="first", <https://x.example/a?page=3>; rel="prev""#, None),
            (r#"<https://x.example/a?per_page=9>; rel="next""#, None),
            (r#"<https://x.example/a?page=minus>; rel="next""#, None),
            (r#"<https://x.example/a?page=99999999999>; rel="next""#, None),
            (r#"<https://x.example/a>; rel="next""#, None),
            (r#"https://x.example/a?page=2; rel="next""#, None),
            (r#"<https://x.example/a?page=2; rel="next""#, None),
            ("", None),
        ] {
            assert_eq!(next_in(links), expected, "{links}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(links in ".*") {
            next_in(&links);
        }

        #[test]
        fn any_page_is_found_among_others(before in 1..=u32::MAX, next in 1..=u32::MAX, size in 1..=100u32) {
            let link = |page, rel| format!("<https://api.github.com/x?per_page={size}&page={page}>; rel=\"{rel}\"");
            let links = format!("{}, {}, {}", link(before, "prev"), link(next, "next"), link(before, "last"));
            prop_assert_eq!(next_in(&links), Some(next));
        }
    }
}
