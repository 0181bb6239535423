//! Events: what components tell users about an object.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events waiting to be written; more are dropped and counted in the log, for an event is never worth a stall.
const WAITING: usize = 1000;
/// Remembered events, to raise a count instead of writing the same again; all are forgotten at the bound.
const REMEMBERED: usize = 4096;
/// The API's bound of a message (core/v1 Event.message).
const MESSAGE_BYTES: usize = 1024;

/// How an event is meant (core/v1 Event.type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// All is well.
    Normal,
    /// Something may go wrong.
    Warning,
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        })
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Fact {
    namespace: String,
    kind: String,
    name: String,
    uid: String,
    field_path: String,
    event_type: EventType,
    reason: String,
    message: String,
}

struct Told {
    object: ObjectReference,
    fact: Fact,
    at: Timestamp,
}

/// Tells events without waiting for them to be written. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(mpsc::Sender<Told>);

impl Recorder {
    /// Tells that something happened to `object`: a reason in CamelCase and a message for people.
    pub fn event(
        &self,
        object: &ObjectReference,
        event_type: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        self.event_at(Timestamp::now(), object, event_type, reason, message);
    }

    /// Tells of something that happened at another time, so that others' events of what followed from it stand after it.
    pub fn event_at(
        &self,
        at: Timestamp,
        object: &ObjectReference,
        event_type: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let mut message: String = message.into();
        if message.len() > MESSAGE_BYTES {
            let end = (0..=MESSAGE_BYTES)
                .rev()
                .find(|end| message.is_char_boundary(*end))
                .unwrap_or(0);
            message.truncate(end);
        }
        let fact = Fact {
            namespace: object
                .namespace
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            kind: object.kind.clone().unwrap_or_default(),
            name: object.name.clone().unwrap_or_default(),
            uid: object.uid.clone().unwrap_or_default(),
            field_path: object.field_path.clone().unwrap_or_default(),
            event_type,
            reason: reason.to_owned(),
            message,
        };
        let told = Told {
            object: object.clone(),
            fact,
            at,
        };
        if let Err(refused) = self.0.try_send(told) {
            tracing::warn!(reason, %refused, "event dropped");
        }
    }
}

/// Writes what a [`Recorder`] tells; its owner runs it.
pub struct RecorderWorker {
    client: Client,
    source: EventSource,
    told: mpsc::Receiver<Told>,
    written: HashMap<Fact, Written>,
}

struct Written {
    name: String,
    count: i32,
}

/// A recorder that speaks as `component` (on `host`, for components of a node), and the worker behind it.
pub fn recorder(client: Client, component: &str, host: Option<&str>) -> (Recorder, RecorderWorker) {
    let (sender, told) = mpsc::channel(WAITING);
    let source = EventSource {
        component: Some(component.to_owned()),
        host: host.map(str::to_owned),
    };
    (
        Recorder(sender),
        RecorderWorker {
            client,
            source,
            told,
            written: HashMap::new(),
        },
    )
}

impl RecorderWorker {
    /// Writes events until `shutdown`, or until every recorder is dropped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while let Some(Some(told)) = shutdown.run_until_cancelled(self.told.recv()).await {
            let reason = told.fact.reason.clone();
            if let Err(error) = self.write(told).await {
                tracing::debug!(reason, %error, "event not written");
            }
        }
    }

    async fn write(&mut self, told: Told) -> kube::Result<()> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &told.fact.namespace);
        if let Some(written) = self.written.get_mut(&told.fact) {
            let count = written.count + 1;
            let patch = serde_json::json!({ "count": count, "lastTimestamp": Time(told.at) });
            match api
                .patch(&written.name, &PatchParams::default(), &Patch::Merge(patch))
                .await
            {
                Ok(_) => {
                    written.count = count;
                    return Ok(());
                }
                // The event has expired or was deleted: write it anew.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let event = self.event(&told);
        let name = event.metadata.name.clone().unwrap_or_default();
        api.create(&PostParams::default(), &event).await?;
        if self.written.len() >= REMEMBERED {
            self.written.clear();
        }
        self.written.insert(told.fact, Written { name, count: 1 });
        Ok(())
    }

    fn event(&self, told: &Told) -> Event {
        let at = Time(told.at);
        // The name's form is that of client-go's recorder: the object's name and a time in hexadecimal.
        let name = format!("{}.{:x}", told.fact.name, told.at.as_nanosecond());
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(told.fact.namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object: told.object.clone(),
            reason: Some(told.fact.reason.clone()),
            message: Some(told.fact.message.clone()),
            type_: Some(told.fact.event_type.to_string()),
            source: Some(self.source.clone()),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            first_timestamp: Some(at.clone()),
            last_timestamp: Some(at),
            count: Some(1),
            ..Event::default()
        }
    }
}
