//! Connectors written in WebAssembly text: for misbehaviour that a compiler does not let out of its hands.

use std::path::Path;

use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The name of the custom section that makes a component a connector.
const SECTION: &[u8] = b"gloveport:manifest";

/// A connector of this name without imports, auth pattern `none`, and one tool, `NAME_run`: what `call` does with the
/// locals `$input` and `$input_len`. `items` are more functions, tables or globals of the module.
pub fn connector(name: &str, items: &str, call: &str) -> Vec<u8> {
    connector_of(name, (r#"{"type":"object"}"#, None), items, call)
}

/// The same with the tool's schemas, of its input and of its output.
pub fn connector_of(name: &str, schemas: (&str, Option<&str>), items: &str, call: &str) -> Vec<u8> {
    let mut component = component("connector", &module(&format!("{name}_run"), schemas, items, call));
    let manifest = json!({
        "manifest": 1, "name": name, "version": "1.0.0", "title": name, "description": "Written by hand.",
        "publisher": "tests", "wit": "0.1.0", "imports": [], "hosts": ["api.invalid"],
        "base_url": "https://api.invalid", "auth": [{ "name": "none", "title": "None", "type": "none" }],
    });
    append_section(&mut component, manifest.to_string().as_bytes());
    component
}

/// Answers the input.
pub const ECHO: &str = "(call $ok (local.get $input) (local.get $input_len))";

/// A modifier of which `before` and `after` have these bodies, with the locals `$text` and `$text_len`. `data` lies at
/// 2,048; `$ok` and `$fail` answer a text, `$fail` with the number of the failure's variant before it.
pub fn modifier(data: &str, before: &str, after: &str) -> Vec<u8> {
    let function = |name: &str, body: &str| {
        format!(
            r#"(func (export "{name}") (param $tool i32) (param $tool_len i32)
                (param $text i32) (param $text_len i32) (result i32) {body})"#
        )
    };
    let module = format!(
        r#"(module {ANSWERS}
        (func $fail (param $variant i32) (param $text i32) (param $length i32) (result i32)
            (i32.store8 (i32.const 1024) (i32.const 1))
            (i32.store8 (i32.const 1032) (local.get $variant))
            (i32.store (i32.const 1040) (local.get $text))
            (i32.store (i32.const 1044) (local.get $length))
            (i32.const 1024))
        {} {}
        (data (i32.const 2048) "{}"))"#,
        function("before", before),
        function("after", after),
        data.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>()
    );
    component("modifier", &module)
}

/// A modifier's body that gives its text as it is.
pub const SAME: &str = "(call $ok (local.get $text) (local.get $text_len))";

/// Memory, its allocator, and the answer of a text.
const ANSWERS: &str = r#"
        (memory (export "memory") 2)
        (global $heap (mut i32) (i32.const 16384))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func $ok (param $text i32) (param $length i32) (result i32)
            (i32.store8 (i32.const 1024) (i32.const 0))
            (i32.store (i32.const 1032) (local.get $text))
            (i32.store (i32.const 1036) (local.get $length))
            (i32.const 1024))"#;

fn component(world: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_path(contract).expect("the contract parses");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    let mut core = wat::parse_str(module).expect("the text is a module");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).expect("the world is encoded");
    let encoder = ComponentEncoder::default().module(&core).expect("the module fits the world");
    encoder.validate(true).encode().expect("a component")
}

fn module(tool: &str, schemas: (&str, Option<&str>), items: &str, call: &str) -> String {
    let descriptor: String = descriptor(tool, schemas).iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(module {ANSWERS}
        {items}
        (func (export "describe") (result i32) (i32.const 4096))
        (func (export "call")
            (param $tool i32) (param $tool_len i32) (param $input i32) (param $input_len i32)
            (param $has_binding i32) (param $binding i32) (param $binding_len i32) (result i32)
            {call})
        (data (i32.const 4096) "{descriptor}"))"#
    )
}

/// A list with one tool as it lies in memory at 4,096: the list, the tool, its texts.
fn descriptor(name: &str, (input, output): (&str, Option<&str>)) -> Vec<u8> {
    const TOOL: usize = 4096 + 8;
    const TEXTS: usize = TOOL + 96;
    let mut tool = [0; 96];
    let mut texts = Vec::new();
    let output = output.map(|schema| {
        tool[32] = 1;
        (36, schema)
    });
    for (offset, text) in [(0, name), (8, "Run"), (16, "Runs."), (24, input)].into_iter().chain(output) {
        tool[offset..offset + 4].copy_from_slice(&((TEXTS + texts.len()) as u32).to_le_bytes());
        tool[offset + 4..offset + 8].copy_from_slice(&(text.len() as u32).to_le_bytes());
        texts.extend_from_slice(text.as_bytes());
    }
    [(TOOL as u32).to_le_bytes().as_slice(), &1_u32.to_le_bytes(), &tool, &texts].concat()
}

/// Adds the manifest at the end of a component.
pub fn append_section(component: &mut Vec<u8>, manifest: &[u8]) {
    let mut content = leb128(SECTION.len());
    content.extend_from_slice(SECTION);
    content.extend_from_slice(manifest);
    component.push(0);
    component.extend(leb128(content.len()));
    component.extend(content);
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
