//! The addresses of Services as objects: IPAddresses and the ServiceCIDRs that they are from.

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

#[test]
fn services_have_addresses_of_a_further_range() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: further}\nspec: {cidrs: [203.0.113.0/24]}",
        )?;
        cluster.kubectl("wait --for=condition=Ready servicecidr/further --timeout=60s")?;
        cluster.kubectl("run web --image=nginx:1.19 --labels=app=web")?;
        cluster.kubectl("create service clusterip web --tcp=80 --clusterip=203.0.113.10")?;
        cluster.start_client_pod()?;
        cluster.pods_ready("app=web", 1)?;
        let url = "http://203.0.113.10/hostname.html";
        eventually("the Service to answer the machine", 60, || {
            let page = cluster.page(url)?;
            ensure!(page == "web\n", "{page:?}");
            Ok(())
        })?;
        let page = cluster.kubectl(&format!("exec client -- timeout 30 wget -qO- {url}"))?;
        ensure!(page == "web\n", "{page:?}");
        let nobody = "wget -T 30 -t 1 -O - http://203.0.113.11/ 2>&1; true";
        let refused = cluster.sh(nobody)?;
        ensure!(refused.contains("Connection refused"), "{refused}");

        // It stays for the address, and says so.
        cluster.kubectl("delete servicecidr further --wait=false")?;
        let reason = ".status.conditions[?(@.type==\"Ready\")].reason";
        cluster.field_becomes("servicecidr further", reason, "Terminating", 60)?;
        cluster.kubectl("delete service web")?;
        cluster.kubectl("wait --for=delete servicecidr/further --timeout=60s")?;
        eventually("the range to be led here no longer", 60, || {
            let routes = cluster.sh("ip route show table local")?;
            ensure!(!routes.contains("203.0.113.0/24"), "{routes}");
            Ok(())
        })
    })
}
