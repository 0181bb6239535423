use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::{Done, rpc_words};
use crate::pods::cgroup::Limits;
use crate::pods::config::resources;
use crate::pods::context::Context;
use crate::pods::resize::{Applied, Change, Outcome};
use crate::pods::{cgroup, object};
use crate::runtime::Runtime;

/// Sets the cgroups of a Pod, which has these `limits`, and its containers to what they are granted; tells what was done, and
/// why no more.
pub(crate) async fn resize<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    change: Change,
    limits: Option<Limits>,
) -> Done {
    let mut applied = Applied {
        limits,
        ..Applied::default()
    };
    let result = apply(&context, &pod, change, &mut applied).await;
    Done::Resized(Outcome {
        applied,
        error: result.err(),
    })
}

async fn apply<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    change: Change,
    applied: &mut Applied,
) -> Result<(), String> {
    let parent = &context.host.cgroup_parent;
    check_memory(parent, pod, &change)?;
    // Some of its files may be written when another cannot be.
    applied.limits = None;
    cgroup::set(parent, pod, &change.limits).map_err(|error| error.to_string())?;
    applied.limits = Some(change.limits);
    for target in change.containers {
        let Some(container) = object::container(pod, &target.name) else {
            continue;
        };
        let settings = resources::linux(pod, container, context.host.machine.memory_bytes);
        let updated = context.runtime.update_container(&target.id, settings).await;
        updated.map_err(|error| rpc_words(&error))?;
        applied.note(pod, container);
    }
    Ok(())
}

/// A limit below what is in use would kill: it is not set.
fn check_memory(parent: &str, pod: &Pod, change: &Change) -> Result<(), String> {
    let of_pod = change.memory_bytes.and_then(|limit| {
        let used = cgroup::memory_of_pod(parent, pod)?;
        too_low("pod", limit, used)
    });
    let of_containers = change.containers.iter().filter_map(|target| {
        let used = cgroup::memory_of_container(parent, pod, &target.id)?;
        too_low(
            &format!("container {:?}", target.name),
            target.memory_bytes?,
            used,
        )
    });
    let wrong: Vec<String> = of_pod.into_iter().chain(of_containers).collect();
    match wrong.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("cannot decrease memory limits: {one}")),
        several => Err(format!(
            "cannot decrease memory limits: [{}]",
            several.join(", ")
        )),
    }
}

fn too_low(whose: &str, limit: i64, used: i64) -> Option<String> {
    (limit < used).then(|| {
        format!("attempting to set {whose} memory limit ({limit}) below current usage ({used})")
    })
}
