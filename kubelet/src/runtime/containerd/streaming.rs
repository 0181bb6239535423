//! Streams that containerd serves itself, at an address on the loopback interface that it names for each of them.

use super::channel::within;
use super::cri::{Cri, READ_LIMIT, done};
use crate::runtime::cri::{
    ListPodSandboxRequest, PodSandboxFilter, PodSandboxState, PodSandboxStateValue,
};
use crate::runtime::{RuntimeError, StreamRequest, labels};

impl Cri {
    pub(super) async fn stream_url(&self, request: StreamRequest) -> Result<String, RuntimeError> {
        let mut client = self.runtime();
        Ok(match request {
            StreamRequest::Exec(request) => {
                done("Exec", client.exec(within(READ_LIMIT, request)).await)?.url
            }
            StreamRequest::Attach(request) => {
                done("Attach", client.attach(within(READ_LIMIT, request)).await)?.url
            }
            StreamRequest::PortForward(request) => {
                let answer = client.port_forward(within(READ_LIMIT, request)).await;
                done("PortForward", answer)?.url
            }
        })
    }

    pub(super) async fn ready_sandbox(
        &self,
        pod_uid: &str,
    ) -> Result<Option<String>, RuntimeError> {
        let filter = PodSandboxFilter {
            state: Some(PodSandboxStateValue {
                state: PodSandboxState::SandboxReady as i32,
            }),
            label_selector: [(labels::POD_UID.to_owned(), pod_uid.to_owned())].into(),
            ..PodSandboxFilter::default()
        };
        let request = ListPodSandboxRequest {
            filter: Some(filter),
        };
        let answer = self
            .runtime()
            .list_pod_sandbox(within(READ_LIMIT, request))
            .await;
        let mut ready = done("ListPodSandbox", answer)?.items;
        Ok(ready.pop().map(|sandbox| sandbox.id))
    }
}
