//! What Ingresses mean: a pure function of them and of what they name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressRule};
use kube::ResourceExt;
use rustls::sign::CertifiedKey;
use skiff_client::ObjectKey;

use crate::backend::Backend;
use crate::path::PathRule;
use crate::table::{Host, Route, Table};

/// All that is seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// The Ingresses of our classes.
    pub(crate) ingresses: Vec<Arc<Ingress>>,
    /// The Services that they name, with their slices.
    pub(crate) services: HashMap<ObjectKey, (Arc<Service>, Vec<Arc<EndpointSlice>>)>,
    /// The sound certificates among the Secrets that they name.
    pub(crate) certificates: HashMap<ObjectKey, Arc<CertifiedKey>>,
}

/// The table of what is seen. Where two Ingresses say different things of the same, the older one holds.
pub(crate) fn table(seen: &Seen) -> Table {
    let mut ingresses = seen.ingresses.clone();
    ingresses.sort_by_key(|ingress| {
        let created = ingress.creation_timestamp().map(|time| time.0);
        (created, ObjectKey::of(&**ingress).to_string())
    });
    let mut builder = Builder {
        seen,
        backends: HashMap::new(),
        table: Table::default(),
    };
    for ingress in &ingresses {
        builder.add(ingress);
    }
    builder.finish()
}

/// The Services that an Ingress names.
pub(crate) fn services_of(ingress: &Ingress) -> BTreeSet<ObjectKey> {
    let namespace = ingress.namespace().unwrap_or_default();
    let Some(spec) = &ingress.spec else {
        return BTreeSet::new();
    };
    let rules = spec.rules.iter().flatten();
    let paths = rules.flat_map(|rule| rule.http.iter().flat_map(|http| &http.paths));
    let backends = paths.map(|path| &path.backend).chain(&spec.default_backend);
    let services = backends.filter_map(|backend| backend.service.as_ref());
    services
        .map(|service| ObjectKey::new(namespace.clone(), &service.name))
        .collect()
}

/// The Secrets that an Ingress names.
pub(crate) fn secrets_of(ingress: &Ingress) -> BTreeSet<ObjectKey> {
    let namespace = ingress.namespace().unwrap_or_default();
    let tls = ingress
        .spec
        .iter()
        .flat_map(|spec| spec.tls.iter().flatten());
    let names = tls.filter_map(|tls| tls.secret_name.as_deref().filter(|name| !name.is_empty()));
    names
        .map(|name| ObjectKey::new(namespace.clone(), name))
        .collect()
}

struct Builder<'a> {
    seen: &'a Seen,
    /// One for each Service and port, so that its endpoints have their turn whatever path leads there.
    backends: HashMap<(ObjectKey, String), Arc<Backend>>,
    table: Table,
}

impl Builder<'_> {
    fn add(&mut self, ingress: &Ingress) {
        let namespace = ingress.namespace().unwrap_or_default();
        let Some(spec) = &ingress.spec else { return };
        let default = spec.default_backend.as_ref();
        let default = default.map(|backend| self.backend(&namespace, backend));
        self.table.any.default = self.table.any.default.take().or_else(|| default.clone());
        for rule in spec.rules.iter().flatten() {
            let routes = self.routes(&namespace, rule);
            let host = self.host(rule.host.as_deref().unwrap_or_default());
            host.routes.extend(routes);
            host.default = host.default.take().or_else(|| default.clone());
        }
        for tls in spec.tls.iter().flatten() {
            let name = tls.secret_name.as_deref().unwrap_or_default();
            let key = ObjectKey::new(namespace.clone(), name);
            let Some(certificate) = self.seen.certificates.get(&key) else {
                continue;
            };
            let hosts = tls.hosts.as_deref().unwrap_or_default();
            let of_rules = spec
                .rules
                .iter()
                .flatten()
                .filter_map(|rule| rule.host.as_ref());
            // Without hosts it is for all that the Ingress serves.
            let of_rules = of_rules.filter(|_| hosts.is_empty());
            for host in hosts.iter().chain(of_rules) {
                let certificates = &mut self.table.certificates;
                certificates
                    .entry(host.clone())
                    .or_insert_with(|| certificate.clone());
            }
        }
    }

    fn routes(&mut self, namespace: &str, rule: &IngressRule) -> Vec<Route> {
        let paths = rule.http.iter().flat_map(|http| &http.paths);
        paths
            .map(|path| Route {
                path: PathRule::of(path),
                backend: self.backend(namespace, &path.backend),
            })
            .collect()
    }

    fn host(&mut self, name: &str) -> &mut Host {
        match name {
            "" => &mut self.table.any,
            name => self.table.hosts.entry(name.to_owned()).or_default(),
        }
    }

    /// A backend that is missing, or that is no Service, has no endpoints.
    fn backend(&mut self, namespace: &str, backend: &IngressBackend) -> Arc<Backend> {
        let Some(service) = &backend.service else {
            return Arc::default();
        };
        let port = service.port.clone().unwrap_or_default();
        let key = ObjectKey::new(namespace, &service.name);
        let Some((object, slices)) = self.seen.services.get(&key) else {
            return Arc::default();
        };
        let of_port = format!("{:?}", (&port.name, port.number));
        let known = self.backends.entry((key, of_port));
        known
            .or_insert_with(|| Arc::new(Backend::of(object, slices, &port)))
            .clone()
    }

    fn finish(mut self) -> Table {
        for host in self.table.hosts.values_mut().chain([&mut self.table.any]) {
            // Stable: among equal ones the older stays first.
            host.routes.sort_by_key(|route| route.path.precedence());
        }
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    /// Each Service has one endpoint, whose last number is the second argument.
    fn seen(ingresses: &[Value], services: &[(&str, u8)]) -> Seen {
        let key = |name: &str| ObjectKey::new("default", name);
        let service = |last: &u8| {
            let service = json!({"spec": {"ports": [{"port": 80}]}});
            let slice = json!({
                "metadata": {}, "addressType": "IPv4", "ports": [{"port": 80}],
                "endpoints": [{"addresses": [format!("10.0.0.{last}")]}],
            });
            (
                Arc::new(from_value(service).unwrap()),
                vec![Arc::new(from_value(slice).unwrap())],
            )
        };
        Seen {
            ingresses: ingresses
                .iter()
                .map(|spec| Arc::new(ingress(spec)))
                .collect(),
            services: services
                .iter()
                .map(|(name, last)| (key(name), service(last)))
                .collect(),
            certificates: HashMap::new(),
        }
    }

    fn ingress(spec: &Value) -> Ingress {
        let metadata =
            json!({"namespace": "default", "name": "web", "creationTimestamp": spec["created"]});
        from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    fn to(service: &str) -> Value {
        json!({"service": {"name": service, "port": {"number": 80}}})
    }

    fn rule(host: &str, path: &str, service: &str) -> Value {
        let path = json!({"path": path, "pathType": "Prefix", "backend": to(service)});
        json!({"host": host, "http": {"paths": [path]}})
    }

    fn goes(table: &Table, host: &str, path: &str) -> String {
        match table.route(host, path) {
            None => "404".to_owned(),
            Some(backend) => match backend.endpoints.first() {
                None => "503".to_owned(),
                Some(endpoint) => endpoint.ip().to_string().replace("10.0.0.", ""),
            },
        }
    }

    #[test]
    fn hosts_and_paths() {
        let rules = json!({"created": null, "rules": [
            rule("a.test", "/", "one"), rule("a.test", "/two", "two"), rule("*.test", "/", "three"),
            rule("", "/all", "four"), rule("gone.test", "/", "missing"),
        ]});
        let table = table(&seen(
            &[rules],
            &[("one", 1), ("two", 2), ("three", 3), ("four", 4)],
        ));
        for (host, path, expected) in [
            ("a.test", "/", "1"),
            ("a.test", "/two/x", "2"),
            ("a.test", "/twofold", "1"),
            ("b.test", "/two", "3"),
            ("a.b.test", "/", "404"),
            ("a.b.test", "/all", "4"),
            ("gone.test", "/", "503"),
        ] {
            assert_eq!(goes(&table, host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn default_backends_are_for_what_matches_nothing() {
        let mine = json!({"created": null, "defaultBackend": to("one"), "rules": [rule("a.test", "/a", "two")]});
        let table = table(&seen(&[mine], &[("one", 1), ("two", 2)]));
        assert_eq!(goes(&table, "a.test", "/a"), "2");
        assert_eq!(goes(&table, "a.test", "/b"), "1");
        assert_eq!(goes(&table, "other.test", "/"), "1");
    }

    #[test]
    fn the_older_ingress_holds() {
        let at = |created: &str, service: &str| json!({"created": created, "rules": [rule("a.test", "/", service)]});
        let young = at("2026-01-02T00:00:00Z", "one");
        let old = at("2026-01-01T00:00:00Z", "two");
        let table = table(&seen(&[young, old], &[("one", 1), ("two", 2)]));
        assert_eq!(goes(&table, "a.test", "/"), "2");
    }

    #[test]
    fn what_an_ingress_names() {
        let spec = json!({
            "created": null, "defaultBackend": to("one"), "rules": [rule("a.test", "/", "two")],
            "tls": [{"secretName": "cert"}, {"hosts": ["b.test"]}],
        });
        let names =
            |keys: BTreeSet<ObjectKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            names(services_of(&ingress(&spec))),
            ["default/one", "default/two"]
        );
        assert_eq!(names(secrets_of(&ingress(&spec))), ["default/cert"]);
    }
}
