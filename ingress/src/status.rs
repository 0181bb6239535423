//! The addresses in the status of an Ingress.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// The status that says where the Ingress is served; `None` if it says so already.
fn wanted(ingress: &Ingress, addresses: &[IpAddr]) -> Option<Value> {
    let status = ingress.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let known = balancer
        .and_then(|balancer| balancer.ingress.as_deref())
        .unwrap_or_default();
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let said = known
        .iter()
        .map(|one| one.ip.as_deref().unwrap_or_default());
    let is_said = said.eq(addresses.iter().map(String::as_str));
    let shown = |address| json!({"ip": address});
    let balancers: Vec<Value> = addresses.iter().map(shown).collect();
    (!is_said).then(|| json!({"status": {"loadBalancer": {"ingress": balancers}}}))
}

/// Writes the addresses of those who serve it, if they are not there.
pub(crate) async fn write(
    client: &Client,
    ingress: &Ingress,
    addresses: &[IpAddr],
) -> kube::Result<()> {
    let Some(status) = wanted(ingress, addresses) else {
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
    fn the_addresses_are_written_once() {
        let ingress = |balancer: Value| -> Ingress {
            from_value(json!({"metadata": {}, "status": {"loadBalancer": balancer}})).unwrap()
        };
        let [first, second] = [1, 2].map(|host| IpAddr::from([192, 0, 2, host]));
        let is_written = |balancer| wanted(&ingress(balancer), &[first]).is_some();
        assert!(is_written(json!({})));
        assert!(is_written(json!({"ingress": [{"ip": "192.0.2.9"}]})));
        assert!(!is_written(json!({"ingress": [{"ip": "192.0.2.1"}]})));
        let both = wanted(
            &ingress(json!({"ingress": [{"ip": "192.0.2.1"}]})),
            &[first, second],
        );
        let told = both.unwrap()["status"]["loadBalancer"]["ingress"].to_string();
        assert_eq!(told, r#"[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]"#);
    }
}
