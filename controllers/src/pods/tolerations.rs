//! Which taints of Nodes a Pod bears.

use k8s_openapi::api::core::v1::{Taint, Toleration};

pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let exists = toleration.operator.as_deref() == Some("Exists");
    filled(&toleration.effect).is_none_or(|effect| effect == taint.effect)
        && match filled(&toleration.key) {
            None => exists,
            Some(key) => {
                key == taint.key && (exists || filled(&toleration.value) == filled(&taint.value))
            }
        }
}
