//! Who writes, as managedFields name him.

use http::{HeaderMap, header};
use skiff_api::field::{Error, Errors, Path};
use skiff_api::{GroupKind, Status};

use super::RequestInfo;

/// The parameter that names him.
pub(crate) const FIELD_MANAGER: &str = "fieldManager";
/// A longer name is refused, or cut if it is that of the program (meta/v1 validation).
const MAX_BYTES: usize = 128;

/// The request's `fieldManager`, or else the program in its User-Agent; 422 for a name that is too long or unreadable.
pub(crate) fn field_manager<'a>(
    info: &'a RequestInfo,
    headers: &'a HeaderMap,
) -> Result<&'a str, Status> {
    let Some(manager) = info.query.get(FIELD_MANAGER) else {
        return Ok(program(headers));
    };
    let path = Path::root(FIELD_MANAGER);
    let mut errors = Errors::new();
    if manager.len() > MAX_BYTES {
        errors.push(Error::too_long(&path, MAX_BYTES));
    }
    if let Some(at) = manager.find(char::is_control) {
        let words = format!("should only contain printable characters (found one at index {at})");
        errors.push(Error::invalid(&path, manager, words));
    }
    if errors.is_empty() {
        Ok(manager)
    } else {
        Err(Status::invalid(&options_kind(info.verb), "", &errors))
    }
}

/// `kubectl` of `kubectl/v1.33.0 (linux/amd64)`; a header that is text at all is printable.
fn program(headers: &HeaderMap) -> &str {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let program = agent.split('/').next().unwrap_or_default();
    &program[..program.len().min(MAX_BYTES)]
}

/// The kind of the options that came with a request, as errors name it.
pub(crate) fn options_kind(verb: &str) -> GroupKind {
    let kind = match verb {
        "create" => "CreateOptions",
        "patch" => "PatchOptions",
        "delete" => "DeleteOptions",
        _ => "UpdateOptions",
    };
    GroupKind {
        group: "meta.k8s.io".into(),
        kind: kind.into(),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn the_parameter_counts_then_the_program() {
        let long = "m".repeat(129);
        let cases = [
            ("/x?fieldManager=ci", "kubectl/v1.33", Ok("ci")),
            ("/x?fieldManager=", "kubectl/v1.33 (linux)", Ok("kubectl")),
            ("/x", "Mozilla", Ok("Mozilla")),
            ("/x", "", Ok("")),
            (
                "/x?fieldManager=a%0Ab",
                "",
                Err(
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"a\\nb\": should only contain printable characters (found one at index 1)",
                ),
            ),
            (
                &format!("/x?fieldManager={long}"),
                "",
                Err(
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes",
                ),
            ),
        ];
        for (url, agent, expected) in cases {
            let info = RequestInfo::read(
                &Method::PATCH,
                &format!("/api/v1/namespaces/default/pods{url}")
                    .parse()
                    .unwrap(),
            );
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().unwrap());
            let manager = field_manager(&info, &headers).map_err(|status| status.message);
            assert_eq!(manager, expected.map_err(str::to_owned), "{url}");
        }
    }
}
