//! The records of a Service: pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// What a name has, before it is put into the form of the wire. Names are absolute, without the last dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Data {
    A(Ipv4Addr),
    Cname(String),
    Srv { port: u16, target: String },
    Ptr(String),
    Txt(&'static str),
}

/// A Service with its EndpointSlices, in a domain.
pub(crate) struct Named<'a> {
    pub(crate) service: &'a Service,
    pub(crate) slices: Vec<&'a EndpointSlice>,
    pub(crate) domain: &'a str,
}

impl Named<'_> {
    /// `<service>.<namespace>.svc.<domain>`
    pub(crate) fn name(&self) -> String {
        let meta = &self.service.metadata;
        let (name, namespace) = (
            meta.name.as_deref().unwrap_or_default(),
            meta.namespace.as_deref().unwrap_or_default(),
        );
        format!("{name}.{namespace}.svc.{}", self.domain)
    }

    /// The records of the Service's own name. A headless Service without a ready endpoint has no name (2.4.1 of the
    /// specification).
    pub(crate) fn records(&self) -> Option<BTreeSet<Data>> {
        let spec = self.service.spec.clone().unwrap_or_default();
        if spec.type_.as_deref() == Some("ExternalName") {
            let alias = |name: String| Data::Cname(name.trim_end_matches('.').to_lowercase());
            return Some(spec.external_name.map(alias).into_iter().collect());
        }
        if let Some(address) = self.cluster_ip() {
            return Some(BTreeSet::from([Data::A(address)]));
        }
        let found: BTreeSet<Data> = self.ready().flat_map(addresses).map(Data::A).collect();
        (!found.is_empty()).then_some(found)
    }

    /// The records of one endpoint of a headless Service, if it has one of that name.
    pub(crate) fn endpoint(&self, host: &str) -> Option<BTreeSet<Data>> {
        if self.cluster_ip().is_some() {
            return None;
        }
        let found: BTreeSet<Data> = self
            .ready()
            .filter(|endpoint| host_of(endpoint).as_deref() == Some(host))
            .flat_map(addresses)
            .map(Data::A)
            .collect();
        (!found.is_empty()).then_some(found)
    }

    /// The SRV records of a named port, if the Service has one.
    pub(crate) fn port(&self, port: &str, protocol: &str) -> Option<BTreeSet<Data>> {
        let found: BTreeSet<Data> = match self.cluster_ip() {
            Some(_) => self
                .service_port(port, protocol)
                .map(|port| Data::Srv {
                    port,
                    target: self.name(),
                })
                .into_iter()
                .collect(),
            None => self.endpoint_ports(port, protocol),
        };
        (!found.is_empty()).then_some(found)
    }

    /// The names of an address: of the Service itself, or of the endpoints of a headless one.
    pub(crate) fn names_of(&self, address: Ipv4Addr) -> BTreeSet<Data> {
        if let Some(own) = self.cluster_ip() {
            return (own == address)
                .then(|| Data::Ptr(self.name()))
                .into_iter()
                .collect();
        }
        let here = self
            .ready()
            .filter(|endpoint| addresses(endpoint).any(|own| own == address));
        here.filter_map(host_of)
            .map(|host| Data::Ptr(format!("{host}.{}", self.name())))
            .collect()
    }

    fn cluster_ip(&self) -> Option<Ipv4Addr> {
        self.service
            .spec
            .as_ref()?
            .cluster_ip
            .as_deref()?
            .parse()
            .ok()
    }

    fn service_port(&self, name: &str, protocol: &str) -> Option<u16> {
        let ports = self.service.spec.as_ref()?.ports.as_ref()?;
        let found = ports.iter().find(|port| {
            port.name.as_deref() == Some(name) && is_protocol(port.protocol.as_deref(), protocol)
        });
        u16::try_from(found?.port).ok()
    }

    fn endpoint_ports(&self, name: &str, protocol: &str) -> BTreeSet<Data> {
        let mut found = BTreeSet::new();
        for slice in self
            .slices
            .iter()
            .filter(|slice| slice.address_type == "IPv4")
        {
            let mut ports = slice.ports.iter().flatten();
            let named = ports.find(|port| {
                port.name.as_deref() == Some(name)
                    && is_protocol(port.protocol.as_deref(), protocol)
            });
            let Some(port) = named.and_then(|port| u16::try_from(port.port?).ok()) else {
                continue;
            };
            let hosts = slice
                .endpoints
                .iter()
                .flatten()
                .filter(|endpoint| is_ready(endpoint))
                .filter_map(host_of);
            found.extend(hosts.map(|host| Data::Srv {
                port,
                target: format!("{host}.{}", self.name()),
            }));
        }
        found
    }

    fn ready(&self) -> impl Iterator<Item = &Endpoint> {
        let slices = self
            .slices
            .iter()
            .filter(|slice| slice.address_type == "IPv4");
        slices
            .flat_map(|slice| slice.endpoints.iter().flatten())
            .filter(|endpoint| is_ready(endpoint))
    }
}

fn is_protocol(named: Option<&str>, wanted: &str) -> bool {
    named.unwrap_or("TCP").eq_ignore_ascii_case(wanted)
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .and_then(|conditions| conditions.ready)
        .unwrap_or(true)
}

fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = Ipv4Addr> {
    endpoint
        .addresses
        .iter()
        .filter_map(|address| address.parse().ok())
}

/// The endpoint's hostname, else its address with dashes, which is as good a name as any.
fn host_of(endpoint: &Endpoint) -> Option<String> {
    match &endpoint.hostname {
        Some(name) if !name.is_empty() => Some(name.clone()),
        _ => endpoint
            .addresses
            .first()
            .map(|address| address.replace('.', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NGINX: &str = "nginx.default.svc.cluster.local";

    fn with<T>(spec: Value, look: impl Fn(Named<'_>) -> T) -> T {
        let service =
            json!({ "metadata": { "namespace": "default", "name": "nginx" }, "spec": spec });
        let service: Service = serde_json::from_value(service).expect("a Service");
        let slice = json!({
            "metadata": {}, "addressType": "IPv4",
            "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }],
            "endpoints": [
                { "addresses": ["10.244.0.2"], "hostname": "web-0", "conditions": { "ready": true } },
                { "addresses": ["10.244.0.3"], "conditions": { "ready": true } },
                { "addresses": ["10.244.0.4"], "hostname": "web-2", "conditions": { "ready": false } },
            ],
        });
        let slice: EndpointSlice = serde_json::from_value(slice).expect("an EndpointSlice");
        look(Named {
            service: &service,
            slices: vec![&slice],
            domain: "cluster.local",
        })
    }

    fn headless() -> Value {
        json!({ "clusterIP": "None", "ports": [{ "name": "http", "port": 80 }] })
    }

    fn clustered() -> Value {
        json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 8000 }] })
    }

    fn a(last: u8) -> Data {
        Data::A([10, 244, 0, last].into())
    }

    #[test]
    fn a_service_has_its_address_and_a_headless_one_those_of_its_ready_endpoints() {
        assert_eq!(
            with(clustered(), |named| named.records()),
            Some(BTreeSet::from([Data::A([10, 96, 0, 5].into())]))
        );
        assert_eq!(
            with(headless(), |named| named.records()),
            Some(BTreeSet::from([a(2), a(3)]))
        );
        let nobody = with(headless(), |mut named| {
            named.slices.clear();
            named.records()
        });
        assert_eq!(nobody, None, "no endpoint is ready");
        let external = json!({ "type": "ExternalName", "externalName": "DB.example.test." });
        assert_eq!(
            with(external, |named| named.records()),
            Some(BTreeSet::from([Data::Cname("db.example.test".to_owned())]))
        );
    }

    #[test]
    fn endpoints_of_headless_services_have_names() {
        assert_eq!(
            with(headless(), |named| named.endpoint("web-0")),
            Some(BTreeSet::from([a(2)]))
        );
        assert_eq!(
            with(headless(), |named| named.endpoint("10-244-0-3")),
            Some(BTreeSet::from([a(3)]))
        );
        assert_eq!(
            with(headless(), |named| named.endpoint("web-2")),
            None,
            "not ready"
        );
        assert_eq!(with(clustered(), |named| named.endpoint("web-0")), None);
    }

    #[test]
    fn named_ports_have_srv_records() {
        let own = Data::Srv {
            port: 8000,
            target: NGINX.to_owned(),
        };
        assert_eq!(
            with(clustered(), |named| named.port("http", "tcp")),
            Some(BTreeSet::from([own]))
        );
        let each = ["10-244-0-3", "web-0"].map(|host| Data::Srv {
            port: 80,
            target: format!("{host}.{NGINX}"),
        });
        assert_eq!(
            with(headless(), |named| named.port("http", "tcp")),
            Some(BTreeSet::from(each))
        );
        assert_eq!(with(headless(), |named| named.port("http", "udp")), None);
    }

    #[test]
    fn addresses_have_names() {
        let ptr = |name: &str| BTreeSet::from([Data::Ptr(name.to_owned())]);
        assert_eq!(
            with(clustered(), |named| named.names_of([10, 96, 0, 5].into())),
            ptr(NGINX)
        );
        assert_eq!(
            with(headless(), |named| named.names_of([10, 244, 0, 2].into())),
            ptr(&format!("web-0.{NGINX}"))
        );
        assert_eq!(
            with(clustered(), |named| named.names_of([10, 244, 0, 2].into())),
            BTreeSet::new()
        );
    }
}
