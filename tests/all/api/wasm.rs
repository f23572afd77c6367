//! Components that differ from the built probe in one thing each.

use std::fs;

use gloveport_tests::{programs, wat_guest};
use serde_json::Value;

const SECTION: &[u8] = b"gloveport:manifest";

/// The probe as it was built.
pub(super) fn probe() -> Vec<u8> {
    fs::read(programs::connector("probe")).unwrap()
}

/// The probe without a manifest: the section has another name.
pub(super) fn without_manifest() -> Vec<u8> {
    let mut bytes = probe();
    let at = section_at(&bytes);
    bytes[at + SECTION.len() - 1] = b'X';
    bytes
}

/// The probe with its manifest changed.
pub(super) fn with_manifest(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let built = probe();
    let text = &built[section_at(&built) + SECTION.len()..];
    let mut manifest: Value = serde_json::Deserializer::from_slice(text).into_iter().next().unwrap().unwrap();
    change(&mut manifest);
    with_section(without_manifest(), manifest.to_string().as_bytes())
}

/// The probe in another version.
pub(super) fn in_version(version: &str) -> Vec<u8> {
    with_manifest(|manifest| manifest["version"] = version.into())
}

/// These bytes with one more manifest at the end.
pub(super) fn with_section(mut bytes: Vec<u8>, manifest: &[u8]) -> Vec<u8> {
    wat_guest::append_section(&mut bytes, manifest);
    bytes
}

/// The probe with all of one text replaced by another of the same length.
pub(super) fn replaced(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths are written all over a component");
    let (mut bytes, from, to) = (probe(), from.as_bytes(), to.as_bytes());
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "the probe has it");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

fn section_at(bytes: &[u8]) -> usize {
    let mut places = (0..bytes.len() - SECTION.len()).filter(|at| bytes[*at..].starts_with(SECTION));
    // The name may stand in data as well; the section has JSON behind it.
    places.rfind(|at| bytes[at + SECTION.len()] == b'{').unwrap()
}
