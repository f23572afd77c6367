//! What a document may ask of this component, each limit with the reason for its number.

/// Levels that a document or a schema may be nested. Real ones have twenty; `serde_json` stops at 128 itself.
pub(crate) const DEPTH: usize = 100;

/// Values that a YAML document may have once its aliases are followed. GitHub's has 900,000; a bomb has billions.
pub(crate) const NODES: usize = 4_000_000;

/// Bytes of text that a YAML document's aliases may add to it: three times the largest document known.
pub(crate) const ALIASED_BYTES: usize = 40 << 20;

/// Schemas that the schema of one input may draw in. Box's and Xero's largest operations draw in some sixty.
pub(crate) const DEFINITIONS: usize = 400;

/// References that one leads to before something stands there. Each real one leads to what it means, or to one more.
pub(crate) const REFERENCE_HOPS: usize = 16;

/// Schemas that `allOf` may put together to one object: more than this is no object that one can write down.
pub(crate) const PARTS: usize = 64;

/// Bytes of one input schema: what the host takes.
pub(crate) const SCHEMA_BYTES: usize = 256 << 10;

/// Bytes of all input schemas together: twice what GitHub's whole API has, and what may cross to the host at once.
pub(crate) const ALL_SCHEMAS_BYTES: usize = 24 << 20;

/// Operations that one document may have: what the host takes as tools of one connector.
pub(crate) const TOOLS: usize = 2_000;

/// Bytes of a tool's name: what models take.
pub(crate) const NAME_BYTES: usize = 64;

/// Bytes of a title.
pub(crate) const TITLE_BYTES: usize = 120;

/// Bytes of a description. Models read it with each request; documents put whole manuals there.
pub(crate) const DESCRIPTION_BYTES: usize = 1_500;

/// Tags and scopes of a tool, each.
pub(crate) const LABELS: usize = 32;

/// Bytes of a tag or a scope.
pub(crate) const LABEL_BYTES: usize = 200;

/// Bytes of an example that goes along with a schema: longer ones say more to people than to models.
pub(crate) const EXAMPLE_BYTES: usize = 120;

/// Characters of a provider's error message that go on to a model: one sentence.
pub(crate) const MESSAGE_CHARS: usize = 300;
