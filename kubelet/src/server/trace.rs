//! `/debug/trace?subject=…`: the stamps of this machine's process, those of all components that it runs.

use axum::Json;
use axum::extract::Query;
use skiff_api::trace::{Stamp, stamps_of};

/// The stamps of the subjects that the query names.
pub(super) async fn serve(Query(query): Query<Vec<(String, String)>>) -> Json<Vec<Stamp>> {
    let subjects = query.into_iter().filter(|(key, _)| key == "subject");
    let subjects: Vec<String> = subjects.map(|(_, subject)| subject).collect();
    Json(stamps_of(&subjects))
}
