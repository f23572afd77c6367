//! What those who wrote the protocol say of the endpoint.

use std::io::Write as _;

use gloveport_tests::conformance::{REVISIONS, Stage, Suite};

/// All scenarios for servers of the official suite, in both eras; those that are expected to fail do, each for a reason
/// that its list gives.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_suite_agrees() {
    let suite = match Suite::install().await {
        Ok(suite) => suite,
        Err(why) => {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: the conformance suite cannot be had here: {why}");
            return;
        }
    };
    let stage = Stage::start().await;
    for revision in &REVISIONS {
        let verdict = suite.judge(&stage.url, revision).await;
        assert!(verdict.passed, "{}: {}", revision.date, verdict.said);
    }
}
