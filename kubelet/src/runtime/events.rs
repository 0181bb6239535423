use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What happened in the runtime. Events say where to look, not what is there: the state is asked of the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// A container's process started.
    ContainerStarted {
        /// The container.
        id: String,
        /// Its Pod.
        pod_uid: String,
    },
    /// A container's process ended, and the runtime's `container_status` says so.
    ContainerExited {
        /// The container.
        id: String,
        /// Its Pod.
        pod_uid: String,
    },
    /// The kernel killed a process of this container (or sandbox) for want of memory.
    OutOfMemory {
        /// The container.
        id: String,
        /// Its Pod.
        pod_uid: String,
    },
    /// The sandbox's own process ended, and the runtime's `sandbox_status` says so.
    SandboxExited {
        /// The sandbox.
        id: String,
        /// Its Pod.
        pod_uid: String,
    },
    /// Events may have been missed until now, none will be from now on: list again.
    Gap,
}

/// Events of a runtime, in order for each container. A reader that falls behind holds the stream back: nothing is lost.
#[derive(Debug)]
pub struct EventStream {
    receiver: mpsc::Receiver<RuntimeEvent>,
    /// Owns the task that feeds the stream: it ends with the stream.
    _feed: JoinSet<()>,
}

impl EventStream {
    /// How many events wait in a stream at most.
    pub const CAPACITY: usize = 256;

    /// A stream fed by `feed`, which is dropped with it.
    pub fn new<F, Fut>(feed: F) -> EventStream
    where
        F: FnOnce(mpsc::Sender<RuntimeEvent>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(EventStream::CAPACITY);
        let mut task = JoinSet::new();
        task.spawn(feed(sender));
        EventStream {
            receiver,
            _feed: task,
        }
    }

    /// The next event; `None` when the runtime is gone for good. Cancel-safe.
    pub async fn next(&mut self) -> Option<RuntimeEvent> {
        self.receiver.recv().await
    }
}
