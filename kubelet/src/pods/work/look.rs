use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::{Done, termination};
use crate::pods::context::Context;
use crate::pods::object;
use crate::pods::seen::{Instance, Sandbox, Seen};
use crate::runtime::{Runtime, RuntimeError};

/// Asks the runtime for a container, with its termination message if it has ended.
pub(super) async fn instance<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    name: &str,
    sandbox_id: &str,
    id: &str,
) -> Result<Option<Instance>, RuntimeError> {
    let status = match context.runtime.container_status(id).await {
        Ok(status) => status,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut instance = Instance::new(sandbox_id, &status);
    message(context, pod, name, &mut instance).await;
    Ok(Some(instance))
}

async fn message<R>(context: &Context<R>, pod: &Pod, name: &str, instance: &mut Instance) {
    let uid = object::uid(pod);
    let log = context
        .host
        .paths
        .termination_log(uid, name, instance.attempt);
    let container = object::any_container(pod, name);
    termination::fill(instance, container.as_deref(), &log).await;
}

/// Fills in the termination messages of all containers that have ended.
pub(crate) async fn messages<R>(context: &Context<R>, pod: &Pod, seen: &mut Seen) {
    for (name, all) in &mut seen.containers {
        for instance in all {
            message(context, pod, name, instance).await;
        }
    }
}

/// Looks at a container of which the runtime told something.
pub(crate) async fn look<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    name: String,
    sandbox_id: String,
    id: String,
) -> Done {
    match instance(&context, &pod, &name, &sandbox_id, &id).await {
        Ok(instance) => Done::Looked { id, name, instance },
        Err(error) => {
            tracing::debug!(container = id, %error, "container not looked at");
            Done::Unknown
        }
    }
}

/// Looks at a sandbox of which the runtime told something.
pub(crate) async fn look_at_sandbox<R: Runtime>(context: Arc<Context<R>>, id: String) -> Done {
    match context.runtime.sandbox_status(&id).await {
        Ok(status) => Done::LookedAtSandbox {
            id,
            sandbox: Some(Sandbox::new(&status)),
        },
        Err(error) if error.is_not_found() => Done::LookedAtSandbox { id, sandbox: None },
        Err(error) => {
            tracing::debug!(sandbox = id, %error, "sandbox not looked at");
            Done::Unknown
        }
    }
}

/// Lists all that the runtime has of the Pod.
pub(crate) async fn list<R: Runtime>(context: Arc<Context<R>>, pod: Arc<Pod>) -> Done {
    let uid = object::uid(&pod);
    match context.runtime.list().await {
        Ok(all) => Done::Listed(
            all.into_iter()
                .filter(|state| state.pod_uid() == Some(uid))
                .collect(),
        ),
        Err(error) => {
            tracing::debug!(uid, %error, "the Pod's containers were not listed");
            Done::Unknown
        }
    }
}
