//! The hostile guest against the real server: each misbehaviour is contained, named, recorded, and told from others.

mod case;
mod exhaust;
mod facts;
mod fetch;
mod memory;
mod neighbours;
mod output;
mod replay;
mod table;

pub(crate) use case::{Case, Outcome, USER};

use gloveport_probe::Probe;

/// One test for each probe, and a `match` that does not compile when one is missing.
macro_rules! tested {
    ($($probe:ident = $module:ident::$test:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let case = Case::of(Probe::$probe).await;
                $module::$test(&case).await;
                case.was_called();
            }
        )+

        /// The name of the test of a probe.
        fn test_of(probe: Probe) -> &'static str {
            match probe {
                $(Probe::$probe => stringify!($test),)+
            }
        }
    };
}

tested! {
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
    Script = replay::script,
}

#[test]
fn every_test_has_the_name_of_its_tool() {
    for probe in Probe::ALL {
        assert_eq!(format!("probe_{}", test_of(*probe)), probe.tool());
    }
}
