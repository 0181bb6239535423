use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::fs;

use super::{Done, Undoing, look};
use crate::pods::context::Context;
use crate::pods::seen::Instance;
use crate::pods::{cgroup, object};
use crate::runtime::Runtime;
use crate::volumes;

/// Stops a sandbox: gives its network back.
pub(crate) async fn stop_sandbox<R: Runtime>(context: Arc<Context<R>>, id: String) -> Done {
    let result = context.runtime.stop_sandbox(&id).await;
    let what = Undoing::StopSandbox;
    Done::Undone { id, what, result }
}

/// Removes a stopped sandbox and what is left of its containers.
pub(crate) async fn remove_sandbox<R: Runtime>(context: Arc<Context<R>>, id: String) -> Done {
    let result = context.runtime.remove_sandbox(&id).await;
    let what = Undoing::RemoveSandbox;
    Done::Undone { id, what, result }
}

/// Removes a container and its log. One that was only made may run by now, started by a kubelet that was killed: it stays.
pub(crate) async fn remove_container<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    name: String,
    known: Instance,
) -> Done {
    let id = known.id;
    let now = look::instance(&context, &pod, &name, &known.sandbox_id, &id).await;
    if let Ok(Some(instance)) = now
        && instance.is_running()
    {
        let instance = Some(instance);
        return Done::Stopped { id, name, instance };
    }
    let result = context.runtime.remove_container(&id).await;
    if result.is_ok() && !known.log_path.is_empty() {
        let _ = fs::remove_file(known.log_path).await;
    }
    let what = Undoing::RemoveContainer;
    Done::Undone { id, what, result }
}

/// Unmounts the Pod's volumes and removes its folder.
pub(crate) async fn clean_up<R>(context: Arc<Context<R>>, pod: Arc<Pod>) -> Done {
    Done::Cleaned(volumes::tear_down(&context.host, object::uid(&pod)).await)
}

/// Removes what only the node remembers of a Pod that is gone: its logs and its cgroup.
pub(crate) async fn remove_traces<R>(context: &Context<R>, pod: &Pod) {
    remove_logs(context, pod).await;
    cgroup::remove(&context.host.cgroup_parent, object::uid(pod));
}

/// Removes the Pod's logs.
pub(crate) async fn remove_logs<R>(context: &Context<R>, pod: &Pod) {
    let (uid, name) = (object::uid(pod), pod.name_any());
    let logs: PathBuf =
        context
            .host
            .paths
            .pod_logs(&pod.namespace().unwrap_or_default(), &name, uid);
    let _ = fs::remove_dir_all(logs).await;
}
