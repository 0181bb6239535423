//! The variables by which a container finds Services without DNS
//! (<https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;

/// The variables of these Services. Those without an address of their own (headless, ExternalName) have none.
pub(super) fn variables<'a>(
    services: impl IntoIterator<Item = &'a Service>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for service in services {
        add(service, &mut variables);
    }
    variables
}

fn add(service: &Service, variables: &mut BTreeMap<String, String>) {
    let Some(spec) = &service.spec else { return };
    let ip = match spec.cluster_ip.as_deref() {
        None | Some("" | "None") => return,
        Some(ip) => ip,
    };
    let Some(first) = spec.ports.iter().flatten().next() else {
        return;
    };
    let prefix = variable_name(&service.name_any());
    let mut set = |name: String, value: String| variables.insert(format!("{prefix}_{name}"), value);
    set("SERVICE_HOST".to_owned(), ip.to_owned());
    set("SERVICE_PORT".to_owned(), first.port.to_string());
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    let protocol = |port: &k8s_openapi::api::core::v1::ServicePort| {
        port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())
    };
    let url = |port| format!("{}://{host}:{}", protocol(port).to_lowercase(), port.port);
    set("PORT".to_owned(), url(first));
    for port in spec.ports.iter().flatten() {
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            set(
                format!("SERVICE_PORT_{}", variable_name(name)),
                port.port.to_string(),
            );
        }
        let link = format!("PORT_{}_{}", port.port, protocol(port).to_uppercase());
        set(format!("{link}_PROTO"), protocol(port).to_lowercase());
        set(format!("{link}_PORT"), port.port.to_string());
        set(format!("{link}_ADDR"), ip.to_owned());
        set(link, url(port));
    }
}

fn variable_name(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_has_the_variables_of_the_documentation() {
        let redis: Service = serde_json::from_value(json!({
            "metadata": {"name": "redis-primary"},
            "spec": {"clusterIP": "10.0.0.11", "ports": [{"name": "main", "port": 6379, "protocol": "TCP"}]}
        }))
        .expect("a Service");
        let headless: Service = serde_json::from_value(json!({
            "metadata": {"name": "web"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}
        }))
        .expect("a Service");
        let expected = [
            ("REDIS_PRIMARY_SERVICE_HOST", "10.0.0.11"),
            ("REDIS_PRIMARY_SERVICE_PORT", "6379"),
            ("REDIS_PRIMARY_SERVICE_PORT_MAIN", "6379"),
            ("REDIS_PRIMARY_PORT", "tcp://10.0.0.11:6379"),
            ("REDIS_PRIMARY_PORT_6379_TCP", "tcp://10.0.0.11:6379"),
            ("REDIS_PRIMARY_PORT_6379_TCP_PROTO", "tcp"),
            ("REDIS_PRIMARY_PORT_6379_TCP_PORT", "6379"),
            ("REDIS_PRIMARY_PORT_6379_TCP_ADDR", "10.0.0.11"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables([&redis, &headless]), expected.into());
    }
}
