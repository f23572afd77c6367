//! What a call has come to so far, for the methods that make one: each tells it in its own form.

use serde_json::Value;

use super::link;
use super::message::RpcError;
use super::names::code;
use crate::call::{Answer, Failed};
use crate::model::{Code, ExecutionId};

/// How far a call has come.
pub(super) enum Reached {
    /// To its end.
    Done {
        answer: Answer,
        /// JSON text, where the tool says what its output is.
        output_schema: Option<String>,
    },
    /// To a question that its client can ask: the result of any method.
    Asked(Value),
    /// Not to its end, and its client cannot help: JSON that says what to do.
    Waits(Value, ExecutionId),
    /// It failed.
    Failed(Failed),
    /// It lacks an account, and its client cannot open a link: a person has to.
    Lacks(Box<(Failed, link::Offer)>),
}

impl Reached {
    /// For methods whose result is nothing but what was asked for: the answer, or `Err` with what is told in its place.
    pub(super) fn answer(self) -> Result<Answer, NoAnswer> {
        match self {
            Self::Done { answer, .. } => Ok(answer),
            Self::Asked(question) => Err(NoAnswer::Asked(question)),
            Self::Waits(told, _) => Err(NoAnswer::Error(refused(told))),
            Self::Failed(failed) => {
                let told = super::content::told(&failed.fault, failed.execution.as_ref());
                let refused = refused(told);
                Err(match failed.fault.code {
                    Code::InvalidInput | Code::InvalidRequest => {
                        NoAnswer::Error(RpcError { code: code::INVALID_PARAMS, ..refused })
                    }
                    Code::NotFound => NoAnswer::Missing(RpcError { code: code::INVALID_PARAMS, ..refused }),
                    _ => NoAnswer::Error(refused),
                })
            }
            Self::Lacks(lack) => {
                let (failed, offer) = *lack;
                Err(NoAnswer::Error(refused(link::told(&failed, &offer))))
            }
        }
    }
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// The client is to ask its user first.
    Asked(Value),
    /// What was asked for is not there.
    Missing(RpcError),
    /// Anything else.
    Error(RpcError),
}

/// An error of this host, with all that it says for programs.
fn refused(told: Value) -> RpcError {
    let detail = told["detail"].as_str().unwrap_or("it has not ended yet").to_owned();
    RpcError { data: Some(told), ..RpcError::new(code::REFUSED, detail) }
}
