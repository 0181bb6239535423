//! The steps that every request takes before anything is done, in their order.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use skiff_api::{Status, UserInfo};

use crate::api::Api;
use crate::encode::Failure;
use crate::limits::Room;
use crate::request::RequestInfo;
use crate::{aggregation, authn, authz};

/// Takes a request through all steps and counts its answer.
pub(crate) async fn run(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let info = Arc::new(RequestInfo::read(request.method(), request.uri()));
    let counted = api.metrics.begin(&info);
    let response = match admit(&api, &info, &mut request) {
        Ok(_room) => answer(&api, &info, request, next).await,
        Err(status) => Failure(status).into_response(),
    };
    counted.answered(&api, &info, response.status());
    response
}

/// Another server answers for its group, this one for all else.
async fn answer(api: &Api, info: &RequestInfo, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<Arc<UserInfo>>().cloned();
    match (api.aggregation.serves(&info.path), user) {
        (Some(backend), Some(user)) => {
            let answer = aggregation::forward(&backend, &user, request).await;
            answer.unwrap_or_else(|status| Failure(status).into_response())
        }
        _ => next.run(request).await,
    }
}

/// What the steps find out goes on with the request, as extensions: what is asked for, who asks, and for a long-running
/// request its place. The room of any other is held until its answer is there.
fn admit(
    api: &Arc<Api>,
    info: &Arc<RequestInfo>,
    request: &mut Request,
) -> Result<Option<Room>, Status> {
    let room = api.limits.enter(info, request.extensions_mut())?;
    let caller = authn::authenticate(api, info, request)?;
    let user = authz::impersonate(api, request.headers(), caller)?;
    authz::authorize(api, info, &user)?;
    let extensions = request.extensions_mut();
    extensions.insert(Arc::clone(info));
    extensions.insert(Arc::new(user));
    Ok(room)
}
