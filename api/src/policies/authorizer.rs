//! `authorizer`: what the user of a request may do beside it
//! (<https://pkg.go.dev/k8s.io/apiserver/pkg/cel/library#Authz>).

use std::sync::Arc;

use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::Opaque;
use kube_cel::cel::{Context, ExecutionError, FunctionContext, ResolveResult, Value as Cel};

use super::calls::REQUEST_RESOURCE;
use super::question::Question;
use super::run::Run;

/// How far a question is, as its functions build it; and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Authorizer(Question),
    Group(Question),
    Check(Question),
    Decision { allowed: bool, reason: String },
}

impl Opaque for Step {
    fn runtime_type_name(&self) -> &str {
        match self {
            Self::Authorizer(_) => "kubernetes.authorization.Authorizer",
            Self::Group(_) => "kubernetes.authorization.GroupCheck",
            Self::Check(_) => "kubernetes.authorization.ResourceCheck",
            Self::Decision { .. } => "kubernetes.authorization.Decision",
        }
    }
}

impl Step {
    fn of(value: &Cel) -> Result<Self, ExecutionError> {
        let step = match value {
            Cel::Opaque(opaque) => opaque.downcast_ref::<Self>().cloned(),
            _ => None,
        };
        step.ok_or(ExecutionError::NoSuchOverload)
    }

    fn into_cel(self) -> Cel {
        Cel::Opaque(Arc::new(self))
    }
}

/// The value of `authorizer`.
pub(super) fn of_user() -> Cel {
    Step::Authorizer(Question::default()).into_cel()
}

/// Adds the functions.
pub(super) fn register(context: &mut Context<'_>) {
    context.add_function(REQUEST_RESOURCE, |call: &FunctionContext<'_, '_>| {
        Ok::<Cel, ExecutionError>(Step::Check(Run::of(call)?.requested.clone()).into_cel())
    });
    for name in [
        "path",
        "group",
        "serviceAccount",
        "resource",
        "subresource",
        "namespace",
        "name",
    ] {
        context.add_function(name, build);
    }
    context.add_function("check", check);
    context.add_function("allowed", |This(decision): This<Cel>| {
        answer(&decision, |allowed, _| Cel::Bool(allowed))
    });
    context.add_function("reason", |This(decision): This<Cel>| {
        answer(&decision, |_, reason| Cel::String(Arc::new(reason)))
    });
    context.add_function("errored", |This(decision): This<Cel>| {
        answer(&decision, |_, _| Cel::Bool(false))
    });
    context.add_function("error", |This(decision): This<Cel>| {
        answer(&decision, |_, _| Cel::String(Arc::default()))
    });
}

/// One more word of a question.
fn build(
    call: &FunctionContext<'_, '_>,
    This(step): This<Cel>,
    Arguments(args): Arguments,
) -> ResolveResult {
    let mut texts = Vec::new();
    for arg in args.iter() {
        let Cel::String(text) = arg else {
            return Err(ExecutionError::NoSuchOverload);
        };
        texts.push(text.as_ref().clone());
    }
    let next = match (Step::of(&step)?, call.name, texts.as_slice()) {
        (Step::Authorizer(question), "path", [path]) => Step::Check(Question {
            path: Some(path.clone()),
            ..question
        }),
        (Step::Authorizer(question), "group", [group]) => Step::Group(Question {
            group: group.clone(),
            ..question
        }),
        (Step::Authorizer(question), "serviceAccount", [namespace, name]) => {
            Step::Authorizer(Question {
                service_account: Some((namespace.clone(), name.clone())),
                ..question
            })
        }
        (Step::Group(question), "resource", [resource]) => Step::Check(Question {
            resource: resource.clone(),
            ..question
        }),
        (Step::Check(mut question), field, [text]) if question.path.is_none() => {
            let place = match field {
                "subresource" => &mut question.subresource,
                "namespace" => &mut question.namespace,
                "name" => &mut question.name,
                _ => return Err(ExecutionError::NoSuchOverload),
            };
            place.clone_from(text);
            Step::Check(question)
        }
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    Ok(next.into_cel())
}

/// What a question costs (as in Kubernetes).
const COST: u64 = 350_000;

fn check(
    call: &FunctionContext<'_, '_>,
    This(step): This<Cel>,
    verb: Arc<String>,
) -> ResolveResult {
    let Step::Check(mut question) = Step::of(&step)? else {
        return Err(ExecutionError::NoSuchOverload);
    };
    question.verb.clone_from(&verb);
    let run = Run::of(call)?;
    run.pay(COST, 0)?;
    let (allowed, reason) = run.authority.decide(&question);
    Ok(Step::Decision { allowed, reason }.into_cel())
}

fn answer(decision: &Cel, of: impl FnOnce(bool, String) -> Cel) -> ResolveResult {
    match Step::of(decision)? {
        Step::Decision { allowed, reason } => Ok(of(allowed, reason)),
        _ => Err(ExecutionError::NoSuchOverload),
    }
}
