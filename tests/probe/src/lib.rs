//! The hostile guest: one tool per misbehaviour, and one per fact that the integration tests want to see from inside.

pub mod exhaust;
pub mod facts;
pub mod fetch;
pub mod memory;
pub mod output;
pub mod script;

/// Lists the tools once: for the connector, and as an enum that the integration tests match exhaustively, so that a
/// probe without a test does not compile.
macro_rules! probes {
    ($($probe:ident = $module:ident::$tool:ident,)+) => {
        /// Everything that this guest can do wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Probe {
            $(
                #[doc = concat!("The tool `probe_", stringify!($tool), "`.")]
                $probe,
            )+
        }

        impl Probe {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$probe),+];

            /// The full name of its tool.
            pub fn tool(self) -> &'static str {
                match self {
                    $(Self::$probe => concat!("probe_", stringify!($tool)),)+
                }
            }
        }

        /// Misbehaves in every way that a guest can.
        #[gloveport_sdk::connector(
            title = "Probe",
            publisher = "Gloveport",
            categories = ["test"],
            base_url = "https://api.probe.test",
            // The tests write the port of an upstream of theirs over the last one, digit by digit.
            hosts = ["api.probe.test", "*.wild.probe.test", "127.0.0.1:59999"],
            imports = ["http", "account", "log", "clock", "random", "progress"],
            auth = [
                bearer(
                    name = "bearer",
                    title = "Bearer token",
                    fields = [password(name = "token", label = "Token"), text(name = "domain", label = "Domain", optional)],
                ),
                api_key(
                    name = "header", title = "Key in a header", location = "header", parameter = "X-Api-Key",
                    prefix = "Token ", fields = [password(name = "key", label = "Key")],
                ),
                api_key(
                    name = "query", title = "Key in the query", location = "query", parameter = "api_key",
                    fields = [password(name = "key", label = "Key")],
                ),
                api_key(
                    name = "cookie", title = "Key in a cookie", location = "cookie", parameter = "session",
                    fields = [password(name = "key", label = "Key")],
                ),
                basic(
                    name = "basic", title = "User and password", username = "user", password = "password",
                    fields = [text(name = "user", label = "User"), password(name = "password", label = "Password")],
                ),
                basic(
                    name = "filler", title = "Key as user name", username = "key", filler = "X",
                    fields = [password(name = "key", label = "Key")],
                ),
                none(name = "none", title = "No account"),
            ],
            test = fetch::whoami({}),
            idempotency_header = "Idempotency-Key",
            tools = [$($module::$tool),+],
        )]
        pub struct ProbeConnector;
    };
}

probes! {
    Echo = output::echo,
    SayNothing = output::say_nothing,
    List = output::list,
    GiganticOutput = output::gigantic_output,
    InvalidUtf8Output = output::invalid_utf8_output,
    BadJsonOutput = output::bad_json_output,
    OutputAgainstSchema = output::output_against_schema,
    Fail = output::fail,
    Trap = output::trap,
    Panic = output::panic,
    EndlessLoop = exhaust::endless_loop,
    Spin = exhaust::spin,
    MemoryGrowth = exhaust::memory_growth,
    DeepRecursion = exhaust::deep_recursion,
    HostcallFlood = exhaust::hostcall_flood,
    LogFlood = exhaust::log_flood,
    GiganticLog = exhaust::gigantic_log,
    ProgressFlood = exhaust::progress_flood,
    RandomFlood = exhaust::random_flood,
    Whoami = fetch::whoami,
    Fetch = fetch::fetch,
    FetchOrFail = fetch::fetch_or_fail,
    FetchAll = fetch::fetch_all,
    FetchRead = fetch::fetch_read,
    FetchReadOnly = fetch::fetch_read_only,
    FetchGuarded = fetch::fetch_guarded,
    ReadThenWrite = fetch::read_then_write,
    SizedResponse = fetch::sized_response,
    SendTenThousand = fetch::send_ten_thousand,
    SendAllTenThousand = fetch::send_all_ten_thousand,
    ClockNow = facts::clock_now,
    RandomBytes = facts::random_bytes,
    AccountField = facts::account_field,
    Setting = facts::setting,
    Progress = facts::progress,
    LogLines = facts::log_lines,
    ScanMemory = memory::scan_memory,
    Remember = memory::remember,
    Script = script::script,
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use gloveport_sdk::{Connector, Failure};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_probe_is_a_tool_and_every_tool_a_probe() {
        let tools: Vec<String> =
            ProbeConnector::tools().iter().map(|tool| format!("probe_{}", tool.spec.name)).collect();
        let probes: Vec<&str> = Probe::ALL.iter().map(|probe| probe.tool()).collect();
        assert_eq!(tools, probes);
    }

    #[test]
    fn echo_keeps_what_a_double_cannot_hold() {
        let text = r#"{"n": 123456789012345678901234567890, "u": 18446744073709551615, "f": 1.10}"#;
        let host = FakeHost::new();
        let output = host.run(|| gloveport_sdk::__private::call::<ProbeConnector>("probe_echo", text));
        assert_eq!(output.as_deref(), Ok(text));
    }

    #[test]
    fn fetch_tells_what_came_back() {
        let host = FakeHost::new().on("POST", "/a%20b", Reply::text(201, "made").header("X-A", "1"));
        let input = json!({ "method": "POST", "target": "/a%20b", "body": { "kind": "json", "text": "{}" } });
        let output = host.call::<ProbeConnector>("probe_fetch", input).unwrap();
        assert_eq!(output["status"], 201);
        assert_eq!(output["body"], "made");
        assert_eq!(output["headers"][1], json!(["x-a", "1"]));
    }

    #[test]
    fn fetch_read_only_is_refused_its_post() {
        let output = FakeHost::new().call::<ProbeConnector>("probe_fetch_read_only", json!({}));
        assert!(matches!(output, Err(Failure::Denied(_))), "{output:?}");
    }
}
