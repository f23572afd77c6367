//! The page that a link opens.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::form::{FormPage, Wrong, read};
use super::shell::{Pages, go_to, respond};
use super::{cookie, ending, leave, message};
use crate::connect::{self, Begun, Browser, ConnectError, Filled, Seen, Visit};
use crate::model::Fault;

/// Shows what a link is about. Looking changes nothing, however often and whoever looks.
pub(super) async fn show(
    State(pages): State<Pages>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let visit = match connect::look(&pages.host, &token).await {
        Ok(Seen::Open(visit)) => visit,
        Ok(seen) => return closed(&pages, &seen),
        Err(error) => return message::failed(&pages.look, &error),
    };
    let known = cookie::known(&pages, &headers);
    let page = FormPage::of(&pages.look, &visit, known.browser.form_token(visit.request.id.as_str()), None);
    cookie::set(&pages, &known, respond(&pages.look, StatusCode::OK, &page))
}

/// Takes the form: this is what uses a link up.
pub(super) async fn submit(
    State(pages): State<Pages>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let body = match form(&headers, body) {
        Ok(body) => body,
        Err(status) => return message::malformed(&pages.look, status),
    };
    let visit = match connect::look(&pages.host, &token).await {
        Ok(Seen::Open(visit)) => visit,
        Ok(seen) => return closed(&pages, &seen),
        Err(error) => return message::failed(&pages.look, &error),
    };
    let subject = visit.request.id.as_str();
    let sent = read(&body, &visit.pattern.fields);
    let browser = match cookie::sent(&pages, &headers) {
        Some(browser) if browser.made(&sent.token, subject) => browser,
        _ => return message::foreign(&pages.look, Some(token)),
    };
    if visit.asks().is_some() {
        let begun = connect::begin(&pages.host, &token, &browser, sent.values).await;
        return leave(&pages, &browser, &sent.shown, begun);
    }
    match connect::fill(&pages.host, &token, &browser, sent.values).await {
        Ok(Filled::Ended(id)) => go_to(&pages.look, &ending::url(&pages, &id)),
        Ok(Filled::Again(visit, fault)) => again(&pages, &browser, &sent.shown, &visit, &fault),
        Ok(Filled::Closed(seen)) => closed(&pages, &seen),
        Err(error) => message::failed(&pages.look, &error),
    }
}

/// Sends the browser to the provider.
fn leave(
    pages: &Pages,
    browser: &Browser,
    shown: &BTreeMap<String, String>,
    begun: Result<Begun, ConnectError>,
) -> Response {
    match begun {
        Ok(Begun::Leave { url, visit }) => {
            let title = format!("On to {}", visit.installed.connector.title);
            leave::page(&pages.look, title, &url)
        }
        Ok(Begun::Ended(id)) => go_to(&pages.look, &ending::url(pages, &id)),
        Ok(Begun::Again(visit, fault)) => again(pages, browser, shown, &visit, &fault),
        Ok(Begun::Closed(seen)) => closed(pages, &seen),
        Err(error) => message::failed(&pages.look, &error),
    }
}

/// The form once more, with what was wrong.
fn again(pages: &Pages, browser: &Browser, shown: &BTreeMap<String, String>, visit: &Visit, fault: &Fault) -> Response {
    let token = browser.form_token(visit.request.id.as_str());
    let page = FormPage::of(&pages.look, visit, token, Some(Wrong { fault, shown }));
    respond(&pages.look, StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The body of a form as browsers send it.
pub(super) fn form(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, StatusCode> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    body.map_err(|rejection| rejection.status())
}

fn closed(pages: &Pages, seen: &Seen) -> Response {
    match seen {
        Seen::Used => message::used(&pages.look),
        Seen::Late => message::late(&pages.look),
        Seen::Unknown | Seen::Open(_) => message::unknown(&pages.look),
    }
}
