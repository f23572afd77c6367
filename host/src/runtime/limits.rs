//! What a component may use, each limit with the reason for its number.

use std::time::Duration;

// --- Memory of a guest ---------------------------------------------------------------------------------------------

/// Linear memory of one call, all memories of the component together. A Rust connector that holds a response of 10 MB
/// and its parsed form, some three times that, fits; so do interpreters, which are components of 12 to 18 MB.
pub const GUEST_MEMORY_BYTES: usize = 64 << 20;

/// Elements of one table: the functions that are called indirectly. Wasmtime's default is 20,000, and debug builds of
/// interpreters come near to it: this is three times that. Costs address space only, 8 bytes an element.
pub const TABLE_ELEMENTS: usize = 65_536;

/// Core instances in one component. Rust needs one, and a few for adapters; the Python toolchain links each shared
/// library as an instance of its own. A counter, not memory.
pub const CORE_INSTANCES: u32 = 96;

/// Linear memories in one component. One is the rule, two or three occur in composed components.
pub const MEMORIES: u32 = 4;

/// Tables in one component. One is the rule; each adapter that a toolchain adds brings one more.
pub const TABLES: u32 = 16;

/// The host's own bookkeeping for the instances of one component. Wasmtime's default: it grows with
/// the number of functions and instances, not with memory, and is allocated as needed.
pub const INSTANCE_METADATA_BYTES: usize = 1 << 20;

/// Live handles to resources. The contract has no resources; guests with WASI inside hold a handful.
pub const HANDLES: usize = 1_000;

/// Stack of the guest. Interpreters recurse deeply on nested data; 1 MiB is what they get on native threads' smallest
/// usual setting, and running over it is a trap, not a crash.
pub const GUEST_STACK_BYTES: usize = 1 << 20;

/// Stack of the fibre that runs guest and host functions: the guest's, and as much again for the host's own frames.
pub const FIBRE_STACK_BYTES: usize = 2 << 20;

// --- The pool ------------------------------------------------------------------------------------------------------

/// Address space kept for each linear memory. All that a 32-bit address can reach, so that the compiled code needs no
/// bounds checks. Reserved, not used: 128 concurrent calls take 2 TiB of the 128 TiB that a process may address.
pub const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;

/// Unmapped space after the reservation, for accesses with a constant offset. Wasmtime's default on 64-bit hosts.
pub const MEMORY_GUARD_BYTES: u64 = 32 << 20;

/// Linear memory that stays resident in an unused slot and is wiped by hand instead of being given back to the
/// kernel. A Rust connector touches less than this, so that a call costs no page faults.
pub const MEMORY_KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// The same for tables: 8,192 elements, more than a Rust connector has.
pub const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Slots that stay warm for components that are not being called. Their resident memory is bounded by this number
/// times [`MEMORY_KEEP_RESIDENT_BYTES`], 32 MiB: within the 120 MB that an idle host may take.
pub const WARM_SLOTS: u32 = 32;

/// Memories given back to the kernel together. Each return interrupts all cores that run the process; in batches of
/// 16 the cost is shared, and what waits is never more than 16 slots a shard.
pub const DECOMMIT_BATCH: usize = 16;

/// Most concurrent calls that an operator may ask for: 4,096 and the slots for nested calls reserve 88 of the 128 TiB of
/// address space.
pub const CONCURRENT_CALLS_MAX: u32 = 4_096;

// --- Imports of documents -------------------------------------------------------------------------------------------

/// Linear memory of one import. GitHub's description, 13 MB of JSON, takes some twelve times its length as values, and its
/// 1,200 tools are made beside it.
pub const IMPORT_MEMORY_BYTES: usize = 512 << 20;

/// Imports that run at the same time: they are rare, and two bound what they hold together at 1 GiB.
pub const IMPORTS: usize = 2;

/// Ticks of an import's own time: 20 s. GitHub's description takes a tenth of that on a machine with nothing else to do.
pub const IMPORT_TICKS: u32 = 2_000;

/// Wall-clock time for an import, on a machine that is busy with other things.
pub const IMPORT_TIMEOUT: Duration = Duration::from_secs(90);

/// Bytes of a document. The longest description of an API that is known has 13 MB.
pub const DOCUMENT_BYTES: usize = 16 << 20;

/// Bytes of an import's result: schemas and bindings of as many tools as a connector may have. GitHub's take 20 MB.
pub const IMPORTED_BYTES: usize = 64 << 20;

/// Bytes of a reason or a warning that an import tells.
pub const REMARK_BYTES: usize = 1 << 10;

/// Remarks of an import: skipped operations and warnings, each. One for each operation that there may be.
pub const REMARKS: usize = TOOLS;

// --- Time ----------------------------------------------------------------------------------------------------------

/// Length of one epoch tick: how long a guest runs before another task gets its thread. Shorter costs more wake-ups
/// of the ticker, longer lets a busy guest delay its neighbours.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks of its own time that a guest may use in a call: 5 s, ten times what parsing a response of 10 MB should take
/// in a slow language. Waiting for replies is not counted.
pub const GUEST_TICKS: u32 = 500;

/// Ticks for `describe`, which builds a list: 2 s leave an interpreter time to start.
pub const DESCRIBE_TICKS: u32 = 200;

/// Ticks of a modifier's own time: 1 s. It changes one text, and each call that it is bound to waits for it.
pub const MODIFIER_TICKS: u32 = 100;

/// Wall-clock time for `describe`, on a machine that is busy with other things.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest deadline that a call may have: a person or an agent waits for it.
pub const CALL_TIMEOUT_MAX: Duration = Duration::from_secs(300);

// --- What crosses the border ---------------------------------------------------------------------------------------

/// Bytes that a guest may hand to the host in one host call or as one result (CVE-2026-27204: without a limit the
/// host allocates what the guest says). An upload of 10 MB fits.
pub const HOST_CALL_BYTES: usize = 16 << 20;

/// A component as it is installed. The Python toolchain makes 18 MB, JavaScript 12 MB.
pub const COMPONENT_BYTES: usize = 64 << 20;

/// JSON text of a tool's input: room for a file of 5 MB as base64.
pub const INPUT_BYTES: usize = 8 << 20;

/// JSON text of a tool's output: more than any model reads, enough for a file of 5 MB as base64.
pub const OUTPUT_BYTES: usize = 8 << 20;

/// Bytes of a message in a failure. It goes to a model, and must not be the provider's body.
pub const FAILURE_TEXT_BYTES: usize = 2 << 10;

/// Field errors in one failure: nobody mends more at once.
pub const FIELD_ERRORS: usize = 64;

/// Bytes of a short code or of a JSON Pointer in a failure.
pub const FAILURE_CODE_BYTES: usize = 256;

// --- Host functions ------------------------------------------------------------------------------------------------

/// HTTP requests in one call. A listing of 10,000 items in pages of 100 takes 100.
pub const SENDS: u32 = 256;

/// Requests of one `send-all` that are under way at the same time: what browsers allow one host is 6.
pub const SEND_ALL_CONCURRENCY: usize = 8;

/// Bytes of bodies that `send-all` collects: they lie in the host until all have come, and what does not fit into the
/// guest's memory cannot be handed over anyway.
pub const SEND_ALL_BYTES: u64 = 48 << 20;

/// Bytes of replies in the journal of one call. A call that waits is kept in the database: this is what one row may
/// weigh, and some hundred listings.
pub const JOURNAL_BYTES: usize = 16 << 20;

/// How deep calls may be nested in one another. A tool made of tools is common, one made of those is not rare; deeper ones
/// are mistakes.
pub const NESTING: usize = 3;

/// Slots of the pool for each depth of nested calls: one to as many of those that callers ask for. Each depth has its own,
/// because a call that holds a slot waits for those below it, and they must not wait for slots that it holds.
pub const SLOTS_PER_NESTED: u32 = 8;

/// Other tools that one call may call: a message to each member of a team.
pub const NESTED_CALLS: u32 = 64;

/// Nested calls of one `call-all` that are under way at the same time, as for requests.
pub const CALL_ALL_CONCURRENCY: usize = 8;

/// Bytes of the outputs that other tools give to one `call-all`, or to one call that goes on after it waited: what does not
/// fit into the guest's memory cannot be handed over anyway.
pub const CALL_ALL_BYTES: usize = 48 << 20;

/// Bytes of a question to a person: it has to fit onto a screen.
pub const QUESTION_BYTES: usize = 2 << 10;

/// Bytes of the schema of an answer: forms are small.
pub const QUESTION_SCHEMA_BYTES: usize = 16 << 10;

/// Log lines kept of one call: enough to see what happened, too few to fill a disk.
pub const LOG_LINES: usize = 100;

/// Bytes of one log line.
pub const LOG_LINE_BYTES: usize = 1 << 10;

/// Random bytes of one request, as the contract says.
pub const RANDOM_BYTES: usize = 1_024;

/// Random bytes of one request by way of WASI, which has no shorter answers. Python seeds its generator with 2,496.
pub const WASI_RANDOM_BYTES: usize = 64 << 10;

/// Bytes that an output stream of WASI takes at a time: the most that one blocking write may hand over by WASI's own
/// rules, so that no toolchain sends more, and no host call is long.
pub const WASI_WRITE_BYTES: usize = 4 << 10;

/// Lines told of a component that cannot describe itself: the end of an interpreter's traceback.
pub const LAST_WORDS_LINES: usize = 8;

/// Bytes of the message of a progress report.
pub const PROGRESS_BYTES: usize = 256;

// --- Descriptor ----------------------------------------------------------------------------------------------------

/// Tools of one connector. GitHub's whole API has about 1,100 operations.
pub const TOOLS: usize = 2_000;

/// Bytes of a tool's name, as the contract says: what the model APIs accept.
pub const TOOL_NAME_BYTES: usize = 64;

/// Bytes of a tool's title.
pub const TITLE_BYTES: usize = 200;

/// Bytes of a tool's description. Models read it with each request.
pub const DESCRIPTION_BYTES: usize = 8 << 10;

/// Bytes of one schema. Large operations of public APIs have tens of kilobytes once their references are resolved.
pub const SCHEMA_BYTES: usize = 256 << 10;

/// Bytes of one binding: an operation compiled small.
pub const BINDING_BYTES: usize = 64 << 10;

/// Routes of one tool.
pub const ROUTES: usize = 64;

/// Scopes, tags and aliases of one tool, each.
pub const LABELS: usize = 32;

/// Bytes of a scope (Google's are URLs), a tag, or a method.
pub const LABEL_BYTES: usize = 200;
