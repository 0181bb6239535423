//! The members of etcd: one at a time is spoken to, another one when it fails.

use std::{
    ptr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use etcd_client::{Client, ConnectOptions, Error, GetOptions};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, timeout_at},
};

use super::options::{EtcdOptions, wrong};
use crate::{EngineError, OpenError};

/// How long a member may take to show that it is sound.
const PROBE: Duration = Duration::from_secs(2);
/// Between two rounds over all members; twice as long after each, up to the second.
const PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Connections to the members, made when they are needed.
///
/// They are not balanced over: with one at a time, a member that is gone is found out once, by a read that does no harm, and
/// no write is sent to where it may be lost.
pub(super) struct Members {
    /// In the order of preference.
    clients: Vec<Client>,
    /// The place of the one that is spoken to.
    current: watch::Sender<usize>,
    /// Whether it has answered since the last failure.
    sound: AtomicBool,
    /// Held by who looks for one that is.
    search: Mutex<()>,
    /// What is read to see.
    probed: Vec<u8>,
}

impl Members {
    pub(super) async fn connect(options: &EtcdOptions, probed: Vec<u8>) -> Result<Self, OpenError> {
        let how = options.connect()?;
        let mut clients = Vec::new();
        for endpoint in &options.endpoints {
            clients.push(connect(endpoint, how.clone()).await?);
        }
        Ok(Self {
            clients,
            current: watch::Sender::new(0),
            sound: AtomicBool::new(false),
            search: Mutex::new(()),
            probed,
        })
    }

    /// A member that has answered since anything failed; the preferred one, if several do.
    pub(super) async fn sound(&self, deadline: Instant) -> Result<&Client, EngineError> {
        if let Some(member) = self.current() {
            return Ok(member);
        }
        let Some(_one_searches) = within(deadline, self.search.lock()).await else {
            return Err(SILENT);
        };
        let mut pause = PAUSE;
        loop {
            if let Some(member) = self.current() {
                return Ok(member);
            }
            let mut last = None;
            for (at, member) in self.clients.iter().enumerate() {
                match self.probe(member, deadline).await {
                    Ok(()) => {
                        self.current.send_replace(at);
                        self.sound.store(true, Ordering::Release);
                        return Ok(member);
                    }
                    Err(error) => last = Some(error),
                }
            }
            if Instant::now() + pause >= deadline {
                return Err(last.unwrap_or(SILENT));
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Something has failed: nobody is spoken to before he has answered again.
    pub(super) fn suspect(&self) {
        self.sound.store(false, Ordering::Release);
    }

    /// Returns when another member is spoken to than this one.
    pub(super) async fn left(&self, member: &Client) {
        let mut current = self.current.subscribe();
        let is_another = |at: &usize| !ptr::eq(&self.clients[*at], member);
        // It fails only when there is nobody left to change it.
        let _ = current.wait_for(is_another).await;
    }

    fn current(&self) -> Option<&Client> {
        let sound = self.sound.load(Ordering::Acquire);
        sound.then(|| &self.clients[*self.current.borrow()])
    }

    /// A read that most members must agree on.
    async fn probe(&self, member: &Client, deadline: Instant) -> Result<(), EngineError> {
        let deadline = deadline.min(Instant::now() + PROBE);
        let options = GetOptions::new().with_keys_only();
        let mut reader = member.kv_client();
        let read = reader.get(self.probed.clone(), Some(options));
        match within(deadline, read).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(etcd("answer")(error)),
            None => Err(SILENT),
        }
    }
}

const SILENT: EngineError = EngineError::EtcdSilent { doing: "answer" };

async fn connect(endpoint: &str, options: ConnectOptions) -> Result<Client, OpenError> {
    // It connects with its first call.
    let client = Client::connect([endpoint], Some(options)).await;
    client.map_err(|error| match error {
        Error::TransportError(error) => wrong("cert", error),
        other => wrong("endpoints", format!("{endpoint}: {other}")),
    })
}

/// What comes of it before the deadline.
pub(super) async fn within<T>(deadline: Instant, doing: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, doing).await.ok()
}

/// The error of a call that etcd has answered with one.
pub(super) fn etcd(doing: &'static str) -> impl FnOnce(Error) -> EngineError {
    move |error| EngineError::Etcd {
        doing,
        source: error.into(),
    }
}
