use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use skiff_api::trace::{Stage, stamp};
use tokio::fs;
use tokio_util::sync::CancellationToken;

use super::{Done, Refusal, hook, look, sandbox};
use crate::pods::config::{container as config, env};
use crate::pods::context::Context;
use crate::pods::events::Teller;
use crate::pods::object;
use crate::pods::progress::Image;
use crate::pods::seen::{Instance, Sandbox};
use crate::pods::status::ips_of;
use crate::runtime::Runtime;
use crate::runtime::cri::{ContainerConfig, PodSandboxConfig};
use crate::volumes::{Mounted, container_mounts, read_file};

/// A postStart hook has no limit of its own; one that never ends would keep its Pod from ever ending too.
const POST_START_LIMIT: Duration = Duration::from_secs(3600);

/// All that the start of a container needs.
pub(crate) struct Start {
    pub(crate) pod: Arc<Pod>,
    pub(crate) container: Container,
    pub(crate) attempt: i32,
    /// The container whose processes it is to see.
    pub(crate) target_id: Option<String>,
    pub(crate) image: Image,
    pub(crate) sandbox: Sandbox,
    pub(crate) mounted: Mounted,
    /// Cancelled when the Pod ends: its postStart hook is not waited for any more.
    pub(crate) ended: CancellationToken,
}

/// Makes and starts a container, and runs its postStart hook.
pub(crate) async fn start<R: Runtime>(context: Arc<Context<R>>, start: Start) -> Done {
    let name = start.container.name.clone();
    let (instance, refusal) = match create(&context, &start).await {
        Ok(id) => run(&context, &start, &id).await,
        Err(refusal) => {
            let tell = Teller::new(&context.host.recorder, &start.pod);
            tell.container_warning(&name, "Failed", format!("Error: {}", refusal.message));
            (None, Some(refusal))
        }
    };
    Done::Started {
        container: name,
        instance,
        refusal,
    }
}

async fn create<R: Runtime>(context: &Context<R>, start: &Start) -> Result<String, Refusal> {
    let config_error = |error: String| Refusal::new("CreateContainerConfigError", error);
    verify_user(start).map_err(config_error)?;
    let container = configure(context, start).await.map_err(config_error)?;
    let sandbox = sandbox::config(context, &start.pod, start.sandbox.attempt);
    make_log_dir(&sandbox, start).await.map_err(config_error)?;
    let made = context
        .runtime
        .create_container(&start.sandbox.id, container, sandbox)
        .await;
    let id = made.map_err(|error| Refusal::new("CreateContainerError", error.to_string()))?;
    stamp(
        Stage::Created,
        object::uid(&start.pod),
        &start.container.name,
    );
    let tell = Teller::new(&context.host.recorder, &start.pod);
    tell.container(&start.container.name, "Created", "Container created");
    Ok(id)
}

async fn configure<R: Runtime>(
    context: &Context<R>,
    start: &Start,
) -> Result<ContainerConfig, String> {
    let host = &context.host;
    let Start {
        pod,
        container,
        attempt,
        ..
    } = start;
    let uid = object::uid(pod);
    let environment = environment(context, start).await?;
    let mounts = container_mounts(host, pod, container, &start.mounted, &environment)
        .await
        .map_err(|error| error.to_string())?;
    let termination_log = host.paths.termination_log(uid, &container.name, *attempt);
    make_termination_log(&termination_log)
        .await
        .map_err(|error| format!("{}: {error}", termination_log.display()))?;
    Ok(config::config(config::Input {
        pod,
        container,
        attempt: *attempt,
        target_id: start.target_id.as_deref(),
        image_id: &start.image.id,
        environment,
        mounts,
        termination_log: &termination_log,
        etc_hosts: &host.paths.etc_hosts(uid),
        node_memory_bytes: host.machine.memory_bytes,
    }))
}

async fn environment<R>(
    context: &Context<R>,
    start: &Start,
) -> Result<Vec<(String, String)>, String> {
    let host = &context.host;
    let Start {
        pod,
        container,
        sandbox,
        ..
    } = start;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let (config_maps, secrets) = env::references(container);
    let sources = host
        .objects
        .sources(namespace, &config_maps, &secrets)
        .await;
    let mut sources = sources.map_err(|error| error.to_string())?;
    sources.files = files(start).await.map_err(|error| error.to_string())?;
    env::environment(&env::Input {
        pod,
        container,
        ips: &ips_of(pod, sandbox, host.config.node_ip),
        node_ip: &host.config.node_ip.to_string(),
        allocatable: &host.allocatable,
        services: &host.objects.services_of(pod).await,
        sources: &sources,
    })
    .map_err(|error| error.to_string())
}

/// The files in volumes that the container's environment refers to, as they are now.
async fn files(start: &Start) -> std::io::Result<env::Files> {
    let wanted: Vec<(String, String)> = env::files(&start.container)
        .map(|file| (file.volume_name.clone(), file.path.clone()))
        .collect();
    if wanted.is_empty() {
        return Ok(env::Files::default());
    }
    let paths = start.mounted.paths.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let read = wanted.into_iter().filter_map(|(volume, path)| {
            let text = read_file(paths.get(&volume)?, &path);
            Some(((volume, path), text.map_err(|error| error.to_string())))
        });
        read.collect()
    });
    reading.await.map_err(std::io::Error::other)
}

/// `runAsNonRoot` is held before the container exists.
fn verify_user(start: &Start) -> Result<(), String> {
    let own = start.container.security_context.as_ref();
    let spec = start.pod.spec.as_ref();
    let of_pod = spec.and_then(|spec| spec.security_context.as_ref());
    let must = own
        .and_then(|own| own.run_as_non_root)
        .or(of_pod.and_then(|all| all.run_as_non_root));
    if must != Some(true) {
        return Ok(());
    }
    let place = format!(
        "(pod: {:?}, container: {})",
        object::display(&start.pod),
        start.container.name
    );
    let user = own
        .and_then(|own| own.run_as_user)
        .or(of_pod.and_then(|all| all.run_as_user));
    match (user, &start.image) {
        (Some(0), _) => Err(format!(
            "container's runAsUser breaks non-root policy {place}"
        )),
        (Some(_), _) => Ok(()),
        (None, Image { uid: Some(0), .. }) => Err(format!(
            "container has runAsNonRoot and image will run as root {place}"
        )),
        (None, Image { uid: Some(_), .. }) => Ok(()),
        (None, Image { username, .. }) if username.is_empty() => Err(format!(
            "container has runAsNonRoot and image will run as root {place}"
        )),
        (None, Image { username, .. }) => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({username}), cannot verify user is non-root {place}"
        )),
    }
}

async fn make_log_dir(sandbox: &PodSandboxConfig, start: &Start) -> Result<(), String> {
    let dir = std::path::Path::new(&sandbox.log_directory).join(&start.container.name);
    fs::create_dir_all(&dir)
        .await
        .map_err(|error| format!("{}: {error}", dir.display()))
}

/// Whatever user a container runs as, it may write its message.
async fn make_termination_log(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).await?;
    }
    fs::write(path, b"").await?;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).await
}

/// Starts a container that was made. What the runtime says of it in the end counts, also if the start failed.
async fn run<R: Runtime>(
    context: &Context<R>,
    start: &Start,
    id: &str,
) -> (Option<Instance>, Option<Refusal>) {
    let name = &start.container.name;
    let tell = Teller::new(&context.host.recorder, &start.pod);
    let mut refusal = None;
    match context.runtime.start_container(id).await {
        Ok(()) => {
            stamp(Stage::Started, object::uid(&start.pod), name);
            tell.container(name, "Started", "Container started");
            post_start(context, start, id).await;
        }
        Err(error) => {
            tell.container_warning(name, "Failed", format!("Error: {error}"));
            refusal = Some(Refusal::new("RunContainerError", error.to_string()));
        }
    }
    match look::instance(context, &start.pod, name, &start.sandbox.id, id).await {
        Ok(instance) => (instance, refusal),
        Err(error) => (
            None,
            refusal.or(Some(Refusal::new("RunContainerError", error.to_string()))),
        ),
    }
}

/// A container whose postStart hook fails is stopped; its restart policy does the rest.
async fn post_start<R: Runtime>(context: &Context<R>, start: &Start, id: &str) {
    let lifecycle = start.container.lifecycle.as_ref();
    let Some(handler) = lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref()) else {
        return;
    };
    let ips = ips_of(&start.pod, &start.sandbox, context.host.config.node_ip);
    let ip = ips.first().map(String::as_str).unwrap_or_default();
    let runtime = &*context.runtime;
    let hook = hook::run(runtime, &start.container, id, ip, handler, POST_START_LIMIT);
    let Some(Err(error)) = start.ended.run_until_cancelled(hook).await else {
        return;
    };
    let tell = Teller::new(&context.host.recorder, &start.pod);
    let name = &start.container.name;
    tracing::debug!(container = name, error, "postStart hook failed");
    tell.container_warning(name, "FailedPostStartHook", "PostStartHook failed");
    tell.container(name, "Killing", "FailedPostStartHook");
    let grace = Duration::from_secs(u64::try_from(object::grace_s(&start.pod)).unwrap_or(0));
    if let Err(error) = runtime.stop_container(id, grace).await {
        tracing::warn!(container = name, %error, "container not stopped after its postStart hook failed");
    }
}
