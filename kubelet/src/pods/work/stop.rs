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

/// All that the stop of a container needs.
pub(crate) struct Stop {
    pub(crate) pod: Arc<Pod>,
    pub(crate) name: String,
    pub(crate) running: Instance,
    /// The Pod's address, for its hooks.
    pub(crate) ip: String,
    pub(crate) grace: Duration,
    pub(crate) why: Why,
    /// Whether it was tried before: then its end is not told again, and its hook not run again.
    pub(crate) is_repeated: bool,
}

/// Stops a container: its preStop hook, the signal, and the end of all patience.
pub(crate) async fn stop_container<R: Runtime>(context: Arc<Context<R>>, stop: Stop) -> Done {
    let started = Instant::now();
    if !stop.is_repeated {
        Teller::new(&context.host.recorder, &stop.pod).killing(&stop.name, stop.why);
        if stop.why != Why::SandboxLost {
            pre_stop(&context, &stop).await;
        }
    }
    let left = stop.grace.saturating_sub(started.elapsed()).max(MIN_GRACE);
    let Stop {
        pod, name, running, ..
    } = stop;
    let stopped = async {
        context.runtime.stop_container(&running.id, left).await?;
        look::instance(&context, &pod, &name, &running.sandbox_id, &running.id).await
    };
    match stopped.await {
        Ok(instance) => Done::Stopped {
            id: running.id,
            name,
            instance,
        },
        Err(error) => Done::NotStopped {
            id: running.id,
            error,
        },
    }
}

async fn pre_stop<R: Runtime>(context: &Context<R>, stop: &Stop) {
    let Stop {
        pod,
        name,
        running,
        ip,
        grace,
        ..
    } = stop;
    let container = object::container(pod, name);
    let lifecycle =
        container.and_then(|one| Some((one, one.lifecycle.as_ref()?.pre_stop.as_ref()?)));
    let Some((container, handler)) = lifecycle.filter(|_| !grace.is_zero()) else {
        return;
    };
    let ran = hook::run(
        &*context.runtime,
        container,
        &running.id,
        ip,
        handler,
        *grace,
    );
    // The hook's own limits are as long; this one is for what does not keep them.
    let Ok(Err(error)) = tokio::time::timeout(*grace, ran).await else {
        return;
    };
    tracing::debug!(container = name, error, "preStop hook failed");
    let tell = Teller::new(&context.host.recorder, pod);
    tell.container_warning(name, "FailedPreStopHook", "PreStopHook failed");
}
