//! Which Ingresses the cluster serves by itself
//! (<https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class>).

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

/// The controller that the IngressClasses of the built-in server name.
pub const CONTROLLER: &str = "skiff.dev/ingress";
/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

/// The names of the classes that name the built-in server.
pub fn own_classes<'a>(classes: impl IntoIterator<Item = &'a IngressClass>) -> BTreeSet<String> {
    let own = classes.into_iter().filter(|class| {
        let spec = class.spec.as_ref();
        spec.and_then(|spec| spec.controller.as_deref()) == Some(CONTROLLER)
    });
    own.filter_map(|class| class.metadata.name.clone())
        .collect()
}

/// Whether an Ingress is of one of these classes.
pub fn is_of(ingress: &Ingress, classes: &BTreeSet<String>) -> bool {
    let spec = ingress.spec.as_ref();
    let class = spec.and_then(|spec| spec.ingress_class_name.as_ref());
    let annotations = ingress.metadata.annotations.as_ref();
    let class = class.or_else(|| annotations?.get(OLD_CLASS));
    class.is_some_and(|class| classes.contains(class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn own_are_those_whose_class_names_the_built_in_server() {
        let class = |name: &str, controller: &str| -> IngressClass {
            from_value(json!({"metadata": {"name": name}, "spec": {"controller": controller}}))
                .unwrap()
        };
        let classes = own_classes(&[
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
