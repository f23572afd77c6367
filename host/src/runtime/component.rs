//! From bytes to something that can be called: is it a component, of our world and version, with imports we may offer?

use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::ConnectorPre;
use super::bindings::gloveport::connector as wit;
use super::error::bounded;
use super::state::State;
use super::view::{Imports, view};
use super::{Runtime, RuntimeError, limits};
use crate::model::Import;

/// The package of the contract.
const PACKAGE: &str = "gloveport:connector";

/// The version of it that this host serves.
const SERVED: &str = "0.1.0";

/// Bytes of what the validator or the linker says: it quotes names from the component.
const DETAIL_BYTES: usize = 1 << 10;

/// A compiled component of the right world, not yet granted anything.
#[derive(Clone)]
pub struct Compiled {
    component: Component,
    imports: BTreeSet<Import>,
    /// With every import linked, for `describe`: they trap, because there is nothing outside.
    pub(super) describe: ConnectorPre<State>,
}

/// A component with its grants, ready to be called any number of times.
#[derive(Clone)]
pub struct Plugin {
    pub(super) pre: ConnectorPre<State>,
}

impl Runtime {
    /// Compiles a component, or takes it from the cache. Blocks for as long as that takes: 0.1 s for a Rust
    /// connector, 10 s for an interpreter.
    ///
    /// `digest` is the SHA-256 of `wasm` in hexadecimal, as the caller computed it.
    pub fn compile(&self, wasm: &[u8], digest: &str) -> Result<Compiled, RuntimeError> {
        check_shape(wasm)?;
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(RuntimeError::Digest { digest: bounded(digest, 80) });
        }
        let engine = &self.0.engine;
        if let Some(cache) = &self.0.cache
            && let Some(component) = cache.load(engine, digest)
        {
            return check_world(engine, component);
        }
        let component = Component::new(engine, wasm).map_err(|error| refusal(wasm, &error))?;
        let compiled = check_world(engine, component)?;
        if let Some(cache) = &self.0.cache {
            cache.store(&compiled.component, digest)?;
        }
        Ok(compiled)
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
        Ok(Plugin { pre: link(&self.0.engine, &compiled.component, granted)? })
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

/// The engine refuses for one of two reasons: the bytes are not valid, or they are and do not fit into a slot.
fn refusal(wasm: &[u8], error: &wasmtime::Error) -> RuntimeError {
    match wasmparser::validate(wasm) {
        Err(error) => RuntimeError::Invalid { detail: bounded(&error.to_string(), DETAIL_BYTES) },
        Ok(_) => RuntimeError::TooBig { detail: bounded(&format!("{error:#}"), DETAIL_BYTES) },
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
    let rest = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')).ok_or_else(unsupported)?;
    let (interface, version) = rest.split_once('@').ok_or_else(unsupported)?;
    // Exactly: to serve another version is a decision, not an accident of how versions compare.
    if version != SERVED {
        let found = bounded(version, DETAIL_BYTES);
        return Err(RuntimeError::WrongVersion { found, served: SERVED.into() });
    }
    match interface {
        "types" => Ok(None),
        _ => Import::parse(interface).map(Some).ok_or_else(unsupported),
    }
}

fn check_exports(engine: &Engine, component: &Component) -> Result<(), RuntimeError> {
    let component_type = component.component_type();
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

/// A linker that offers `granted` and nothing else. Fails where a type differs from the contract's.
fn link(
    engine: &Engine,
    component: &Component,
    granted: &BTreeSet<Import>,
) -> Result<ConnectorPre<State>, RuntimeError> {
    let wrong =
        |error: wasmtime::Error| RuntimeError::WrongWorld { detail: bounded(&format!("{error:#}"), DETAIL_BYTES) };
    let mut linker = Linker::<State>::new(engine);
    wit::types::add_to_linker::<_, Imports>(&mut linker, view).map_err(wrong)?;
    for import in granted {
        offer(&mut linker, *import).map_err(wrong)?;
    }
    ConnectorPre::new(linker.instantiate_pre(component).map_err(wrong)?).map_err(wrong)
}

fn offer(linker: &mut Linker<State>, import: Import) -> wasmtime::Result<()> {
    match import {
        Import::Http => wit::http::add_to_linker::<_, Imports>(linker, view),
        Import::Account => wit::account::add_to_linker::<_, Imports>(linker, view),
        Import::Log => wit::log::add_to_linker::<_, Imports>(linker, view),
        Import::Clock => wit::clock::add_to_linker::<_, Imports>(linker, view),
        Import::Random => wit::random::add_to_linker::<_, Imports>(linker, view),
        Import::Progress => wit::progress::add_to_linker::<_, Imports>(linker, view),
    }
}
