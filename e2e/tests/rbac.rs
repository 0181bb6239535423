//! Who may do what, and how one shows who one is: tokens, roles, certificates.

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

/// What an account is told that may not look at Secrets.
const DENIAL: &str = "secrets is forbidden: User \"system:serviceaccount:default:reader\" cannot list resource \"secrets\" in API group \"\" in the namespace \"default\"";

/// What `kubectl` says to who has the token of the Pod `reader` and nothing else, at the address that Pods know.
fn as_reader(arguments: &str) -> String {
    let token = "$(kubectl exec reader -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)";
    format!(
        "kubectl --kubeconfig=/dev/null --server=https://10.96.0.1 --insecure-skip-tls-verify --token={token} {arguments}"
    )
}

#[test]
fn a_pod_reads_what_its_account_is_given() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create serviceaccount reader")?;
        cluster.kubectl("create configmap greeting --from-literal=hello=world")?;
        cluster.kubectl("create role reader --verb=get,list --resource=configmaps")?;
        cluster
            .kubectl("create rolebinding reader --role=reader --serviceaccount=default:reader")?;
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: reader, labels: {app: reader}}
spec:
  serviceAccountName: reader
  terminationGracePeriodSeconds: 1
  containers:
  - {name: sh, image: 'busybox:1.28', command: [sleep, '3600']}
",
        )?;
        cluster.pods_ready("app=reader", 1)?;
        let read = cluster.sh(&as_reader(
            "get configmap greeting -o jsonpath={.data.hello}",
        ))?;
        ensure!(read == "world", "{read}");
        let refused = cluster.refused(&as_reader("get secrets"))?;
        ensure!(refused.contains(DENIAL), "{refused}");

        let account = "--as=system:serviceaccount:default:reader";
        let may = cluster.kubectl(&format!("auth can-i list configmaps {account}"))?;
        ensure!(may.trim() == "yes", "{may}");
        let may = cluster.sh(&format!(
            "kubectl auth can-i list secrets {account} || true"
        ))?;
        ensure!(may.trim() == "no", "{may}");
        let rights = cluster.kubectl(&format!("auth can-i --list {account}"))?;
        let line = rights.lines().find(|line| line.starts_with("configmaps"));
        ensure!(
            line.is_some_and(|line| line.ends_with("[get list]")),
            "{rights}"
        );
        let refused = cluster.refused(&format!("kubectl get secrets {account}"))?;
        ensure!(refused.contains(DENIAL), "{refused}");
        Ok(())
    })
}

#[test]
fn a_token_is_bound_to_what_it_is_for() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create serviceaccount robot")?;
        let whoami = |token: &str| {
            let server = cluster
                .sh("kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}'")?;
            cluster.sh(&format!(
                "curl -sSk -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{}}' \
                 {server}/apis/authentication.k8s.io/v1/selfsubjectreviews"
            ))
        };
        let token = cluster.kubectl("create token robot")?;
        let me = whoami(token.trim())?;
        ensure!(me.contains("system:serviceaccount:default:robot"), "{me}");
        let elsewhere = cluster.kubectl("create token robot --audience=elsewhere")?;
        let me = whoami(elsewhere.trim())?;
        ensure!(me.contains("Unauthorized"), "{me}");

        // A Secret of the old kind gets a token that never ends by itself.
        cluster.apply(
            "
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: robot, annotations: {kubernetes.io/service-account.name: robot}}
",
        )?;
        let token = eventually("the token of the Secret", 30, || {
            let token = cluster.field("secret robot", ".data.token")?;
            ensure!(!token.is_empty(), "none yet");
            Ok(token)
        })?;
        let token = cluster.sh(&format!("echo {token} | base64 -d"))?;
        let me = whoami(token.trim())?;
        ensure!(me.contains("system:serviceaccount:default:robot"), "{me}");
        cluster.kubectl("delete serviceaccount robot")?;
        let me = whoami(token.trim())?;
        ensure!(me.contains("Unauthorized"), "{me}");
        eventually("the Secret to go with its account", 30, || {
            let left = cluster.names("secrets")?;
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })?;

        let me = cluster.kubectl("auth whoami")?;
        ensure!(
            me.contains("kubernetes-admin") && me.contains("system:masters"),
            "{me}"
        );
        let document = cluster.kubectl("get --raw /.well-known/openid-configuration")?;
        ensure!(document.contains("\"jwks_uri\""), "{document}");
        let keys = cluster.kubectl("get --raw /openid/v1/jwks")?;
        ensure!(keys.contains("\"kid\""), "{keys}");
        Ok(())
    })
}

#[test]
fn nobody_gives_more_than_he_has() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create namespace team")?;
        cluster.kubectl("create rolebinding lead -n team --clusterrole=admin --user=jane")?;
        eventually("the parts of the role admin to come together", 30, || {
            cluster.kubectl(
                "-n team --as=jane create role pods --verb=get,list,delete --resource=pods",
            )
        })?;
        cluster.kubectl("-n team --as=jane create rolebinding pods --role=pods --user=joe")?;
        let may = cluster.kubectl("-n team --as=joe auth can-i delete pods")?;
        ensure!(may.trim() == "yes", "{may}");
        let refused = cluster
            .refused("kubectl -n team --as=jane create role nodes --verb=get --resource=nodes")?;
        ensure!(
            refused.contains("is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\"]}"),
            "{refused}"
        );
        let refused = cluster.refused(
            "kubectl -n team --as=jane create rolebinding all --clusterrole=cluster-admin --user=jane",
        )?;
        ensure!(refused.contains("not currently held"), "{refused}");
        let refused = cluster.refused("kubectl --as=joe -n default get pods")?;
        ensure!(
            refused.contains("pods is forbidden: User \"joe\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""),
            "{refused}"
        );

        let reconciled = cluster.sh("kubectl auth reconcile -f - <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pods, namespace: team}
rules:
- {apiGroups: [''], resources: [pods, services], verbs: [get]}
END")?;
        ensure!(
            reconciled.contains("role.rbac.authorization.k8s.io/pods reconciled"),
            "{reconciled}"
        );
        let roles = cluster.kubectl("get clusterroles")?;
        for name in ["cluster-admin", "admin", "edit", "view", "system:node"] {
            ensure!(
                roles.lines().any(|line| line.starts_with(name)),
                "{name}: {roles}"
            );
        }
        Ok(())
    })
}

#[test]
fn a_certificate_is_asked_for_approved_and_used() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.sh("openssl req -new -newkey rsa:2048 -nodes -keyout jane.key -subj /CN=jane/O=people -out jane.csr")?;
        cluster.asks_for_a_certificate("jane")?;
        let listed = cluster.kubectl("get csr")?;
        ensure!(
            listed.contains("kubernetes.io/kube-apiserver-client")
                && listed.contains("kubernetes-admin")
                && listed.contains("Pending"),
            "{listed}"
        );
        cluster.kubectl("certificate approve jane")?;
        eventually("the certificate", 30, || {
            let listed = cluster.kubectl("get csr jane")?;
            ensure!(listed.contains("Approved,Issued"), "{listed}");
            Ok(())
        })?;
        cluster.sh(
            "kubectl get csr jane -o jsonpath='{.status.certificate}' | base64 -d > jane.crt",
        )?;
        cluster.kubectl(
            "config set-credentials jane --client-certificate=jane.crt --client-key=jane.key",
        )?;
        let me = cluster.kubectl("--user=jane auth whoami")?;
        ensure!(me.contains("jane") && me.contains("people"), "{me}");

        cluster.asks_for_a_certificate("again")?;
        cluster.kubectl("certificate deny again")?;
        let listed = cluster.kubectl("get csr again")?;
        ensure!(listed.contains("Denied"), "{listed}");

        // A node's next certificate needs nobody's consent.
        let node = cluster.name();
        cluster.sh(&format!("openssl req -new -newkey rsa:2048 -nodes -keyout node.key -subj /O=system:nodes/CN=system:node:{node} -out jane.csr"))?;
        cluster.sh(&format!(
            "kubectl --as=system:node:{node} --as-group=system:nodes create -f - <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: node}}
spec:
  request: $(base64 -w0 < jane.csr)
  signerName: kubernetes.io/kube-apiserver-client-kubelet
  usages: [digital signature, client auth]
END"
        ))?;
        eventually("the certificate of the node", 30, || {
            let listed = cluster.kubectl("get csr node")?;
            ensure!(listed.contains("Approved,Issued"), "{listed}");
            Ok(())
        })
    })
}
