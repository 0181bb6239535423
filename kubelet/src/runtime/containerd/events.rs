//! containerd's event stream, as the kubelet wants it: about containers, in order, and only what CRI already knows.

use std::time::Duration;

use containerd_client::events::{TaskExit, TaskOom, TaskStart};
use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::services::v1::events_client::EventsClient;
use containerd_client::services::v1::{GetContainerRequest, PublishRequest, SubscribeRequest};
use containerd_client::types::Envelope;
use futures::StreamExt;
use prost::Message;
use prost_types::Any;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use tracing::warn;

use super::channel::{NAMESPACE, native};
use super::cri::Cri;
use crate::runtime::cri::{ContainerState, PodSandboxState};
use crate::runtime::{EventStream, RuntimeError, RuntimeEvent, labels};

const STARTED: &str = "/tasks/start";
const EXITED: &str = "/tasks/exit";
const OUT_OF_MEMORY: &str = "/tasks/oom";
/// Our own event: when it comes back, the subscription is known to work.
const MARK: &str = "/skiff/mark";

/// How many events are looked into at the same time; they are told in their order.
const PARALLEL: usize = 16;
/// How long CRI may take to know of an exit that containerd told of. It takes some milliseconds.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// Pauses between attempts to subscribe: from the first, doubling, to the last.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

pub(super) fn stream(channel: Channel, cri: Cri) -> EventStream {
    EventStream::new(move |sender| async move {
        tokio::select! {
            () = feed(&channel, &cri, &sender) => {}
            () = sender.closed() => {}
        }
    })
}

/// Returns when the connection to containerd breaks.
pub(super) async fn until_closed(channel: Channel) {
    let filters = vec!["topic==\"/skiff/nothing\"".to_owned()];
    let request = native(SubscribeRequest { filters });
    // containerd answers with its first event: never. An answer all the same is a stream that ends with containerd.
    if let Ok(answer) = EventsClient::new(channel).subscribe(request).await {
        let mut stream = answer.into_inner();
        while let Ok(Some(_)) = stream.message().await {}
    }
}

async fn feed(channel: &Channel, cri: &Cri, sender: &mpsc::Sender<RuntimeEvent>) {
    let mut pause = RECONNECT_PAUSE.0;
    loop {
        match subscribe(channel).await {
            Ok(envelopes) => {
                pause = RECONNECT_PAUSE.0;
                cri.await_initialised().await;
                if sender.send(RuntimeEvent::Gap).await.is_err() {
                    return;
                }
                forward(envelopes, channel, cri, sender).await;
            }
            Err(status) => warn!(%status, "no events from containerd: trying again"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(RECONNECT_PAUSE.1);
    }
}

/// Subscribes, and returns once nothing can be missed any more. containerd sends no answer before the first event,
/// so one of our own is published until it comes.
async fn subscribe(channel: &Channel) -> Result<Streaming<Envelope>, Status> {
    let filters = [STARTED, EXITED, OUT_OF_MEMORY, MARK]
        .map(|topic| format!("namespace=={NAMESPACE},topic==\"{topic}\""))
        .to_vec();
    let mut client = EventsClient::new(channel.clone());
    tokio::select! {
        answer = client.subscribe(native(SubscribeRequest { filters })) => Ok(answer?.into_inner()),
        error = publish_marks(channel) => Err(error),
    }
}

async fn publish_marks(channel: &Channel) -> Status {
    let mut client = EventsClient::new(channel.clone());
    let mut pause = Duration::from_millis(5);
    loop {
        let mark = PublishRequest {
            topic: MARK.to_owned(),
            event: Some(Any::default()),
        };
        if let Err(status) = client.publish(native(mark)).await {
            return status;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Forwards events until the stream or its reader ends.
async fn forward(
    envelopes: Streaming<Envelope>,
    channel: &Channel,
    cri: &Cri,
    sender: &mpsc::Sender<RuntimeEvent>,
) {
    let mut events = envelopes
        .take_while(|envelope| std::future::ready(envelope.is_ok()))
        .filter_map(|envelope| std::future::ready(envelope.ok().as_ref().and_then(task_event)))
        .map(|event| look_into(event, channel, cri))
        .buffered(PARALLEL);
    while let Some(event) = events.next().await {
        let Some(event) = event else { continue };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

/// What happened to the first process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TaskEvent {
    Started(String),
    Exited(String),
    OutOfMemory(String),
}

/// Reads an event; `None` if it is of no interest, as the end of a process that was run by exec is.
fn task_event(envelope: &Envelope) -> Option<TaskEvent> {
    let bytes = envelope.event.as_ref()?.value.as_slice();
    match envelope.topic.as_str() {
        STARTED => Some(TaskEvent::Started(
            TaskStart::decode(bytes).ok()?.container_id,
        )),
        OUT_OF_MEMORY => Some(TaskEvent::OutOfMemory(
            TaskOom::decode(bytes).ok()?.container_id,
        )),
        EXITED => {
            let exit = TaskExit::decode(bytes).ok()?;
            (exit.id == exit.container_id).then_some(TaskEvent::Exited(exit.container_id))
        }
        _ => None,
    }
}

/// Finds out whose event it is, and waits until CRI knows of it. `None` for what is gone or is not a Pod's.
async fn look_into(event: TaskEvent, channel: &Channel, cri: &Cri) -> Option<RuntimeEvent> {
    let (TaskEvent::Started(id) | TaskEvent::Exited(id) | TaskEvent::OutOfMemory(id)) = &event;
    let request = native(GetContainerRequest { id: id.clone() });
    let answer = ContainersClient::new(channel.clone()).get(request).await;
    let mut labels = answer.ok()?.into_inner().container?.labels;
    let pod_uid = labels.remove(labels::POD_UID)?;
    let is_sandbox = labels
        .get("io.cri-containerd.kind")
        .is_some_and(|kind| kind == "sandbox");
    match event {
        TaskEvent::Started(_) if is_sandbox => None,
        TaskEvent::Started(id) => Some(RuntimeEvent::ContainerStarted { id, pod_uid }),
        TaskEvent::OutOfMemory(id) => Some(RuntimeEvent::OutOfMemory { id, pod_uid }),
        TaskEvent::Exited(id) if is_sandbox => {
            settled(|| async {
                let state = cri.sandbox_status(&id).await?.state();
                Ok(state == PodSandboxState::SandboxNotready)
            })
            .await;
            Some(RuntimeEvent::SandboxExited { id, pod_uid })
        }
        TaskEvent::Exited(id) => {
            settled(|| async {
                let state = cri.container_status(&id).await?.state();
                Ok(state == ContainerState::ContainerExited)
            })
            .await;
            Some(RuntimeEvent::ContainerExited { id, pod_uid })
        }
    }
}

/// CRI hears of an exit by the same event stream, at the same time as we do: asks until it has.
async fn settled<F, Fut>(is_settled: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<bool, RuntimeError>>,
{
    let deadline = Instant::now() + SETTLE_LIMIT;
    let mut pause = Duration::from_millis(1);
    while Instant::now() < deadline {
        match is_settled().await {
            Ok(false) => sleep(pause).await,
            Ok(true) | Err(_) => return,
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(topic: &str, event: &impl Message) -> Envelope {
        Envelope {
            topic: topic.to_owned(),
            event: Some(Any {
                type_url: String::new(),
                value: event.encode_to_vec(),
            }),
            ..Envelope::default()
        }
    }

    fn exit_of(process: &str) -> TaskExit {
        TaskExit {
            container_id: "c1".to_owned(),
            id: process.to_owned(),
            ..TaskExit::default()
        }
    }

    #[test]
    fn only_the_first_process_of_a_container_counts() {
        let own = task_event(&envelope(EXITED, &exit_of("c1")));
        assert_eq!(own, Some(TaskEvent::Exited("c1".to_owned())));
        assert_eq!(task_event(&envelope(EXITED, &exit_of("exec-7"))), None);
    }

    #[test]
    fn marks_and_garbage_are_passed_over() {
        assert_eq!(task_event(&envelope(MARK, &exit_of("c1"))), None);
        let mut garbage = envelope(EXITED, &exit_of("c1"));
        garbage.event.as_mut().unwrap().value = vec![0xff; 7];
        assert_eq!(task_event(&garbage), None);
        garbage.event = None;
        assert_eq!(task_event(&garbage), None);
    }
}
