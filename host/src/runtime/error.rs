//! Why a component is not accepted, and why a call gave no output. Guest text in here is bounded and has no controls.

use thiserror::Error;

use super::{Question, Waiting};
use crate::model::{ExecutionId, InputError};

/// Why a component is not accepted. Everything but `Config`, `Engine` and `Cache` is the component author's to mend.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuntimeError {
    /// The operator's configuration.
    #[error("runtime configuration: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// This machine cannot run the engine.
    #[error("runtime engine: {reason}")]
    Engine {
        /// What the engine said.
        reason: String,
    },
    /// The cache directory cannot be used.
    #[error("component cache: {reason}")]
    Cache {
        /// The path and what happened to it.
        reason: String,
    },
    /// The digest is not one.
    #[error("`{digest}` is not a SHA-256 digest in hexadecimal")]
    Digest {
        /// What was given.
        digest: String,
    },
    /// The bytes are longer than any component may be.
    #[error("a component may have {allowed} bytes, this one has {bytes}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        allowed: usize,
    },
    /// The bytes do not start as WebAssembly does.
    #[error("not WebAssembly")]
    NotWasm,
    /// A core module, not a component.
    #[error("a WebAssembly core module, not a component: wrap it with `wasm-tools component new` or the SDK's build")]
    CoreModule,
    /// A component that does not validate, or is cut off.
    #[error("not a valid component: {detail}")]
    Invalid {
        /// What the validator said.
        detail: String,
    },
    /// A component that asks for more instances, memories or tables than one may have.
    #[error("the component is too big for one slot: {detail}")]
    TooBig {
        /// Which of them.
        detail: String,
    },
    /// Imports or exports of another shape than `gloveport:connector/connector`.
    #[error("not a component of the world `gloveport:connector/connector`: {detail}")]
    WrongWorld {
        /// The first difference.
        detail: String,
    },
    /// Imports or exports of another shape than `gloveport:connector/modifier`.
    #[error("not a component of the world `gloveport:connector/modifier`: {detail}")]
    WrongModifier {
        /// The first difference.
        detail: String,
    },
    /// A modifier that asks for something.
    #[error("imports `{name}`: a modifier imports nothing")]
    ModifierImports {
        /// As the component names it.
        name: String,
    },
    /// Built for a version of the contract that this host does not serve.
    #[error("built for gloveport:connector@{found}; this host serves {served}")]
    WrongVersion {
        /// The version it imports.
        found: String,
        /// The versions served.
        served: String,
    },
    /// An import that this host does not know.
    #[error("imports `{name}`, which this host does not offer")]
    UnsupportedImport {
        /// As the component names it.
        name: String,
    },
    /// An import that was not granted.
    #[error("imports `{name}`, which was not granted")]
    NotGranted {
        /// The interface.
        name: String,
    },
    /// `describe` did not answer.
    #[error("describe: {0}")]
    Describe(CallError),
    /// `describe` answered something that cannot be served.
    #[error("descriptor: {culprit}: {reason}")]
    Descriptor {
        /// The tool, or `tools` for the list.
        culprit: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a call gave no output.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// The connector says so.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The connector broke.
    #[error("the connector trapped: {message}")]
    Trap {
        /// What happened, with the innermost functions where their names are known.
        message: String,
    },
    /// The connector was stopped at a limit.
    #[error("limit {limit} ({allowed}): {detail}")]
    Limit {
        /// Name of the limit.
        limit: &'static str,
        /// Its number, in the unit that the name says.
        allowed: u64,
        /// What happened.
        detail: String,
    },
    /// The call's deadline passed.
    #[error("no result within {after_ms} ms, {phase}")]
    Timeout {
        /// The deadline.
        after_ms: u64,
        /// What it was doing then.
        phase: Phase,
    },
    /// Somebody wanted it to stop.
    #[error("the call was cancelled")]
    Cancelled,
    /// The output is not JSON text.
    #[error("the connector's output is not JSON: {detail}")]
    InvalidOutput {
        /// Where it stops being JSON.
        detail: String,
    },
    /// The call stopped before a write that a person has to see. It is not at fault, and can go on.
    #[error("the call waits for the approval of a write")]
    Waiting(Box<Waiting>),
    /// The call stopped because calls that it made wait. It is not at fault, and can go on when those have ended.
    #[error("the call waits for others that it has made")]
    WaitingForCalls(Vec<ExecutionId>),
    /// The call stopped to ask the user something. It is not at fault, and can go on with the answer.
    #[error("the call waits for the user")]
    WaitingForInput(Box<Question>),
    /// A call that goes on did not come to where it was stopped. Nothing has left.
    #[error("the call did not run as before: {detail}")]
    Diverged {
        /// What was different.
        detail: String,
    },
}

/// What a call was doing when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a free slot of the pool.
    Queued,
    /// In the connector's own code.
    Guest,
    /// Waiting for the provider.
    Upstream,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queued => "waiting for a free slot",
            Self::Guest => "in the connector",
            Self::Upstream => "waiting for the provider",
        })
    }
}

/// A failure as the connector reports it: `types.failure` of the contract, with bounded texts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// The caller must change the input.
    #[error("invalid input")]
    InvalidInput(Vec<InputError>),
    /// What the input names does not exist, or this account cannot see it.
    #[error("not found: {0}")]
    NotFound(String),
    /// The provider knows the account and refuses.
    #[error("denied: {0}")]
    Denied(String),
    /// The provider does not accept the credential.
    #[error("authorization required: {0}")]
    AuthRequired(String),
    /// The provider wants fewer requests.
    #[error("rate limited: {message}")]
    RateLimited {
        /// How long to wait, if the provider said so.
        retry_after_ms: Option<u64>,
        /// One sentence.
        message: String,
    },
    /// Any other error of the provider.
    #[error("upstream {status}: {message}")]
    Upstream {
        /// HTTP status.
        status: u16,
        /// The provider's short code.
        code: Option<String>,
        /// One sentence.
        message: String,
        /// Whether the same call may succeed later.
        retryable: bool,
    },
    /// The connector does not offer this.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A mistake in the connector.
    #[error("internal: {0}")]
    Internal(String),
}

/// `text` cut to `bytes` at a character, without control characters: it goes to logs, terminals and models.
pub(super) fn bounded(text: &str, bytes: usize) -> String {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text.get(..end).unwrap_or_default();
    let mut bounded: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if end < text.len() {
        bounded.push('…');
    }
    bounded
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn text_is_cut_at_a_character_and_has_no_controls() {
        for (text, bytes, expected) in [
            ("", 4, ""),
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abcd…"),
            ("aéé", 2, "a…"),
            ("a\r\nb\u{1b}[2J", 20, "a  b [2J"),
            ("日本", 0, "…"),
        ] {
            assert_eq!(bounded(text, bytes), expected, "{text:?}");
        }
    }
}
