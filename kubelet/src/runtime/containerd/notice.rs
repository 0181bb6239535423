//! Waiting for what containerd does by itself and tells nobody: starting, reading a CNI configuration, hearing of an image.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tonic::Status;

use super::channel::within;
use super::cri::{Cri, READ_LIMIT, done};
use crate::runtime::RuntimeError;
use crate::runtime::cri::{RuntimeCondition, StatusRequest};

/// How long containerd may take to notice a new CNI configuration or a new image.
const NOTICE_LIMIT: Duration = Duration::from_secs(10);

impl Cri {
    /// Waits, for as long as it takes, until containerd answers and CRI has looked through what runs.
    pub(super) async fn await_initialised(&self) {
        let mut pause = Duration::from_millis(2);
        while self.conditions().await.is_err() {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Waits until CRI has read a CNI configuration.
    pub(super) async fn await_network(&self) -> Result<(), RuntimeError> {
        self.notice("Status", || self.network_is_ready()).await
    }

    async fn network_is_ready(&self) -> Result<bool, RuntimeError> {
        let conditions = self.conditions().await?;
        Ok(conditions
            .iter()
            .any(|condition| condition.r#type == "NetworkReady" && condition.status))
    }

    async fn conditions(&self) -> Result<Vec<RuntimeCondition>, RuntimeError> {
        let request = within(READ_LIMIT, StatusRequest { verbose: false });
        let status = done("Status", self.runtime().status(request).await)?.status;
        Ok(status.map(|status| status.conditions).unwrap_or_default())
    }

    /// Asks again with growing pauses until containerd has noticed something that it tells nobody about.
    pub(super) async fn notice<F, Fut>(
        &self,
        call: &'static str,
        noticed: F,
    ) -> Result<(), RuntimeError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<bool, RuntimeError>>,
    {
        let asking = async {
            let mut pause = Duration::from_millis(1);
            while !noticed().await? {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(250));
            }
            Ok(())
        };
        match timeout(NOTICE_LIMIT, asking).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RuntimeError::rpc(call)(Status::deadline_exceeded(
                "containerd did not take notice of a change in time",
            ))),
        }
    }
}
