//! Components for the tests of this layer, made from a few lines of text each.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use url::Url;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{AccountView, Call, Gate, Journal, Runtime, RuntimeConfig};
use crate::config::PrivateNetworks;
use crate::egress::{Egress, EgressConfig, Grant, GrantState, Injection};
use crate::model::{Random, Timestamp};

/// The files of the contract.
const WIT: [&str; 11] = [
    include_str!("../../../wit/connector.wit"),
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/http.wit"),
    include_str!("../../../wit/account.wit"),
    include_str!("../../../wit/log.wit"),
    include_str!("../../../wit/clock.wit"),
    include_str!("../../../wit/random.wit"),
    include_str!("../../../wit/progress.wit"),
    include_str!("../../../wit/tools.wit"),
    include_str!("../../../wit/input.wit"),
    include_str!("../../../wit/modifier.wit"),
];

/// Imports that a test guest can name, with the signatures of the canonical ABI.
pub(super) const HTTP: &str = r#"(import "gloveport:connector/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
pub(super) const SEND_ALL: &str = r#"(import "gloveport:connector/http@0.1.0" "send-all"
    (func $send_all (param i32 i32 i32)))"#;
pub(super) const LOG: &str = r#"(import "gloveport:connector/log@0.1.0" "write"
    (func $log (param i32 i32 i32)))"#;
pub(super) const CLOCK: &str = r#"(import "gloveport:connector/clock@0.1.0" "now" (func $now (result i64)))"#;
pub(super) const RANDOM: &str = r#"(import "gloveport:connector/random@0.1.0" "bytes"
    (func $random (param i32 i32)))"#;
pub(super) const ACCOUNT: &str = r#"(import "gloveport:connector/account@0.1.0" "setting"
    (func $setting (param i32 i32 i32)))"#;
pub(super) const PROGRESS: &str = r#"(import "gloveport:connector/progress@0.1.0" "report"
    (func $progress (param i64 i64 i32 i32)))"#;

/// Sends `GET /` (the text lies at 2,048) and leaves the result at 1,536.
pub(super) const SEND: &str = "(call $send (i32.const 2048) (i32.const 3) (i32.const 2052) (i32.const 1) (i32.const 0) \
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1536))";

/// Answers the input.
pub(super) const ECHO: &str = "(call $ok (local.get $input) (local.get $input_len))";

/// Never answers.
pub(super) const SPIN: &str = "(loop $again (br $again)) unreachable";

/// Answers the descriptor that lies in the data.
pub(super) const DESCRIBE: &str = "(i32.const 4096)";

/// A guest with these imports and bodies of `describe` and `call`; `items` are more functions, tables or globals.
pub(super) fn module(imports: &str, describe: &str, call: &str, items: &str) -> String {
    let descriptor: String = descriptor().iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(module
        {imports}
        (memory (export "memory") 2)
        (global $heap (mut i32) (i32.const 16384))
        (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (block $enough
                (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                (br_if $enough (i32.ne (i32.const -1)
                    (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get 3) (i32.const 65536))))))
                unreachable)
            (local.get $at))
        (func $ok (param $text i32) (param $length i32) (result i32)
            (i32.store8 (i32.const 1024) (i32.const 0))
            (i32.store (i32.const 1032) (local.get $text))
            (i32.store (i32.const 1036) (local.get $length))
            (i32.const 1024))
        (func $fail (param $variant i32) (param $text i32) (param $length i32) (result i32)
            (i32.store8 (i32.const 1024) (i32.const 1))
            (i32.store8 (i32.const 1032) (local.get $variant))
            (i32.store (i32.const 1040) (local.get $text))
            (i32.store (i32.const 1044) (local.get $length))
            (i32.const 1024))
        {items}
        (func (export "describe") (result i32) {describe})
        (func (export "call")
            (param $tool i32) (param $tool_len i32) (param $input i32) (param $input_len i32)
            (param $has_binding i32) (param $binding i32) (param $binding_len i32) (result i32)
            (local $i i32)
            {call})
        (data (i32.const 2048) "GET /\ff\fe{{}}")
        (data (i32.const 4096) "{descriptor}"))"#
    )
}

/// A component whose `call` has this body.
pub(super) fn guest(imports: &str, call: &str) -> Vec<u8> {
    component(&module(imports, DESCRIBE, call, ""))
}

/// Wraps a module in a component of our world.
pub(super) fn component(module: &str) -> Vec<u8> {
    component_of("0.1.0", module)
}

/// The same for another version of the contract.
pub(super) fn component_of(version: &str, module: &str) -> Vec<u8> {
    let at = format!("@{version}");
    encode("connector", &contract().replace("@0.1.0", &at), &module.replace("@0.1.0", &at))
}

/// Wraps a module in a component of another world than the contract's; `wit` comes after the contract and has it.
pub(super) fn component_in(world: &str, wit: &str, module: &str) -> Vec<u8> {
    encode(world, &format!("{}{wit}", contract()), module)
}

/// The files of the contract as one.
fn contract() -> String {
    let files = WIT.map(|file| file.replace("package gloveport:connector@0.1.0;", "")).concat();
    format!("package gloveport:connector@0.1.0;{files}")
}

fn encode(world: &str, wit: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("connector.wit", wit).expect("the interfaces parse");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    let mut core = wat::parse_str(module).expect("the text is a module");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).expect("the world is encoded");
    let encoder = ComponentEncoder::default().module(&core).expect("the module fits the world");
    encoder.validate(true).encode().expect("a component")
}

/// A runtime without a cache.
pub(super) fn runtime(calls: u32) -> Runtime {
    let config = RuntimeConfig { cache_dir: None, random: Random::system(), max_concurrent_calls: calls };
    Runtime::new(config).expect("a runtime")
}

/// The digest that a caller of `compile` would compute.
pub(super) fn digest(wasm: &[u8]) -> String {
    hex::encode(Sha256::digest(wasm))
}

/// A call with this input, at 1,000 ms, that can reach nothing.
pub(super) fn call(input: &str) -> Call<'_> {
    static EGRESS: LazyLock<Arc<Egress>> = LazyLock::new(|| {
        let config = EgressConfig::new(PrivateNetworks::default());
        Arc::new(Egress::new(config).expect("a way out"))
    });
    let grant = Grant {
        account: None,
        base_url: Url::parse("https://localhost.invalid").expect("a URL"),
        hosts: Vec::new(),
        routes: [].into(),
        injection: Injection::None,
        idempotency: None,
        timeout: Duration::from_secs(1),
        state: GrantState::new(),
    };
    Call {
        tool: "probe_echo",
        input,
        binding: None,
        journal: Journal {
            now: Timestamp(1_000),
            seed: [7; 32],
            account: AccountView { fields: Arc::default(), settings: r#"{"big":12345678901234567890}"#.into() },
            entries: Vec::new(),
        },
        gate: Gate::Open,
        records: false,
        tools: None,
        depth: 0,
        egress: EGRESS.clone(),
        grant: Arc::new(grant),
        timeout: Duration::from_secs(60),
        stop: Default::default(),
        progress: None,
    }
}

/// A list with one tool, `probe_echo`, as it lies in memory at 4,096: the list, the tool, its texts.
fn descriptor() -> Vec<u8> {
    const TOOL: usize = 4096 + 8;
    const TEXTS: usize = TOOL + 96;
    let mut tool = [0; 96];
    let mut texts = Vec::new();
    for (offset, text) in [(0, "probe_echo"), (8, "Echo"), (16, "Answers the input."), (24, r#"{"type":"object"}"#)] {
        tool[offset..offset + 4].copy_from_slice(&((TEXTS + texts.len()) as u32).to_le_bytes());
        tool[offset + 4..offset + 8].copy_from_slice(&(text.len() as u32).to_le_bytes());
        texts.extend_from_slice(text.as_bytes());
    }
    [(TOOL as u32).to_le_bytes().as_slice(), &1_u32.to_le_bytes(), &tool, &texts].concat()
}
