//! The recorder of figures: one per process, because the macros that feed it are.

use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::AppError;
use crate::{call, notices};

/// Upper bounds in seconds: from what an instance takes (tens of microseconds) to the longest call (two minutes).
const BUCKETS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The process's recorder; installed the first time. Hosts that start together in one process wait for each other here.
pub(super) fn recorder() -> Result<PrometheusHandle, AppError> {
    let mut installed = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("seconds".into()), BUCKETS)
        .map_err(|error| AppError::Figures(error.to_string()))?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|_| AppError::Figures("this process keeps figures elsewhere already".into()))?;
    call::describe_metrics();
    notices::describe_metrics();
    Ok(installed.insert(handle).clone())
}
