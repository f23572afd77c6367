//! How it ended, for the browser that it was about.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::cookie;
use super::message::{self, Message, Tone};
use super::shell::Pages;
use crate::connect::{self, Ending};
use crate::model::{AuthFailure, AuthRequestId, AuthStep};

/// Where an attempt's end is told.
pub(super) fn url(pages: &Pages, id: &AuthRequestId) -> String {
    connect::page(&pages.host.public_url, &["connect", "result", id.as_str()]).into()
}

/// Tells how an attempt ended.
pub(super) async fn show(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let (Some(id), Some(browser)) = (AuthRequestId::parse(&id), cookie::sent(&pages, &headers)) else {
        return message::unknown(&pages.look);
    };
    let Ending { request, visit } = match connect::ending(&pages.host, &browser, &id).await {
        Ok(Some(ending)) => ending,
        Ok(None) => return message::unknown(&pages.look),
        Err(error) => return message::failed(&pages.look, &error),
    };
    let connector = visit.as_ref().map_or("the provider", |visit| visit.installed.connector.title.as_str());
    match (request.step, request.failure) {
        (AuthStep::Done, _) => {
            let done = format!("{} can use your {connector} account now. You can close this page.", pages.look.name);
            Message::new(&pages.look, Tone::Good, "Your account is connected", &[&done]).respond(StatusCode::OK)
        }
        (AuthStep::Failed, failure) => {
            let paragraphs = explain(failure.unwrap_or(AuthFailure::HostFailed), connector);
            let paragraphs: Vec<_> = paragraphs.iter().map(String::as_str).collect();
            let message = Message::new(&pages.look, Tone::Bad, "Your account is not connected", &paragraphs);
            Message { said: request.said, ..message }.respond(StatusCode::OK)
        }
        _ => message::unknown(&pages.look),
    }
}

/// Why it failed and what to do, in words for whoever sits in front of it.
fn explain(failure: AuthFailure, connector: &str) -> Vec<String> {
    let again = "Go back to where you got the link and ask for a new one.";
    match failure {
        AuthFailure::TooManyAttempts => vec![
            format!("{connector} refused what was filled in too many times, so the link was closed."),
            format!("Look up the right values first. {again}"),
        ],
        _ => vec!["Something went wrong on our side.".into(), again.into()],
    }
}
