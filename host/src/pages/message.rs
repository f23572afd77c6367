//! Pages that only say something.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::shell::{Look, respond};
use crate::connect::ConnectError;

/// How a message looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    Good,
    Bad,
    Plain,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "!",
            Self::Plain => "–",
        }
    }
}

/// A page that says something.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub(super) look: &'a Look,
    pub(super) title: String,
    pub(super) tone: Tone,
    pub(super) paragraphs: Vec<String>,
    /// The provider's words, which are anybody's.
    pub(super) said: Option<String>,
    /// Where it can be tried again.
    pub(super) back: Option<String>,
}

impl<'a> Message<'a> {
    pub(super) fn new(look: &'a Look, tone: Tone, title: impl Into<String>, paragraphs: &[&str]) -> Self {
        let paragraphs = paragraphs.iter().map(|text| (*text).to_owned()).collect();
        Self { look, title: title.into(), tone, paragraphs, said: None, back: None }
    }

    pub(super) fn respond(&self, status: StatusCode) -> Response {
        respond(self.look, status, self)
    }
}

/// The link was used.
pub(super) fn used(look: &Look) -> Response {
    let paragraphs = [
        "Each link works once. If it was not you who used it, tell whoever sent it to you.",
        "To connect your account, go back to where you got the link and ask for a new one.",
    ];
    Message::new(look, Tone::Plain, "This link was used already", &paragraphs).respond(StatusCode::GONE)
}

/// The link is too old.
pub(super) fn late(look: &Look) -> Response {
    let paragraphs = [
        "Links work for 15 minutes only, so that an old message cannot be used by somebody else.",
        "Nothing was connected. Go back to where you got the link and ask for a new one.",
    ];
    Message::new(look, Tone::Plain, "This link is no longer valid", &paragraphs).respond(StatusCode::GONE)
}

/// There is no such link.
pub(super) fn unknown(look: &Look) -> Response {
    let paragraphs = [
        "It may have been cut when it was copied, or the account that it was about is gone.",
        "Open the link again as a whole, or ask for a new one where you got it.",
    ];
    Message::new(look, Tone::Plain, "There is no such page", &paragraphs).respond(StatusCode::NOT_FOUND)
}

/// A form that this browser did not get from here.
pub(super) fn foreign(look: &Look, back: Option<String>) -> Response {
    let paragraphs = [
        "For your safety this page only takes forms that it made for the same browser, which it knows by a cookie.",
        "Nothing was connected. Allow cookies for this page if your browser blocks them, and try again.",
    ];
    let message = Message { back, ..Message::new(look, Tone::Bad, "Please send the form again", &paragraphs) };
    message.respond(StatusCode::FORBIDDEN)
}

/// An answer of a provider that nobody here asked for, or that came before.
pub(super) fn unexpected(look: &Look) -> Response {
    let paragraphs = [
        "A provider sent you here with an answer that this page does not wait for: it may have come twice, or be forged.",
        "Nothing was changed. To connect your account, go back to where you got the link and ask for a new one.",
    ];
    Message::new(look, Tone::Bad, "This answer is not expected", &paragraphs).respond(StatusCode::BAD_REQUEST)
}

/// An answer of a provider by another browser than the one that was sent there.
pub(super) fn other_browser(look: &Look) -> Response {
    let paragraphs = [
        "You started in another browser than this one, or somebody else started and sent you on. For your safety nothing \
         was connected.",
        "If it was you, ask for a new link, open it here and stay in this browser. If it was not, tell whoever sent you.",
    ];
    Message::new(look, Tone::Bad, "This is another browser", &paragraphs).respond(StatusCode::FORBIDDEN)
}

/// A body or a query that no browser sends from here.
pub(super) fn malformed(look: &Look, status: StatusCode) -> Response {
    let paragraphs = ["What your browser sent is not what this page takes. Nothing was connected."];
    Message::new(look, Tone::Bad, "That did not work", &paragraphs).respond(status)
}

/// This host failed.
pub(super) fn failed(look: &Look, error: &ConnectError) -> Response {
    tracing::error!(%error, "a page could not be served");
    let paragraphs = ["Something went wrong on our side. Nothing was connected; try again in a moment."];
    Message::new(look, Tone::Bad, "That did not work", &paragraphs).respond(StatusCode::SERVICE_UNAVAILABLE)
}
