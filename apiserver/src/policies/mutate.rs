//! Policies that may change an object.

use serde_json::Value;
use skiff_api::policies::{Facts, MutatingPolicy};
use skiff_api::{Reason, Schema, Status};

use super::invocations::{Invocation, of_request};
use super::{Known, Policies, because};
use crate::matching::{Operation, Request, Seen};

/// A policy with a binding that is to change an object.
pub(crate) struct Mutation(Invocation<MutatingPolicy>);

/// The policies that a request meets, in their order. There are none for a delete.
pub(crate) async fn mutations(
    policies: &Policies,
    request: &Request<'_>,
) -> Result<Vec<Mutation>, Status> {
    if request.attributes.operation == Operation::Delete {
        return Ok(Vec::new());
    }
    let invocations = of_request(policies, &policies.mutating, request).await?;
    Ok(invocations.into_iter().map(Mutation).collect())
}

impl Mutation {
    /// In which version it is about the request.
    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// Whether it wants to see what others changed after it.
    pub(crate) fn is_reinvoked(&self) -> bool {
        self.0.policy.reinvoked
    }

    /// The object as the policy changes it.
    pub(crate) fn applied(
        &self,
        policies: &Policies,
        request: &Request<'_>,
        schema: &Schema,
    ) -> Result<Value, Status> {
        let Invocation { policy, params, .. } = &self.0;
        let (compiled, params) = match (&policy.compiled, params) {
            (Ok(compiled), Ok(params)) => (compiled, params),
            (_, Err(why)) | (Err(why), _) => {
                return self.failed(request, why, None);
            }
        };
        let known = Known::of(policies, request)?;
        let mut object = request.object.clone();
        for params in params {
            let facts = Facts {
                object: &object,
                ..known.as_facts()
            };
            match compiled.mutated(&facts, params.as_ref(), schema) {
                Ok(changed) => object = changed,
                Err(why) => return self.failed(request, &why.message, Some(why.reason)),
            }
        }
        Ok(object)
    }

    /// What follows from a failure: the object stays, or the request is refused.
    fn failed(
        &self,
        request: &Request<'_>,
        why: &str,
        reason: Option<Reason>,
    ) -> Result<Value, Status> {
        let Invocation {
            policy, binding, ..
        } = &self.0;
        let name = &policy.name;
        if policy.ignores_failure {
            tracing::warn!(policy = name, why, "a policy failed, which is ignored");
            return Ok(request.object.clone());
        }
        let message = match binding {
            Some(binding) => {
                let bound = &binding.name;
                format!("policy '{name}' with binding '{bound}' denied request: {why}")
            }
            None => format!("policy {name:?} denied request: {why}"),
        };
        let mut status = request.forbidden("");
        status.own_code = Some(status.code());
        status.reason = reason.unwrap_or(status.reason);
        status.message.clone_from(&message);
        Err(because(status, &message))
    }
}
