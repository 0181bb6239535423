//! What marks the Pods of a Job.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use kube::ResourceExt;

use super::spec;
use crate::ownership::controller_reference;
use crate::pods::from_template;

/// Keeps a Pod until the Job's status has counted it.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// The longest base of a generated name (`maxGeneratedNameLength` of Kubernetes).
const NAME_BASE_MAX: usize = 58;

/// Whether it waits to be counted.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.finalizers().iter().any(|one| one == FINALIZER)
}

/// The name of the Job it was made by, whoever owns it now.
pub(super) fn job_name(pod: &Pod) -> Option<&str> {
    pod.labels().get(JOB_NAME).map(String::as_str)
}

/// The completion that it works on.
pub(super) fn index(pod: &Pod) -> Option<u32> {
    number(pod, INDEX)
}

/// How often its index had failed when it was made.
pub(super) fn earlier_failures(pod: &Pod) -> Failures {
    Failures {
        counted: number(pod, FAILURES).unwrap_or(0),
        ignored: number(pod, IGNORED_FAILURES).unwrap_or(0),
    }
}

fn number(pod: &Pod, annotation: &str) -> Option<u32> {
    pod.annotations().get(annotation)?.parse().ok()
}

/// How often an index has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    /// Those that count against `backoffLimitPerIndex`.
    pub(super) counted: u32,
    /// Those that the `podFailurePolicy` ignores.
    pub(super) ignored: u32,
}

/// A Pod to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NewPod {
    /// Its completion, in an Indexed Job.
    pub(super) index: Option<u32>,
    /// Of its index, if indexes fail by themselves.
    pub(super) failures: Option<Failures>,
}

impl NewPod {
    /// The Pod itself; the API server completes its name.
    pub(super) fn of(self, job: &Job) -> Pod {
        let template = job.spec.as_ref().map(|spec| spec.template.clone());
        let namespace = job.namespace().unwrap_or_default();
        let owner = controller_reference(job);
        let mut pod = from_template(&template.unwrap_or_default(), &namespace, owner);
        let finalizers = pod.finalizers_mut();
        if !finalizers.iter().any(|one| one == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        if let Some(index) = self.index {
            number_pod(&mut pod, job, index);
        }
        if let Some(failures) = self.failures {
            let annotations = pod.annotations_mut();
            annotations.insert(FAILURES.to_owned(), failures.counted.to_string());
            if failures.ignored > 0 {
                annotations.insert(IGNORED_FAILURES.to_owned(), failures.ignored.to_string());
            }
        }
        pod
    }
}

/// Tells a Pod its index: by a label, an annotation, a variable of each container, and the name of its host.
fn number_pod(pod: &mut Pod, job: &Job, index: u32) {
    let name = job.name_any();
    let mut base: String = format!("{name}-{index}");
    base.truncate(NAME_BASE_MAX);
    pod.metadata.generate_name = Some(format!("{base}-"));
    let mark = |map: &mut BTreeMap<String, String>| map.insert(INDEX.to_owned(), index.to_string());
    mark(pod.labels_mut());
    mark(pod.annotations_mut());
    let Some(spec) = &mut pod.spec else { return };
    spec.hostname = Some(format!("{name}-{index}"));
    let init = spec.init_containers.iter_mut().flatten();
    for container in init.chain(&mut spec.containers) {
        let variables = container.env.get_or_insert_default();
        if !variables.iter().any(|one| one.name == INDEX_VARIABLE) {
            variables.push(index_variable());
        }
    }
}

fn index_variable() -> EnvVar {
    EnvVar {
        name: INDEX_VARIABLE.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: format!("metadata.labels['{INDEX}']"),
            }),
            ..EnvVarSource::default()
        }),
    }
}

/// The completion that it works on, if the Job has that one.
pub(super) fn index_within(job: &Job, pod: &Pod) -> Option<u32> {
    let end = spec::completions(job)?;
    index(pod).filter(|index| spec::is_indexed(job) && *index < end)
}
