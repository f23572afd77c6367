//! What those who wrote the protocol say of the endpoint, and of this host as a client.

use std::io::Write as _;

use gloveport_tests::conformance::{REVISIONS, Stage, Suite};
use gloveport_tests::programs;

async fn suite() -> Option<Suite> {
    match Suite::install().await {
        Ok(suite) => Some(suite),
        Err(why) => {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: the conformance suite cannot be had here: {why}");
            None
        }
    }
}

/// All scenarios for servers of the official suite, in both eras; those that are expected to fail do, each for a reason
/// that its list gives.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_suite_agrees() {
    let Some(suite) = suite().await else { return };
    let stage = Stage::start().await;
    for revision in &REVISIONS {
        let verdict = suite.judge(&stage.url, revision).await;
        assert!(verdict.passed, "{}: {}", revision.date, verdict.said);
    }
}

/// AK-808, AK-809: all scenarios for clients likewise, authorization among them: each of the suite's servers becomes a
/// connector, whose tools a user who signs in calls.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_suite_agrees_with_the_client() {
    let Some(suite) = suite().await else { return };
    for revision in &REVISIONS {
        let verdict = suite.judge_client(&programs::conformance(), revision).await;
        assert!(verdict.passed, "{}: {}", revision.date, verdict.said);
    }
}
