//! From a core module to a component, and what it says of itself.

use serde::Deserialize;
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm};

/// The section that `#[connector]` writes.
const MANIFEST: &str = "gloveport:manifest";

/// What all imports of a connector begin with.
const CONTRACT: &str = "gloveport:connector/";

/// A connector as a component.
pub(super) struct Component {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) imports: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    name: String,
    imports: Vec<String>,
}

/// Wraps a module and checks that it imports nothing which its manifest does not name.
pub(super) fn encode(module: &[u8]) -> Result<Component, String> {
    let manifest = manifest(module)?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    let imports = imports(&bytes)?;
    if let Some(unnamed) = imports.iter().find(|import| !manifest.imports.contains(import)) {
        return Err(format!("it imports `{unnamed}`, which `imports` of its `#[connector]` does not name"));
    }
    Ok(Component { name: manifest.name, bytes, imports })
}

/// The only manifest of the module.
fn manifest(module: &[u8]) -> Result<Manifest, String> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.map_err(|error| error.to_string())? else { continue };
        if section.name() == MANIFEST && found.replace(section.data()).is_some() {
            return Err(format!("it has two sections `{MANIFEST}`"));
        }
    }
    let text = found.ok_or_else(|| format!("it has no section `{MANIFEST}`: is there a `#[connector]`?"))?;
    serde_json::from_slice(text).map_err(|error| format!("its manifest cannot be read: {error}"))
}

/// The functions' interfaces that a component imports: `http` for ours, the full name for anything else.
fn imports(component: &[u8]) -> Result<Vec<String>, String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else { return Err("it is not a component".into()) };
    let Some(world) = resolve.worlds.get(world) else { return Err("it has no world".into()) };
    let mut names = Vec::new();
    for (key, item) in &world.imports {
        // Types alone give a component no power.
        let is_power = match item {
            wit_parser::WorldItem::Interface { id, .. } => {
                resolve.interfaces.get(*id).is_none_or(|interface| !interface.functions.is_empty())
            }
            wit_parser::WorldItem::Function(_) => true,
            wit_parser::WorldItem::Type { .. } => false,
        };
        if !is_power {
            continue;
        }
        let name = resolve.name_world_key(key);
        let short = name.strip_prefix(CONTRACT).and_then(|rest| rest.split('@').next()).map(str::to_owned);
        names.push(short.unwrap_or(name));
    }
    Ok(names)
}
