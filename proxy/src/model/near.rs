//! Which endpoints are near, as their hints say (EndpointSlice `hints`, from ServiceSpec.trafficDistribution: KEP-3015).

use k8s_openapi::api::discovery::v1::Endpoint;

/// Where the node is that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its name.
    pub(crate) node: String,
    /// Its zone, if it has one.
    pub(crate) zone: Option<String>,
}

/// Those of `ready` that are for this place: for its node, else for its zone, else all. Hints count only if every endpoint
/// has one, and none is for nobody.
pub(super) fn nearest<T: Copy>(ready: Vec<(&Endpoint, T)>, place: &Place) -> Vec<T> {
    let near = chosen(&ready, |endpoint| for_node(endpoint, &place.node))
        .or_else(|| chosen(&ready, |endpoint| for_zone(endpoint, place.zone.as_deref())));
    near.unwrap_or_else(|| ready.iter().map(|(_, what)| *what).collect())
}

/// Those that are for this place, if there are any and all say for whom they are.
fn chosen<T: Copy>(
    ready: &[(&Endpoint, T)],
    is_for: impl Fn(&Endpoint) -> Option<bool>,
) -> Option<Vec<T>> {
    let hints: Option<Vec<bool>> = ready.iter().map(|(endpoint, _)| is_for(endpoint)).collect();
    let hinted = ready.iter().zip(hints?).filter(|(_, is_for)| *is_for);
    let chosen: Vec<T> = hinted.map(|((_, what), _)| *what).collect();
    (!chosen.is_empty()).then_some(chosen)
}

/// Whether an endpoint is for a node; `None` if it names none.
fn for_node(endpoint: &Endpoint, node: &str) -> Option<bool> {
    let nodes = endpoint.hints.as_ref()?.for_nodes.as_deref()?;
    (!nodes.is_empty()).then(|| nodes.iter().any(|hint| hint.name == node))
}

/// The same for a zone.
fn for_zone(endpoint: &Endpoint, zone: Option<&str>) -> Option<bool> {
    let zones = endpoint.hints.as_ref()?.for_zones.as_deref()?;
    (!zones.is_empty()).then(|| zones.iter().any(|hint| Some(hint.name.as_str()) == zone))
}
