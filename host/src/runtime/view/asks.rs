//! What a guest asks of other tools and of the user.

use futures_util::{Stream, StreamExt, stream};

use super::{View, wit};
use crate::model::{Code, Culprit, InputError};
use crate::runtime::error::bounded;
use crate::runtime::recorder::Question;
use crate::runtime::state::Outside;
use crate::runtime::tools::{Invocation, Nested, NestedFault};
use crate::runtime::{Failure, limits};

/// What a guest is told of a nested call.
type ToolResult = Result<String, wit::types::Failure>;

impl View<'_> {
    /// Calls of other tools: answered again, made, or the end of this run.
    async fn invoke(&mut self, outside: &Outside, invocations: Vec<Invocation>) -> wasmtime::Result<Vec<ToolResult>> {
        let count = u32::try_from(invocations.len()).unwrap_or(u32::MAX);
        let allowed = self.tally.calls.saturating_add(count) <= limits::NESTED_CALLS && outside.depth < limits::NESTING;
        let Some(tools) = outside.tools.as_ref().filter(|_| allowed) else {
            let detail = format!(
                "a call may call {} other tools, and calls may be {} deep in one another",
                limits::NESTED_CALLS,
                limits::NESTING
            );
            let refused =
                NestedFault { failure: Failure::Internal(detail), code: Code::GuestLimit, culprit: Culprit::Limit };
            self.tally.nested = Some(refused.clone());
            return Ok(invocations.iter().map(|_| Err(failure_to_guest(refused.failure.clone()))).collect());
        };
        self.tally.calls += count;
        let results = match self.recorder.nested_before(&invocations)? {
            Some(before) => before,
            None => {
                let since = self.begin_wait();
                let made = stream::iter(invocations).map(async |invocation| {
                    let nested = tools.call(invocation.clone()).await;
                    (invocation, nested)
                });
                let made = bounded_in_sum(made.buffered(limits::CALL_ALL_CONCURRENCY)).await;
                self.end_wait(since);
                self.recorder.note_nested(made)?
            }
        };
        if let Some(fault) = results.iter().rev().find_map(|result| result.as_ref().err()) {
            self.tally.nested = Some(fault.clone());
        }
        Ok(results.into_iter().map(|result| result.map_err(|fault| failure_to_guest(fault.failure))).collect())
    }
}

impl wit::tools::Host for View<'_> {
    async fn call(&mut self, invocation: wit::tools::Invocation) -> wasmtime::Result<ToolResult> {
        let outside = self.outside("tools.call")?;
        let mut results = self.invoke(outside, vec![invocation_from_guest(invocation)]).await?;
        results.pop().ok_or_else(|| wasmtime::Error::msg("a call without a result"))
    }

    async fn call_all(&mut self, invocations: Vec<wit::tools::Invocation>) -> wasmtime::Result<Vec<ToolResult>> {
        let outside = self.outside("tools.call-all")?;
        self.invoke(outside, invocations.into_iter().map(invocation_from_guest).collect()).await
    }
}

impl wit::input::Host for View<'_> {
    fn request(&mut self, question: String, schema: String) -> wasmtime::Result<String> {
        self.outside("input.request")?;
        if schema.len() > limits::QUESTION_SCHEMA_BYTES {
            let allowed = limits::QUESTION_SCHEMA_BYTES;
            return Err(wasmtime::Error::msg(format!("the schema of an answer may have {allowed} bytes")));
        }
        let question = Question { question: bounded(&question, limits::QUESTION_BYTES), schema };
        Ok(self.recorder.answer(question)?)
    }
}

/// Collects what came, and replaces outputs that are too much for the guest in sum.
async fn bounded_in_sum(made: impl Stream<Item = (Invocation, Nested)>) -> Vec<(Invocation, Nested)> {
    let mut room = limits::CALL_ALL_BYTES;
    made.map(|(invocation, nested)| match &nested {
        Nested::Done(Ok(output)) => match room.checked_sub(output.len()) {
            Some(left) => {
                room = left;
                (invocation, nested)
            }
            None => (invocation, Nested::Done(Err(NestedFault::too_much()))),
        },
        _ => (invocation, nested),
    })
    .collect()
    .await
}

fn invocation_from_guest(invocation: wit::tools::Invocation) -> Invocation {
    let wit::tools::Invocation { tool, input, connection, account } = invocation;
    Invocation { tool, input, connection, account }
}

fn failure_to_guest(failure: Failure) -> wit::types::Failure {
    use wit::types::{Failure as Guest, FieldError, RateLimit, UpstreamError};
    match failure {
        Failure::InvalidInput(errors) => {
            let field = |error: InputError| FieldError { path: error.path, message: error.message };
            Guest::InvalidInput(errors.into_iter().map(field).collect())
        }
        Failure::NotFound(message) => Guest::NotFound(message),
        Failure::Denied(message) => Guest::Denied(message),
        Failure::AuthRequired(message) => Guest::AuthRequired(message),
        Failure::RateLimited { retry_after_ms, message } => Guest::RateLimited(RateLimit { retry_after_ms, message }),
        Failure::Upstream { status, code, message, retryable } => {
            Guest::Upstream(UpstreamError { status, code, message, retryable })
        }
        Failure::Unsupported(message) => Guest::Unsupported(message),
        Failure::Internal(message) => Guest::Internal(message),
    }
}
