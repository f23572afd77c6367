//! From a server's reply to the answer of one request: JSON or a stream, a result or an error.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{ErrorDetail, Response};
use serde_json::Value;

use crate::events;
use crate::limits::MESSAGE_CHARS;
use gloveport_importer::visible;

/// Codes of the protocol that mean something to a caller.
const INVALID_PARAMS: i64 = -32602;
const NO_SUCH_METHOD: i64 = -32601;
const NO_SUCH_RESOURCE: i64 = -32002;
const UNSUPPORTED_VERSION: i64 = -32022;
const URL_REQUIRED: i64 = -32042;

/// An error of the protocol.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcError {
    /// The HTTP status that it came with.
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Value,
}

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server answered with an error of the protocol.
    Rpc(RpcError),
    /// It answered, but not as this protocol has it: the status.
    Http(u16, Failure),
    /// No answer, or one that is told as it is: the credential, the rate, a limit.
    Other(Failure),
}

impl RpcError {
    pub(crate) fn is_unsupported_version(&self) -> bool {
        self.code == UNSUPPORTED_VERSION
    }

    pub(crate) fn is_no_such_method(&self) -> bool {
        self.code == NO_SUCH_METHOD
    }

    /// Who has to act.
    pub(crate) fn into_failure(self) -> Failure {
        let message = if self.message.is_empty() { format!("error {}", self.code) } else { short(&self.message) };
        match self.code {
            INVALID_PARAMS => Failure::invalid_input("", message),
            NO_SUCH_RESOURCE => Failure::not_found(message),
            URL_REQUIRED => {
                let link = self.data.pointer("/elicitations/0/url").and_then(Value::as_str).map(short);
                let link = link.map(|link| format!(" The user has to open {link} first.")).unwrap_or_default();
                Failure::upstream(self.status, Some("url_required".into()), format!("{message}{link}"))
            }
            UNSUPPORTED_VERSION => {
                let message = "the server speaks another revision of the protocol now: discover its tools again";
                Failure::upstream(self.status, Some("unsupported_version".into()), message)
            }
            code => Failure::upstream(self.status, Some(code.to_string()), message),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rpc(error) => error.into_failure(),
            Refusal::Http(_, failure) | Refusal::Other(failure) => failure,
        }
    }
}

/// The result of the request with this id.
pub(crate) fn result(response: &Response, id: u64) -> Result<Value, Refusal> {
    // What these say is for the host and the user, whatever the body has.
    if matches!(response.status, 401 | 403 | 429) {
        return Err(Refusal::Other(failure(response)));
    }
    let messages = messages(response);
    let answers = |message: &&Value| {
        let own = message["id"] == id && (message.get("result").is_some() || message.get("error").is_some());
        own || (message["id"].is_null() && message.get("error").is_some())
    };
    let Some(answer) = messages.iter().find(answers) else {
        return Err(match response.is_success() {
            true => Refusal::Other(unanswered(response)),
            false => Refusal::Http(response.status, failure(response)),
        });
    };
    match answer.get("error") {
        None => Ok(answer["result"].clone()),
        Some(error) => Err(Refusal::Rpc(RpcError {
            status: response.status,
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error.get("data").cloned().unwrap_or_default(),
        })),
    }
}

/// The messages of a reply. What is none is left out: a stream has others between those that matter.
fn messages(response: &Response) -> Vec<Value> {
    let content_type = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let texts = if content_type.starts_with("text/event-stream") {
        events::data(&response.text())
    } else {
        vec![response.text()]
    };
    let read = |text: String| match serde_json::from_str(&text) {
        // Some answer with a list, as one of the revisions allows.
        Ok(Value::Array(all)) => all,
        Ok(message) => vec![message],
        Err(_) => Vec::new(),
    };
    texts.into_iter().flat_map(read).collect()
}

/// The server answered well, and did not answer this.
fn unanswered(response: &Response) -> Failure {
    let message = if response.truncated {
        "the server's answer is longer than the host lets through"
    } else {
        "the server's answer has no answer of the protocol in it"
    };
    Failure::upstream(response.status, None, message)
}

/// What a status means.
pub(crate) fn failure(response: &Response) -> Failure {
    let explain = |response: &Response| {
        let body: Value = response.json().unwrap_or_default();
        let said = ["/error/message", "/error_description", "/message"].into_iter();
        let said = said.filter_map(|pointer| body.pointer(pointer)?.as_str()).map(short).next();
        ErrorDetail { code: None, message: said, now_ms: None }
    };
    match response.clone().error_for_status_with(explain) {
        Err(failure) => failure,
        Ok(_) => unanswered(response),
    }
}

/// What a server says to a model: without what nobody sees, and not without end.
pub(crate) fn short(text: &str) -> String {
    visible(text).chars().take(MESSAGE_CHARS).collect()
}
