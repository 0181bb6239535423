//! Ingress: scenario C8.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// Two hosts by name, to two Services, one of them headless.
const TWO_HOSTS: &str = "
apiVersion: v1
kind: Service
metadata: {name: tomcat}
spec:
  clusterIP: None
  selector: {app: tomcat}
  ports: [{port: 8080, targetPort: 80, name: http}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: nginx.iproute.cn
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: nginx, port: {number: 80}}}}
      - {path: /hostname.html, pathType: Exact, backend: {service: {name: tomcat, port: {name: http}}}}
  - host: tomcat.iproute.cn
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: tomcat, port: {number: 8080}}}}]
  - host: '*.wild.iproute.cn'
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: gone, port: {number: 80}}}}]
";

#[test]
fn c8_two_hosts_by_name() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment nginx --image=nginx:1.19 --replicas=2")?;
        cluster.kubectl("create deployment tomcat --image=nginx:1.20 --replicas=2")?;
        cluster.kubectl("expose deployment nginx --port=80")?;
        cluster.apply(TWO_HOSTS)?;
        let nginx = cluster.pods_ready("app=nginx", 2)?;
        let tomcat = cluster.pods_ready("app=tomcat", 2)?;
        goes_round(cluster, "http://tomcat.iproute.cn/hostname.html", &tomcat)?;
        // The exact path goes before the prefix.
        goes_round(cluster, "http://nginx.iproute.cn/hostname.html", &tomcat)?;
        let page = curl(cluster, "http://nginx.iproute.cn/")?;
        ensure!(page.contains("nginx"), "{page}");

        for (url, code) in [
            ("http://other.iproute.cn/", "404"),
            ("http://a.wild.iproute.cn/", "503"),
            ("http://b.a.wild.iproute.cn/", "404"),
        ] {
            let answered = curl(cluster, &format!("-o /dev/null -w %{{http_code}} {url}"))?;
            ensure!(answered == code, "{url} is {answered}, not {code}");
        }
        cluster.kubectl("create ingress rest --class=skiff --default-backend=nginx:80")?;
        goes_round(cluster, "http://other.iproute.cn/hostname.html", &nginx)?;

        let address = cluster.address().to_string();
        let path = ".status.loadBalancer.ingress[0].ip";
        cluster.field_becomes("ing web", path, &address, 30)?;
        let listed = cluster.kubectl("get ing web --no-headers")?;
        let columns: Vec<&str> = listed.split_whitespace().collect();
        let hosts = "nginx.iproute.cn,tomcat.iproute.cn,*.wild.iproute.cn";
        let expected = ["web", "skiff", hosts, &address, "80"];
        ensure!(columns.get(..5) == Some(&expected[..]), "{listed}");
        let described = cluster.kubectl("describe ing web")?;
        let pod = cluster.field(&format!("pod {}", nginx[0]), ".status.podIP")?;
        for part in [
            "nginx:80",
            "tomcat:8080",
            "Ingress Class:",
            &address,
            &format!("{pod}:80"),
        ] {
            ensure!(described.contains(part), "no {part} in\n{described}");
        }
        let refused = cluster.refused("kubectl create ingress bad --rule=10.0.0.1/*=nginx:80")?;
        ensure!(
            refused.contains("must be a DNS name, not an IP address"),
            "{refused}"
        );
        Ok(())
    })
}

/// A server that speaks WebSocket, and one that speaks HTTP/2 without TLS.
const PROTOCOLS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: servers}
data:
  websocket.pl: |
    use IO::Socket::INET; use Digest::SHA qw(sha1_base64);
    my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die;
    while (my $client = $server->accept) {
      my $key;
      while (my $line = <$client>) {
        $key = $1 if $line =~ /^Sec-WebSocket-Key: (\S+)/i;
        last if $line =~ /^\r?\n/;
      }
      my $accept = sha1_base64($key . "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
      print $client "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
      print $client "Sec-WebSocket-Accept: $accept=\r\n\r\n";
      $client->flush;
      while (read($client, my $head, 2) == 2) {
        my $length = ord(substr($head, 1)) & 127;
        read($client, my $mask, 4); read($client, my $data, $length);
        my $text = "echo " . ($data ^ substr($mask x 40, 0, $length));
        print $client chr(0x81) . chr(length $text) . $text;
        $client->flush;
      }
    }
  nginx.conf: |
    events {}
    http { server { listen 81 http2; location / {
      return 200 "$server_protocol for $host by $http_x_forwarded_proto from $http_x_forwarded_for\n";
    } } }
---
apiVersion: v1
kind: Pod
metadata: {name: websocket, labels: {app: websocket}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: perl
    image: perl:5.34.0
    command: [perl, /servers/websocket.pl]
    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
    volumeMounts: [{name: servers, mountPath: /servers}]
  volumes: [{name: servers, configMap: {name: servers}}]
---
apiVersion: v1
kind: Pod
metadata: {name: h2c, labels: {app: h2c}}
spec:
  containers:
  - name: nginx
    image: nginx:1.19
    args: [nginx, -c, /servers/nginx.conf, -g, daemon off;]
    readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 1}
    volumeMounts: [{name: servers, mountPath: /servers}]
  volumes: [{name: servers, configMap: {name: servers}}]
---
apiVersion: v1
kind: Service
metadata: {name: websocket}
spec: {selector: {app: websocket}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: h2c}
spec: {selector: {app: h2c}, ports: [{port: 81, appProtocol: kubernetes.io/h2c}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: secure}
spec:
  tls: [{hosts: [secure.iproute.cn], secretName: cert}]
  rules:
  - host: secure.iproute.cn
    http:
      paths:
      - {path: /chat, pathType: Prefix, backend: {service: {name: websocket, port: {number: 80}}}}
      - {path: /, pathType: Prefix, backend: {service: {name: h2c, port: {number: 81}}}}
"#;

/// Says hello by WebSocket, and prints the answer.
const CHAT: &str = r#"
use IO::Socket::INET;
my $c = IO::Socket::INET->new(PeerAddr => shift, PeerPort => 80) or die;
print $c "GET /chat HTTP/1.1\r\nHost: secure.iproute.cn\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
print $c "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
while (my $line = <$c>) { print $line; last if $line =~ /^\r?\n/ }
print $c "\x81\x85\0\0\0\0hello";
$c->flush;
read($c, my $answer, 12);
print substr($answer, 2), "\n";
"#;

#[test]
fn c8_tls_http2_and_websocket() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(PROTOCOLS)?;
        cluster.pods_ready("app=h2c", 1)?;
        cluster.pods_ready("app=websocket", 1)?;
        let url = "https://secure.iproute.cn/";
        eventually("HTTPS before the Secret is there", 60, || {
            curl(cluster, &format!("--insecure {url}"))
        })?;
        let untrusted = cluster.refused(&format!("curl -sS {} {url}", resolve(cluster, url)))?;
        ensure!(untrusted.contains("certificate"), "{untrusted}");

        cluster.sh(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout tls.key -out tls.crt \
             -subj /CN=secure.iproute.cn -addext subjectAltName=DNS:secure.iproute.cn",
        )?;
        cluster.kubectl("create secret tls cert --cert=tls.crt --key=tls.key")?;
        let answered = eventually("the Secret's certificate", 60, || {
            curl(
                cluster,
                &format!("--cacert tls.crt -w %{{http_version}} {url}"),
            )
        })?;
        let expected = format!(
            "HTTP/2.0 for secure.iproute.cn by https from {}\n2",
            cluster.address()
        );
        ensure!(answered == expected, "{answered}");
        let old = curl(
            cluster,
            &format!("--cacert tls.crt --http1.1 -w %{{http_version}} {url}"),
        )?;
        ensure!(old.starts_with("HTTP/2.0") && old.ends_with("1.1"), "{old}");

        std::fs::write(cluster.home().join("chat.pl"), CHAT)?;
        let said = cluster.sh(&format!("timeout 20 perl chat.pl {}", cluster.address()))?;
        // The key and its answer are those of RFC 6455, section 1.3.
        for part in [
            "101 Switching Protocols",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "echo hello",
        ] {
            ensure!(said.contains(part), "no {part} in\n{said}");
        }
        Ok(())
    })
}

/// curl with these words, to the node whatever the name; fails as it does.
fn curl(cluster: &Cluster, words: &str) -> Result<String> {
    let url = words.split(' ').next_back().unwrap_or_default();
    cluster.sh(&format!(
        "curl -sS --max-time 10 {} {words}",
        resolve(cluster, url)
    ))
}

fn resolve(cluster: &Cluster, url: &str) -> String {
    let host = url.split('/').nth(2).unwrap_or_default();
    let address = cluster.address();
    format!("--resolve {host}:80:{address} --resolve {host}:443:{address}")
}

/// Waits until the answers come from these Pods, and from each of them.
fn goes_round(cluster: &Cluster, url: &str, pods: &[String]) -> Result<()> {
    eventually(&format!("{url} to go round {pods:?}"), 60, || {
        let ask = |_| Ok(curl(cluster, url)?.trim().to_owned());
        let mut answers = (0..pods.len()).map(ask).collect::<Result<Vec<_>>>()?;
        answers.sort();
        let mut expected = pods.to_vec();
        expected.sort();
        ensure!(answers == expected, "{answers:?}");
        Ok(())
    })
}
