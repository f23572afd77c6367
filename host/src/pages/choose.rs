//! The page on which a user chooses what an account is about.

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::callback::came;
use super::form::{TOKEN, field, times};
use super::link::form;
use super::shell::{Look, Pages, respond};
use super::{cookie, leave, message};
use crate::connect::{self, Browser, Came, Question};
use crate::model::AuthRequestId;

/// Name of the field that holds the number of the chosen one.
const CHOICE: &str = "choice";

#[derive(Template)]
#[template(path = "choose.html")]
struct ChoosePage<'a> {
    look: &'a Look,
    title: String,
    connector: &'a str,
    question: &'a str,
    labels: &'a [String],
    form_token: String,
    /// Nothing was chosen.
    nothing: bool,
    until: String,
    until_words: String,
}

/// Where an attempt's question is asked.
pub(super) fn url(pages: &Pages, id: &AuthRequestId) -> String {
    connect::page(&pages.host.public_url, &["connect", "choose", id.as_str()]).into()
}

/// Shows the question.
pub(super) async fn show(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match asked(&pages, id, &headers).await {
        Ok((browser, question)) => page(&pages, StatusCode::OK, &browser, &question),
        Err(response) => response,
    }
}

/// Takes the answer.
pub(super) async fn submit(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match form(&headers, body) {
        Ok(body) => body,
        Err(status) => return message::malformed(&pages.look, status),
    };
    let (browser, question) = match asked(&pages, id, &headers).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let id = &question.visit.request.id;
    if !field(&body, TOKEN).is_some_and(|token| browser.made(&token, id.as_str())) {
        return message::foreign(&pages.look, Some(id.to_string()));
    }
    let Some(number) = field(&body, CHOICE).and_then(|number| number.parse().ok()) else {
        return page(&pages, StatusCode::UNPROCESSABLE_ENTITY, &browser, &question);
    };
    match connect::choose(&pages.host, &browser, id, number).await {
        Ok(Some(Came::Verify(url))) => leave::page(&pages.look, "One more step".into(), &url),
        Ok(Some(next)) => came(&pages, next),
        Ok(None) => message::unknown(&pages.look),
        Err(error) => message::failed(&pages.look, &error),
    }
}

async fn asked(
    pages: &Pages,
    id: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
) -> Result<(Browser, Question), Response> {
    let id = id.ok().and_then(|Path(id)| AuthRequestId::parse(&id));
    let (Some(id), Some(browser)) = (id, cookie::sent(pages, headers)) else {
        return Err(message::unknown(&pages.look));
    };
    match connect::question(&pages.host, &browser, &id).await {
        Ok(Some(question)) => Ok((browser, question)),
        Ok(None) => Err(message::unknown(&pages.look)),
        Err(error) => Err(message::failed(&pages.look, &error)),
    }
}

fn page(pages: &Pages, status: StatusCode, browser: &Browser, question: &Question) -> Response {
    let connector = question.visit.installed.connector.title.as_str();
    let (until, until_words) = times(question.visit.request.expires_at);
    let page = ChoosePage {
        look: &pages.look,
        title: format!("Connect {connector}"),
        connector,
        question: &question.title,
        labels: &question.labels,
        form_token: browser.form_token(question.visit.request.id.as_str()),
        nothing: status != StatusCode::OK,
        until,
        until_words,
    };
    respond(&pages.look, status, &page)
}
