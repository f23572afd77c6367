//! The functions of WASI that a guest without files and sockets can call, and what each of them answers.

use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::super::limits;
use super::super::state::State;
use super::{
    Addresses, Descriptor, InputStream, IoError, Network, OutputStream, Pollable, Stopped, Tcp, TerminalInput,
    TerminalOutput, Udp,
};

/// Handle of the standard output; the other stream that can be written is the standard error.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// `wasi:clocks/wall-clock.datetime`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "part of the type, and nothing here fails")]
    Failed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// `wasi:sockets/network.ip-address-family`.
#[derive(ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "only guests make one")]
enum Family {
    #[component(name = "ipv4")]
    V4,
    #[component(name = "ipv6")]
    V6,
}

/// `wasi:sockets/network.error-code`, of which one is ever answered.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "part of the type; all that is refused is refused for the same reason")]
enum SocketError {
    #[component(name = "unknown")]
    Unknown,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "not-supported")]
    NotSupported,
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "out-of-memory")]
    OutOfMemory,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "concurrency-conflict")]
    ConcurrencyConflict,
    #[component(name = "not-in-progress")]
    NotInProgress,
    #[component(name = "would-block")]
    WouldBlock,
    #[component(name = "invalid-state")]
    InvalidState,
    #[component(name = "new-socket-limit")]
    NewSocketLimit,
    #[component(name = "address-not-bindable")]
    AddressNotBindable,
    #[component(name = "address-in-use")]
    AddressInUse,
    #[component(name = "remote-unreachable")]
    RemoteUnreachable,
    #[component(name = "connection-refused")]
    ConnectionRefused,
    #[component(name = "connection-reset")]
    ConnectionReset,
    #[component(name = "connection-aborted")]
    ConnectionAborted,
    #[component(name = "datagram-too-large")]
    DatagramTooLarge,
    #[component(name = "name-unresolvable")]
    NameUnresolvable,
    #[component(name = "temporary-resolver-failure")]
    TemporaryResolverFailure,
    #[component(name = "permanent-resolver-failure")]
    PermanentResolverFailure,
}

type Written = (Result<(), StreamError>,);

/// Links one function; whether there is an answer to it.
pub(super) fn offer(to: &mut LinkerInstance<'_, State>, interface: &str, name: &str) -> wasmtime::Result<bool> {
    match interface {
        "wasi:cli/environment" | "wasi:cli/exit" => program(to, name),
        "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => standard_streams(to, name),
        "wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr" => terminals(to, name),
        "wasi:clocks/wall-clock" => wall_clock(to, name),
        "wasi:clocks/monotonic-clock" => monotonic_clock(to, name),
        "wasi:filesystem/preopens" => preopens(to, name),
        "wasi:io/poll" => poll(to, name),
        "wasi:io/streams" => Ok(input(to, name)? || output(to, name)?),
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => random(to, name),
        _ => sockets(to, name),
    }
}

/// No environment, no arguments, no directory, and no end but the call's.
fn program(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-environment" => to.func_wrap(name, |_, ()| Ok((Vec::<(String, String)>::new(),)))?,
        "get-arguments" => to.func_wrap(name, |_, ()| Ok((Vec::<String>::new(),)))?,
        "initial-cwd" => to.func_wrap(name, |_, ()| Ok((None::<String>,)))?,
        "exit" => to.func_wrap(name, |_, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
            Err(Stopped::Exit { code: u8::from(status.is_err()) }.into())
        })?,
        "exit-with-code" => {
            to.func_wrap(name, |_, (code,): (u8,)| -> wasmtime::Result<()> { Err(Stopped::Exit { code }.into()) })?
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn standard_streams(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-stdin" => to.func_wrap(name, |_, ()| Ok((Resource::<InputStream>::new_own(0),)))?,
        "get-stdout" => to.func_wrap(name, |_, ()| Ok((Resource::<OutputStream>::new_own(STDOUT),)))?,
        "get-stderr" => to.func_wrap(name, |_, ()| Ok((Resource::<OutputStream>::new_own(STDERR),)))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// None of the streams is a terminal.
fn terminals(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-terminal-stdin" => to.func_wrap(name, |_, ()| Ok((None::<Resource<TerminalInput>>,)))?,
        "get-terminal-stdout" | "get-terminal-stderr" => {
            to.func_wrap(name, |_, ()| Ok((None::<Resource<TerminalOutput>>,)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The call's own time, which stands still; 1970 while there is no call.
fn wall_clock(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "now" => to.func_wrap(name, |store, ()| {
            let now = store.data().outside.as_ref().map_or(0, |outside| outside.now.0);
            let millis = u64::try_from(now).unwrap_or_default();
            Ok((Datetime { seconds: millis / 1_000, nanoseconds: (millis % 1_000) as u32 * 1_000_000 },))
        })?,
        "resolution" => to.func_wrap(name, |_, ()| Ok((Datetime { seconds: 0, nanoseconds: 1_000_000 },)))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Counts only what the guest sleeps, and sleeping takes no time.
fn monotonic_clock(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "now" => to.func_wrap(name, |mut store, ()| Ok((store.data_mut().wasi().slept(),)))?,
        "resolution" => to.func_wrap(name, |_, ()| Ok((1_u64,)))?,
        "subscribe-instant" => to.func_wrap(name, |mut store, (due,): (u64,)| {
            Ok((Resource::<Pollable>::new_own(store.data_mut().wasi().subscribe(due)),))
        })?,
        "subscribe-duration" => to.func_wrap(name, |mut store, (duration,): (u64,)| {
            let wasi = store.data_mut().wasi();
            Ok((Resource::<Pollable>::new_own(wasi.subscribe(wasi.slept().saturating_add(duration))),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// No directory is open, and so no file can be.
fn preopens(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    if name != "get-directories" {
        return Ok(false);
    }
    to.func_wrap(name, |_, ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))?;
    Ok(true)
}

fn poll(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "poll" => to.func_wrap(name, |mut store, (pollables,): (Vec<Resource<Pollable>>,)| {
            let handles: Vec<_> = pollables.iter().map(Resource::rep).collect();
            Ok((store.data_mut().wasi().wait(&handles)?,))
        })?,
        "[method]pollable.ready" => to.func_wrap(name, |mut store, (pollable,): (Resource<Pollable>,)| {
            Ok((store.data_mut().wasi().is_ready(pollable.rep()),))
        })?,
        "[method]pollable.block" => to.func_wrap(name, |mut store, (pollable,): (Resource<Pollable>,)| {
            store.data_mut().wasi().wait(&[pollable.rep()])?;
            Ok(())
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The standard input is at its end.
fn input(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            to.func_wrap(name, |_, _: (Resource<InputStream>, u64)| Ok((Err::<Vec<u8>, _>(StreamError::Closed),)))?;
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            to.func_wrap(name, |_, _: (Resource<InputStream>, u64)| Ok((Err::<u64, _>(StreamError::Closed),)))?;
        }
        "[method]input-stream.subscribe" => to.func_wrap(name, |mut store, _: (Resource<InputStream>,)| {
            Ok((Resource::<Pollable>::new_own(store.data_mut().wasi().subscribe(0)),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Output goes to the bounded log, and never has to be waited for.
fn output(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "[method]output-stream.check-write" => to.func_wrap(name, |_, _: (Resource<OutputStream>,)| {
            Ok((Ok::<_, StreamError>(limits::WASI_WRITE_BYTES as u64),))
        })?,
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            to.func_wrap(
                name,
                |mut store, (stream, bytes): (Resource<OutputStream>, Vec<u8>)| -> wasmtime::Result<Written> {
                    store.data_mut().write_output(stream.rep() == STDERR, &bytes)?;
                    Ok((Ok(()),))
                },
            )?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            to.func_wrap(name, |_, _: (Resource<OutputStream>,)| -> wasmtime::Result<Written> { Ok((Ok(()),)) })?;
        }
        "[method]output-stream.subscribe" => to.func_wrap(name, |mut store, _: (Resource<OutputStream>,)| {
            Ok((Resource::<Pollable>::new_own(store.data_mut().wasi().subscribe(0)),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// All three kinds come from one stream: there is no reason to give weaker bytes.
fn random(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            to.func_wrap(name, |mut store, (count,): (u64,)| Ok((store.data_mut().wasi().random(count)?,)))?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            to.func_wrap(name, |mut store, ()| Ok((store.data_mut().wasi().random_u64(),)))?;
        }
        "insecure-seed" => to.func_wrap(name, |mut store, ()| {
            let wasi = store.data_mut().wasi();
            Ok(((wasi.random_u64(), wasi.random_u64()),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Every way to a socket begins with one of these, and all are denied.
fn sockets(to: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<bool> {
    match name {
        "instance-network" => to.func_wrap(name, |_, ()| Ok((Resource::<Network>::new_own(0),)))?,
        "create-tcp-socket" => {
            to.func_wrap(name, |_, _: (Family,)| Ok((Err::<Resource<Tcp>, _>(SocketError::AccessDenied),)))?;
        }
        "create-udp-socket" => {
            to.func_wrap(name, |_, _: (Family,)| Ok((Err::<Resource<Udp>, _>(SocketError::AccessDenied),)))?;
        }
        "resolve-addresses" => to.func_wrap(name, |_, _: (Resource<Network>, String)| {
            Ok((Err::<Resource<Addresses>, _>(SocketError::AccessDenied),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use sha2::{Digest, Sha256};

    use super::super::super::state::{Bounds, LogLevel, LogLine};
    use super::super::super::test_guests::{ECHO, runtime};
    use super::super::super::{CallError, Report};
    use super::super::test_guests::{ANSWER, TEXT, compiled, expect, guest, guest_of, report, report_of};
    use super::*;
    use crate::model::{Import, Timestamp};

    /// Answers the first 24 random bytes, each made a letter.
    const LETTERS: &str = "(call $random (i64.const 24) (i32.const 1536))
        (loop $again
            (i32.store8 (i32.add (i32.load (i32.const 1536)) (local.get $i)) (i32.add (i32.const 65) (i32.and
                (i32.const 15) (i32.load8_u (i32.add (i32.load (i32.const 1536)) (local.get $i))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 24))))";

    fn byte_is(offset: u32, value: u8) -> String {
        format!("(i32.eq (i32.load8_u (i32.const {})) (i32.const {value}))", ANSWER + offset)
    }

    fn i32_is(offset: u32, value: u32) -> String {
        format!("(i32.eq (i32.load (i32.const {})) (i32.const {value}))", ANSWER + offset)
    }

    fn i64_is(offset: u32, value: u64) -> String {
        format!("(i64.eq (i64.load (i32.const {})) (i64.const {value}))", ANSWER + offset)
    }

    /// Calls the function with the arguments and the place of the answer.
    fn ask(function: &str, arguments: &str) -> String {
        format!("(call ${function} {arguments} (i32.const {ANSWER}))")
    }

    /// Writes so many bytes of the text.
    fn write(function: &str, stream: &str, bytes: usize) -> String {
        ask(function, &format!("(call ${stream}) (i32.const {TEXT}) (i32.const {bytes})"))
    }

    fn trap_of(report: &Report) -> &str {
        match &report.outcome {
            Err(CallError::Trap { message }) => message,
            outcome => panic!("not a trap: {outcome:?}"),
        }
    }

    fn lines(report: &Report) -> Vec<(LogLevel, &str)> {
        report.logs.iter().map(|LogLine { level, message }| (*level, message.as_str())).collect()
    }

    async fn holds(what: &str, body: &str, conditions: &[String]) {
        let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
        let outcome = report(&guest(&expect(body, &conditions), "localhost")).await.outcome;
        assert_eq!(outcome, Ok("{}".into()), "{what}: {body}");
    }

    #[tokio::test]
    async fn there_is_no_environment_argument_directory_terminal_or_input() {
        let stdin = "(call $stdin) (i64.const 100)";
        let closed = [byte_is(0, 1), byte_is(4, 1)];
        for (what, body, conditions) in [
            ("variables", ask("environment", ""), vec![i32_is(4, 0)]),
            ("arguments", ask("arguments", ""), vec![i32_is(4, 0)]),
            ("the current directory", ask("cwd", ""), vec![byte_is(0, 0)]),
            ("directories", ask("directories", ""), vec![i32_is(4, 0)]),
            ("a terminal", ask("terminal_in", ""), vec![byte_is(0, 0)]),
            ("a terminal", ask("terminal_out", ""), vec![byte_is(0, 0)]),
            ("a terminal", ask("terminal_err", ""), vec![byte_is(0, 0)]),
            ("input", ask("read", stdin), closed.to_vec()),
            ("input", ask("blocking_read", stdin), closed.to_vec()),
            ("input to skip", ask("skip", stdin), vec![byte_is(0, 1), byte_is(8, 1)]),
            ("input to skip", ask("blocking_skip", stdin), vec![byte_is(0, 1), byte_is(8, 1)]),
            ("a huge read", ask("read", "(call $stdin) (i64.const -1)"), closed.to_vec()),
            ("waiting for it", "(call $block (call $readable (call $stdin)))".into(), vec![]),
        ] {
            holds(what, &body, &conditions).await;
        }
    }

    /// The host's own environment holds what it was started with, secrets among it. The guest asks for all that may
    /// tell of the host, and answers its whole memory, two letters a byte.
    #[tokio::test]
    async fn nothing_of_the_hosts_environment_is_in_a_guests_memory() {
        let asked = [
            ask("environment", ""),
            ask("arguments", ""),
            ask("cwd", ""),
            ask("directories", ""),
            ask("read", "(call $stdin) (i64.const 65536)"),
            ask("random", "(i64.const 4096)"),
        ];
        let letter = |byte: &str| format!("(i32.add (i32.const 65) {byte})");
        let byte = "(i32.load8_u (local.get $i))";
        let place = "(i32.add (i32.const 131073) (i32.shl (local.get $i) (i32.const 1)))";
        let dump = format!(
            "{} (drop (memory.grow (i32.const 8))) (i32.store8 (i32.const 131072) (i32.const 34))
            (loop $again
                (i32.store8 {place} {}) (i32.store8 offset=1 {place} {})
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const 131072))))
            (i32.store8 (i32.const 393217) (i32.const 34)) (call $ok (i32.const 131072) (i32.const 262146))",
            asked.concat(),
            letter(&format!("(i32.shr_u {byte} (i32.const 4))")),
            letter(&format!("(i32.and {byte} (i32.const 15))")),
        );
        let wasm = guest(&dump, "what the guest has itself");
        let answered = report(&wasm).await.outcome.expect("answered");
        let letters = answered.trim_matches('"').as_bytes();
        let memory: Vec<_> = letters.chunks(2).map(|pair| (pair[0] - b'A') << 4 | (pair[1] - b'A')).collect();
        let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        assert!(has(&memory, b"what the guest has itself"), "all of it was answered");
        let mut looked_for = 0;
        for (name, value) in std::env::vars_os() {
            let value = value.as_encoded_bytes();
            if value.len() >= 8 && !has(&wasm, value) {
                assert!(!has(&memory, value), "{name:?}");
                looked_for += 1;
            }
        }
        assert!(looked_for > 0, "there is always something to leak: cargo sets some");
    }

    #[tokio::test]
    async fn the_wall_clock_is_the_calls_own_time() {
        let body = ask("wall", "");
        for (now, seconds, nanoseconds) in
            [(0, 0, 0), (1_000, 1, 0), (1_700_000_000_123, 1_700_000_000, 123_000_000), (-5, 0, 0)]
        {
            let (seconds, nanoseconds) = (i64_is(0, seconds), i32_is(8, nanoseconds));
            // It does not move, not even by sleeping.
            let slept = format!("(call $block (call $after (i64.const 5000000000))) {body}");
            for body in [&body, &slept] {
                let wasm = guest(&expect(body, &[&seconds, &nanoseconds]), "");
                let report = report_of(&wasm, |call| call.journal.now = Timestamp(now)).await;
                assert_eq!(report.outcome, Ok("{}".into()), "{now}");
            }
        }
        holds("its step", &ask("wall_step", ""), &[i64_is(0, 0), i32_is(8, 1_000_000)]).await;
    }

    #[tokio::test]
    async fn sleeping_returns_at_once_and_moves_only_the_guests_own_clock() {
        let ticks = |ticks: u64| format!("(i64.eq (call $ticks) (i64.const {ticks}))");
        let two = format!(
            "(i32.store (i32.const 8300) (call $after (i64.const 7))) (i32.store (i32.const 8304) (call $at (i64.const 3)))
            (call $poll (i32.const 8300) (i32.const 2) (i32.const {ANSWER}))"
        );
        let second = format!("(i32.eq (i32.load (i32.load (i32.const {ANSWER}))) (i32.const 1))");
        let hour = 3_600_000_000_000;
        for (what, body, conditions) in [
            ("it starts at zero", String::new(), vec![ticks(0), ticks(0)]),
            ("its step", String::new(), vec!["(i64.eq (call $ticks_step) (i64.const 1))".into()]),
            ("an hour", format!("(call $block (call $after (i64.const {hour})))"), vec![ticks(hour)]),
            ("for ever", "(call $block (call $after (i64.const -1)))".into(), vec![ticks(u64::MAX)]),
            (
                "until then",
                "(call $block (call $at (i64.const 9))) (call $block (call $at (i64.const 4)))".into(),
                vec![ticks(9)],
            ),
            ("not waited for", String::new(), vec!["(i32.eqz (call $ready (call $after (i64.const 5))))".into()]),
            ("over already", String::new(), vec!["(call $ready (call $at (i64.const 0)))".into()]),
            ("the first of two", two, vec![i32_is(4, 1), second, ticks(3)]),
            ("output", "(call $block (call $writable (call $stdout)))".into(), vec![ticks(0)]),
        ] {
            holds(what, &body, &conditions).await;
        }
        // Handles that were given back can be had again: more of them than a guest may hold.
        let again = "(loop $again (call $drop_pollable (call $after (i64.const 1)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 5000))))";
        holds("5,000 sleeps", again, &[]).await;
    }

    /// Lesson 1: there is no second way out.
    #[tokio::test]
    async fn sockets_and_names_are_denied() {
        let denied = [byte_is(0, 1), byte_is(4, 1)];
        for (what, body) in [
            ("TCP on IPv4", ask("tcp", "(i32.const 0)")),
            ("TCP on IPv6", ask("tcp", "(i32.const 1)")),
            ("UDP on IPv4", ask("udp", "(i32.const 0)")),
            ("UDP on IPv6", ask("udp", "(i32.const 1)")),
            ("a name", ask("resolve", &format!("(call $network) (i32.const {TEXT}) (i32.const 9)"))),
        ] {
            holds(what, &body, &denied).await;
        }
    }

    #[tokio::test]
    async fn what_there_is_not_traps_by_its_name() {
        let open = |handle: &str| ask("open_at", &format!("{handle} (i32.const {TEXT}) (i32.const 9)"));
        let twice =
            "(local.set $i (call $stdout)) (call $drop_output (local.get $i)) (call $drop_output (local.get $i))";
        let sleepers = "(loop $again (drop (call $after (i64.const 1))) (br $again))";
        let list = |length: usize| ask("poll", &format!("(i32.const 8300) (i32.const {length})"));
        let same = format!(
            "(loop $again (i32.store (i32.add (i32.const 8300) (local.get $i)) (i32.const 1))
                (local.set $i (i32.add (local.get $i) (i32.const 4))) (br_if $again (i32.lt_u (local.get $i) (i32.const 4004))))
            (drop (call $after (i64.const 1))) {}",
            list(1_001)
        );
        let nothing = "this host has nothing behind it";
        for (what, body, reason) in [
            ("the end of the program", "(call $exit (i32.const 0))".into(), "wasi:cli/exit, with code 0"),
            ("a failed program", "(call $exit (i32.const 1))".into(), "wasi:cli/exit, with code 1"),
            ("a code", "(call $exit_with (i32.const 42))".into(), "wasi:cli/exit, with code 42"),
            (
                "zeroes",
                ask("zeroes", "(call $stdout) (i64.const 1)"),
                &format!("output-stream.write-zeroes: {nothing}"),
            ),
            (
                "from stream to stream",
                ask("splice", "(call $stdout) (call $stdin) (i64.const 1)"),
                &format!("wasi:io/streams [method]output-stream.splice: {nothing}"),
            ),
            ("nothing to wait for", list(0), "an empty list"),
            ("too much to wait for", same, "handle limit"),
            ("too many handles", sleepers.into(), "handle limit"),
            ("too long a write", write("write", "stdout", 4_097), "4097 bytes"),
            ("too long a write", write("blocking_write", "stderr", 4_097), "4097 bytes"),
            ("a file by no handle", open("(i32.const 0)"), "handle"),
            ("a file by a guessed handle", open("(i32.const 3)"), "handle"),
            ("a file by another handle", open("(call $stdin)"), "handle"),
            ("a guessed descriptor", "(drop (call $stat (i32.const 1)))".into(), "handle"),
            ("a guessed socket", "(drop (call $tcp_connect (i32.const 1)))".into(), "handle"),
            ("a guessed socket", "(drop (call $udp_bind (call $stdout)))".into(), "handle"),
            ("reading the output", ask("read", "(call $stdout) (i64.const 1)"), "handle"),
            ("a handle given back twice", twice.into(), "handle"),
            ("no address family", ask("tcp", "(i32.const 2)"), "discriminant"),
            ("text outside of memory", write("write", "stdout", usize::MAX >> 33), "out of bounds"),
        ] {
            let report = report(&guest(&format!("{body} unreachable"), "localhost")).await;
            let message = trap_of(&report);
            assert!(message.contains(reason), "{what}: {message}");
        }
    }

    #[tokio::test]
    async fn random_bytes_have_a_limit() {
        for function in ["random", "insecure"] {
            for count in [0, 1, 2_496, limits::WASI_RANDOM_BYTES as u64] {
                let length = i32_is(4, u32::try_from(count).expect("small"));
                holds(function, &ask(function, &format!("(i64.const {count})")), &[length]).await;
            }
            for count in [limits::WASI_RANDOM_BYTES as u64 + 1, 1 << 32, u64::MAX] {
                let body = format!("{} unreachable", ask(function, &format!("(i64.const {count})")));
                let outcome = report(&guest(&body, "")).await.outcome;
                let Err(CallError::Limit { limit: "wasi_random_bytes", allowed: 65_536, detail }) = &outcome else {
                    panic!("{count}: {outcome:?}")
                };
                assert!(detail.contains(&count.to_string()), "{detail}");
            }
        }
        let differ = |function: &str| format!("(i64.ne (call ${function}) (call ${function}))");
        holds("numbers", "", &[differ("random_u64"), differ("insecure_u64")]).await;
        let halves = format!("(i64.ne (i64.load (i32.const {ANSWER})) (i64.load (i32.const {})))", ANSWER + 8);
        holds("a seed", &ask("seed", ""), &[halves]).await;
    }

    /// Design, second idea: what a guest does depends on what it is given alone; the seed is one of those things.
    #[tokio::test]
    async fn the_same_seed_gives_the_same_run_and_each_call_has_its_own() {
        let runtime = runtime(1);
        let answer = format!("{LETTERS} (call $ok (i32.load (i32.const {ANSWER})) (i32.const 24))");
        let linked = |wasm: &[u8]| {
            let compiled = compiled(&runtime, wasm).expect("accepted");
            runtime.link(&compiled, &BTreeSet::from([Import::Wasi])).expect("linked")
        };
        let plugin = linked(&guest(&answer, ""));
        let mut runs = Vec::new();
        for _ in 0..3 {
            let run = runtime.run(
                &plugin.pre,
                None,
                0,
                Bounds::usual(100, Duration::from_secs(60)),
                async |connector, store| connector.call_call(store, "t", "{}", None).await,
            );
            runs.push(run.await.outcome.expect("ran").expect("answered"));
        }
        let stream = Sha256::new().chain_update([0; 32]).chain_update(0_u64.to_le_bytes()).finalize();
        let letters: String = stream[..24].iter().map(|byte| char::from(b'A' + (byte & 15))).collect();
        assert_eq!(runs, [letters.clone(), letters.clone(), letters.clone()]);

        let print = format!(
            "{LETTERS} (call $write (call $stdout) (i32.load (i32.const {ANSWER})) (i32.const 24) (i32.const {})) {ECHO}",
            ANSWER + 16
        );
        let seeded = async |seed: [u8; 32]| {
            let report = report_of(&guest(&print, ""), |call| call.journal.seed = seed).await;
            lines(&report)[0].1.to_owned()
        };
        let (one, again, other) = (seeded([1; 32]).await, seeded([1; 32]).await, seeded([2; 32]).await);
        assert_eq!((one.len(), one == again), (24, true));
        assert_ne!(one, other, "two calls have two seeds");
        assert_ne!(one, letters, "and neither is that of describe");
    }

    /// A descriptor depends on its component alone: the time is 1970, the seed zero, and output goes nowhere.
    #[tokio::test]
    async fn describe_is_the_same_on_every_host_at_every_time() {
        let digest = Sha256::new().chain_update([0; 32]).chain_update(0_u64.to_le_bytes()).finalize();
        let number = u64::from_le_bytes(digest[..8].try_into().expect("eight"));
        let conditions = [
            format!("(i64.eq (call $random_u64) (i64.const {number}))"),
            i64_is(0, 0),
            i32_is(8, 0),
            "(i64.eqz (call $ticks))".into(),
        ];
        let checks: String =
            conditions.iter().map(|condition| format!("(if (i32.eqz {condition}) (then unreachable))")).collect();
        let output = ask("write", &format!("(call $stdout) (i32.const {TEXT}) (i32.const 9)"));
        let body = format!("{output} {} {checks} (i32.const 4096)", ask("wall", ""));
        let runtime = runtime(1);
        let compiled = compiled(&runtime, &guest_of("0.2.0", &body, ECHO, "localhost")).expect("accepted");
        for _ in 0..2 {
            assert_eq!(runtime.describe(&compiled).await.expect("described").len(), 1);
        }
    }

    /// Nobody reads the log of a call that is none, and an interpreter writes there why it could not start.
    #[tokio::test]
    async fn a_guest_that_cannot_describe_itself_is_refused_with_its_last_words() {
        let lines: String = (0..20).map(|line| format!("line {line}\\n")).collect();
        let wrote = write("blocking_write", "stderr", lines.len() - 20);
        let runtime = runtime(1);
        for (end, reason) in
            [("unreachable", "`unreachable`"), ("(call $exit (i32.const 1)) unreachable", "with code 1")]
        {
            let wasm = guest_of("0.2.0", &format!("{wrote} {end}"), ECHO, &lines);
            let compiled = compiled(&runtime, &wasm).expect("accepted");
            let refused = runtime.describe(&compiled).await.expect_err("no descriptor").to_string();
            assert!(refused.contains(reason), "{refused}");
            assert!(
                refused.ends_with(
                    "; it wrote: line 12 / line 13 / line 14 / line 15 / line 16 / line 17 / line 18 / line 19"
                ),
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn output_is_in_the_log_by_lines_however_the_call_ends() {
        let out = write("write", "stdout", 9);
        let err = write("blocking_write", "stderr", 9);
        let done = [ask("flush", "(call $stdout)"), ask("blocking_flush", "(call $stderr)")].concat();
        let (info, warn) = (LogLevel::Info, LogLevel::Warn);
        for (what, body, text, expected) in [
            ("lines", out.clone(), "one\\ntwo\\n!!", vec![(info, "one"), (info, "two"), (info, "!")]),
            ("no end of line", out.clone(), "123456789", vec![(info, "123456789")]),
            ("a line in two parts", out.repeat(2), "12345678 ", vec![(info, "12345678 12345678 ")]),
            (
                "both streams",
                [err.clone(), out.clone()].concat(),
                "12345678\\n",
                vec![(warn, "12345678"), (info, "12345678")],
            ),
            (
                "no flush is needed, and none harms",
                [out.clone(), done].concat(),
                "12345678\\n",
                vec![(info, "12345678")],
            ),
            ("nothing", write("write", "stdout", 0), "", vec![]),
            ("controls", out.clone(), "\\1b[2J\\00\\07..\\n", vec![(info, " [2J  ..")]),
            ("not UTF-8", out.clone(), "1234567\\ff\\n", vec![(info, "1234567\u{fffd}")]),
        ] {
            let answered = report(&guest(&format!("{body} {ECHO}"), text)).await;
            assert_eq!(answered.outcome, Ok("{}".into()), "{what}");
            assert_eq!(lines(&answered), expected, "{what}");
            let trapped = report(&guest(&format!("{body} unreachable"), text)).await;
            assert!(trap_of(&trapped).contains("unreachable"));
            assert_eq!(lines(&trapped), expected, "{what}, and then a trap");
        }
    }

    /// Lesson 11: what a guest writes is bounded, in lines and in their length, and what is dropped is counted.
    #[tokio::test]
    async fn a_flood_of_output_is_counted_and_cut() {
        let flood = |body: &str| {
            format!(
                "(loop $again {body} (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const 300)))) {ECHO}"
            )
        };
        let lined = report(&guest(&flood(&write("write", "stderr", 2)), "x\\n")).await;
        assert_eq!((lined.logs.len(), lined.dropped_logs), (limits::LOG_LINES, 200));
        let endless = report(&guest(&flood(&write("write", "stdout", 4_096)), &"x".repeat(4_096))).await;
        assert_eq!((endless.logs.len(), endless.dropped_logs), (1, 0));
        assert!(endless.logs[0].message.len() <= limits::LOG_LINE_BYTES + "…".len());
        assert!(endless.logs[0].message.ends_with('…'));
    }

    #[tokio::test]
    async fn output_streams_say_how_much_they_take() {
        let check = ask("check_write", "(call $stdout)");
        holds("at once", &check, &[byte_is(0, 0), i64_is(8, limits::WASI_WRITE_BYTES as u64)]).await;
        for function in ["write", "blocking_write"] {
            holds("as much as that", &write(function, "stderr", limits::WASI_WRITE_BYTES), &[byte_is(0, 0)]).await;
        }
    }
}
