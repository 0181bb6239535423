//! The fewest writes that make slices show what they should.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use kube::ResourceExt;

use crate::service_pods::Port;

/// The most endpoints in a slice (kube-controller-manager's `--max-endpoints-per-slice`).
const FULL: usize = 100;

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) create: Vec<EndpointSlice>,
    pub(crate) update: Vec<EndpointSlice>,
    pub(crate) delete: Vec<Arc<EndpointSlice>>,
}

impl Changes {
    pub(super) fn append(&mut self, mut other: Changes) {
        self.create.append(&mut other.create);
        self.update.append(&mut other.update);
        self.delete.append(&mut other.delete);
    }

    /// Annotates all that is written.
    pub(super) fn note(&mut self, annotation: &str, text: &str) {
        for slice in self.create.iter_mut().chain(&mut self.update) {
            let annotations = slice.annotations_mut();
            annotations.insert(annotation.to_owned(), text.to_owned());
        }
    }

    /// Whether nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.create.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }
}

/// A slice on its way from what it is to what it will be.
struct Draft {
    was: Arc<EndpointSlice>,
    endpoints: Vec<Endpoint>,
}

impl Draft {
    /// Whether its endpoints change, so that it is written anyhow.
    fn is_changed(&self) -> bool {
        self.was.endpoints.as_deref().unwrap_or_default() != self.endpoints
    }

    fn room(&self) -> usize {
        FULL.saturating_sub(self.endpoints.len())
    }
}

/// Brings the `existing` slices of one address family to the `wanted` endpoints; `blank` is an empty slice.
pub(super) fn diff(
    blank: &EndpointSlice,
    mut wanted: BTreeMap<Vec<Port>, Vec<Endpoint>>,
    existing: &[Arc<EndpointSlice>],
) -> Changes {
    let mut by_ports: HashMap<Vec<Port>, Vec<Arc<EndpointSlice>>> = HashMap::new();
    for slice in existing {
        by_ports
            .entry(ports_of(slice))
            .or_default()
            .push(slice.clone());
    }
    if wanted.is_empty() {
        // A Service always has a slice, so that one can tell "no endpoints" from "not looked at yet".
        wanted.insert(Vec::new(), Vec::new());
    }
    let mut changes = Changes::default();
    for (ports, endpoints) in wanted {
        let slices = by_ports.remove(&ports).unwrap_or_default();
        changes.append(diff_ports(blank, &slice_ports(&ports), endpoints, slices));
    }
    changes.delete.extend(by_ports.into_values().flatten());
    recycle(changes)
}

/// A slice that would go takes the place of one that would be made: one write, and no moment without either.
fn recycle(mut changes: Changes) -> Changes {
    let pairs = changes.create.len().min(changes.delete.len());
    for (new, old) in changes
        .create
        .drain(..pairs)
        .zip(changes.delete.drain(..pairs))
    {
        let mut metadata = old.metadata.clone();
        metadata.labels = new.metadata.labels;
        metadata.owner_references = new.metadata.owner_references;
        changes.update.push(EndpointSlice { metadata, ..new });
    }
    changes
}

/// The ports in the words of a slice.
fn slice_ports(ports: &[Port]) -> Vec<EndpointPort> {
    let slice_port = |port: &Port| EndpointPort {
        name: Some(port.name.clone()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone()),
        app_protocol: port.app_protocol.clone(),
    };
    ports.iter().map(slice_port).collect()
}

/// The ports of a slice, in the order of [`crate::service_pods::ports`].
fn ports_of(slice: &EndpointSlice) -> Vec<Port> {
    let port = |port: &EndpointPort| Port {
        name: port.name.clone().unwrap_or_default(),
        port: port.port.unwrap_or(0),
        protocol: port.protocol.clone().unwrap_or_default(),
        app_protocol: port.app_protocol.clone(),
    };
    let mut ports: Vec<Port> = slice.ports.iter().flatten().map(port).collect();
    ports.sort();
    ports
}

/// The same for the slices of one set of ports: endpoints stay where they are, new ones go first into slices that are
/// written anyhow, then into one that has room for all of them, then into new ones.
fn diff_ports(
    blank: &EndpointSlice,
    ports: &[EndpointPort],
    endpoints: Vec<Endpoint>,
    slices: Vec<Arc<EndpointSlice>>,
) -> Changes {
    let mut new: Vec<(String, Endpoint)> = endpoints
        .into_iter()
        .map(|endpoint| (identity(&endpoint), endpoint))
        .collect();
    let mut drafts: Vec<Draft> = slices.into_iter().map(|was| keep(was, &mut new)).collect();
    let mut new: Vec<Endpoint> = new.into_iter().map(|(_, endpoint)| endpoint).collect();
    for draft in drafts.iter_mut().filter(|draft| draft.is_changed()) {
        let fits = draft.room().min(new.len());
        draft.endpoints.extend(new.drain(..fits));
    }
    let tightest = drafts
        .iter_mut()
        .filter(|draft| !new.is_empty() && draft.room() >= new.len())
        .min_by_key(|draft| draft.room());
    if let Some(draft) = tightest {
        draft.endpoints.append(&mut new);
    }
    let mut changes = Changes::default();
    for chunk in new.chunks(FULL) {
        changes
            .create
            .push(filled(blank.clone(), ports, chunk.to_vec()));
    }
    write(blank, ports, drafts, &mut changes);
    changes
}

/// Takes from `new` the endpoints that the slice has already, as they are now.
fn keep(was: Arc<EndpointSlice>, new: &mut Vec<(String, Endpoint)>) -> Draft {
    let mut endpoints = Vec::new();
    for endpoint in was.endpoints.iter().flatten() {
        let identity = identity(endpoint);
        if let Some(index) = new.iter().position(|(wanted, _)| *wanted == identity) {
            endpoints.push(new.remove(index).1);
        }
    }
    Draft { was, endpoints }
}

/// Endpoints of the same Pod and address are the same, whatever their conditions.
fn identity(endpoint: &Endpoint) -> String {
    let uid = endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.uid.as_deref());
    format!(
        "{} {}",
        uid.unwrap_or_default(),
        endpoint.addresses.join(",")
    )
}

fn write(blank: &EndpointSlice, ports: &[EndpointPort], drafts: Vec<Draft>, changes: &mut Changes) {
    let mut left = drafts.len() + changes.create.len();
    for draft in drafts {
        let spare = draft.endpoints.is_empty() && left > 1;
        if spare {
            left -= 1;
            changes.delete.push(draft.was);
        } else if draft.is_changed() || !has_metadata(&draft.was, blank) {
            let mut updated = (*draft.was).clone();
            updated.metadata.labels = blank.metadata.labels.clone();
            updated.metadata.owner_references = blank.metadata.owner_references.clone();
            changes.update.push(filled(updated, ports, draft.endpoints));
        }
    }
    if left == 0 {
        changes
            .create
            .push(filled(blank.clone(), ports, Vec::new()));
    }
}

fn has_metadata(slice: &EndpointSlice, blank: &EndpointSlice) -> bool {
    slice.labels() == blank.labels() && slice.owner_references() == blank.owner_references()
}

fn filled(
    mut slice: EndpointSlice,
    ports: &[EndpointPort],
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    slice.ports = Some(ports.to_vec());
    slice.endpoints = Some(endpoints);
    slice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> Vec<Port> {
        vec![Port {
            name: String::new(),
            port: 80,
            protocol: "TCP".into(),
            app_protocol: None,
        }]
    }

    fn endpoints(range: std::ops::Range<u8>) -> Vec<Endpoint> {
        range
            .map(|i| Endpoint {
                addresses: vec![format!("10.0.0.{i}")],
                ..Endpoint::default()
            })
            .collect()
    }

    #[test]
    fn a_slice_of_other_ports_is_used_again() {
        let changes = diff(&EndpointSlice::default(), BTreeMap::new(), &[slice(0..3)]);
        assert_eq!(
            (
                sizes(&changes.update),
                changes.create.len(),
                changes.delete.len()
            ),
            (vec![0], 0, 0)
        );
    }

    fn slice(range: std::ops::Range<u8>) -> Arc<EndpointSlice> {
        Arc::new(filled(
            EndpointSlice::default(),
            &slice_ports(&port()),
            endpoints(range),
        ))
    }

    fn sizes(slices: &[EndpointSlice]) -> Vec<usize> {
        slices
            .iter()
            .map(|slice| slice.endpoints.as_ref().unwrap().len())
            .collect()
    }

    #[test]
    fn few_slices_are_written() {
        // wanted | existing | created sizes, updated sizes, deleted
        let cases: [(_, Vec<_>, &[usize], &[usize], usize); 8] = [
            (0..0, vec![], &[0], &[], 0),
            (0..3, vec![], &[3], &[], 0),
            (0..150, vec![], &[100, 50], &[], 0),
            (0..3, vec![slice(0..3)], &[], &[], 0),
            (0..4, vec![slice(0..3)], &[], &[4], 0),
            // New endpoints go into the slice that is written anyhow.
            (10..113, vec![slice(0..100), slice(100..112)], &[], &[91], 0),
            // One that has just enough room, not the emptier one.
            (
                0..151,
                vec![slice(0..100), slice(100..110), slice(110..150)],
                &[],
                &[41],
                0,
            ),
            (0..100, vec![slice(0..100), slice(100..110)], &[], &[], 1),
        ];
        for (wanted, existing, created, updated, deleted) in cases {
            let wanted_ports = BTreeMap::from([(port(), endpoints(wanted.clone()))]);
            let wanted_ports = if wanted.is_empty() {
                BTreeMap::new()
            } else {
                wanted_ports
            };
            let changes = diff(&EndpointSlice::default(), wanted_ports, &existing);
            assert_eq!(
                (
                    sizes(&changes.create),
                    sizes(&changes.update),
                    changes.delete.len()
                ),
                (created.to_vec(), updated.to_vec(), deleted),
                "{wanted:?} from {}",
                existing.len()
            );
        }
    }
}
