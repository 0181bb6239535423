//! Policies that may only refuse.

use skiff_api::policies::{Refusal, Scene, ValidatingPolicy};
use skiff_api::{Reason, Status};
use std::collections::BTreeMap;

use super::binding::Binding;
use super::invocations::{Invocation, of_request};
use super::{Known, Policies, because};
use crate::matching::{Request, View};

/// Asks all policies; the first refusal counts, warnings of all others are given.
pub(crate) async fn validate(policies: &Policies, request: &Request<'_>) -> Result<(), Status> {
    let invocations = of_request(policies, &policies.validating, request).await?;
    if invocations.is_empty() {
        return Ok(());
    }
    let mut scenes = BTreeMap::new();
    let mut denied = None;
    for invocation in &invocations {
        let version = invocation.seen.name();
        if !scenes.contains_key(&version) {
            let view = View::of(&policies.objects, request, &invocation.seen).await?;
            let scene = Scene::new(&Known::of(policies, &view.request())?.as_facts());
            scenes.insert(version.clone(), scene);
        }
        for refusal in refusals(invocation, &scenes[&version]) {
            if let Some(message) = follow(request, invocation, &refusal) {
                denied.get_or_insert((message, refusal.reason));
            }
        }
    }
    match denied {
        None => Ok(()),
        Some((message, reason)) => {
            let mut status = request.forbidden(&message);
            status.reason = reason;
            Err(because(status, &message))
        }
    }
}

/// Why a policy refuses the request, for all its parameters.
fn refusals(invocation: &Invocation<ValidatingPolicy>, scene: &Scene) -> Vec<Refusal> {
    let policy = &invocation.policy;
    let (compiled, params) = match (&policy.compiled, &invocation.params) {
        (Ok(compiled), Ok(params)) => (compiled, params),
        (_, Err(why)) | (Err(why), _) => {
            let failed = Refusal {
                message: why.clone(),
                reason: Reason::Invalid,
                is_failure: true,
            };
            return vec![failed];
        }
    };
    let params = params.iter();
    params
        .flat_map(|params| compiled.refusals(scene, params.as_ref()))
        .collect()
}

/// What follows from a refusal: a message by which the request is denied, a warning, or nothing.
fn follow(
    request: &Request<'_>,
    invocation: &Invocation<ValidatingPolicy>,
    refusal: &Refusal,
) -> Option<String> {
    let policy = &invocation.policy;
    let message = &refusal.message;
    if refusal.is_failure && policy.ignores_failure {
        tracing::warn!(
            policy = policy.name,
            message,
            "a policy failed, which is ignored"
        );
        return None;
    }
    let name = &policy.name;
    let Some(binding) = &invocation.binding else {
        return Some(format!(
            "ValidatingAdmissionPolicy '{name}' denied request: {message}"
        ));
    };
    let Binding {
        name: bound,
        warns,
        audits,
        ..
    } = binding.as_ref();
    if *audits {
        let attributes = request.attributes;
        tracing::info!(
            policy = name,
            binding = bound,
            user = attributes.user.name,
            operation = attributes.operation.as_str(),
            resource = attributes.resource[2],
            namespace = attributes.namespace,
            name = attributes.name,
            message,
            "a policy does not hold"
        );
    }
    if let Some(warnings) = request.attributes.warnings.filter(|_| *warns) {
        warnings.add(&format!(
            "Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{bound}': {message}"
        ));
    }
    // What cannot be configured is denied, whatever the binding says.
    let denies = binding.denies || invocation.params.is_err();
    denies.then(|| {
        format!(
            "ValidatingAdmissionPolicy '{name}' with binding '{bound}' denied request: {message}"
        )
    })
}
