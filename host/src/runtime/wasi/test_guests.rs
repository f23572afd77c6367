//! Guests that call WASI, for the tests of this layer: each imports the functions that its text calls, and no others.

use std::collections::BTreeSet;

use super::super::test_guests::{DESCRIBE, ECHO, call, component_in, digest, module, runtime};
use super::super::{Call, Compiled, Report, Runtime, RuntimeError};
use crate::model::Import;

/// Bodies of guests find what a function answered here.
pub(super) const ANSWER: u32 = 1536;

/// Where guests have the text that they write, see [`guest`].
pub(super) const TEXT: u32 = 8192;

/// The interfaces as far as the tests use them. Functions that the host links whatever their type is have shorter ones.
const INTERFACES: &str = "
package wasi:io@0.2.0 {
    interface error { resource error { to-debug-string: func() -> string; } }
    interface poll {
        resource pollable { ready: func() -> bool; block: func(); }
        poll: func(of: list<borrow<pollable>>) -> list<u32>;
    }
    interface streams {
        use error.{error};
        use poll.{pollable};
        variant stream-error { last-operation-failed(error), closed }
        resource input-stream {
            read: func(len: u64) -> result<list<u8>, stream-error>;
            blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
            skip: func(len: u64) -> result<u64, stream-error>;
            blocking-skip: func(len: u64) -> result<u64, stream-error>;
            subscribe: func() -> pollable;
        }
        resource output-stream {
            check-write: func() -> result<u64, stream-error>;
            write: func(contents: list<u8>) -> result<_, stream-error>;
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            flush: func() -> result<_, stream-error>;
            blocking-flush: func() -> result<_, stream-error>;
            subscribe: func() -> pollable;
            write-zeroes: func(len: u64) -> result<_, stream-error>;
            splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>;
        }
    }
}
package wasi:cli@0.2.0 {
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
        initial-cwd: func() -> option<string>;
    }
    interface exit { exit: func(status: result); exit-with-code: func(code: u8); }
    interface stdin { use wasi:io/streams@0.2.0.{input-stream}; get-stdin: func() -> input-stream; }
    interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
    interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }
    interface terminal-input { resource terminal-input; }
    interface terminal-output { resource terminal-output; }
    interface terminal-stdin { use terminal-input.{terminal-input}; get-terminal-stdin: func() -> option<terminal-input>; }
    interface terminal-stdout { use terminal-output.{terminal-output}; get-terminal-stdout: func() -> option<terminal-output>; }
    interface terminal-stderr { use terminal-output.{terminal-output}; get-terminal-stderr: func() -> option<terminal-output>; }
}
package wasi:clocks@0.2.0 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        resolution: func() -> u64;
        subscribe-instant: func(when: u64) -> pollable;
        subscribe-duration: func(when: u64) -> pollable;
    }
    interface wall-clock {
        record datetime { seconds: u64, nanoseconds: u32 }
        now: func() -> datetime;
        resolution: func() -> datetime;
    }
}
package wasi:random@0.2.0 {
    interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
    interface insecure { get-insecure-random-bytes: func(len: u64) -> list<u8>; get-insecure-random-u64: func() -> u64; }
    interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:filesystem@0.2.0 {
    interface types { resource descriptor { open-at: func(path: string) -> result<descriptor, u8>; stat: func() -> u64; } }
    interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
package wasi:sockets@0.2.0 {
    interface network {
        resource network;
        enum error-code { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
            concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable,
            address-in-use, remote-unreachable, connection-refused, connection-reset, connection-aborted,
            datagram-too-large, name-unresolvable, temporary-resolver-failure, permanent-resolver-failure }
        enum ip-address-family { ipv4, ipv6 }
    }
    interface instance-network { use network.{network}; instance-network: func() -> network; }
    interface ip-name-lookup {
        use network.{network, error-code};
        resource resolve-address-stream;
        resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
    }
    interface tcp { resource tcp-socket { start-connect: func() -> u64; } }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(family: ip-address-family) -> result<tcp-socket, error-code>;
    }
    interface udp { resource udp-socket { start-bind: func() -> u64; } }
    interface udp-create-socket {
        use network.{error-code, ip-address-family};
        use udp.{udp-socket};
        create-udp-socket: func(family: ip-address-family) -> result<udp-socket, error-code>;
    }
}
";

/// The name that a guest's text calls, the interface, the function, and its type in the canonical ABI.
const FUNCTIONS: &[(&str, &str, &str, &str)] = &[
    ("environment", "wasi:cli/environment", "get-environment", "(param i32)"),
    ("arguments", "wasi:cli/environment", "get-arguments", "(param i32)"),
    ("cwd", "wasi:cli/environment", "initial-cwd", "(param i32)"),
    ("exit", "wasi:cli/exit", "exit", "(param i32)"),
    ("exit_with", "wasi:cli/exit", "exit-with-code", "(param i32)"),
    ("stdin", "wasi:cli/stdin", "get-stdin", "(result i32)"),
    ("stdout", "wasi:cli/stdout", "get-stdout", "(result i32)"),
    ("stderr", "wasi:cli/stderr", "get-stderr", "(result i32)"),
    ("terminal_in", "wasi:cli/terminal-stdin", "get-terminal-stdin", "(param i32)"),
    ("terminal_out", "wasi:cli/terminal-stdout", "get-terminal-stdout", "(param i32)"),
    ("terminal_err", "wasi:cli/terminal-stderr", "get-terminal-stderr", "(param i32)"),
    ("wall", "wasi:clocks/wall-clock", "now", "(param i32)"),
    ("wall_step", "wasi:clocks/wall-clock", "resolution", "(param i32)"),
    ("ticks", "wasi:clocks/monotonic-clock", "now", "(result i64)"),
    ("ticks_step", "wasi:clocks/monotonic-clock", "resolution", "(result i64)"),
    ("at", "wasi:clocks/monotonic-clock", "subscribe-instant", "(param i64) (result i32)"),
    ("after", "wasi:clocks/monotonic-clock", "subscribe-duration", "(param i64) (result i32)"),
    ("directories", "wasi:filesystem/preopens", "get-directories", "(param i32)"),
    ("open_at", "wasi:filesystem/types", "[method]descriptor.open-at", "(param i32 i32 i32 i32)"),
    ("stat", "wasi:filesystem/types", "[method]descriptor.stat", "(param i32) (result i64)"),
    ("poll", "wasi:io/poll", "poll", "(param i32 i32 i32)"),
    ("ready", "wasi:io/poll", "[method]pollable.ready", "(param i32) (result i32)"),
    ("block", "wasi:io/poll", "[method]pollable.block", "(param i32)"),
    ("drop_pollable", "wasi:io/poll", "[resource-drop]pollable", "(param i32)"),
    ("read", "wasi:io/streams", "[method]input-stream.read", "(param i32 i64 i32)"),
    ("blocking_read", "wasi:io/streams", "[method]input-stream.blocking-read", "(param i32 i64 i32)"),
    ("skip", "wasi:io/streams", "[method]input-stream.skip", "(param i32 i64 i32)"),
    ("blocking_skip", "wasi:io/streams", "[method]input-stream.blocking-skip", "(param i32 i64 i32)"),
    ("readable", "wasi:io/streams", "[method]input-stream.subscribe", "(param i32) (result i32)"),
    ("check_write", "wasi:io/streams", "[method]output-stream.check-write", "(param i32 i32)"),
    ("write", "wasi:io/streams", "[method]output-stream.write", "(param i32 i32 i32 i32)"),
    ("blocking_write", "wasi:io/streams", "[method]output-stream.blocking-write-and-flush", "(param i32 i32 i32 i32)"),
    ("flush", "wasi:io/streams", "[method]output-stream.flush", "(param i32 i32)"),
    ("blocking_flush", "wasi:io/streams", "[method]output-stream.blocking-flush", "(param i32 i32)"),
    ("writable", "wasi:io/streams", "[method]output-stream.subscribe", "(param i32) (result i32)"),
    ("zeroes", "wasi:io/streams", "[method]output-stream.write-zeroes", "(param i32 i64 i32)"),
    ("splice", "wasi:io/streams", "[method]output-stream.splice", "(param i32 i32 i64 i32)"),
    ("drop_output", "wasi:io/streams", "[resource-drop]output-stream", "(param i32)"),
    ("random", "wasi:random/random", "get-random-bytes", "(param i64 i32)"),
    ("random_u64", "wasi:random/random", "get-random-u64", "(result i64)"),
    ("insecure", "wasi:random/insecure", "get-insecure-random-bytes", "(param i64 i32)"),
    ("insecure_u64", "wasi:random/insecure", "get-insecure-random-u64", "(result i64)"),
    ("seed", "wasi:random/insecure-seed", "insecure-seed", "(param i32)"),
    ("network", "wasi:sockets/instance-network", "instance-network", "(result i32)"),
    ("resolve", "wasi:sockets/ip-name-lookup", "resolve-addresses", "(param i32 i32 i32 i32)"),
    ("tcp", "wasi:sockets/tcp-create-socket", "create-tcp-socket", "(param i32 i32)"),
    ("tcp_connect", "wasi:sockets/tcp", "[method]tcp-socket.start-connect", "(param i32) (result i64)"),
    ("udp", "wasi:sockets/udp-create-socket", "create-udp-socket", "(param i32 i32)"),
    ("udp_bind", "wasi:sockets/udp", "[method]udp-socket.start-bind", "(param i32) (result i64)"),
];

/// A component with these bodies of `describe` and `call`, and `text` at [`TEXT`], which may hold escapes of WAT.
pub(super) fn guest_of(version: &str, describe: &str, call: &str, text: &str) -> Vec<u8> {
    let called = |name: &str| {
        [" ", ")"].iter().any(|end| [describe, call].iter().any(|body| body.contains(&format!("(call ${name}{end}"))))
    };
    let imports: String = FUNCTIONS
        .iter()
        .filter(|(name, ..)| called(name))
        .map(|(name, interface, function, ty)| {
            format!("(import \"{interface}@0.2.0\" \"{function}\" (func ${name} {ty}))\n")
        })
        .collect();
    let interfaces: BTreeSet<_> = FUNCTIONS.iter().map(|(_, interface, ..)| *interface).collect();
    let imported: String = interfaces.iter().map(|interface| format!("import {interface}@0.2.0;\n")).collect();
    let world = format!("world guest {{ include connector; {imported} }}\n{INTERFACES}");
    let data = format!("(data (i32.const {TEXT}) \"{text}\")");
    let core = module(&imports, describe, call, &data);
    let of_version = |text: &str| text.replace("@0.2.0", &format!("@{version}"));
    component_in("guest", &of_version(&world), &of_version(&core))
}

/// A component whose `call` has this body, and that describes itself as the others do.
pub(super) fn guest(call: &str, text: &str) -> Vec<u8> {
    guest_of("0.2.6", DESCRIBE, call, text)
}

/// Traps unless each of the conditions holds after the body, and then answers the input. What is not answered is not
/// zero by chance.
pub(super) fn expect(body: &str, conditions: &[&str]) -> String {
    let checks: String =
        conditions.iter().map(|condition| format!("(if (i32.eqz {condition}) (then unreachable))\n")).collect();
    format!("(memory.fill (i32.const {ANSWER}) (i32.const 170) (i32.const 64)) {body}\n{checks}{ECHO}")
}

pub(super) fn compiled(runtime: &Runtime, wasm: &[u8]) -> Result<Compiled, RuntimeError> {
    runtime.compile(wasm, &digest(wasm))
}

/// Calls the guest once, granted everything.
pub(super) async fn report_of(wasm: &[u8], change: impl FnOnce(&mut Call<'_>)) -> Report {
    let runtime = runtime(1);
    let compiled = compiled(&runtime, wasm).expect("accepted");
    let plugin = runtime.link(&compiled, &BTreeSet::from(Import::ALL)).expect("linked");
    let mut call = call("{}");
    change(&mut call);
    let report = runtime.call(&plugin, call).await;
    assert_eq!(runtime.pool_metrics().busy_slots, 0);
    report
}

pub(super) async fn report(wasm: &[u8]) -> Report {
    report_of(wasm, |_| {}).await
}
