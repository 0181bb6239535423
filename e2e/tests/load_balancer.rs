//! Load balancers beside Ingresses on one machine (scenarios C4 and C8).

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

#[test]
fn c4_who_comes_first_has_the_port() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment web --image=nginx:1.19")?;
        cluster.pods_ready("app=web", 1)?;
        cluster.kubectl("expose deployment web --port=80")?;
        cluster.kubectl("create ingress site --default-backend=web:80")?;
        cluster.kubectl("expose deployment web --name=balanced --port=80 --type=LoadBalancer")?;
        eventually("the Service to wait, and say why", 30, || {
            let row = cluster.kubectl("get svc balanced")?;
            ensure!(row.contains("<pending>"), "{row}");
            let told = cluster.kubectl("describe svc balanced")?;
            ensure!(
                told.contains("port 80/TCP is taken by the Ingresses"),
                "{told}"
            );
            Ok(())
        })?;

        // The last Ingress gives its port away, and who has it keeps it.
        cluster.kubectl("delete ingress site")?;
        let address = cluster.address().to_string();
        let given = ".status.loadBalancer.ingress[0].ip";
        cluster.field_becomes("svc balanced", given, &address, 30)?;
        cluster.kubectl("create ingress site --default-backend=web:80")?;
        cluster.field_becomes("ingress site", given, &address, 30)?;
        let kept = cluster.field("svc balanced", given)?;
        ensure!(kept == address, "the Service is at {kept:?}");
        Ok(())
    })
}
