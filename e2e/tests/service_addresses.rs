//! The addresses of Services as objects: IPAddresses and the ServiceCIDR that they are from.

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster};

#[test]
fn every_address_of_a_service_is_listed() -> Result<()> {
    on_a_cluster(|cluster| {
        let range = cluster.kubectl("get servicecidrs --no-headers")?;
        ensure!(range.starts_with("kubernetes   10.96.0.0/12 "), "{range}");
        cluster.kubectl("wait --for=condition=Ready servicecidr/kubernetes --timeout=10s")?;

        cluster.kubectl("create service clusterip web --tcp=80")?;
        let ip = cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}")?;
        let listed = || cluster.kubectl("get ipaddresses --no-headers");
        let row = format!("{ip} services/default/web");
        let is_listed = |listed: &str| {
            let mut lines = listed.lines();
            lines.any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == row)
        };
        let all = listed()?;
        ensure!(is_listed(&all), "no {row} in {all}");
        ensure!(all.contains("services/default/kubernetes"), "{all}");
        ensure!(all.contains("services/kube-system/kube-dns"), "{all}");

        cluster.kubectl(&format!("delete ipaddress {ip}"))?;
        eventually("the address to come again", 60, || {
            let all = listed()?;
            ensure!(is_listed(&all), "no {row} in {all}");
            Ok(())
        })?;
        cluster.kubectl("delete service web")?;
        let all = listed()?;
        ensure!(!is_listed(&all), "{row} is still in {all}");
        Ok(())
    })
}
