//! The address in the status of an Ingress.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// The status that says where the Ingress is served; `None` if it says so already.
fn wanted(ingress: &Ingress, address: IpAddr) -> Option<Value> {
    let status = ingress.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let known = balancer
        .and_then(|balancer| balancer.ingress.as_deref())
        .unwrap_or_default();
    let address = address.to_string();
    let is_said = matches!(known, [only] if only.ip.as_ref() == Some(&address));
    (!is_said).then(|| json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}))
}

/// Writes the node's address, if it is not there.
pub(crate) async fn write(client: &Client, ingress: &Ingress, address: IpAddr) -> kube::Result<()> {
    let Some(status) = wanted(ingress, address) else {
        return Ok(());
    };
    let namespace = ingress.namespace().unwrap_or_default();
    let api = Api::<Ingress>::namespaced(client.clone(), &namespace);
    let (name, params) = (ingress.name_any(), PatchParams::default());
    match api
        .patch_status(&name, &params, &Patch::Merge(&status))
        .await
    {
        // It went meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        written => written.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    #[test]
    fn the_address_is_written_once() {
        let ingress = |balancer: Value| -> Ingress {
            from_value(json!({"metadata": {}, "status": {"loadBalancer": balancer}})).unwrap()
        };
        let address = IpAddr::from([192, 0, 2, 1]);
        let is_written = |balancer| wanted(&ingress(balancer), address).is_some();
        assert!(is_written(json!({})));
        assert!(is_written(json!({"ingress": [{"ip": "192.0.2.9"}]})));
        assert!(!is_written(json!({"ingress": [{"ip": "192.0.2.1"}]})));
    }
}
