//! The steps that every request takes before anything is done, in their order.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use skiff_api::{Status, UserInfo};

use crate::api::Api;
use crate::encode::Failure;
use crate::limits::Room;
use crate::request::{BodyRoom, RequestInfo, is_remote};
use crate::{aggregation, authn, authz, deadline, panics};

/// What the steps found out of a request that may go on.
struct Admitted {
    user: Arc<UserInfo>,
    /// How long its answer may take.
    time: Option<Duration>,
    /// Held until its answer is there; a long-running one has a place instead, as an extension.
    _room: Option<Room>,
    /// Likewise.
    _body_room: Option<BodyRoom>,
}

/// Takes a request through all steps and counts its answer.
pub(crate) async fn run(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let info = Arc::new(RequestInfo::read(request.method(), request.uri()));
    let counted = api.metrics.begin(&info);
    let response = match admit(&api, &info, &mut request) {
        Ok(admitted) => serve(&api, &info, &admitted, request, next).await,
        Err(status) => Err(status),
    };
    let response = response.unwrap_or_else(|status| Failure(status).into_response());
    let target = info.target.as_ref();
    let known = target.is_some_and(|target| api.kinds.serves(target));
    counted.answered(&api.metrics, &info, known, response.status());
    response
}

/// Answers in time, and also if that panics.
async fn serve(
    api: &Api,
    info: &RequestInfo,
    admitted: &Admitted,
    request: Request,
    next: Next,
) -> Result<Response, Status> {
    let user = &admitted.user;
    // In one place from now on: it is large, and what is around it would move it.
    let answer = Box::pin(answer(api, info, user, request, next));
    let answer = deadline::within(admitted.time, answer);
    let answered = panics::caught(info, user, answer).await;
    answered.inspect_err(|_| api.metrics.panicked())?
}

/// Another server answers for its group, this one for all else.
async fn answer(
    api: &Api,
    info: &RequestInfo,
    user: &UserInfo,
    request: Request,
    next: Next,
) -> Response {
    match api.aggregation.serves(&info.path) {
        Some(backend) => {
            let answer = aggregation::forward(&api.limits, &backend, user, request).await;
            answer.unwrap_or_else(|status| Failure(status).into_response())
        }
        None => next.run(request).await,
    }
}

/// What the steps find out goes on with the request, as extensions: what is asked for, who asks, and for a long-running
/// request its place.
fn admit(api: &Api, info: &Arc<RequestInfo>, request: &mut Request) -> Result<Admitted, Status> {
    // Components of this process know themselves how long they wait.
    let time = match is_remote(request.extensions()) {
        true => deadline::of(info)?,
        false => None,
    };
    let caller = authn::authenticate(&api.tokens, &api.store, request)?;
    let is_stranger = authn::is_stranger(&caller);
    let refuse = |refusal| match is_stranger {
        true => Status::unauthorized(),
        false => refusal,
    };
    let user = authz::impersonate(&api.authorizer, request.headers(), caller);
    let user = Arc::new(user.map_err(refuse)?);
    let room = api.limits.enter(info, &user, request.extensions_mut())?;
    authz::authorize(&api.authorizer, info, &user).map_err(refuse)?;
    let extensions = request.extensions_mut();
    extensions.insert(Arc::clone(info));
    extensions.insert(Arc::clone(&user));
    Ok(Admitted {
        user,
        time,
        _room: room,
        _body_room: extensions.get().cloned(),
    })
}
