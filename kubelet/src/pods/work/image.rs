use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Container, Pod};
use skiff_api::trace::{Stage, stamp};
use tokio_util::sync::CancellationToken;

use super::{Done, Refusal, image_name, pull_secret, rpc_words};
use crate::pods::context::Context;
use crate::pods::events::Teller;
use crate::pods::{object, progress};
use crate::runtime::Runtime;
use crate::runtime::cri::Image;

/// Sees to it that a container's image is on the node, as its `imagePullPolicy` says. `ended` cancels a pull.
pub(crate) async fn ensure_image<R: Runtime>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    container: Container,
    ended: CancellationToken,
) -> Done {
    let image = container.image.clone().unwrap_or_default();
    let ensured = ensure(&context, &pod, &container, &image);
    let cancelled = || Err(Refusal::new("ErrImagePull", "pull cancelled: the Pod ends"));
    let result = ended
        .run_until_cancelled(ensured)
        .await
        .unwrap_or_else(cancelled);
    if result.is_ok() {
        stamp(Stage::Image, object::uid(&pod), &image);
    }
    Done::Image {
        container: container.name,
        image,
        result,
    }
}

async fn ensure<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    container: &Container,
    image: &str,
) -> Result<progress::Image, Refusal> {
    let tell = Teller::new(&context.host.recorder, pod);
    let name = &container.name;
    if let Err(error) = image_name::check(image) {
        tell.container_warning(name, "InspectFailed", error.clone());
        tell.container_warning(name, "Failed", "Error: InvalidImageName");
        return Err(Refusal::new("InvalidImageName", error));
    }
    let policy = container
        .image_pull_policy
        .as_deref()
        .unwrap_or("IfNotPresent");
    if policy != "Always" {
        if let Some(found) = status(context, image).await? {
            let message = format!(
                "Container image {image:?} already present on machine and can be accessed by the pod"
            );
            tell.container(name, "Pulled", message);
            return Ok(found.into());
        }
        if policy == "Never" {
            let message =
                format!("Container image {image:?} is not present with pull policy of Never");
            tell.container_warning(name, "ErrImageNeverPull", message.clone());
            tell.container_warning(name, "Failed", "Error: ErrImageNeverPull");
            return Err(Refusal::new("ErrImageNeverPull", message));
        }
    }
    pull(context, pod, name, image).await
}

async fn status<R: Runtime>(context: &Context<R>, image: &str) -> Result<Option<Image>, Refusal> {
    let found = context.runtime.image_status(image).await;
    found.map_err(|error| {
        let message = format!("Failed to inspect image {image:?}: {}", rpc_words(&error));
        Refusal::new("ImageInspectError", message)
    })
}

async fn pull<R: Runtime>(
    context: &Context<R>,
    pod: &Pod,
    name: &str,
    image: &str,
) -> Result<progress::Image, Refusal> {
    let tell = Teller::new(&context.host.recorder, pod);
    tell.container(name, "Pulling", format!("Pulling image {image:?}"));
    let waited = Instant::now();
    let _turn = context.pulls.turn(image_name::registry(image)).await;
    let started = Instant::now();
    let secrets = pull_secret::find(&context.host.objects, pod, image).await;
    if !secrets.missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            secrets.missing.join(", ")
        );
        tell.warning("FailedToRetrieveImagePullSecret", message);
    }
    if let Err(error) = context.runtime.pull_image(image, secrets.auth).await {
        let error = rpc_words(&error);
        tell.container_warning(
            name,
            "Failed",
            format!("Failed to pull image {image:?}: {error}"),
        );
        tell.container_warning(name, "Failed", "Error: ErrImagePull");
        return Err(Refusal::new("ErrImagePull", error));
    }
    let found = status(context, image).await?;
    let found = found
        .ok_or_else(|| Refusal::new("ErrImagePull", "the image is gone right after its pull"))?;
    let message = format!(
        "Successfully pulled image {image:?} in {} ({} including waiting). Image size: {} bytes.",
        words(started.elapsed()),
        words(waited.elapsed()),
        found.size
    );
    tell.container(name, "Pulled", message);
    Ok(found.into())
}

/// A duration cut to milliseconds, as Go prints it.
fn words(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}s", ms as f64 / 1000.0),
        _ => format!("{}m{}s", ms / 60_000, (ms % 60_000) as f64 / 1000.0),
    }
}

impl From<Image> for progress::Image {
    fn from(image: Image) -> Self {
        Self {
            id: image.id,
            uid: image.uid.map(|uid| uid.value),
            username: image.username,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let cases = [
            (850, "850ms"),
            (1234, "1.234s"),
            (2000, "2s"),
            (61_500, "1m1.5s"),
        ];
        for (ms, expected) in cases {
            assert_eq!(words(Duration::from_millis(ms)), expected);
        }
    }
}
