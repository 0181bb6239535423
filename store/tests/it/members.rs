//! Members of an etcd for tests, on an address that no other process uses. They end with the test.

use std::{
    fs::File,
    net::Ipv4Addr,
    path::Path,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use etcd_client::Client;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use skiff_store::EtcdOptions;
use tempfile::TempDir;

/// Each member takes two.
static PORTS: AtomicU16 = AtomicU16::new(2379);

pub(crate) struct Members {
    dir: TempDir,
    members: Vec<Member>,
}

struct Member {
    name: String,
    clients: String,
    peers: String,
    running: Option<Child>,
}

/// All of 127/8 is this machine: its own part for each process.
pub(crate) fn address() -> Ipv4Addr {
    let [_, high, middle, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | high, middle, low)
}

impl Members {
    /// Starts so many, with empty folders.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, "http", &[])
    }

    /// Starts so many that speak to clients by `scheme`, with arguments of their own.
    pub(crate) fn start_with(count: usize, scheme: &str, arguments: &[&str]) -> Self {
        let members = (0..count).map(|number| {
            let port = PORTS.fetch_add(2, Ordering::Relaxed);
            Member {
                name: format!("member-{number}"),
                clients: format!("{scheme}://{}:{port}", address()),
                peers: format!("http://{}:{}", address(), port + 1),
                running: None,
            }
        });
        let mut this = Self {
            members: members.collect(),
            dir: tempfile::tempdir().unwrap(),
        };
        for at in 0..count {
            this.run(at, arguments);
        }
        this
    }

    /// How to reach them, with time enough for a busy machine.
    pub(crate) fn options(&self) -> EtcdOptions {
        EtcdOptions {
            endpoints: self.endpoints(),
            timeout: Duration::from_secs(60),
            ..EtcdOptions::default()
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| member.clients.clone())
            .collect()
    }

    /// A client beside the store.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.endpoints(), None).await.unwrap()
    }

    /// The place of the member that leads, once there is one.
    pub(crate) async fn leader(&self) -> usize {
        loop {
            for (at, endpoint) in self.endpoints().into_iter().enumerate() {
                let mut client = Client::connect([endpoint], None).await.unwrap();
                if let Ok(status) = client.status().await
                    && status.header().unwrap().member_id() == status.leader()
                {
                    return at;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills a member as a power cut would.
    pub(crate) fn kill(&mut self, at: usize) {
        end(&mut self.members[at]);
    }

    /// Lets a member stand still, as a machine that hangs; all of its threads do when this returns.
    pub(crate) fn pause(&self, at: usize) {
        let id = self.signal(at, Signal::SIGSTOP);
        waitpid(id, Some(WaitPidFlag::WUNTRACED)).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self, at: usize) {
        self.signal(at, Signal::SIGCONT);
    }

    fn signal(&self, at: usize, signal: Signal) -> Pid {
        let running = self.members[at].running.as_ref().unwrap();
        let id = Pid::from_raw(i32::try_from(running.id()).unwrap());
        kill(id, signal).unwrap();
        id
    }

    /// Starts a member again, with what it had.
    pub(crate) fn start_again(&mut self, at: usize) {
        self.run(at, &[]);
    }

    fn run(&mut self, at: usize, arguments: &[&str]) {
        let together: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peers))
            .collect();
        let member = &mut self.members[at];
        let dir = self.dir.path().join(&member.name);
        let log = log(&dir.with_extension("log"));
        // It ends with the test, whatever ends that.
        let running = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd", "--name", &member.name])
            .arg("--data-dir")
            .arg(&dir)
            .args(["--listen-client-urls", &member.clients])
            .args(["--advertise-client-urls", &member.clients])
            .args(["--listen-peer-urls", &member.peers])
            .args(["--initial-advertise-peer-urls", &member.peers])
            .args(["--initial-cluster", &together.join(",")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        member.running = Some(running.expect("etcd, of the package etcd-server"));
    }
}

fn log(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

fn end(member: &mut Member) {
    if let Some(mut running) = member.running.take() {
        let _ = running.kill();
        let _ = running.wait();
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.members.iter_mut().for_each(end);
    }
}
