//! The stamps of a change that the kernel has acknowledged.

use std::net::SocketAddrV4;

use skiff_api::trace::{Stage, stamp};

use crate::model::{Change, Model, ServicePort};

/// Stamps the endpoints that `new` has and `old` had not. What there was when the proxy began has no way to tell of.
pub(crate) fn applied(old: Option<&Model>, new: &Model) {
    let Some(old) = old else { return };
    for (port, endpoint) in added(&new.changes_since(old)) {
        // `namespace/name:port` without the port.
        let service = port.name.rsplit_once(':');
        let service = service.map_or(&*port.name, |(service, _)| service);
        stamp(Stage::InDataplane, service, endpoint.to_string());
    }
}

fn added<'a>(changes: &[Change<'a>]) -> Vec<(&'a ServicePort, SocketAddrV4)> {
    let mut added = Vec::new();
    for change in changes {
        for port in change.new {
            let known = change.old.iter().find(|known| known.name == port.name);
            let is_new = |endpoint: &&SocketAddrV4| {
                known.is_none_or(|known| !known.endpoints.contains(endpoint))
            };
            let fresh = port.endpoints.iter().filter(is_new);
            added.extend(fresh.map(|endpoint| (port, *endpoint)));
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::web;

    #[test]
    fn new_endpoints_are_stamped() {
        let (mut old, mut new) = (Model::default(), Model::default());
        old.put("a", vec![web(&["10.0.0.1:80", "10.0.0.2:80"])]);
        new.put("a", vec![web(&["10.0.0.2:80", "10.0.0.3:80"])]);
        new.put("b", vec![web(&["10.0.0.5:80"])]);
        new.put("c", vec![web(&[])]);
        let changes = new.changes_since(&old);
        let added: Vec<String> = added(&changes)
            .iter()
            .map(|(_, endpoint)| endpoint.to_string())
            .collect();
        assert_eq!(added, ["10.0.0.3:80", "10.0.0.5:80"]);
    }
}
