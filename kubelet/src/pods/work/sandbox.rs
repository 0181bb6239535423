use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use skiff_api::trace::{Stage, stamp};
use tokio::fs;
use tokio_util::sync::CancellationToken;

use super::{Done, rpc_words};
use crate::pods::config::{hosts, sandbox};
use crate::pods::context::Context;
use crate::pods::events::Teller;
use crate::pods::seen::Sandbox;
use crate::pods::status::ips_of;
use crate::pods::{cgroup, object};
use crate::runtime::Runtime;
use crate::runtime::cri::PodSandboxConfig;

/// The configuration of the Pod's sandbox of that attempt.
pub(super) fn config<R>(context: &Context<R>, pod: &Pod, attempt: u32) -> PodSandboxConfig {
    let node = sandbox::Node {
        paths: &context.host.paths,
        resolvers: &context.host.resolvers,
        cgroup_parent: &context.host.cgroup_parent,
    };
    sandbox::config(pod, attempt, &node)
}

/// Makes the sandbox, once the node's network is there, and the hosts file with its addresses. `ended` cancels the wait for
/// the network.
pub(crate) async fn create_sandbox<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    attempt: u32,
    ended: CancellationToken,
) -> Done {
    let result = create(&context, &pod, attempt, &ended).await;
    if let Err(error) = &result
        && !ended.is_cancelled()
    {
        let message = format!("Failed to create pod sandbox: {error}");
        Teller::new(&context.host.recorder, &pod).warning("FailedCreatePodSandBox", message);
    }
    Done::Sandbox(result)
}

async fn create<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    attempt: u32,
    ended: &CancellationToken,
) -> Result<Sandbox, String> {
    if !object::on_host_network(pod) {
        let mut network = context.network.clone();
        // The sender lives as long as the kubelet.
        let waiting = network.wait_for(|is_ready| *is_ready);
        if ended.run_until_cancelled(waiting).await.is_none() {
            return Err("the Pod ends".to_owned());
        }
    }
    if let Err(error) = cgroup::make(&context.host.cgroup_parent, pod) {
        // The limits of its containers hold all the same.
        tracing::warn!(pod = object::display(pod), %error, "a Pod without limits of its own");
    }
    let config = config(context, pod, attempt);
    fs::create_dir_all(&config.log_directory)
        .await
        .map_err(|error| format!("{}: {error}", config.log_directory))?;
    let handler = context.host.objects.runtime_handler(pod).await?;
    check_users(pod, &handler)?;
    let runtime = &context.runtime;
    let id = runtime
        .run_sandbox(config, handler)
        .await
        .map_err(|error| rpc_words(&error))?;
    stamp(Stage::Sandbox, object::uid(pod), "");
    let status = runtime
        .sandbox_status(&id)
        .await
        .map_err(|error| rpc_words(&error))?;
    let sandbox = Sandbox::new(&status);
    let ips = ips_of(pod, &sandbox, context.host.config.node_ip);
    stamp(Stage::Network, object::uid(pod), ips.join(","));
    write_hosts(context, pod, &sandbox)
        .await
        .map_err(|error| format!("/etc/hosts: {error}"))?;
    Ok(sandbox)
}

/// No containerd of version 1 says that it can give a Pod users of its own (KEP-127).
fn check_users(pod: &Pod, handler: &str) -> Result<(), String> {
    if pod.spec.as_ref().and_then(|spec| spec.host_users) != Some(false) {
        return Ok(());
    }
    let whose = match handler {
        "" => "runtime".to_owned(),
        handler => format!("RuntimeClass handler {handler:?}"),
    };
    Err(format!(
        "can't set `spec.hostUsers: false`, {whose} does not support user namespaces: the handler {handler:?} is not known"
    ))
}

async fn write_hosts<R>(context: &Context<R>, pod: &Pod, sandbox: &Sandbox) -> std::io::Result<()> {
    let host = &context.host;
    let ips = ips_of(pod, sandbox, host.config.node_ip);
    let host_file = match object::on_host_network(pod) {
        true => fs::read_to_string("/etc/hosts").await.unwrap_or_default(),
        false => String::new(),
    };
    let content = hosts::content(pod, &ips, &host.config.cluster_domain, &host_file);
    fs::create_dir_all(host.paths.pod(object::uid(pod))).await?;
    // In place: containers have this very file mounted.
    fs::write(host.paths.etc_hosts(object::uid(pod)), content).await
}
