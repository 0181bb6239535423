//! Leader election: of several control planes one does the work at a time, by a Lease
//! (<https://kubernetes.io/docs/concepts/architecture/leases/#leader-election>).
//!
//! ```text
//!   Lease ──watch──► plan (pure): take it, or wait ──► term: work while it is renewed ──► lost, or released
//! ```
//!
//! What was silent for how long is measured by the clock of this machine alone, from when it saw a change: clocks of
//! machines differ.

mod plan;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use skiff_api::leases::holder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{Change, Informer, Informers, is_conflict};
use plan::Next;

/// Where the Leases of the cluster's own components are.
const NAMESPACE: &str = "kube-system";
/// How long the last word to the others may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// What only one of several may do at a time.
pub struct Election {
    /// Who writes the Lease.
    pub client: Client,
    /// Through which it is watched.
    pub informers: Informers,
    /// The name of the Lease in `kube-system`.
    pub lease: &'static str,
    /// Who stands for election, under a name that no other machine has: who comes back under it takes up what it held.
    pub identity: String,
    /// How long a holder may be silent before others take over: whole seconds, as the Lease tells, one at least. It renews four times as often, and
    /// gives up at two thirds of it.
    pub duration: Duration,
}

/// The Lease as it was seen last, and since when.
#[derive(Clone)]
struct Seen {
    lease: Option<Arc<Lease>>,
    since: Instant,
}

impl Election {
    /// Does the work of `work` whenever elected, until `shutdown`. Its token ends with the term; who does not heed it is
    /// dropped before another one may begin.
    ///
    /// # Errors
    /// Those of the work. A term that is lost is none: the next one is waited for.
    pub async fn run<W>(
        self,
        shutdown: CancellationToken,
        work: impl Fn(CancellationToken) -> W,
    ) -> anyhow::Result<()>
    where
        W: Future<Output = anyhow::Result<()>>,
    {
        let watching = self.informers.one::<Lease>(NAMESPACE, self.lease);
        let seen = follow(&watching);
        loop {
            let won = async {
                watching.ready().await;
                self.win(seen.clone()).await
            };
            let Some(lease) = shutdown.run_until_cancelled(won).await else {
                return Ok(());
            };
            tracing::info!(lease = self.lease, "elected");
            let term = shutdown.child_token();
            let ended = self.lead(lease, &term, work(term.clone())).await;
            if ended.is_err() || shutdown.is_cancelled() {
                return ended;
            }
            tracing::warn!(
                lease = self.lease,
                "the term is over, for it was not renewed"
            );
        }
    }

    /// Returns the Lease once it is held.
    async fn win(&self, mut seen: watch::Receiver<Seen>) -> Lease {
        loop {
            let now = seen.borrow_and_update().clone();
            let lease = now.lease.as_deref();
            let pause = match plan::next(lease, &self.identity, now.since.elapsed()) {
                Next::Wait(rest) => rest,
                Next::Take => match self.take(lease).await {
                    Ok(lease) => return lease,
                    Err(error) => {
                        tracing::debug!(lease = self.lease, %error, "not elected");
                        self.duration / 4
                    }
                },
            };
            // Cancel-safe: what has changed is looked at anew.
            tokio::select! { _ = seen.changed() => {}, () = sleep(pause) => {} }
        }
    }

    /// Works while the Lease is renewed. Afterwards the work may end until others take over, and is dropped then.
    async fn lead(
        &self,
        mut lease: Lease,
        term: &CancellationToken,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let mut work = pin!(work);
        let over = tokio::select! {
            // Not cancel-safe, and dropped for good.
            done = &mut work => {
                let _ = timeout(FAREWELL, self.replace(&plan::released(&lease))).await;
                return done;
            }
            over = self.hold(&mut lease) => over,
        };
        term.cancel();
        timeout_at(over, work).await.unwrap_or(Ok(()))
    }

    /// Renews the Lease until it is another's, or cannot be renewed. Returns when others may take over.
    async fn hold(&self, lease: &mut Lease) -> Instant {
        let mut renewed = Instant::now();
        loop {
            let give_up = renewed + self.duration * 2 / 3;
            sleep(self.duration / 4).await;
            let began = Instant::now();
            match timeout_at(give_up, self.renew(lease)).await {
                Ok(Ok(true)) => renewed = began,
                Ok(Err(error)) if began < give_up => {
                    tracing::warn!(
                        lease = self.lease,
                        error = format!("{error:#}"),
                        "not renewed"
                    );
                }
                _ => return renewed + self.duration,
            }
        }
    }

    /// Renews the Lease; `false` if it is another's.
    async fn renew(&self, lease: &mut Lease) -> anyhow::Result<bool> {
        *lease = match self.take(Some(&*lease)).await.map_err(anyhow::Error::new) {
            Ok(written) => written,
            // Perhaps by an earlier attempt of our own, whose answer was lost. Others count from that one, so another is made.
            Err(error) if is_conflict(&error) => {
                let now = self.api().get(self.lease).await?;
                if holder(&now) != self.identity {
                    return Ok(false);
                }
                self.take(Some(&now)).await?
            }
            Err(error) => return Err(error),
        };
        Ok(true)
    }

    /// Writes oneself down as the holder, unless somebody wrote since.
    async fn take(&self, old: Option<&Lease>) -> kube::Result<Lease> {
        let held = plan::held(
            old,
            self.lease,
            &self.identity,
            self.duration,
            Timestamp::now(),
        );
        match old {
            Some(_) => self.replace(&held).await,
            None => self.api().create(&PostParams::default(), &held).await,
        }
    }

    async fn replace(&self, lease: &Lease) -> kube::Result<Lease> {
        let params = PostParams::default();
        self.api().replace(self.lease, &params, lease).await
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }
}

fn follow(watching: &Informer<Lease>) -> watch::Receiver<Seen> {
    let seen = |lease| Seen {
        lease,
        since: Instant::now(),
    };
    let (tell, told) = watch::channel(seen(None));
    watching.on_change(move |change| {
        let lease = match change {
            Change::Deleted(_) => None,
            change => Some(change.object().clone()),
        };
        tell.send_replace(seen(lease));
    });
    told
}
