//! The rules of IngressBackend.

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks};
use crate::names;

/// What is wrong with a backend (`validateIngressBackend`).
pub(super) fn validate(backend: &Field<'_>, errors: &mut Errors) {
    let (resource, service) = (backend.get("resource"), backend.get("service"));
    let of_backend = |words: &str| Error::invalid(backend.path(), "", words);
    match (resource.is_set(), service.is_set()) {
        (true, true) => errors.push(of_backend("cannot set both resource and service backends")),
        (true, false) => typed_reference(&resource, errors),
        (false, true) => self::service(backend, &service, errors),
        (false, false) => errors.push(of_backend("resource or service backend is required")),
    }
}

fn service(backend: &Field<'_>, service: &Field<'_>, errors: &mut Errors) {
    checks::required_name(&service.get("name"), names::dns1035_label, errors);
    let port = service.get("port");
    let (name, number) = (port.get("name"), port.get("number"));
    let has_number = number.int().unwrap_or_default() != 0;
    match (!name.is_empty(), has_number) {
        (true, true) => {
            let words = "cannot set both port name & port number";
            errors.push(Error::invalid(backend.path(), "", words));
        }
        (true, false) => checks::name(&name, names::port_name, errors),
        (false, true) => {
            let wrong = names::port_number(number.int().unwrap_or_default());
            errors.extend(number.invalid_each(wrong));
        }
        (false, false) => errors.push(backend.required("port name or number is required")),
    }
}

/// A reference to an object of any kind (`validateIngressTypedLocalObjectReference`).
pub(crate) fn typed_reference(reference: &Field<'_>, errors: &mut Errors) {
    checks::name(&reference.get("apiGroup"), names::dns_subdomain, errors);
    for field in ["kind", "name"] {
        let value = reference.get(field);
        if value.is_empty() {
            errors.push(value.required(&format!("{field} is required")));
        }
        checks::name(&value, names::path_segment, errors);
    }
}
