//! The cookie by which a browser is known again.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use url::Url;

use super::shell::Pages;
use crate::connect::Browser;

/// The browser that asks, and whether it has its cookie already.
pub(super) struct Known {
    pub(super) browser: Browser,
    pub(super) is_new: bool,
}

/// Only a page on the very host, over TLS, can set a cookie with the first name; the second is for loopback.
fn name(public_url: &Url) -> &'static str {
    if public_url.scheme() == "https" { "__Host-gloveport" } else { "gloveport" }
}

/// The browser of a request, if it sends its cookie.
pub(super) fn sent(pages: &Pages, headers: &HeaderMap) -> Option<Browser> {
    let name = name(&pages.host.public_url);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = cookies.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    let first = found.next()?;
    // Two of the same name come from two places, of which one is not this host.
    if found.next().is_some() { None } else { Browser::parse(first) }
}

/// The browser of a request; a new one if it sends no cookie.
pub(super) fn known(pages: &Pages, headers: &HeaderMap) -> Known {
    match sent(pages, headers) {
        Some(browser) => Known { browser, is_new: false },
        None => Known { browser: Browser::new(&pages.host.random), is_new: true },
    }
}

/// Hands a new browser its cookie. `Lax`, because the provider sends the browser back here by a link.
pub(super) fn set(pages: &Pages, known: &Known, mut response: Response) -> Response {
    if known.is_new {
        let url = &pages.host.public_url;
        let secure = if url.scheme() == "https" { "; Secure" } else { "" };
        let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", name(url), known.browser.cookie());
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}
