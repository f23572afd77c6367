//! What a server may ask of this component, each limit with the reason for its number.

/// Tools of one server: what the host takes as tools of one connector, but for the one that finds them.
pub(crate) const TOOLS: usize = 1_999;

/// Pages of a list: with the fewest tools that servers put on one, ten, it is as many as tools.
pub(crate) const PAGES: usize = 200;

/// Bytes of all that is kept of a server's list: what the host takes as a call's output, with some room.
pub(crate) const LIST_BYTES: usize = 6 << 20;

/// Prompts of one server, as the host takes them.
pub(crate) const PROMPTS: usize = 200;

/// Resources of one server, as the host takes them: what a person finds in a list.
pub(crate) const RESOURCES: usize = 1_000;

/// Templates of resources: each describes many.
pub(crate) const TEMPLATES: usize = 200;

/// Pages of a list of prompts or resources: all three, and those of tools, are asked for by one call, whose requests are
/// counted.
pub(crate) const OFFERED_PAGES: usize = 20;

/// Bytes of all that is kept of prompts and resources: with the tools it has to fit into a call's output (8 MiB).
pub(crate) const OFFERED_BYTES: usize = 1 << 20;

/// Arguments of a prompt, as the host takes them.
pub(crate) const ARGUMENTS: usize = 32;

/// Bytes of a URI: what clients and proxies take of a URL.
pub(crate) const URI_BYTES: usize = 2_048;

/// Characters of a tool's name at its server: the protocol's own number.
pub(crate) const UPSTREAM_NAME_CHARS: usize = 128;

/// Bytes of a tool's name: what models take.
pub(crate) const NAME_BYTES: usize = 64;

/// Bytes of a title.
pub(crate) const TITLE_BYTES: usize = 120;

/// Bytes of a description. Servers tell models here how their tools are used, and the longest known have some four
/// thousand.
pub(crate) const DESCRIPTION_BYTES: usize = 6_000;

/// Bytes of one schema: what the host takes.
pub(crate) const SCHEMA_BYTES: usize = 256 << 10;

/// Levels that a schema may be nested: deeper ones are made to be deep.
pub(crate) const DEPTH: usize = 64;

/// Inputs that a tool may want in headers too: more would not fit into what servers take of headers.
pub(crate) const PARAMETER_HEADERS: usize = 32;

/// Characters of a server's error that go on to a model. It has to mend its call by them; the host takes 2 KiB.
pub(crate) const MESSAGE_CHARS: usize = 1_500;
