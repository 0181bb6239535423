//! Patches of each form, on a Pod.

use std::sync::LazyLock;

use serde_json::{Value, json};
use skiff_api::{PatchType, Schema, apply_patch, decode_json};

use crate::bodies::create;

static POD: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}, "finalizers": ["a/b"]},
        "spec": {
            "containers": [
                {"name": "a", "image": "nginx", "ports": [{"containerPort": 80, "protocol": "TCP"}], "env": [{"name": "A", "value": "1"}]},
                {"name": "b", "image": "busybox"},
            ],
            "tolerations": [{"key": "x", "operator": "Exists"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    })
});
static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::of("io.k8s.api.core.v1.Pod").expect("the schema of Pods"));

pub(crate) fn patches(bytes: &[u8]) {
    let Ok(patch) = decode_json(bytes) else {
        return;
    };
    let apply = |form, object: &Value| apply_patch(form, object, &patch.value, &SCHEMA);
    for form in [PatchType::Json, PatchType::Merge, PatchType::Strategic] {
        if let Ok(patched) = apply(form, &POD) {
            if form == PatchType::Merge {
                assert_eq!(
                    apply(form, &patched).ok(),
                    Some(patched.clone()),
                    "{}",
                    patch.value
                );
            }
            create(patched, &[]);
        }
    }
}
