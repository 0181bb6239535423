//! A candidate for a leadership, which says so when it leads. It follows the holder of a Lease by its own clock alone.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep};

const NAME: &str = "captain";
const LEASE: Duration = Duration::from_secs(4);
const RETRY: Duration = Duration::from_secs(1);

pub(crate) async fn run(client: Client, me: &str) -> Result<()> {
    let mut candidate = Candidate {
        leases: Api::default_namespaced(client),
        me,
        seen: None,
    };
    println!("{me} stands");
    let mut led = false;
    loop {
        let leads = match candidate.try_to_lead().await {
            // Another was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => false,
            other => other?,
        };
        if leads && !led {
            println!("{me} leads");
        }
        led = leads;
        sleep(RETRY).await;
    }
}

struct Candidate<'a> {
    leases: Api<Lease>,
    me: &'a str,
    /// The version of the lease, and when it was seen to be that.
    seen: Option<(String, Instant)>,
}

impl Candidate<'_> {
    /// Creates, renews or takes over the lease; whether it is held now.
    async fn try_to_lead(&mut self) -> kube::Result<bool> {
        let Some(mut lease) = self.leases.get_opt(NAME).await? else {
            let mut lease = Lease::default();
            lease.metadata.name = Some(NAME.to_owned());
            lease.spec = Some(self.held(None));
            self.leases.create(&PostParams::default(), &lease).await?;
            return Ok(true);
        };
        if !self.may_take(&lease) {
            return Ok(false);
        }
        lease.spec = Some(self.held(lease.spec.take()));
        self.leases
            .replace(NAME, &PostParams::default(), &lease)
            .await?;
        Ok(true)
    }

    fn may_take(&mut self, lease: &Lease) -> bool {
        let version = lease.resource_version().unwrap_or_default();
        let since = match &self.seen {
            Some((known, since)) if *known == version => *since,
            _ => self.seen.insert((version, Instant::now())).1,
        };
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref());
        holder == Some(self.me) || since.elapsed() >= LEASE
    }

    fn held(&self, before: Option<LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let before = before.unwrap_or_default();
        let mine = before.holder_identity.as_deref() == Some(self.me);
        let since = before.acquire_time.filter(|_| mine);
        LeaseSpec {
            holder_identity: Some(self.me.to_owned()),
            lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
            acquire_time: since.or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: before
                .lease_transitions
                .map(|count| count + i32::from(!mine))
                .or(Some(0)),
            ..LeaseSpec::default()
        }
    }
}
