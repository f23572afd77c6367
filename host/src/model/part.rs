//! The names of what is sealed beside a record, each authenticated with what it names: none opens as another.

/// What a call was asked for.
pub const REQUEST: &str = "request";
/// What the guest was told.
pub const JOURNAL: &str = "journal";
/// What a call answered.
pub const OUTPUT: &str = "output";
/// What a person sees before deciding.
pub const SHOWN: &str = "shown";
/// What a user is asked.
pub const QUESTION: &str = "question";
/// What whoever asks again is answered.
pub const ANSWER: &str = "answer";
/// What of the input may be shown.
pub const INPUT_SEEN: &str = "input_seen";
/// What of the output may be shown.
pub const OUTPUT_SEEN: &str = "output_seen";
/// What a project's tokens are signed with.
pub const SIGNING_KEY: &str = "signing key";
/// The token in the URL of an MCP instance.
pub const INSTANCE_TOKEN: &str = "token";
