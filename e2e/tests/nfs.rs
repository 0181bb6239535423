//! An NFS volume of two nodes, in virtual machines: scenario D3.

use anyhow::{Context, Result, ensure};
use skiff_e2e::vm::Guest;
use skiff_e2e::{TestNet, eventually};

#[test]
fn d3_two_nodes_share_an_nfs_volume() -> Result<()> {
    let net = TestNet::new()?;
    let mut first = Guest::boot(&net)?;
    let mut second = Guest::boot(&net)?;
    serve_nfs(&first)?;
    first.up(&[])?;
    second.join(&first)?;
    walk(&first).with_context(|| format!("{}\n{}", first.log(), second.log()))
}

/// Makes the machine an NFS server of `/srv/share`, with Debian's own server and NFS 4 alone, which needs no port mapper.
fn serve_nfs(machine: &Guest<'_>) -> Result<()> {
    machine.inside(
        "set -e
         mkdir -p /srv/share /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs
         chmod 777 /srv/share
         touch /var/lib/nfs/etab /var/lib/nfs/rmtab
         echo '/srv/share *(rw,sync,no_root_squash,no_subtree_check,insecure)' > /etc/exports
         mount -t nfsd nfsd /proc/fs/nfsd
         exportfs -a
         rpc.nfsd --no-nfs-version 3 --nfs-version 4 2
         rpc.mountd --no-nfs-version 3
         echo Y > /proc/fs/nfsd/v4_end_grace",
    )?;
    Ok(())
}

fn walk(machine: &Guest<'_>) -> Result<()> {
    machine.apply(&format!(
        "
apiVersion: v1
kind: PersistentVolume
metadata: {{name: share}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteMany]
  storageClassName: nfs
  mountOptions: [nfsvers=4.2]
  nfs: {{server: {}, path: /srv/share}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: share}}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: nfs
  resources: {{requests: {{storage: 1Gi}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: both}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: both}}}}
  template:
    metadata: {{labels: {{app: both}}}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {{labelSelector: {{matchLabels: {{app: both}}}}, topologyKey: kubernetes.io/hostname}}
      containers:
      - name: main
        image: busybox:1.28
        command: [sh, -c, 'hostname > /share/$(hostname); sleep 3600']
        volumeMounts: [{{name: share, mountPath: /share}}]
      volumes: [{{name: share, persistentVolumeClaim: {{claimName: share}}}}]
",
        machine.address()
    ))?;
    let pods = machine.pods_ready("app=both", 2)?;
    let nodes = machine.field("pods -l app=both", ".items[*].spec.nodeName")?;
    let mut nodes: Vec<&str> = nodes.split(' ').collect();
    nodes.dedup();
    ensure!(nodes.len() == 2, "both are on {nodes:?}");
    for pod in &pods {
        eventually("each to see the file of the other", 60, || {
            let listed = machine.kubectl(&format!("exec {pod} -- ls /share"))?;
            let all = pods
                .iter()
                .all(|one| listed.lines().any(|line| line == one));
            ensure!(all, "{pod} sees {listed}");
            Ok(())
        })?;
        let mounts = machine.kubectl(&format!("exec {pod} -- grep ' /share ' /proc/mounts"))?;
        ensure!(mounts.contains(" nfs4 "), "{mounts}");
    }
    machine.kubectl("delete deployment both")?;
    eventually("the mount to go with its Pod", 120, || {
        let mounts = machine.inside("cat /proc/mounts")?;
        ensure!(!mounts.contains(" nfs4 "), "{mounts}");
        Ok(())
    })
}
