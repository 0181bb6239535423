//! What a user types.

use std::path::PathBuf;
use std::process::Output;

use tokio::process::Command;

use crate::support::{Cluster, Listening, within};

/// kubectl with a kubeconfig for one server.
struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Kubectl {
    fn new(cluster: &Cluster, listening: &Listening, user: &str, group: &str) -> Self {
        let home = cluster.dir.path().join(user);
        std::fs::create_dir_all(&home).unwrap();
        let identity = cluster.pki.client(user, group);
        let write = |name: &str, content: &str| {
            std::fs::write(home.join(name), content).unwrap();
        };
        write("ca.crt", &cluster.pki.ca_pem);
        write("client.crt", &identity.certificate_pem);
        write("client.key", &identity.key_pem);
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: ca.crt}}}}]\n\
             users: [{{name: test, user: {{client-certificate: client.crt, client-key: client.key}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n",
            listening.port
        );
        write("kubeconfig", &kubeconfig);
        Self {
            program: program(),
            kubeconfig: home.join("kubeconfig"),
            home,
        }
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        use tokio::io::AsyncWriteExt as _;
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        within(child.wait_with_output()).await.unwrap()
    }

    /// What it prints; it must succeed.
    async fn ok(&self, arguments: &str) -> String {
        self.ok_with(arguments, "").await
    }

    async fn ok_with(&self, arguments: &str, input: &str) -> String {
        let words: Vec<&str> = arguments.split(' ').collect();
        let output = self.run(&words, input).await;
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{arguments}:\n{stdout}\n{stderr}");
        stdout + &stderr
    }

    /// What it complains of; it must fail.
    async fn refused(&self, arguments: &str, input: &str) -> String {
        let words: Vec<&str> = arguments.split(' ').collect();
        let output = self.run(&words, input).await;
        let (stdout, stderr) = texts(&output);
        assert!(!output.status.success(), "{arguments}:\n{stdout}\n{stderr}");
        stderr
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The newest kubectl: some vendors' `kubectl` chooses an older one beside it by the server's version.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH is set");
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).collect();
    candidates.push("/usr/lib/google-cloud-sdk/bin".into());
    let dirs = candidates
        .into_iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok());
    let files = dirs.flatten().flatten().map(|entry| entry.path());
    let found = files.filter(|path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name == "kubectl" || name.starts_with("kubectl.1."))
    });
    let newest = found.max_by_key(|path| path.extension().map(|it| it.to_owned()));
    newest.expect("kubectl is installed")
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: nginx
        image: nginx:1.19
        ports:
        - containerPort: 80
";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_works_with_objects() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let kubectl = Kubectl::new(&cluster, &listening, "admin", "system:masters");

    let version = kubectl.ok("version").await;
    assert!(version.contains("Server Version: v1.36."), "{version}");
    let resources = kubectl.ok("api-resources").await;
    assert!(resources.contains("deployments"), "{resources}");

    let said = kubectl.ok_with("apply -f -", DEPLOYMENT).await;
    assert_eq!(said, "deployment.apps/web created\n");
    let said = kubectl.ok_with("apply -f -", DEPLOYMENT).await;
    assert_eq!(said, "deployment.apps/web unchanged\n");
    let changed = DEPLOYMENT.replace("nginx:1.19", "nginx:1.20");
    let said = kubectl.ok_with("apply -f -", &changed).await;
    assert_eq!(said, "deployment.apps/web configured\n");

    let table = kubectl.ok("get deployments").await;
    assert!(
        table.starts_with("NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    0/2 "),
        "{table}"
    );
    let image = "get deploy web -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(kubectl.ok(image).await, "nginx:1.20");
    assert_eq!(
        kubectl.ok("scale deploy web --replicas=5").await,
        "deployment.apps/web scaled\n"
    );
    assert_eq!(
        kubectl
            .ok("get deploy web -o jsonpath={.spec.replicas}")
            .await,
        "5"
    );
    kubectl.ok("label deploy web tier=front").await;
    assert_eq!(
        kubectl.ok("get deploy -l tier=front -o name").await,
        "deployment.apps/web\n"
    );
    assert_eq!(kubectl.ok("get deploy -l tier!=front -o name").await, "");
    kubectl.ok(r#"patch deploy web --type=json -p=[{"op":"replace","path":"/spec/replicas","value":3}]"#).await;
    assert_eq!(
        kubectl
            .ok("get deploy web -o jsonpath={.spec.replicas}")
            .await,
        "3"
    );
    kubectl.ok("set image deploy/web nginx=nginx:1.21").await;
    let explained = kubectl.ok("explain deployment.spec.replicas").await;
    assert!(explained.contains("Number of desired pods"), "{explained}");
    let said = kubectl.ok("delete deploy web").await;
    assert!(said.contains("\"web\" deleted"), "{said}");
    assert_eq!(
        kubectl.refused("get deploy web", "").await,
        "Error from server (NotFound): deployments.apps \"web\" not found\n"
    );
    listening.stop().await;
}

/// kubectl's own kinds of create come as protobuf.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_creates_without_files() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let kubectl = Kubectl::new(&cluster, &listening, "admin", "system:masters");
    for (command, said) in [
        (
            "create serviceaccount default",
            "serviceaccount/default created\n",
        ),
        (
            "create deployment web --image=nginx:1.19 --replicas=2",
            "deployment.apps/web created\n",
        ),
        ("expose deployment web --port=80", "service/web exposed\n"),
        (
            "create svc clusterip myapp-deploy --tcp=80:80",
            "service/myapp-deploy created\n",
        ),
        (
            "create svc nodeport np --tcp=80:80 --node-port=30002",
            "service/np created\n",
        ),
        (
            "create configmap config --from-literal=a=b",
            "configmap/config created\n",
        ),
        (
            "create secret generic secret --from-literal=a=b",
            "secret/secret created\n",
        ),
        ("run p --image=busybox:1.28 -- sleep 1", "pod/p created\n"),
        ("create ns other", "namespace/other created\n"),
        ("auth can-i create pods", "yes\n"),
        (
            "rollout restart deploy/web",
            "deployment.apps/web restarted\n",
        ),
        (
            "delete ns other --wait=false",
            "namespace \"other\" deleted\n",
        ),
    ] {
        assert_eq!(kubectl.ok(command).await, said, "{command}");
    }
    let described = kubectl.ok("describe svc myapp-deploy").await;
    for line in [
        "IP Family Policy:         SingleStack",
        "TargetPort:               80/TCP",
        "Session Affinity:         None",
    ] {
        assert!(described.contains(line), "{described}");
    }
    let data = kubectl.ok("get secret secret -o jsonpath={.data.a}").await;
    assert_eq!(data, "Yg==");
    let token = kubectl.ok("create token default").await;
    assert_eq!(token.split('.').count(), 3, "{token}");
    let taken = kubectl
        .refused("create svc nodeport two --tcp=80:80 --node-port=30002", "")
        .await;
    assert!(
        taken.contains(
            "spec.ports[0].nodePort: Invalid value: 30002: provided port is already allocated"
        ),
        "{taken}"
    );
    listening.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_explained() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let kubectl = Kubectl::new(&cluster, &listening, "admin", "system:masters");
    let unknown_field = DEPLOYMENT.replace("  replicas: 2", "  replicaz: 2");
    let wrong_type = DEPLOYMENT.replace("  replicas: 2", "  replicas: two");
    let wrong_selector = DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}");
    for (input, complaint) in [
        (
            unknown_field,
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replicaz\"",
        ),
        (
            wrong_type,
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            wrong_selector,
            "`selector` does not match template `labels`",
        ),
        ("kind: Deployment".to_owned(), "apiVersion not set"),
    ] {
        let said = kubectl.refused("apply -f -", &input).await;
        assert!(said.contains(complaint), "{said}");
    }
    let nobody = Kubectl::new(&cluster, &listening, "jane", "people");
    assert_eq!(
        nobody.refused("get pods", "").await,
        "Error from server (Forbidden): pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"\n"
    );
    assert_eq!(
        kubectl.ok("get deployments").await,
        "No resources found in default namespace.\n"
    );
    listening.stop().await;
}
