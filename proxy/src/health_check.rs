//! Where a load balancer asks whether this node has endpoints of a Service (core/v1 ServiceSpec.healthCheckNodePort).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::model::Model;

/// Who asks one port at a time; more wait.
const ASKING: usize = 64;
/// How long a question may take, and how long it may be.
const PATIENCE: Duration = Duration::from_secs(5);
const QUESTION_BYTES: usize = 4096;

/// A Service's name, and how many endpoints it has on this node.
type Local = (String, usize);

/// The ports that answer. They end with this.
#[derive(Default)]
pub(crate) struct HealthChecks(BTreeMap<u16, Server>);

struct Server {
    local: watch::Sender<Local>,
    serving: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl HealthChecks {
    /// Answers for the Services of `model`, and for no others.
    pub(crate) async fn set(&mut self, model: &Model) {
        let wanted = wanted(model);
        self.0.retain(|port, _| wanted.contains_key(port));
        for (port, local) in wanted {
            if let Some(server) = self.0.get(&port) {
                server.local.send_replace(local);
                continue;
            }
            match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await {
                Ok(listener) => drop(self.0.insert(port, Server::start(listener, local))),
                Err(error) => {
                    tracing::warn!(service = local.0, port, %error, "no health check of the Service");
                }
            }
        }
    }
}

fn wanted(model: &Model) -> BTreeMap<u16, Local> {
    let checked = model.ports().filter_map(|port| {
        let health_check = port.external.health_check?;
        let service = port
            .name
            .rsplit_once(':')
            .map_or(&*port.name, |(name, _)| name);
        let local = (service.to_owned(), port.external.endpoints.len());
        Some((health_check, local))
    });
    checked.collect()
}

impl Server {
    fn start(listener: TcpListener, local: Local) -> Self {
        let (local, seen) = watch::channel(local);
        let serving = tokio::spawn(serve(listener, seen)).abort_handle();
        Self { local, serving }
    }
}

async fn serve(listener: TcpListener, local: watch::Receiver<Local>) {
    let mut asking = JoinSet::new();
    loop {
        // Both arms are cancel-safe.
        tokio::select! {
            accepted = listener.accept(), if asking.len() < ASKING => match accepted {
                Ok((stream, _)) => {
                    let answer = answer(&local.borrow());
                    asking.spawn(tokio::time::timeout(PATIENCE, tell(stream, answer)));
                }
                // For lack of file descriptors; who asks will ask again.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = asking.join_next() => {}
        }
    }
}

async fn tell(mut stream: TcpStream, answer: String) -> std::io::Result<()> {
    let mut question = Vec::new();
    let is_over = |question: &[u8]| question.windows(4).any(|end| end == b"\r\n\r\n");
    while question.len() < QUESTION_BYTES && !is_over(&question) {
        if stream.read_buf(&mut question).await? == 0 {
            break;
        }
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// As kube-proxy answers.
fn answer((service, endpoints): &Local) -> String {
    let status = match endpoints {
        0 => "503 Service Unavailable",
        _ => "200 OK",
    };
    let (namespace, name) = service.split_once('/').unwrap_or_default();
    let body = format!(
        "{{\"service\":{{\"namespace\":\"{namespace}\",\"name\":\"{name}\"}},\"localEndpoints\":{endpoints},\"serviceProxyHealthy\":true}}"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Load-Balancing-Endpoint-Weight: {endpoints}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{model, web};

    async fn asked(port: u16) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
            .await?;
        let mut told = String::new();
        stream.read_to_string(&mut told).await?;
        Ok(told)
    }

    #[tokio::test]
    async fn a_node_answers_as_long_as_it_has_endpoints() -> std::io::Result<()> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let number = free.local_addr()?.port();
        drop(free);
        let mut checks = HealthChecks::default();
        let mut port = web(&["10.244.0.2:80"]);
        port.external.health_check = Some(number);
        checks.set(&model(port.clone())).await;
        let told = asked(number).await?;
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
        let body = "{\"service\":{\"namespace\":\"default\",\"name\":\"web\"},\"localEndpoints\":1,\"serviceProxyHealthy\":true}";
        assert!(told.ends_with(body), "{told}");
        port.external.endpoints.clear();
        checks.set(&model(port)).await;
        let told = asked(number).await?;
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        checks.set(&Model::default()).await;
        while asked(number).await.is_ok() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
