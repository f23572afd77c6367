//! WASI 0.2 with nothing behind it, for guests whose toolchains cannot do without: linked only where it was granted.

mod answers;
mod inside;
#[cfg(test)]
mod test_guests;

use thiserror::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use super::limits;
use super::state::State;

pub(super) use inside::Inside;

/// The interfaces that the standard libraries of Rust, C and Python ask for. Neither `wasi:http` nor `wasi:cli/run`
/// is one of them.
const INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The guest asked for something that is not there, or for too much of what is.
#[derive(Debug, Error)]
pub(super) enum Stopped {
    /// It ended itself as a program does; a call has to answer.
    #[error("the connector ended itself by wasi:cli/exit, with code {code}")]
    Exit {
        /// The code that it gave; 0 or 1 if it only said whether it went well.
        code: u8,
    },
    /// A function of an interface above that has nothing to work on.
    #[error("{interface} {function}: this host has nothing behind it")]
    Nothing {
        /// The interface, without its version.
        interface: &'static str,
        /// The function.
        function: String,
    },
    /// More random bytes than it may have at a time.
    #[error("{asked} random bytes at a time")]
    Random {
        /// What it asked for.
        asked: u64,
    },
    /// It wrote more at a time than the stream said it takes.
    #[error("{asked} bytes written to an output stream at a time; it takes {}", limits::WASI_WRITE_BYTES)]
    Write {
        /// What it wrote.
        asked: usize,
    },
    /// It waits for nothing at all.
    #[error("wasi:io/poll poll: an empty list would be waited for without end")]
    EmptyPoll,
}

// What the handles of a guest stand for. Of most there never is one: they are here because the functions on them have
// to be linked.
pub(super) enum Pollable {}
pub(super) enum InputStream {}
pub(super) enum OutputStream {}
pub(super) enum IoError {}
pub(super) enum Descriptor {}
pub(super) enum DirectoryEntries {}
pub(super) enum TerminalInput {}
pub(super) enum TerminalOutput {}
pub(super) enum Network {}
pub(super) enum Tcp {}
pub(super) enum Udp {}
pub(super) enum IncomingDatagrams {}
pub(super) enum OutgoingDatagrams {}
pub(super) enum Addresses {}

/// The interface that an import names, if it is WASI's, offered here, and of a version 0.2.
pub(super) fn interface(import: &str) -> Option<&'static str> {
    let (name, version) = import.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    let is_number = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
    INTERFACES.iter().copied().find(|known| is_number && *known == name)
}

/// Links all of WASI that the component imports. What it does not import is not linked, and a component without WASI
/// costs nothing here.
pub(super) fn offer(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = &linker.engine().clone();
    for (import, item) in component.component_type().imports(engine) {
        let (Some(interface), ComponentItem::ComponentInstance(wanted)) = (interface(import), item.ty) else {
            continue;
        };
        let mut offered = linker.instance(import)?;
        for (name, item) in wanted.exports(engine) {
            match item.ty {
                ComponentItem::Resource(_) => resource(&mut offered, name)?,
                ComponentItem::ComponentFunc(_) if !answers::offer(&mut offered, interface, name)? => {
                    nothing(&mut offered, interface, name)?;
                }
                // Types need no definition, and what else there might be is missed by name when it is linked.
                _ => {}
            }
        }
    }
    Ok(())
}

/// A function that cannot be answered, mostly because it works on something that no guest can have.
fn nothing(offered: &mut LinkerInstance<'_, State>, interface: &'static str, name: &str) -> wasmtime::Result<()> {
    let function = name.to_owned();
    offered.func_new(name, move |_, _, _, _| Err(Stopped::Nothing { interface, function: function.clone() }.into()))
}

fn resource(offered: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    let of = match name {
        "pollable" => {
            return offered.resource(name, ResourceType::host::<Pollable>(), |mut store, handle| {
                store.data_mut().wasi().forget(handle);
                Ok(())
            });
        }
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "error" => ResourceType::host::<IoError>(),
        "descriptor" => ResourceType::host::<Descriptor>(),
        "directory-entry-stream" => ResourceType::host::<DirectoryEntries>(),
        "terminal-input" => ResourceType::host::<TerminalInput>(),
        "terminal-output" => ResourceType::host::<TerminalOutput>(),
        "network" => ResourceType::host::<Network>(),
        "tcp-socket" => ResourceType::host::<Tcp>(),
        "udp-socket" => ResourceType::host::<Udp>(),
        "incoming-datagram-stream" => ResourceType::host::<IncomingDatagrams>(),
        "outgoing-datagram-stream" => ResourceType::host::<OutgoingDatagrams>(),
        "resolve-address-stream" => ResourceType::host::<Addresses>(),
        // Not one of WASI's: the linker names what is missing.
        _ => return Ok(()),
    };
    offered.resource(name, of, |_, _| Ok(()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::test_guests::{self as ours, DESCRIBE, ECHO};
    use super::super::{Runtime, RuntimeError};
    use super::test_guests::{ANSWER, compiled, expect, guest_of, report};
    use crate::model::Import;

    /// Asks for arguments, and names an interface of each package.
    fn of_version(version: &str) -> Vec<u8> {
        let body = format!(
            "(call $arguments (i32.const {ANSWER})) (call $block (call $after (i64.const 1)))
            (call $directories (i32.const {ANSWER})) (drop (call $random_u64)) (drop (call $network))"
        );
        guest_of(version, DESCRIBE, &expect(&body, &[]), "")
    }

    /// A component whose exports have these names and one type.
    fn exporting(names: &[&str]) -> Vec<u8> {
        let exports: String = names
            .iter()
            .map(|name| match name.split_once(':') {
                Some(_) => format!("(instance $run (export \"run\" (func $f))) (export \"{name}\" (instance $run))"),
                None => format!("(export \"{name}\" (func $f))"),
            })
            .collect();
        let text = format!(
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i \"f\"))) {exports})"
        );
        wat::parse_str(text).expect("a component")
    }

    fn refused(runtime: &Runtime, wasm: &[u8]) -> String {
        compiled(runtime, wasm).expect_err("must be refused").to_string()
    }

    #[tokio::test]
    async fn any_patch_version_of_wasi_0_2_is_served() {
        let runtime = ours::runtime(1);
        for version in ["0.2.0", "0.2.3", "0.2.6", "0.2.12"] {
            let wasm = of_version(version);
            let imports = compiled(&runtime, &wasm).expect(version);
            assert_eq!(runtime.imports(&imports), &BTreeSet::from([Import::Wasi]), "{version}");
            assert_eq!(report(&wasm).await.outcome, Ok("{}".into()), "{version}");
        }
    }

    #[test]
    fn other_versions_and_packages_are_refused_by_name() {
        let runtime = ours::runtime(1);
        for import in [
            "wasi:cli/environment@0.3.0",
            "wasi:cli/environment@0.3.0-rc-2025-09-16",
            "wasi:cli/environment@0.1.0",
            "wasi:cli/environment@1.2.0",
            "wasi:cli/environment@0.20.0",
            "wasi:cli/environment@0.2.0-rc-2023-11-10",
            "wasi:cli/environment@0.2.0+host",
            "wasi:cli/environment",
            "wasi:cli/run@0.2.6",
            "wasi:clocks/timezone@0.2.6",
            "wasi:config/store@0.2.0",
            "wasi:filesystem/descriptor@0.2.6",
            "wasi:http/incoming-handler@0.2.6",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:http/types@0.2.6",
            "wasi:keyvalue/store@0.2.0",
            "wasi:sockets/tcp-tls@0.2.6",
            "evil:cli/environment@0.2.6",
        ] {
            let wasm = wat::parse_str(format!("(component (import \"{import}\" (instance)))")).expect("a component");
            assert_eq!(refused(&runtime, &wasm), format!("imports `{import}`, which this host does not offer"));
            assert_eq!(super::interface(import), None);
        }
    }

    #[test]
    fn a_program_is_no_connector() {
        let runtime = ours::runtime(1);
        for names in [&["wasi:cli/run@0.2.6"][..], &["describe", "call", "wasi:cli/run@0.2.6"]] {
            let reason = "it exports `wasi:cli/run@0.2.6`: a connector is a library, not a program";
            let refused = refused(&runtime, &exporting(names));
            assert!(refused.contains(reason), "{refused}");
        }
        let refused = refused(&runtime, &exporting(&["describe"]));
        assert!(refused.contains("does not export the function `call`"), "{refused}");
    }

    /// Lesson 9: WASI is a grant like any other, and no part of another one.
    #[test]
    fn wasi_that_was_not_granted_is_not_linked() {
        let runtime = ours::runtime(1);
        let wasi = compiled(&runtime, &of_version("0.2.6")).expect("accepted");
        let mut others = BTreeSet::from(Import::ALL);
        others.remove(&Import::Wasi);
        for granted in [BTreeSet::new(), BTreeSet::from([Import::Http]), others] {
            let refused = runtime.link(&wasi, &granted).expect_err("not granted");
            assert_eq!(refused, RuntimeError::NotGranted { name: "wasi".into() }, "{granted:?}");
        }
        assert!(runtime.link(&wasi, &BTreeSet::from([Import::Wasi])).is_ok());
        // A grant that nothing asks for harms nothing.
        let without = compiled(&runtime, &ours::guest("", ECHO)).expect("accepted");
        assert!(runtime.imports(&without).is_empty());
        assert!(runtime.link(&without, &BTreeSet::from([Import::Wasi])).is_ok());
    }

    #[test]
    fn a_known_name_of_another_type_is_refused_at_once() {
        let runtime = ours::runtime(1);
        for (interface, function, ty) in [
            ("wasi:cli/environment@0.2.6", "get-arguments", "(result u32)"),
            ("wasi:clocks/monotonic-clock@0.2.6", "now", "(result string)"),
            ("wasi:random/random@0.2.6", "get-random-bytes", "(param \"len\" u32) (result (list u8))"),
            ("wasi:cli/exit@0.2.6", "exit", ""),
        ] {
            let text = format!(
                "(component (import \"{interface}\" (instance (export \"{function}\" (func {ty}))))
                (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i \"f\"))) (export \"describe\" (func $f)) (export \"call\" (func $f)))"
            );
            let refused = refused(&runtime, &wat::parse_str(text).expect("a component"));
            assert!(refused.contains(interface) || refused.contains(function), "{refused}");
        }
    }

    /// What is not a function or a type of WASI's is missed by its name when it is linked.
    #[test]
    fn an_interface_with_more_in_it_than_there_is_does_not_link() {
        let text = "(component (import \"wasi:io/poll@0.2.6\" (instance (export \"secret\" (type (sub resource)))))
            (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i \"f\"))) (export \"describe\" (func $f)) (export \"call\" (func $f)))";
        let refused = refused(&ours::runtime(1), &wat::parse_str(text).expect("a component"));
        assert!(refused.contains("secret"), "{refused}");
    }
}
