//! Who may only refuse: policies, and then webhooks, all at once, on the object as it is to be stored.

use futures::future::join_all;
use serde_json::Value;
use skiff_api::Status;

use super::Webhooks;
use super::call::ask;
use super::hook::Hook;
use crate::matching::{Attributes, Request, Resource, View};
use crate::policies;

impl Webhooks {
    /// Asks all of them; the first refusal counts. `object` is null for a delete.
    pub(crate) async fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<(), Status> {
        match self.can_refuse() {
            // Apart, because it is large and rare.
            true => Box::pin(self.validated(attributes, object, old)).await,
            false => Ok(()),
        }
    }

    async fn validated(
        &self,
        attributes: &Attributes<'_>,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<(), Status> {
        let resource = Resource::of(&self.objects.kinds, attributes);
        let request = Request::new(attributes, object, old, &resource);
        policies::validate(&self.policies, &request).await?;
        if attributes.is_exempt() {
            return Ok(());
        }
        let snapshot = self.objects.store.snapshot();
        let mut wanted = Vec::new();
        for hook in self.validating() {
            if let Some(seen) = request.goes_to(&hook, &snapshot)? {
                wanted.push((hook, seen));
            }
        }
        let mut views: Vec<(&Hook, View<'_>)> = Vec::new();
        for (hook, seen) in &wanted {
            let view = View::of(&self.objects, &request, seen).await?;
            if view.request().meets_conditions(&self.policies, hook)? {
                views.push((hook, view));
            }
        }
        let asked = views.iter().map(|(hook, view)| async move {
            let request = view.request();
            ask(hook, &request, false).await
        });
        let answers = join_all(asked).await;
        answers
            .into_iter()
            .try_for_each(|answer| answer.map(|_| ()))
    }
}
