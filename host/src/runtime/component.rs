//! Turns bytes into something that can be called, if they are a component of our world and version with imports we offer.

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

use super::bindings::ConnectorPre;
use super::bindings::gloveport::connector as wit;
use super::error::bounded;
use super::state::State;
use super::view::{Imports, view};
use super::{Runtime, RuntimeError, limits, wasi};
use crate::model::Import;

/// The package of the contract.
pub(super) const PACKAGE: &str = "gloveport:connector";

/// The version of it that this host serves.
pub(super) const SERVED: &str = "0.1.0";

/// Bytes of what the validator or the linker says: it quotes names from the component.
pub(super) const DETAIL_BYTES: usize = 1 << 10;

/// A compiled component of the right world, not yet granted anything.
#[derive(Clone)]
pub struct Compiled {
    pub(super) component: Component,
    pub(super) imports: BTreeSet<Import>,
    /// With every import linked, for `describe`: they trap, because there is nothing outside.
    pub(super) describe: ConnectorPre<State>,
}

/// A component with its grants, ready to be called any number of times.
#[derive(Clone)]
pub struct Plugin {
    pub(super) pre: ConnectorPre<State>,
    may_pause: bool,
}

impl Plugin {
    /// Whether its calls can come to wait for something other than the approval of a write: then what they are told has to
    /// be kept.
    pub fn may_pause(&self) -> bool {
        self.may_pause
    }
}

impl Runtime {
    /// Compiles a component, or takes it from the cache. Blocks for as long as that takes: 0.1 s for a Rust
    /// connector, 10 s for an interpreter.
    ///
    /// `digest` is the SHA-256 of `wasm` in hexadecimal, as the caller computed it.
    pub fn compile(&self, wasm: &[u8], digest: &str) -> Result<Compiled, RuntimeError> {
        check_world(&self.0.engine, self.component(wasm, digest)?)
    }

    /// Takes a component from the cache by the digest alone, without its bytes; `None` if it is not there as this host
    /// wrote it. Blocks for as long as reading it takes: some milliseconds.
    pub fn cached(&self, digest: &str) -> Option<Result<Compiled, RuntimeError>> {
        Some(check_world(&self.0.engine, self.cached_component(digest)?))
    }

    /// Compiles a component of any world, or takes it from the cache.
    pub(super) fn component(&self, wasm: &[u8], digest: &str) -> Result<Component, RuntimeError> {
        check_shape(wasm)?;
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(RuntimeError::Digest { digest: bounded(digest, 80) });
        }
        if let Some(component) = self.cached_component(digest) {
            return Ok(component);
        }
        let component = Component::new(&self.0.engine, wasm).map_err(|error| refusal(wasm, &error))?;
        check_memory(&component)?;
        // A full disk makes the next start slower, and nothing else.
        if let Some(cache) = &self.0.cache
            && let Err(error) = cache.store(&component, digest)
        {
            tracing::warn!(digest, %error, "a compiled component was not kept");
        }
        Ok(component)
    }

    pub(super) fn cached_component(&self, digest: &str) -> Option<Component> {
        self.0.cache.as_ref()?.load(&self.0.engine, digest)
    }

    /// The interfaces that it imports.
    pub fn imports<'a>(&self, compiled: &'a Compiled) -> &'a BTreeSet<Import> {
        &compiled.imports
    }

    /// Links a component to what it was granted, and to nothing else.
    pub fn link(&self, compiled: &Compiled, granted: &BTreeSet<Import>) -> Result<Plugin, RuntimeError> {
        if let Some(import) = compiled.imports.difference(granted).next() {
            return Err(RuntimeError::NotGranted { name: import.as_str().into() });
        }
        let may_pause = [Import::Tools, Import::Input].iter().any(|import| compiled.imports.contains(import));
        Ok(Plugin { pre: link(&self.0.engine, &compiled.component, granted)?, may_pause })
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("imports", &self.imports).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").finish_non_exhaustive()
    }
}

fn check_shape(wasm: &[u8]) -> Result<(), RuntimeError> {
    if wasm.len() > limits::COMPONENT_BYTES {
        return Err(RuntimeError::TooLarge { bytes: wasm.len(), allowed: limits::COMPONENT_BYTES });
    }
    if wasmparser::Parser::is_core_wasm(wasm) {
        return Err(RuntimeError::CoreModule);
    }
    if !wasmparser::Parser::is_component(wasm) {
        return Err(RuntimeError::NotWasm);
    }
    Ok(())
}

/// The pool's slots are as large as imports need: what calls may have is less, and known before the first of them.
fn check_memory(component: &Component) -> Result<(), RuntimeError> {
    let needs = component.resources_required().and_then(|needs| needs.max_initial_memory_size).unwrap_or_default();
    if needs > limits::GUEST_MEMORY_BYTES as u64 {
        let detail =
            format!("it begins with {needs} bytes of memory, at most {} are given", limits::GUEST_MEMORY_BYTES);
        return Err(RuntimeError::TooBig { detail });
    }
    Ok(())
}

/// The engine refuses for one of two reasons: the bytes are not valid, or they are and do not fit into a slot.
///
/// It has no type for the difference. The validator alone does not notice a nested module that is cut off.
fn refusal(wasm: &[u8], error: &wasmtime::Error) -> RuntimeError {
    let detail = bounded(&format!("{error:#}"), DETAIL_BYTES);
    match wasmparser::validate(wasm) {
        Ok(_) if !detail.starts_with("failed to parse") => RuntimeError::TooBig { detail },
        _ => RuntimeError::Invalid { detail },
    }
}

fn check_world(engine: &Engine, component: Component) -> Result<Compiled, RuntimeError> {
    let imports = imports(engine, &component)?;
    check_exports(engine, &component)?;
    let describe = link(engine, &component, &imports)?;
    Ok(Compiled { component, imports, describe })
}

fn imports(engine: &Engine, component: &Component) -> Result<BTreeSet<Import>, RuntimeError> {
    let mut imports = BTreeSet::new();
    for (name, _) in component.component_type().imports(engine) {
        imports.extend(import(name)?);
    }
    Ok(imports)
}

/// Which interface an import asks for; none for the shared types, which need nothing from the host.
fn import(name: &str) -> Result<Option<Import>, RuntimeError> {
    let unsupported = || RuntimeError::UnsupportedImport { name: bounded(name, DETAIL_BYTES) };
    if wasi::interface(name).is_some() {
        return Ok(Some(Import::Wasi));
    }
    let rest = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')).ok_or_else(unsupported)?;
    let (interface, version) = rest.split_once('@').ok_or_else(unsupported)?;
    // Exactly: to serve another version is a decision, not an accident of how versions compare.
    if version != SERVED {
        let found = bounded(version, DETAIL_BYTES);
        return Err(RuntimeError::WrongVersion { found, served: SERVED.into() });
    }
    match interface {
        "types" => Ok(None),
        _ => Import::parse(interface).filter(|import| *import != Import::Wasi).map(Some).ok_or_else(unsupported),
    }
}

fn check_exports(engine: &Engine, component: &Component) -> Result<(), RuntimeError> {
    let component_type = component.component_type();
    if let Some((name, _)) = component_type.exports(engine).find(|(name, _)| name.starts_with("wasi:")) {
        let name = bounded(name, DETAIL_BYTES);
        return Err(RuntimeError::WrongWorld {
            detail: format!("it exports `{name}`: a connector is a library, not a program"),
        });
    }
    for name in ["describe", "call"] {
        let is_function = component_type
            .exports(engine)
            .any(|(export, item)| export == name && matches!(item.ty, ComponentItem::ComponentFunc(_)));
        if !is_function {
            return Err(RuntimeError::WrongWorld { detail: format!("it does not export the function `{name}`") });
        }
    }
    Ok(())
}

fn link(
    engine: &Engine,
    component: &Component,
    granted: &BTreeSet<Import>,
) -> Result<ConnectorPre<State>, RuntimeError> {
    ConnectorPre::new(offered(engine, component, granted)?).map_err(wrong)
}

pub(super) fn wrong(error: wasmtime::Error) -> RuntimeError {
    RuntimeError::WrongWorld { detail: bounded(&format!("{error:#}"), DETAIL_BYTES) }
}

/// Offers a component `granted` and nothing else. Fails where a type differs from the contract's.
pub(super) fn offered(
    engine: &Engine,
    component: &Component,
    granted: &BTreeSet<Import>,
) -> Result<InstancePre<State>, RuntimeError> {
    let mut linker = Linker::<State>::new(engine);
    wit::types::add_to_linker::<_, Imports>(&mut linker, view).map_err(wrong)?;
    for import in granted {
        offer(&mut linker, component, *import).map_err(wrong)?;
    }
    linker.instantiate_pre(component).map_err(wrong)
}

fn offer(linker: &mut Linker<State>, component: &Component, import: Import) -> wasmtime::Result<()> {
    match import {
        Import::Http => wit::http::add_to_linker::<_, Imports>(linker, view),
        Import::Account => wit::account::add_to_linker::<_, Imports>(linker, view),
        Import::Log => wit::log::add_to_linker::<_, Imports>(linker, view),
        Import::Clock => wit::clock::add_to_linker::<_, Imports>(linker, view),
        Import::Random => wit::random::add_to_linker::<_, Imports>(linker, view),
        Import::Progress => wit::progress::add_to_linker::<_, Imports>(linker, view),
        Import::Tools => wit::tools::add_to_linker::<_, Imports>(linker, view),
        Import::Input => wit::input::add_to_linker::<_, Imports>(linker, view),
        Import::Wasi => wasi::offer(linker, component),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_guests::{
        self, CLOCK, DESCRIBE, ECHO, HTTP, component, component_of, digest, guest, module,
    };
    use super::*;

    fn compile(wasm: &[u8]) -> Result<Compiled, RuntimeError> {
        test_guests::runtime(1).compile(wasm, &digest(wasm))
    }

    fn refused(wasm: &[u8]) -> String {
        compile(wasm).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_component_of_our_world_is_accepted_and_its_imports_are_named() {
        let compiled = compile(&guest(&[HTTP, CLOCK].concat(), ECHO)).expect("accepted");
        assert_eq!(compiled.imports, BTreeSet::from([Import::Http, Import::Clock]));
        assert!(compile(&guest("", ECHO)).expect("accepted").imports.is_empty());
    }

    #[test]
    fn what_is_not_a_component_is_refused_with_the_reason() {
        let good = guest("", ECHO);
        let core = wat::parse_str(module("", DESCRIBE, ECHO, "")).expect("a module");
        for (what, wasm, reason) in [
            ("nothing", Vec::new(), "not WebAssembly"),
            ("text", b"(component)".to_vec(), "not WebAssembly"),
            ("the magic alone", good[..4].to_vec(), "not WebAssembly"),
            ("a core module", core, "core module"),
            ("cut in the middle", good[..good.len() / 2].to_vec(), "not a valid component"),
            ("cut at the end", good[..good.len() - 1].to_vec(), "not a valid component"),
            ("zeros at the end", [good.as_slice(), &[0; 3]].concat(), "not a valid component"),
            ("too large", vec![0; limits::COMPONENT_BYTES + 1], "may have 67108864 bytes"),
        ] {
            let refused = refused(&wasm);
            assert!(refused.contains(reason), "{what}: {refused}");
        }
    }

    #[test]
    fn a_damaged_component_never_panics() {
        let good = guest(HTTP, ECHO);
        let runtime = test_guests::runtime(1);
        for position in (0..good.len()).step_by(37) {
            let mut wasm = good.clone();
            wasm[position] ^= 0x55;
            // Some bytes are names or data, and changing them leaves a component: what matters is an answer.
            let _ = runtime.compile(&wasm, &digest(&wasm));
        }
    }

    #[test]
    fn another_world_version_or_import_is_refused_by_name() {
        let text = |text: &str| wat::parse_str(text).expect("a component");
        for (what, wasm, reason) in [
            ("an empty component", text("(component)"), "does not export the function `describe`"),
            (
                "a second way out",
                text(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#),
                "imports `wasi:http/outgoing-handler@0.2.0`",
            ),
            ("a bare import", text(r#"(component (import "secrets" (func)))"#), "imports `secrets`"),
            (
                "an unknown interface",
                text(r#"(component (import "gloveport:connector/files@0.1.0" (instance)))"#),
                "connector/files@0.1.0`",
            ),
            (
                "WASI as if it were ours",
                text(r#"(component (import "gloveport:connector/wasi@0.1.0" (instance)))"#),
                "imports `gloveport:connector/wasi@0.1.0`",
            ),
            (
                "no version",
                text(r#"(component (import "gloveport:connector/http" (instance)))"#),
                "imports `gloveport:connector/http`",
            ),
            (
                "a patch version",
                text(r#"(component (import "gloveport:connector/http@0.1.1" (instance)))"#),
                "@0.1.1; this host serves 0.1.0",
            ),
            (
                "an interface that nobody offers",
                text(r#"(component (import "gloveport:connector/dreams@0.1.0" (instance)))"#),
                "gloveport:connector/dreams@0.1.0`",
            ),
            ("another version", component_of("0.9.0", &module(HTTP, DESCRIBE, ECHO, "")), "gloveport:connector@0.9.0"),
            (
                "another version, no imports",
                component_of("0.9.0", &module("", DESCRIBE, ECHO, "")),
                "@0.9.0; this host serves 0.1.0",
            ),
            (
                "a known name of another shape",
                text(
                    r#"(component (import "gloveport:connector/clock@0.1.0" (instance (export "now" (func (result string)))))
                (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i "f"))) (export "describe" (func $f)) (export "call" (func $f)))"#,
                ),
                "clock@0.1.0",
            ),
            (
                "exports of another shape",
                text(
                    r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i "f"))) (export "describe" (func $f)) (export "call" (func $f)))"#,
                ),
                "type-checking export func",
            ),
        ] {
            let refused = refused(&wasm);
            assert!(refused.contains(reason), "{what}: {refused}");
        }
    }

    #[test]
    fn a_component_that_no_slot_can_hold_is_refused_when_it_is_compiled() {
        let too_much = module("", DESCRIBE, ECHO, "").replace("\"memory\") 2)", "\"memory\") 2000)");
        let refused = refused(&component(&too_much));
        assert!(refused.contains("too big for one slot"), "{refused}");
    }

    #[test]
    fn only_granted_imports_are_linked() {
        let runtime = test_guests::runtime(1);
        let compiled = compile_on(&runtime, &guest(&[HTTP, CLOCK].concat(), ECHO));
        for granted in [vec![], vec![Import::Http], vec![Import::Clock], vec![Import::Log, Import::Random]] {
            let refused = runtime.link(&compiled, &granted.iter().copied().collect()).expect_err("not granted");
            assert!(matches!(refused, RuntimeError::NotGranted { .. }), "{granted:?}: {refused}");
        }
        assert!(runtime.link(&compiled, &BTreeSet::from(Import::ALL)).is_ok());
        // The linker itself offers no more than it was told to, whatever was checked before.
        assert!(link(&runtime.0.engine, &compiled.component, &BTreeSet::from([Import::Http])).is_err());
    }

    #[test]
    fn a_digest_is_checked_before_it_names_a_file() {
        let runtime = test_guests::runtime(1);
        let wasm = guest("", ECHO);
        for text in ["", "../../etc/passwd", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
            let refused = runtime.compile(&wasm, text).expect_err("not a digest");
            assert!(matches!(refused, RuntimeError::Digest { .. }), "{text}: {refused}");
        }
    }

    fn compile_on(runtime: &Runtime, wasm: &[u8]) -> Compiled {
        runtime.compile(wasm, &digest(wasm)).expect("accepted")
    }
}
