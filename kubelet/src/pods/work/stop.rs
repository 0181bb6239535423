use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;

use super::{Done, hook, look};
use crate::pods::context::Context;
use crate::pods::events::Teller;
use crate::pods::object;
use crate::pods::plan::Why;
use crate::pods::seen::Instance;
use crate::runtime::Runtime;

/// What is left for the signal when a preStop hook has used up the grace period.
const MIN_GRACE: Duration = Duration::from_secs(2);

/// Stops a container: its preStop hook, the signal, and the end of all patience. `ip` is the Pod's.
pub(crate) async fn stop_container<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    name: String,
    running: Instance,
    ip: String,
    grace: Duration,
    why: Why,
) -> Done {
    let id = running.id;
    Teller::new(&context.host.recorder, &pod).killing(&name, why);
    let started = Instant::now();
    if why != Why::SandboxLost {
        pre_stop(&context, &pod, &name, &id, &ip, grace).await;
    }
    let left = grace.saturating_sub(started.elapsed()).max(MIN_GRACE);
    if let Err(error) = context.runtime.stop_container(&id, left).await {
        tracing::warn!(container = id, %error, "container not stopped, trying again");
    }
    match look::instance(&context, &pod, &name, &running.sandbox_id, &id).await {
        Ok(instance) => Done::Stopped { id, name, instance },
        Err(error) => {
            tracing::warn!(container = id, %error, "container not looked at after its stop");
            let instance = Instance {
                id: id.clone(),
                ..running
            };
            Done::Stopped {
                id,
                name,
                instance: Some(instance),
            }
        }
    }
}

async fn pre_stop<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    name: &str,
    id: &str,
    ip: &str,
    grace: Duration,
) {
    let Some(container) = object::container(pod, name) else {
        return;
    };
    let lifecycle = container.lifecycle.as_ref();
    let Some(handler) = lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()) else {
        return;
    };
    if grace.is_zero() {
        return;
    }
    let ran = hook::run(&*context.runtime, container, id, ip, handler, grace);
    // The hook's own limits are as long; this one is for what does not keep them.
    let Ok(Err(error)) = tokio::time::timeout(grace, ran).await else {
        return;
    };
    tracing::debug!(container = name, error, "preStop hook failed");
    let tell = Teller::new(&context.host.recorder, pod);
    tell.container_warning(name, "FailedPreStopHook", "PreStopHook failed");
}
