//! Images that a Node has need not be pulled.

use std::collections::HashMap;

use super::Score;
use crate::cluster::{Cluster, Incoming};
use crate::node_info::NodeInfo;

/// Prefers Nodes that have the Pod's images, the more the larger they are.
pub(crate) struct ImageLocality;

/// Below it a pull costs nothing worth mentioning, above it no more than that (kube-scheduler's bounds).
const LEAST: i64 = 23 * 1024 * 1024;
const MOST: i64 = 1000 * 1024 * 1024;

impl Score for ImageLocality {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let spec = incoming.pod.spec.as_ref();
        let images: Vec<String> = spec
            .into_iter()
            .flat_map(|spec| {
                spec.init_containers
                    .iter()
                    .flatten()
                    .chain(&spec.containers)
            })
            .filter_map(|container| Some(full_name(container.image.as_deref()?)))
            .collect();
        let sizes: Vec<HashMap<String, i64>> = nodes.iter().map(|node| sizes_on(node)).collect();
        // What few Nodes have is worth less, lest all Pods go to the one that has it.
        let spread = |image: &String| {
            let having = sizes
                .iter()
                .filter(|sizes| sizes.contains_key(image))
                .count();
            having as f64 / sizes.len().max(1) as f64
        };
        let spreads: Vec<f64> = images.iter().map(spread).collect();
        let score = |sizes: &HashMap<String, i64>| {
            let local = images.iter().zip(&spreads).filter_map(|(image, spread)| {
                let size = *sizes.get(image)? as f64;
                Some((size * spread) as i64)
            });
            let (sum, most) = (local.sum::<i64>(), MOST * images.len().max(1) as i64);
            100 * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
        };
        sizes.iter().map(score).collect()
    }

    fn weight(&self) -> i64 {
        1
    }
}

fn sizes_on(node: &NodeInfo) -> HashMap<String, i64> {
    let status = node.node.status.iter();
    let images = status.flat_map(|status| status.images.iter().flatten());
    images
        .flat_map(|image| {
            let size = image.size_bytes.unwrap_or(0);
            let names = image.names.iter().flatten();
            names.map(move |name| (name.clone(), size))
        })
        .collect()
}

/// The name with registry and tag, as Nodes report it.
fn full_name(image: &str) -> String {
    let first = image.split('/').next().unwrap_or_default();
    let has_registry =
        image.contains('/') && (first.contains('.') || first.contains(':') || first == "localhost");
    let with_registry = match (has_registry, image.contains('/')) {
        (true, _) => image.to_owned(),
        (false, true) => format!("docker.io/{image}"),
        (false, false) => format!("docker.io/library/{image}"),
    };
    let last = with_registry.rsplit('/').next().unwrap_or_default();
    match last.contains(':') || last.contains('@') {
        true => with_registry,
        false => format!("{with_registry}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, node, pod, scores};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn the_node_that_has_a_large_image_scores_higher() {
        let mut having = node("a", json!({}));
        let image =
            json!([{ "names": ["docker.io/library/large:1"], "sizeBytes": 800 * 1024 * 1024 }]);
        let mut changed = (*having.node).clone();
        changed.status.get_or_insert_default().images =
            serde_json::from_value(image).expect("images");
        having.node = Arc::new(changed);
        let nodes = cluster([having, node("b", json!({}))]);
        let pod = pod(
            "p",
            json!({ "containers": [{ "name": "c", "image": "large:1" }] }),
        );
        let scores = scores(&ImageLocality, pod, &nodes);
        assert!(scores[0] > 30 && scores[1] == 0, "{scores:?}");
    }

    #[test]
    fn names_are_those_that_nodes_report() {
        let cases = [
            ("nginx", "docker.io/library/nginx:latest"),
            ("a/b:1", "docker.io/a/b:1"),
            ("registry:5000/a", "registry:5000/a:latest"),
            ("quay.io/a@sha256:0", "quay.io/a@sha256:0"),
        ];
        for (image, full) in cases {
            assert_eq!(full_name(image), full);
        }
    }
}
