//! An MCP client's request: sent on to the application, and then the page on which its user says yes or no.

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::form::{TOKEN, field, times};
use super::link::form;
use super::message::{Message, Tone};
use super::shell::{Look, Pages, go_to, respond};
use super::{cookie, leave, message};
use crate::connect::Browser;
use crate::issuer::{self, Asked, ConnectionState, Consent, IssuerError, Seen};

/// Bytes of a query: a redirect URI, a state and a challenge, with room for what nobody looks at.
const MAX_QUERY: usize = 8 * 1024;

/// Name of the field that holds the answer.
const ANSWER: &str = "answer";

/// Tools of a connection that are named; of the others the number is.
const TOOLS_NAMED: usize = 8;

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    look: &'a Look,
    title: String,
    client: &'a str,
    host: String,
    answers_at: String,
    config: &'a str,
    identifier: &'a str,
    organization: Option<&'a str>,
    reaches: Vec<ReachView>,
    form_token: String,
    until: String,
    until_words: String,
}

struct ReachView {
    name: String,
    tools: String,
    note: Option<&'static str>,
}

/// Takes a client's request and sends the browser to the application.
pub(super) async fn begin(State(pages): State<Pages>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        return message::malformed(&pages.look, StatusCode::URI_TOO_LONG);
    }
    let Some(asked) = read(&query) else {
        let detail = "Each parameter of a request comes once.".to_owned();
        return refused(&pages, &IssuerError::Refused { error: "invalid_request", detail });
    };
    let known = cookie::known(&pages, &headers);
    match issuer::begin(&pages.host, &pages.documents, &known.browser, asked).await {
        Ok(url) => cookie::set(&pages, &known, go_to(&pages.look, url.as_str())),
        Err(error) => refused(&pages, &error),
    }
}

/// Asks the user.
pub(super) async fn show(
    State(pages): State<Pages>,
    page: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match asked(&pages, page, &headers).await {
        Ok((browser, consent)) => {
            let token = browser.form_token(consent.request.id.as_str());
            respond(&pages.look, StatusCode::OK, &ConsentPage::of(&pages.look, &consent, token))
        }
        Err(response) => response,
    }
}

/// Takes the user's answer, and sends the browser back to the client with it.
pub(super) async fn submit(
    State(pages): State<Pages>,
    page: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match form(&headers, body) {
        Ok(body) => body,
        Err(status) => return message::malformed(&pages.look, status),
    };
    let (browser, consent) = match asked(&pages, page, &headers).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    if !field(&body, TOKEN).is_some_and(|token| browser.made(&token, consent.request.id.as_str())) {
        return message::foreign(&pages.look, None);
    }
    let allows = match field(&body, ANSWER).as_deref() {
        Some("allow") => true,
        Some("deny") => false,
        _ => return message::malformed(&pages.look, StatusCode::BAD_REQUEST),
    };
    match issuer::decide(&pages.host, &consent, allows).await {
        Ok(Some(url)) => {
            let title = format!("Back to {}", consent.request.client_name);
            leave::to(&pages.look, title, &consent.answers_at(), &url)
        }
        Ok(None) => used(&pages),
        Err(error) => refused(&pages, &error),
    }
}

async fn asked(
    pages: &Pages,
    page: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
) -> Result<(Browser, Consent), Response> {
    let page = page.map(|Path(page)| page).unwrap_or_default();
    let browser = cookie::sent(pages, headers);
    match (issuer::look(&pages.host, browser.as_ref(), &page).await, browser) {
        (Ok(Seen::Open(consent)), Some(browser)) => Ok((browser, *consent)),
        (Ok(Seen::OtherBrowser | Seen::Open(_)), _) => Err(other_browser(pages)),
        (Ok(Seen::Used), _) => Err(used(pages)),
        (Ok(Seen::Late), _) => Err(late(pages)),
        (Ok(Seen::Unknown), _) => Err(message::unknown(&pages.look)),
        (Err(error), _) => Err(refused(pages, &error)),
    }
}

/// A request as it came; `None` if it says something twice. What is not known is not looked at (RFC 6749 section 3.1).
fn read(query: &str) -> Option<Asked> {
    let mut asked = Asked::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "response_type" => &mut asked.response_type,
            "client_id" => &mut asked.client_id,
            "redirect_uri" => &mut asked.redirect_uri,
            "resource" => &mut asked.resource,
            "code_challenge" => &mut asked.code_challenge,
            "code_challenge_method" => &mut asked.code_challenge_method,
            "scope" => &mut asked.scope,
            "state" => &mut asked.state,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(asked)
}

impl<'a> ConsentPage<'a> {
    fn of(look: &'a Look, consent: &'a Consent, form_token: String) -> Self {
        let (until, until_words) = times(consent.until());
        Self {
            look,
            title: format!("Let {} use your tools?", consent.request.client_name),
            client: &consent.request.client_name,
            host: consent.host(),
            answers_at: consent.answers_at(),
            config: &consent.request.config.name,
            identifier: consent.identifier(),
            organization: consent.request.organization.as_deref(),
            reaches: consent.reaches.iter().map(view).collect(),
            form_token,
            until,
            until_words,
        }
    }
}

fn view(reach: &ConnectionState) -> ReachView {
    let tools = match &reach.tools {
        None => "all its tools".to_owned(),
        Some(tools) if tools.is_empty() => "no tools".to_owned(),
        Some(tools) => {
            let named = tools.iter().take(TOOLS_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            match tools.len().saturating_sub(TOOLS_NAMED) {
                0 => named,
                more => format!("{named} and {more} more"),
            }
        }
    };
    let note = match reach.status() {
        "active" => None,
        "missing" | "disabled" => Some("It cannot be used at the moment."),
        _ => Some("You have not connected an account yet: you will be asked when it is needed."),
    };
    ReachView { name: reach.name.clone(), tools, note }
}

/// What a client asked for is not given, or not now.
fn refused(pages: &Pages, error: &IssuerError) -> Response {
    let nothing =
        "Nothing was allowed. You can close this page; whoever made the program can mend it with what is said here.";
    match error {
        IssuerError::Refused { error, detail } => {
            let said = format!("In a word for programs: {error}.");
            let message = Message::new(&pages.look, Tone::Bad, "This cannot be allowed", &[detail, nothing, &said]);
            message.respond(StatusCode::BAD_REQUEST)
        }
        IssuerError::Busy => {
            let paragraphs = ["Too many programs ask at the same time. Nothing was allowed; try again in a moment."];
            Message::new(&pages.look, Tone::Bad, "Not just now", &paragraphs).respond(StatusCode::SERVICE_UNAVAILABLE)
        }
        error => {
            tracing::error!(%error, "a page of an MCP client could not be served");
            let paragraphs = ["Something went wrong on our side. Nothing was allowed; try again in a moment."];
            Message::new(&pages.look, Tone::Bad, "That did not work", &paragraphs)
                .respond(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn other_browser(pages: &Pages) -> Response {
    let paragraphs = [
        "A program asked in another browser than this one, or somebody else's program asked and you were sent on. For your \
         safety nothing was allowed.",
        "If it was you, start again in the program and stay in the browser that it opens. If it was not, tell whoever sent \
         you.",
    ];
    Message::new(&pages.look, Tone::Bad, "This is another browser", &paragraphs).respond(StatusCode::FORBIDDEN)
}

fn used(pages: &Pages) -> Response {
    let paragraphs = ["You have answered this already. To change your mind, start again in the program."];
    Message::new(&pages.look, Tone::Plain, "This was answered", &paragraphs).respond(StatusCode::GONE)
}

fn late(pages: &Pages) -> Response {
    let paragraphs = ["You have 15 minutes to answer. Nothing was allowed; start again in the program."];
    Message::new(&pages.look, Tone::Plain, "This page is no longer valid", &paragraphs).respond(StatusCode::GONE)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_request_says_each_thing_once() {
        let asked = read("client_id=a%20b&state=&x=1&x=2&resource=https%3A%2F%2Fc").unwrap();
        assert_eq!((asked.client_id.as_deref(), asked.state.as_deref()), (Some("a b"), Some("")));
        assert_eq!(asked.resource.as_deref(), Some("https://c"));
        for name in ["client_id", "redirect_uri", "resource", "code_challenge", "scope", "state", "response_type"] {
            assert!(read(&format!("{name}=a&{name}=a")).is_none(), "{name}");
            assert!(read(&format!("{name}=&b=1&{name}=")).is_none(), "{name}");
        }
    }
}
