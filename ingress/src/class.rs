//! Which Ingresses are ours.

use std::collections::BTreeSet;

use anyhow::Context;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use serde_json::json;

/// The controller that our IngressClasses name.
const CONTROLLER: &str = "skiff.dev/ingress";
/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

/// Makes the class that new Ingresses get. One that is there stays as the user wants it.
pub(crate) async fn ensure(client: &Client, name: &str) -> anyhow::Result<()> {
    let api = Api::<IngressClass>::all(client.clone());
    let class = json!({
        "metadata": {
            "name": name,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
        },
        "spec": {"controller": CONTROLLER},
    });
    match api
        .create(&PostParams::default(), &serde_json::from_value(class)?)
        .await
    {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        made => made.map(drop).context("the IngressClass"),
    }
}

/// The names of our classes: those that name our controller.
pub(crate) fn ours<'a>(classes: impl IntoIterator<Item = &'a IngressClass>) -> BTreeSet<String> {
    let ours = classes.into_iter().filter(|class| {
        let spec = class.spec.as_ref();
        spec.and_then(|spec| spec.controller.as_deref()) == Some(CONTROLLER)
    });
    ours.map(ResourceExt::name_any).collect()
}

/// Whether an Ingress is of one of these classes.
pub(crate) fn is_of(ingress: &Ingress, classes: &BTreeSet<String>) -> bool {
    let spec = ingress.spec.as_ref();
    let class = spec.and_then(|spec| spec.ingress_class_name.as_ref());
    let class = class.or_else(|| ingress.annotations().get(OLD_CLASS));
    class.is_some_and(|class| classes.contains(class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    #[test]
    fn ours_are_those_whose_class_names_our_controller() {
        let class = |name: &str, controller: &str| -> IngressClass {
            from_value(json!({"metadata": {"name": name}, "spec": {"controller": controller}}))
                .unwrap()
        };
        let classes = ours(&[
            class("skiff", CONTROLLER),
            class("inner", CONTROLLER),
            class("nginx", "k8s.io/nginx"),
        ]);
        let ingress = |class, old| -> Ingress {
            let annotations = json!({OLD_CLASS: old});
            from_value(json!({"metadata": {"annotations": annotations}, "spec": {"ingressClassName": class}})).unwrap()
        };
        for (class, old, expected) in [
            (Some("skiff"), "", true),
            (Some("inner"), "", true),
            (Some("nginx"), "skiff", false),
            (None, "skiff", true),
            (None, "", false),
        ] {
            assert_eq!(
                is_of(&ingress(class, old), &classes),
                expected,
                "{class:?} {old}"
            );
        }
    }
}
