//! What handlers share.

use metrics_exporter_prometheus::PrometheusHandle;

use crate::call::Host;
use crate::issuing::Issuing;
use crate::notices::Notices;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Everything that calls share.
    pub host: Host,
    /// Sends notices to webhooks.
    pub notices: Notices,
    /// Gives tokens to clients.
    pub issuing: Issuing,
    /// Renders the figures.
    pub metrics: PrometheusHandle,
}
