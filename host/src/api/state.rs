//! What handlers share.

use metrics_exporter_prometheus::PrometheusHandle;

use crate::call::Host;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Everything that calls share.
    pub host: Host,
    /// Renders the figures.
    pub metrics: PrometheusHandle,
}
