use serde_json::Value;

/// What of a container a resize takes over.
const RESIZED: [&str; 2] = ["resources", "resizePolicy"];

/// The Pod with the resources that `new` wants for its containers, each found by its name (`dropNonResizeUpdates`).
pub(super) fn merge(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    for list in ["containers", "initContainers"] {
        let containers = merged["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mut wanted = new["spec"][list].as_array().into_iter().flatten();
            let Some(wanted) = wanted.find(|one| one["name"] == container["name"]) else {
                continue;
            };
            take_over(container, wanted);
        }
    }
    merged
}

fn take_over(container: &mut Value, wanted: &Value) {
    let Value::Object(fields) = container else {
        return;
    };
    for field in RESIZED {
        match wanted.get(field) {
            Some(value) => fields.insert(field.to_owned(), value.clone()),
            None => fields.remove(field),
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resize_is_about_resources_alone() {
        let old = json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "a", "image": "x:1", "resources": {"limits": {"cpu": "1"}}}, {"name": "b"}],
        }});
        let new = json!({"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {
            "nodeName": "n",
            "containers": [{"name": "a", "image": "x:2", "resources": {"limits": {"cpu": "2"}}}, {"name": "c"}],
        }});
        let mut expected = old.clone();
        expected["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("2");
        assert_eq!(merge(&old, &new), expected);
    }
}
