//! A connector that brings WASI along, made from text so that no toolchain is needed: it answers its whole memory.

use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::super::wasm::with_section;

/// Its only tool.
pub(super) const TOOL: &str = "dump_memory";

/// What it writes to the standard output.
pub(super) const SAID: &str = "written by way of wasi";

/// The text of the request that it sends.
const REQUEST: &str = "GET/";

/// Bytes of memory that it answers.
const MEMORY: usize = 2 << 16;

/// Where its descriptor lies.
const DESCRIPTOR: usize = 4096;

/// What it imports, besides what the contract has.
const WORLD: &str = "
world guest {
    include connector;
    import wasi:cli/environment@0.2.6;
    import wasi:cli/stdout@0.2.6;
}
package wasi:io@0.2.6 {
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
    }
}
package wasi:cli@0.2.6 {
    interface environment { get-environment: func() -> list<tuple<string, string>>; }
    interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
}
";

/// The files of the contract.
const CONTRACT: [&str; 10] = [
    include_str!("../../../../wit/connector.wit"),
    include_str!("../../../../wit/types.wit"),
    include_str!("../../../../wit/http.wit"),
    include_str!("../../../../wit/account.wit"),
    include_str!("../../../../wit/log.wit"),
    include_str!("../../../../wit/clock.wit"),
    include_str!("../../../../wit/random.wit"),
    include_str!("../../../../wit/progress.wit"),
    include_str!("../../../../wit/tools.wit"),
    include_str!("../../../../wit/input.wit"),
];

/// The component, with a manifest that wants these imports.
pub(super) fn wanting(imports: &[&str]) -> Vec<u8> {
    let files = CONTRACT.map(|file| file.replace("package gloveport:connector@0.1.0;", "")).concat();
    let mut resolve = Resolve::default();
    let package =
        resolve.push_source("guest.wit", &format!("package gloveport:connector@0.1.0;{files}{WORLD}")).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut core = wat::parse_str(module()).unwrap();
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap();
    with_section(component, manifest(imports).to_string().as_bytes())
}

/// The memory that an answer holds.
pub(super) fn memory(data: &Value) -> Vec<u8> {
    let letters = data.as_str().unwrap().as_bytes();
    assert_eq!(letters.len(), 2 * MEMORY);
    letters.chunks(2).map(|pair| ((pair[0] - b'A') << 4) | (pair[1] - b'A')).collect()
}

fn manifest(imports: &[&str]) -> Value {
    json!({
        "manifest": 1, "name": "dump", "version": "0.1.0", "title": "Dump", "description": "Answers its memory.",
        "publisher": "Tests", "categories": [], "wit": "0.1.0", "imports": imports,
        "hosts": ["api.dump.test"], "base_url": "https://api.dump.test",
        "auth": [{
            "name": "bearer", "title": "Token", "type": "bearer", "field": "token",
            "fields": [{ "name": "token", "label": "Token", "type": "password", "required": true }],
        }],
    })
}

/// Sends a request, asks for the environment, writes a line, and answers two letters for each byte of its memory.
fn module() -> String {
    let descriptor: String = descriptor().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let (end, said) = (MEMORY + 1 + 2 * MEMORY, SAID.len());
    format!(
        r#"(module
        (import "gloveport:connector/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
        (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (memory (export "memory") 10)
        (global $heap (mut i32) (i32.const 16384))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (if (i32.gt_u (global.get $heap) (i32.const {MEMORY})) (then unreachable))
            (local.get $at))
        (func (export "describe") (result i32) (i32.const {DESCRIPTOR}))
        (func $letter (param $at i32) (param $half i32)
            (i32.store8 (local.get $at) (i32.add (i32.const 65) (i32.and (local.get $half) (i32.const 15)))))
        (func (export "call") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (local $i i32) (local $at i32)
            (call $send (i32.const 2048) (i32.const 3) (i32.const 2051) (i32.const 1) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1536))
            (call $environment (i32.const 1600))
            (call $write (call $stdout) (i32.const 3072) (i32.const {said}) (i32.const 1664))
            (local.set $at (i32.const {MEMORY}))
            (i32.store8 (local.get $at) (i32.const 34))
            (loop $again
                (call $letter (i32.add (local.get $at) (i32.const 1))
                    (i32.shr_u (i32.load8_u (local.get $i)) (i32.const 4)))
                (local.set $at (i32.add (local.get $at) (i32.const 2)))
                (call $letter (local.get $at) (i32.load8_u (local.get $i)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const {MEMORY}))))
            (i32.store8 (i32.const {end}) (i32.const 34))
            (i32.store8 (i32.const 1024) (i32.const 0))
            (i32.store (i32.const 1032) (i32.const {MEMORY}))
            (i32.store (i32.const 1036) (i32.const {length}))
            (i32.const 1024))
        (data (i32.const 2048) "{REQUEST}")
        (data (i32.const 3072) "{SAID}")
        (data (i32.const {DESCRIPTOR}) "{descriptor}"))"#,
        length = 2 * MEMORY + 2,
    )
}

/// A list of one tool with one route, as the canonical ABI lays it out: the list, the tool, the route, their texts.
fn descriptor() -> Vec<u8> {
    const TOOL_AT: usize = DESCRIPTOR + 8;
    const ROUTE_AT: usize = TOOL_AT + 96;
    const TEXTS_AT: usize = ROUTE_AT + 32;
    let mut records = vec![0; 96 + 32];
    let mut texts = Vec::new();
    let mut put = |offset: usize, address: usize, length: usize| {
        records[offset..offset + 4].copy_from_slice(&u32::try_from(address).unwrap().to_le_bytes());
        records[offset + 4..offset + 8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    };
    for (offset, text) in
        [(0, TOOL), (8, "Dump"), (16, "Answers its memory."), (24, r#"{"type":"object"}"#), (96, "GET"), (96 + 20, "/")]
    {
        put(offset, TEXTS_AT + texts.len(), text.len());
        texts.extend_from_slice(text.as_bytes());
    }
    put(56, ROUTE_AT, 1);
    let list = [u32::try_from(TOOL_AT).unwrap().to_le_bytes(), 1_u32.to_le_bytes()].concat();
    [list, records, texts].concat()
}
