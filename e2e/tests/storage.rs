//! Storage and configuration: scenarios D1, D2, and B3 with volumes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

/// Waits until a file in the Pod holds `text`.
fn file_becomes(cluster: &Node, pod: &str, file: &str, text: &str) -> Result<()> {
    eventually(&format!("{file} of {pod} to be {text:?}"), 120, || {
        let seen = cluster.kubectl(&format!("exec {pod} -- cat {file}"))?;
        ensure!(seen.trim() == text, "it is {seen:?}");
        Ok(())
    })
}

fn is_ready(cluster: &Node, pod: &str) -> Result<()> {
    cluster.kubectl(&format!(
        "wait --for=condition=Ready pod/{pod} --timeout=120s"
    ))?;
    Ok(())
}

fn gone(cluster: &Node, what: &str) -> Result<()> {
    eventually(&format!("{what} to go"), 120, || {
        let left = cluster.names(what)?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}

#[test]
fn d1_configuration_as_files() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster
            .kubectl("create configmap settings --from-literal=color=red --from-literal=size=XL")?;
        cluster.kubectl(
            "create secret generic login --from-literal=user=ann --from-literal=password=s3cret",
        )?;
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: files, labels: {team: blue}}
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - name: tell
    image: busybox:1.28
    command: [sh, -c, '(echo PORT=%80%; echo MOTTO=%two; echo lines%) | tr % $(printf ''\\047'') > /found/out.env']
    volumeMounts: [{name: found, mountPath: /found}]
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '3600']
    env:
    - {name: PORT, valueFrom: {fileKeyRef: {volumeName: found, path: out.env, key: PORT}}}
    - {name: MOTTO, valueFrom: {fileKeyRef: {volumeName: found, path: out.env, key: MOTTO}}}
    - {name: HOST, valueFrom: {fileKeyRef: {volumeName: found, path: out.env, key: HOST, optional: true}}}
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
    - {name: NOTHING, valueFrom: {secretKeyRef: {name: none, key: none, optional: true}}}
    envFrom: [{prefix: LOGIN_, secretRef: {name: login}}]
    volumeMounts:
    - {name: settings, mountPath: /settings}
    - {name: login, mountPath: /login}
    - {name: optional, mountPath: /optional}
    - {name: settings, mountPath: /etc/color, subPath: color}
    - {name: projected, mountPath: /projected}
  volumes:
  - {name: found, emptyDir: {}}
  - {name: settings, configMap: {name: settings}}
  - {name: optional, configMap: {name: none, optional: true}}
  - name: login
    secret: {secretName: login, defaultMode: 0400, items: [{key: password, path: deep/word, mode: 0440}]}
  - name: projected
    projected:
      sources:
      - configMap: {name: settings, items: [{key: size, path: size}]}
      - secret: {name: login, items: [{key: user, path: user}]}
      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
      - serviceAccountToken: {path: token}
",
        )?;
        is_ready(cluster, "files")?;
        let says = |command: &str| cluster.kubectl(&format!("exec files -- {command}"));
        let environment = says("env")?;
        for line in [
            "COLOR=red",
            "LOGIN_user=ann",
            "LOGIN_password=s3cret",
            "PORT=80",
            "MOTTO=two",
        ] {
            ensure!(
                environment.lines().any(|one| one == line),
                "no {line}: {environment}"
            );
        }
        let has_host = environment.lines().any(|one| one.starts_with("HOST="));
        ensure!(!has_host, "it is optional: {environment}");
        ensure!(
            says("cat /settings/color /etc/color")? == "redred",
            "the color"
        );
        ensure!(says("cat /login/deep/word")? == "s3cret", "the password");
        ensure!(
            says("ls /login /optional")?.contains("deep"),
            "only the items"
        );
        let mode = says("stat -L -c %a /login/deep/word")?;
        ensure!(mode.trim() == "440", "{mode}");
        ensure!(
            says("cat /projected/size /projected/user")? == "XLann",
            "projected"
        );
        ensure!(
            says("cat /projected/labels")?.contains("team=\"blue\""),
            "the labels"
        );
        ensure!(
            says("cat /projected/token")?.split('.').count() == 3,
            "the token"
        );

        cluster.kubectl("patch configmap settings -p '{\"data\": {\"color\": \"green\"}}'")?;
        cluster.kubectl("create configmap none --from-literal=late=yes")?;
        cluster.kubectl("label pod files team=green --overwrite")?;
        file_becomes(cluster, "files", "/settings/color", "green")?;
        file_becomes(cluster, "files", "/optional/late", "yes")?;
        eventually("the label in the file", 120, || {
            let labels = says("cat /projected/labels")?;
            ensure!(labels.contains("team=\"green\""), "{labels}");
            Ok(())
        })?;
        // What is mounted by subPath stays as it was (docs: Mounted ConfigMaps are updated automatically).
        ensure!(says("cat /etc/color")? == "red", "a subPath is not updated");
        Ok(())
    })
}

#[test]
fn d1_volumes_of_the_node() -> Result<()> {
    on_a_cluster(|cluster| {
        let shared = cluster.home().join("shared");
        fs::create_dir(&shared)?;
        fs::write(shared.join("hello"), "from the node")?;
        cluster.apply(&format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: disks}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {{fsGroup: 2000, runAsUser: 1000, runAsNonRoot: true}}
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '3600']
    env: [{{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}]
    volumeMounts:
    - {{name: disk, mountPath: /disk}}
    - {{name: disk, mountPath: /mine, subPathExpr: of-$(POD)}}
    - {{name: memory, mountPath: /memory}}
    - {{name: shared, mountPath: /shared, readOnly: true}}
  volumes:
  - {{name: disk, emptyDir: {{}}}}
  - {{name: memory, emptyDir: {{medium: Memory, sizeLimit: 1Mi}}}}
  - {{name: shared, hostPath: {{path: {shared}, type: Directory}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: wrong}}
spec:
  containers:
  - {{name: main, image: 'busybox:1.28', volumeMounts: [{{name: v, mountPath: /v}}]}}
  volumes: [{{name: v, hostPath: {{path: {shared}/hello, type: Directory}}}}]
",
            shared = shared.display()
        ))?;
        is_ready(cluster, "disks")?;
        let says = |command: &str| cluster.kubectl(&format!("exec disks -- sh -c '{command}'"));
        ensure!(says("cat /shared/hello")? == "from the node", "hostPath");
        let refused = cluster.refused("kubectl exec disks -- touch /shared/no")?;
        ensure!(refused.contains("Read-only file system"), "{refused}");
        says("echo 1 > /mine/file; test -f /disk/of-disks/file")?;
        let group = says("stat -c %g /disk /memory /disk/of-disks/file")?;
        ensure!(
            group.split_whitespace().all(|group| group == "2000"),
            "{group}"
        );
        let mounts = says("grep \" /memory \" /proc/mounts")?;
        ensure!(
            mounts.contains("tmpfs") && mounts.contains("size=1024k"),
            "{mounts}"
        );
        let refused =
            cluster.refused("kubectl exec disks -- dd if=/dev/zero of=/memory/a bs=1M count=2")?;
        ensure!(refused.contains("No space left on device"), "{refused}");
        eventually("the reason why the other one waits", 60, || {
            let described = cluster.kubectl("describe pod wrong")?;
            let words = format!(
                "hostPath type check failed: {}/hello is not a directory",
                shared.display()
            );
            ensure!(
                described.contains("FailedMount") && described.contains(&words),
                "{described}"
            );
            Ok(())
        })
    })
}

/// A volume of that size in a folder of the node, with these further fields of its spec.
fn volume(name: &str, storage: &str, folder: &Path, more: &str) -> String {
    format!(
        "
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}, labels: {{disk: {name}}}}}
spec:
  capacity: {{storage: {storage}}}
  hostPath: {{path: {folder}/{name}, type: DirectoryOrCreate}}
  {more}
---",
        folder = folder.display()
    )
}

fn claim(name: &str, storage: &str, more: &str) -> String {
    format!(
        "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: {storage}}}}}
  {more}
---"
    )
}

#[test]
fn d2_claims_bind_to_volumes() -> Result<()> {
    on_a_cluster(|cluster| {
        let folder = cluster.home().join("volumes");
        let once = "accessModes: [ReadWriteOnce]";
        let manual = format!("{once}\n  storageClassName: manual");
        let many = "accessModes: [ReadWriteOnce, ReadWriteMany]\n  storageClassName: manual";
        let reserved = format!("{manual}\n  claimRef: {{namespace: default, name: reserved}}");
        let volumes = [
            volume("small", "1Gi", &folder, &manual),
            volume("large", "10Gi", &folder, &manual),
            volume("shared", "5Gi", &folder, many),
            volume("kept", "2Gi", &folder, &reserved),
            volume("plain", "2Gi", &folder, once),
        ];
        cluster.apply(&volumes.concat())?;
        let class = "storageClassName: manual";
        let claims = [
            claim("one", "1Gi", class),
            claim("two", "6Gi", class),
            claim("named", "1Gi", &format!("{class}\n  volumeName: shared")),
            claim("reserved", "1Gi", class),
            claim(
                "picked",
                "1Gi",
                "storageClassName: ''\n  selector: {matchLabels: {disk: plain}}",
            ),
            claim("huge", "1Ti", "storageClassName: ''"),
        ];
        cluster.apply(&claims.concat())?;
        let expected = [
            ("one", "small"),
            ("two", "large"),
            ("named", "shared"),
            ("reserved", "kept"),
            ("picked", "plain"),
        ];
        for (claim, volume) in expected {
            cluster.field_becomes(&format!("pvc {claim}"), ".status.phase", "Bound", 60)?;
            let bound = cluster.field(&format!("pvc {claim}"), ".spec.volumeName")?;
            ensure!(bound == volume, "{claim} is bound to {bound}");
            let back = cluster.field(&format!("pv {volume}"), ".spec.claimRef.name")?;
            ensure!(back == claim, "{volume} is of {back}");
        }
        let row = cluster.kubectl("get pvc two --no-headers")?;
        let cells: Vec<&str> = row.split_whitespace().take(6).collect();
        ensure!(
            cells == ["two", "Bound", "large", "10Gi", "RWO", "manual"],
            "{row}"
        );
        let row = cluster.kubectl("get pv shared --no-headers")?;
        let cells: Vec<&str> = row.split_whitespace().take(7).collect();
        let wanted = [
            "shared",
            "5Gi",
            "RWO,RWX",
            "Retain",
            "Bound",
            "default/named",
            "manual",
        ];
        ensure!(cells == wanted, "{row}");
        eventually("the reason why the last one waits", 60, || {
            let described = cluster.kubectl("describe pvc huge")?;
            let words =
                "no persistent volumes available for this claim and no storage class is set";
            ensure!(
                described.contains("FailedBinding") && described.contains(words),
                "{described}"
            );
            Ok(())
        })?;

        // A volume that is kept is Released with its claim, and free again once the user says so.
        cluster.kubectl("delete pvc one")?;
        cluster.field_becomes("pv small", ".status.phase", "Released", 60)?;
        cluster.apply(&claim("again", "1Gi", class))?;
        cluster.field_becomes("pvc again", ".status.phase", "Pending", 60)?;
        cluster.kubectl(
            "patch pv small --type=json -p '[{\"op\": \"remove\", \"path\": \"/spec/claimRef\"}]'",
        )?;
        cluster.field_becomes("pvc again", ".spec.volumeName", "small", 60)?;

        // A bound volume is deleted only after its claim.
        cluster.kubectl("delete pv large --wait=false")?;
        let row = cluster.kubectl("get pv large --no-headers")?;
        ensure!(row.contains("Terminating"), "{row}");
        cluster.kubectl("delete pvc two")?;
        gone(cluster, "pv -l disk=large")
    })
}

#[test]
fn d2_the_default_class_provisions_for_the_first_consumer() -> Result<()> {
    on_a_cluster(|cluster| {
        let classes = cluster.kubectl("get storageclass")?;
        let row = classes.lines().nth(1).context("a class")?;
        let cells: Vec<&str> = row.split_whitespace().take(6).collect();
        let wanted = [
            "standard",
            "(default)",
            "skiff.dev/local-path",
            "Delete",
            "WaitForFirstConsumer",
            "true",
        ];
        ensure!(cells == wanted, "{classes}");
        cluster.apply(&claim("data", "1Gi", ""))?;
        eventually("the claim to wait for a consumer", 60, || {
            let described = cluster.kubectl("describe pvc data")?;
            let words = "waiting for first consumer to be created before binding";
            ensure!(
                described.contains("WaitForFirstConsumer") && described.contains(words),
                "{described}"
            );
            Ok(())
        })?;
        let pod = "
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {fsGroup: 2000}
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'echo kept >> /data/file; sleep 3600']
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
";
        cluster.apply(pod)?;
        is_ready(cluster, "writer")?;
        let volume = cluster.field("pvc data", ".spec.volumeName")?;
        ensure!(
            volume == format!("pvc-{}", cluster.field("pvc data", ".metadata.uid")?),
            "{volume}"
        );
        let reasons = cluster.event_reasons("PersistentVolumeClaim/data")?;
        for reason in [
            "Provisioning",
            "ExternalProvisioning",
            "ProvisioningSucceeded",
        ] {
            ensure!(
                reasons.iter().any(|one| one == reason),
                "no {reason}: {reasons:?}"
            );
        }
        let folder = cluster
            .data_dir()
            .join("volumes")
            .join(format!("{volume}_default_data"));
        ensure!(
            fs::read_to_string(folder.join("file"))? == "kept\n",
            "the file on the node"
        );

        // It grows when it is asked to.
        cluster.kubectl("patch pvc data -p '{\"spec\": {\"resources\": {\"requests\": {\"storage\": \"2Gi\"}}}}'")?;
        cluster.field_becomes("pvc data", ".status.capacity.storage", "2Gi", 60)?;

        // The claim stays while the Pod uses it; the data outlives the Pod.
        cluster.kubectl("delete pod writer")?;
        cluster.apply(pod)?;
        is_ready(cluster, "writer")?;
        ensure!(
            fs::read_to_string(folder.join("file"))? == "kept\nkept\n",
            "the data of the first Pod"
        );
        cluster.kubectl("delete pvc data --wait=false")?;
        let row = cluster.kubectl("get pvc data --no-headers")?;
        ensure!(row.contains("Terminating"), "{row}");
        cluster.kubectl("delete pod writer")?;
        gone(cluster, "pvc")?;
        gone(cluster, "pv")?;
        ensure!(!folder.exists(), "{} is left", folder.display());

        // A claim that comes and goes with its Pod.
        let template =
            "{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}";
        let ephemeral = format!("ephemeral: {{volumeClaimTemplate: {template}}}");
        let pod = pod.replace("persistentVolumeClaim: {claimName: data}", &ephemeral);
        cluster.apply(&pod)?;
        is_ready(cluster, "writer")?;
        let claim = cluster.field("pvc writer-data", ".status.phase")?;
        ensure!(claim == "Bound", "the claim is {claim}");
        cluster.kubectl("delete pod writer")?;
        gone(cluster, "pvc")?;
        gone(cluster, "pv")
    })
}

#[test]
fn b3_statefulset_with_claims() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Service
metadata: {name: nginx}
spec: {clusterIP: None, selector: {app: nginx}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: nginx
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: nginx
        image: nginx:1.19
        volumeMounts: [{name: www, mountPath: /usr/share/nginx/html}]
  volumeClaimTemplates:
  - metadata: {name: www}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
",
        )?;
        cluster.pods_ready("app=nginx", 2)?;
        for pod in ["web-0", "web-1"] {
            cluster.field_becomes(&format!("pvc www-{pod}"), ".status.phase", "Bound", 30)?;
            cluster.kubectl(&format!(
                "exec {pod} -- sh -c 'hostname > /usr/share/nginx/html/index.html'"
            ))?;
        }
        cluster.kubectl("delete pod web-0")?;
        cluster.pods_ready("app=nginx", 2)?;
        let page = |pod: &str| {
            let ip = cluster.field(&format!("pod {pod}"), ".status.podIP")?;
            cluster.page(&format!("http://{ip}/index.html"))
        };
        ensure!(page("web-0")? == "web-0\n", "web-0 has lost its data");

        cluster.kubectl("scale statefulset web --replicas=4")?;
        cluster.pods_ready("app=nginx", 4)?;
        cluster.kubectl("scale statefulset web --replicas=2")?;
        eventually("two Pods to go", 60, || {
            let pods = cluster.names("pods -l app=nginx")?;
            ensure!(pods == ["web-0", "web-1"], "{pods:?}");
            Ok(())
        })?;
        let claims = cluster.names("pvc")?;
        ensure!(
            claims == ["www-web-0", "www-web-1", "www-web-2", "www-web-3"],
            "{claims:?}"
        );
        ensure!(page("web-1")? == "web-1\n", "web-1 has lost its data");
        Ok(())
    })
}
