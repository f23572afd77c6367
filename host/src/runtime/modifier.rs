//! Components of the world `modifier`: they import nothing, and each run is a text in and a text out.

use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::gloveport::connector::types;
use super::bindings::modifier::{Modifier, ModifierPre};
use super::bindings::{Connector, ConnectorPre};
use super::call::{check_output, failure_from_guest};
use super::component::{DETAIL_BYTES, PACKAGE, SERVED};
use super::error::bounded;
use super::state::{Bounds, State};
use super::view::{Imports, view};
use super::{CallError, Runtime, RuntimeError, limits};
use crate::model::When;

/// A compiled modifier, ready to be run any number of times.
#[derive(Clone)]
pub struct ModifierPlugin {
    pre: ModifierPre<State>,
}

/// A component of some world, of which instances are made.
pub(super) trait Instances {
    /// An instance, by its exports.
    type World: Send;

    /// Makes one.
    fn instance(&self, store: &mut Store<State>) -> impl Future<Output = wasmtime::Result<Self::World>> + Send;
}

impl Instances for ConnectorPre<State> {
    type World = Connector;

    async fn instance(&self, store: &mut Store<State>) -> wasmtime::Result<Connector> {
        self.instantiate_async(store).await
    }
}

impl Instances for ModifierPre<State> {
    type World = Modifier;

    async fn instance(&self, store: &mut Store<State>) -> wasmtime::Result<Modifier> {
        self.instantiate_async(store).await
    }
}

impl Runtime {
    /// Compiles a modifier, or takes it from the cache. Blocks for as long as that takes.
    ///
    /// `digest` is the SHA-256 of `wasm` in hexadecimal, as the caller computed it.
    ///
    /// # Errors
    /// It is not a component of the world `modifier`, or imports anything.
    pub fn compile_modifier(&self, wasm: &[u8], digest: &str) -> Result<ModifierPlugin, RuntimeError> {
        self.modifier(&self.component(wasm, digest)?)
    }

    /// Takes a modifier from the cache by its digest alone; `None` if it is not there as this host wrote it. Blocks for as
    /// long as reading it takes.
    pub fn cached_modifier(&self, digest: &str) -> Option<Result<ModifierPlugin, RuntimeError>> {
        self.cached_component(digest).map(|component| self.modifier(&component))
    }

    /// Runs a modifier in a fresh instance, which is thrown away afterwards; for a call of this depth.
    pub async fn modify(
        &self,
        modifier: &ModifierPlugin,
        when: When,
        tool: &str,
        text: &str,
        depth: usize,
        timeout: Duration,
    ) -> Result<String, CallError> {
        let bounds = Bounds::usual(limits::MODIFIER_TICKS, timeout);
        let run = self.run(&modifier.pre, None, depth, bounds, async |modifier, store| match when {
            When::Before => modifier.call_before(store, tool, text).await,
            When::After => modifier.call_after(store, tool, text).await,
        });
        run.await.outcome?.map_err(|failure| failure_from_guest(failure).into()).and_then(check_output)
    }

    fn modifier(&self, component: &Component) -> Result<ModifierPlugin, RuntimeError> {
        let engine = &self.0.engine;
        let wrong = |detail: &str| RuntimeError::WrongModifier { detail: bounded(detail, DETAIL_BYTES) };
        let shape = component.component_type();
        for (name, _) in shape.imports(engine) {
            // The shared types need nothing from the host.
            if name != format!("{PACKAGE}/types@{SERVED}") {
                return Err(RuntimeError::ModifierImports { name: bounded(name, DETAIL_BYTES) });
            }
        }
        for name in ["before", "after"] {
            let mut exports = shape.exports(engine);
            if !exports.any(|(found, item)| found == name && matches!(item.ty, ComponentItem::ComponentFunc(_))) {
                return Err(wrong(&format!("it does not export the function `{name}`")));
            }
        }
        let mut linker = Linker::<State>::new(engine);
        let linked = types::add_to_linker::<_, Imports>(&mut linker, view)
            .and_then(|()| linker.instantiate_pre(component))
            .and_then(ModifierPre::new);
        Ok(ModifierPlugin { pre: linked.map_err(|error| wrong(&format!("{error:#}")))? })
    }
}

impl std::fmt::Debug for ModifierPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModifierPlugin").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_guests::{self, CLOCK, ECHO, HTTP, LOG, SPIN, component_in, digest, guest};
    use super::super::{Failure, Phase};
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A modifier with these bodies of `before` and `after`.
    fn modifier(imports: &str, before: &str, after: &str) -> Vec<u8> {
        let imported = imports.lines().filter_map(|line| line.split('"').nth(1));
        let imported: String =
            imported.map(|name| format!("import {};", name.split(['/', '@']).nth(1).unwrap())).collect();
        let wit = format!(
            "world tried {{ use types.{{failure}}; {imported}
                export before: func(tool: string, input: string) -> result<string, failure>;
                export after: func(tool: string, output: string) -> result<string, failure>; }}"
        );
        component_in("tried", &wit, &module(imports, before, after))
    }

    fn module(imports: &str, before: &str, after: &str) -> String {
        let function = |name: &str, body: &str| {
            format!(
                r#"(func (export "{name}") (param i32 i32) (param $input i32) (param $input_len i32) (result i32) {body})"#
            )
        };
        let all = test_guests::module(imports, "(unreachable)", "(unreachable)", "");
        let at = all.find("(func (export \"describe\")").unwrap();
        let data = all.find("(data (i32.const 2048)").unwrap();
        let data_end = data + all[data..].find('\n').unwrap();
        format!("{}{}{}{})", &all[..at], function("before", before), function("after", after), &all[data..data_end])
    }

    async fn run(wasm: &[u8], when: When, text: &str) -> Result<String, CallError> {
        let runtime = test_guests::runtime(1);
        let modifier = runtime.compile_modifier(wasm, &digest(wasm)).expect("accepted");
        let done = runtime.modify(&modifier, when, "probe_echo", text, 0, MINUTE).await;
        assert_eq!((runtime.pool_metrics().busy_slots, runtime.pool_metrics().stacks), (0, 0));
        done
    }

    fn refused(wasm: &[u8]) -> String {
        test_guests::runtime(1).compile_modifier(wasm, &digest(wasm)).expect_err("must be refused").to_string()
    }

    /// AK-601, AK-602: the function that it is bound to, and no other.
    #[tokio::test]
    async fn a_modifier_answers_on_its_side() {
        let wasm = modifier("", ECHO, "(call $ok (i32.const 2055) (i32.const 2))");
        let text = r#"{"amount": 9007199254740993123}"#;
        assert_eq!(run(&wasm, When::Before, text).await, Ok(text.into()));
        assert_eq!(run(&wasm, When::After, text).await, Ok("{}".into()));
    }

    #[test]
    fn a_modifier_that_imports_anything_is_refused_by_name() {
        for (imports, name) in [(HTTP, "connector/http@"), (LOG, "connector/log@"), (CLOCK, "connector/clock@")] {
            let refused = refused(&modifier(imports, ECHO, ECHO));
            assert!(refused.contains(name) && refused.contains("imports nothing"), "{refused}");
        }
        for name in ["wasi:cli/environment@0.2.0", "gloveport:connector/types@0.2.0", "wasi:http/types@0.2.0"] {
            let text = format!(r#"(component (import "{name}" (instance)))"#);
            assert!(refused(&wat::parse_str(text).unwrap()).contains(name));
        }
    }

    #[test]
    fn what_is_no_modifier_is_refused_with_the_reason() {
        for (wasm, reason) in [
            (b"modifier".to_vec(), "not WebAssembly"),
            (wat::parse_str("(module)").unwrap(), "core module"),
            (wat::parse_str("(component)").unwrap(), "does not export the function `before`"),
            (guest("", ECHO), "does not export the function `before`"),
            (
                wat::parse_str(
                    r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                    (func $f (canon lift (core func $i "f"))) (export "before" (func $f)) (export "after" (func $f)))"#,
                )
                .unwrap(),
                "type-checking export func",
            ),
        ] {
            let refused = refused(&wasm);
            assert!(refused.contains(reason), "{refused}");
        }
    }

    /// The limits of connectors hold: memory, own time, stack, and what crosses the border.
    #[tokio::test]
    async fn a_modifier_is_stopped_at_each_limit() {
        let grow = "(loop $again (br_if $again (i32.ne (i32.const -1) (memory.grow (i32.const 16))))) unreachable";
        let long = format!(
            "(drop (memory.grow (i32.const {}))) (call $ok (i32.const 65536) (i32.const {}))",
            limits::OUTPUT_BYTES / 65_536 + 1,
            limits::OUTPUT_BYTES + 1
        );
        for (body, expected) in [(SPIN, "guest_cpu_ms"), (grow, "guest_memory_bytes"), (long.as_str(), "output_bytes")]
        {
            match run(&modifier("", body, ECHO), When::Before, "{}").await {
                Err(CallError::Limit { limit, .. }) => assert_eq!(limit, expected),
                done => panic!("{expected}: {done:?}"),
            }
        }
        let trapped = run(&modifier("", ECHO, "unreachable"), When::After, "{}").await;
        assert!(matches!(trapped, Err(CallError::Trap { .. })), "{trapped:?}");
        let broken = run(&modifier("", "(call $ok (i32.const 2048) (i32.const 5))", ECHO), When::Before, "{}").await;
        assert!(matches!(broken, Err(CallError::InvalidOutput { .. })), "{broken:?}");
        let refusing = modifier("", "(call $fail (i32.const 2) (i32.const 2048) (i32.const 3))", ECHO);
        let failed = run(&refusing, When::Before, "{}");
        assert_eq!(failed.await, Err(CallError::Failure(Failure::Denied("GET".into()))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_modifier_waits_for_a_slot_until_its_deadline() {
        let runtime = test_guests::runtime(1);
        let wasm = modifier("", ECHO, ECHO);
        let modifier = runtime.compile_modifier(&wasm, &digest(&wasm)).expect("accepted");
        let _taken = runtime.0.slots.of(0).acquire().await.expect("open");
        let done = runtime.modify(&modifier, When::Before, "t", "{}", 0, MINUTE).await;
        assert_eq!(done, Err(CallError::Timeout { after_ms: 60_000, phase: Phase::Queued }));
    }
}
