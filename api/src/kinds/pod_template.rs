//! PodTemplates: a template by itself, for programs that make Pods.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{items, joined, labels};
use super::common::defaults::ensure;
use super::common::{Field, cells, describe};
use super::pod_spec;
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(describe::CORE, "PodTemplate", "podtemplates", PodTemplate)
}

pub(super) struct PodTemplate;

impl Strategy for PodTemplate {
    fn default(&self, object: &mut Value) {
        if let Some(template) = ensure(object, "template") {
            pod_spec::default_template(template);
        }
    }

    fn validate(&self, object: &Value) -> Errors {
        let mut errors = Errors::new();
        let template = Field::root(object).get("template");
        pod_spec::validate_job_template(&template, &[], &mut errors);
        errors
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        pod_spec::warnings(&Field::root(object).get("template").get("spec"))
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Containers", "string"),
            Column::new("Images", "string"),
            Column::new("Pod Labels", "string"),
        ]
    }

    fn cells(&self, object: &Value, _: Timestamp) -> Vec<Value> {
        let containers = items(object, "/template/spec/containers");
        vec![
            cells::name(object),
            joined(containers, |container| cells::text(container, "/name")).into(),
            joined(containers, |container| cells::text(container, "/image")).into(),
            labels(&object["template"]["metadata"]["labels"]).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    #[test]
    fn a_template_in_the_list() {
        let object = json!({
            "metadata": {"name": "web"},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]},
            },
        });
        let object = created(&PodTemplate, &object);
        assert_eq!(object["template"]["spec"]["restartPolicy"], "Always");
        let row = [
            ("Name", json!("web")),
            ("Containers", json!("a,b")),
            ("Images", json!("x:1,y:1")),
            ("Pod Labels", json!("app=web")),
        ];
        assert_row(&PodTemplate, &object, &row);
    }

    #[test]
    fn a_template_without_containers() {
        let object = json!({"metadata": {"name": "web"}, "template": {"spec": {}}});
        assert_eq!(
            create_errors(&PodTemplate, &object),
            ["template.spec.containers: Required value"]
        );
    }
}
