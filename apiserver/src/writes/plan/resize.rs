use serde_json::Value;

/// What of a Pod and of its containers a resize takes over.
const OF_POD: [&str; 1] = ["resources"];
const OF_CONTAINER: [&str; 2] = ["resources", "resizePolicy"];

/// The Pod with the resources that `new` wants for it and its containers, each found by its name (`dropNonResizeUpdates`).
pub(super) fn merge(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    take_over(&mut merged["spec"], &new["spec"], &OF_POD);
    for list in ["containers", "initContainers"] {
        let containers = merged["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mut wanted = new["spec"][list].as_array().into_iter().flatten();
            let Some(wanted) = wanted.find(|one| one["name"] == container["name"]) else {
                continue;
            };
            take_over(container, wanted, &OF_CONTAINER);
        }
    }
    merged
}

fn take_over(owner: &mut Value, wanted: &Value, names: &[&str]) {
    let Value::Object(fields) = owner else {
        return;
    };
    for name in names {
        match wanted.get(name) {
            Some(value) => fields.insert((*name).to_owned(), value.clone()),
            None => fields.remove(*name),
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
            "resources": {"requests": {"cpu": "3"}},
            "containers": [{"name": "a", "image": "x:2", "resources": {"limits": {"cpu": "2"}}}, {"name": "c"}],
        }});
        let mut expected = old.clone();
        expected["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("2");
        expected["spec"]["resources"] = json!({"requests": {"cpu": "3"}});
        assert_eq!(merge(&old, &new), expected);
    }
}
