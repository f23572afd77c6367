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
    let tell = "This is not something that you can mend: tell whoever sent you the link.";
    let (why, what) = match failure {
        AuthFailure::AccessDenied => ("You, or {} for you, said no. Nothing was connected.", again),
        AuthFailure::Misconfigured => ("{} does not accept how this page asks: its setup is not right yet.", tell),
        AuthFailure::InvalidScope => ("{} does not give the permissions that were asked for.", tell),
        AuthFailure::ProviderFailed => ("{} could not answer just now.", again),
        AuthFailure::ProviderRefused => {
            let what = "Often an administrator of your organization has to allow it first; ask them, or whoever sent you \
                        the link.";
            ("{} refused.", what)
        }
        AuthFailure::WrongIssuer | AuthFailure::WrongCallback => {
            let why = "The answer did not come from {}, so it was thrown away: somebody may have tried to mislead you.";
            (why, again)
        }
        AuthFailure::OtherBrowser => ("The answer of {} came by another browser, so it was thrown away.", again),
        AuthFailure::NoCode => ("The answer of {} was not complete.", again),
        AuthFailure::ExchangeRefused => ("{} took its answer back before it could be used.", again),
        AuthFailure::LookupFailed => ("{} let you in, but does not say what is needed to use your account.", tell),
        AuthFailure::OtherPerson => (
            "The link was made for somebody else, so the account of {} was not connected.",
            "Ask for a link of your own.",
        ),
        AuthFailure::TooManyAttempts => (
            "{} refused what was filled in too many times, so the link was closed.",
            "Look up the right values first. Then go back to where you got the link and ask for a new one.",
        ),
        AuthFailure::Changed => ("While you were at {}, what your account belongs to was changed.", again),
        AuthFailure::HostFailed => ("Something went wrong on our side, not at {}.", again),
    };
    vec![why.replace("{}", connector), what.into()]
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::model::AuthFailure;

    #[test]
    fn each_failure_says_what_to_do() {
        for failure in AuthFailure::ALL {
            let said = explain(*failure, "Acme");
            assert_eq!(said.len(), 2, "{failure:?}");
            assert!(said[0].contains("Acme") && !said.concat().contains("{}"), "{said:?}");
        }
    }
}
