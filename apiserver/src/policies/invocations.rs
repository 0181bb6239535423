//! What a request makes of the policies in force: which of them it meets, by which binding, with which parameters.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::Status;

use super::binding::Binding;
use super::policy::{Compiled, Policy};
use super::table::Table;
use super::{Policies, params};
use crate::matching::{Request, Seen};

/// A policy that is to be evaluated.
pub(super) struct Invocation<C> {
    pub(super) policy: Arc<Policy<C>>,
    /// In which version the policy is about the request.
    pub(super) seen: Seen,
    /// `None` if the policy itself is of no use.
    pub(super) binding: Option<Arc<Binding>>,
    /// One evaluation each; null where there are no parameters. Or why there are none.
    pub(super) params: Result<Vec<Option<Value>>, String>,
}

/// What is to be evaluated for a request, in the order of names.
pub(super) async fn of_request<C: Compiled>(
    policies: &Policies,
    table: &Table<C>,
    request: &Request<'_>,
) -> Result<Vec<Invocation<C>>, Status> {
    let mut invocations = Vec::new();
    if request.attributes.is_policy() {
        return Ok(invocations);
    }
    let snapshot = policies.objects.store.snapshot();
    for (policy, bindings) in table.in_force() {
        let Some(seen) = policy.constraints.match_request(request, &snapshot)? else {
            continue;
        };
        if let Err(why) = usable(policies, &policy) {
            invocations.push(Invocation {
                policy,
                seen,
                binding: None,
                params: Err(format!("failed to configure policy: {why}")),
            });
            continue;
        }
        for binding in bindings {
            let constraints = binding.constraints.as_ref();
            let met = constraints.map(|wanted| wanted.match_request(request, &snapshot));
            if matches!(met.transpose()?, Some(None)) {
                continue;
            }
            let params = params_of(policies, &policy, &binding, request).await;
            invocations.push(Invocation {
                policy: Arc::clone(&policy),
                seen: seen.clone(),
                binding: Some(binding),
                params: params.map_err(|why| format!("failed to configure binding: {why}")),
            });
        }
    }
    Ok(invocations)
}

fn usable<C>(policies: &Policies, policy: &Policy<C>) -> Result<(), String> {
    if let Err(why) = &policy.compiled {
        return Err(why.clone());
    }
    match &policy.param_kind {
        Some(kind) => params::descriptor(policies, kind).map(|_| ()),
        None => Ok(()),
    }
}

async fn params_of<C>(
    policies: &Policies,
    policy: &Policy<C>,
    binding: &Binding,
    request: &Request<'_>,
) -> Result<Vec<Option<Value>>, String> {
    let (Some(kind), Some(reference)) = (&policy.param_kind, &binding.params) else {
        return Ok(vec![None]);
    };
    let descriptor = params::descriptor(policies, kind)?;
    let namespace = request.attributes.namespace;
    let chosen = params::chosen(policies, &descriptor, reference, namespace).await?;
    Ok(chosen.into_iter().map(Some).collect())
}
