//! What handlers share.

use metrics_exporter_prometheus::PrometheusHandle;

use crate::call::Host;
use crate::issuing::Issuing;
use crate::notices::Notices;
use crate::store::{Joint, StoreError};

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

impl ApiState {
    /// The same within one transaction. Nothing of what is done with it is kept if that is dropped before its commit.
    pub(super) async fn joined(&self) -> Result<(Self, Joint), StoreError> {
        let joint = self.host.store.join().await?;
        let catalog = self.host.catalog.copy().await;
        let within = Self {
            host: self.host.over(joint.store().clone(), catalog),
            notices: self.notices.over(joint.store().clone()),
            ..self.clone()
        };
        Ok((within, joint))
    }
}
