//! Loads rules by the `nft` program: one transaction a change.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::base::{Base, base_table};
use super::rules::Rules;
use super::script::script;
use crate::dataplane::{DataplaneError, Ranges};
use crate::model::Model;

/// Services as maps of nftables.
pub(crate) struct Nftables {
    ranges: Ranges,
    /// What the kernel holds; nothing is known after a failure and at the start.
    applied: Option<Rules>,
}

impl Nftables {
    pub(crate) fn new(ranges: Ranges) -> Self {
        Self {
            ranges,
            applied: None,
        }
    }

    /// Brings the table to `model`.
    pub(crate) async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        let rules = Rules::translating(model);
        let applied = self.applied.take();
        load(Base::Translating, &self.ranges, applied.as_ref(), &rules).await?;
        self.applied = Some(rules);
        Ok(())
    }
}

/// Loads the step from `applied` to `rules`; the whole table if it is not known what the kernel holds.
pub(crate) async fn load(
    base: Base,
    ranges: &Ranges,
    applied: Option<&Rules>,
    rules: &Rules,
) -> Result<(), DataplaneError> {
    let text = match applied {
        Some(applied) => script(applied, rules),
        None => base_table(base, ranges) + &script(&Rules::default(), rules),
    };
    if text.is_empty() {
        Ok(())
    } else {
        nft(&text).await
    }
}

async fn nft(script: &str) -> Result<(), DataplaneError> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(DataplaneError::Run)?;
    if let Some(mut input) = child.stdin.take() {
        // nft reads all of its input before it prints, so this cannot block for ever; a broken pipe shows in its status.
        let _ = input.write_all(script.as_bytes()).await;
    }
    let output = child
        .wait_with_output()
        .await
        .map_err(DataplaneError::Run)?;
    if output.status.success() {
        return Ok(());
    }
    Err(DataplaneError::Refused(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::process::Command;

    use nix::sched::{CloneFlags, unshare};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::model::{Protocol, ServicePort};

    const SERVICE: &str = "10.96.0.5:80";

    /// Runs `test` on a thread in a network namespace of its own: real rules, real packets, gone with the thread.
    fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
        let run = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("needs root");
            for line in ["link set lo up", "addr add 192.0.2.1/32 dev lo"] {
                assert!(
                    Command::new("ip")
                        .args(line.split(' '))
                        .status()
                        .expect("ip")
                        .success(),
                    "ip {line}"
                );
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(test());
        };
        std::thread::spawn(run).join().expect("the test passes");
    }

    fn nftables() -> Nftables {
        let range = |text: &str| text.parse().expect("a range");
        Nftables::new(Ranges {
            cluster: range("10.244.0.0/16"),
            services: range("10.96.0.0/12"),
        })
    }

    async fn route() {
        let range = "10.96.0.0/12".parse().expect("a range");
        crate::host::lead_here(range, Ipv4Addr::new(192, 0, 2, 1))
            .await
            .expect("routed");
    }

    fn model(endpoints: &[&str]) -> Model {
        Model {
            ports: vec![ServicePort {
                name: "default/web:".to_owned(),
                protocol: Protocol::Tcp,
                cluster_ip: [10, 96, 0, 5].into(),
                port: 80,
                node_port: Some(30002),
                affinity_seconds: None,
                endpoints: endpoints
                    .iter()
                    .map(|at| at.parse().expect("an address"))
                    .collect(),
            }],
        }
    }

    /// Answers each connection with its own address.
    async fn answer(at: &'static str) {
        let listener = TcpListener::bind(at).await.expect("listen");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(at.as_bytes()).await;
            }
        });
    }

    async fn asked(address: &str) -> Result<String, std::io::ErrorKind> {
        let mut stream = TcpStream::connect(address)
            .await
            .map_err(|error| error.kind())?;
        let mut told = String::new();
        stream
            .read_to_string(&mut told)
            .await
            .map_err(|error| error.kind())?;
        Ok(told)
    }

    #[test]
    fn endpoints_answer_in_turn_and_leave() {
        in_namespace(|| async {
            route().await;
            answer("127.0.0.2:8080").await;
            answer("127.0.0.3:8081").await;
            let mut nftables = nftables();
            nftables
                .apply(&model(&["127.0.0.2:8080", "127.0.0.3:8081"]))
                .await
                .expect("applied");
            for address in [SERVICE, "192.0.2.1:30002"] {
                let mut told = Vec::new();
                for _ in 0..4 {
                    told.push(asked(address).await.expect("answered"));
                }
                assert_ne!(told[0], told[1], "{address}");
                assert_eq!(
                    (&told[0], &told[1]),
                    (&told[2], &told[3]),
                    "{address}: in turn"
                );
            }
            nftables
                .apply(&model(&["127.0.0.3:8081"]))
                .await
                .expect("applied");
            assert_eq!(asked(SERVICE).await.as_deref(), Ok("127.0.0.3:8081"));
            nftables.apply(&model(&[])).await.expect("applied");
            assert_eq!(
                asked(SERVICE).await,
                Err(std::io::ErrorKind::ConnectionRefused)
            );
            assert_eq!(
                asked("192.0.2.1:30002").await,
                Err(std::io::ErrorKind::ConnectionRefused)
            );
            nftables.apply(&Model::default()).await.expect("applied");
        });
    }

    #[test]
    fn an_address_without_a_service_is_refused_even_where_the_node_listens() {
        in_namespace(|| async {
            route().await;
            answer("0.0.0.0:22").await;
            nftables().apply(&Model::default()).await.expect("applied");
            assert_eq!(
                asked("10.96.7.7:22").await,
                Err(std::io::ErrorKind::ConnectionRefused)
            );
            assert_eq!(asked("192.0.2.1:22").await.as_deref(), Ok("0.0.0.0:22"));
        });
    }

    #[test]
    fn a_second_start_replaces_what_the_first_left() {
        in_namespace(|| async {
            route().await;
            answer("127.0.0.2:8080").await;
            nftables()
                .apply(&model(&["127.0.0.9:1"]))
                .await
                .expect("applied");
            nftables()
                .apply(&model(&["127.0.0.2:8080"]))
                .await
                .expect("applied");
            assert_eq!(asked(SERVICE).await.as_deref(), Ok("127.0.0.2:8080"));
        });
    }
}
