//! Users are told of each node that comes and goes, in the node controller's words
//! (pkg/controller/nodelifecycle, pkg/util/node `RecordNodeEvent`).

use k8s_openapi::api::core::v1::Node;
use kube::{Resource, ResourceExt};
use skiff_client::EventType::Normal;
use skiff_client::{Change, Informer, Recorder};

/// Tells of nodes for as long as there is the informer.
pub(super) fn announce(nodes: &Informer<Node>, recorder: &Recorder) {
    let recorder = recorder.clone();
    nodes.on_change(move |change| {
        let name = change.object().name_any();
        let (reason, message) = match change {
            Change::Added(_) => (
                "RegisteredNode",
                format!("Node {name} event: Registered Node {name} in Controller"),
            ),
            Change::Deleted(_) => (
                "RemovingNode",
                format!("Node {name} event: Removing Node {name} from Controller"),
            ),
            Change::Updated { .. } => return,
        };
        let node = change.object().object_ref(&());
        recorder.event(&node, Normal, reason, message);
    });
}
