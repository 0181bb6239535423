//! Requests for certificates: who asked is written down, who decides and who signs must be allowed to for that signer
//! (the plugins CertificateApproval, CertificateSigning and CertificateSubjectRestriction).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use skiff_api::field::{Error, Path};
use skiff_api::{Status, UserInfo, metadata};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::{Part, Write};
use crate::authz::{Attributes, Authorizer, ResourceAttributes};

const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
const MASTERS: &str = "system:masters";

/// Writes down who asks; what the request itself says of that does not count.
pub(super) fn admit(user: &UserInfo, request: &mut Value) {
    let Some(spec) = request["spec"].as_object_mut() else {
        return;
    };
    set(spec, "username", json!(user.name), user.name.is_empty());
    set(spec, "uid", json!(user.uid), user.uid.is_empty());
    set(spec, "groups", json!(user.groups), user.groups.is_empty());
    set(spec, "extra", json!(user.extra), user.extra.is_empty());
}

fn set(spec: &mut Map<String, Value>, field: &str, value: Value, is_empty: bool) {
    spec.remove(field);
    if !is_empty {
        spec.insert(field.to_owned(), value);
    }
}

/// Refuses a decision or a certificate by somebody who may not give it.
pub(super) fn permit(authorizer: &Authorizer, write: &Write<'_>) -> Result<(), Status> {
    let Some(old) = write.old else {
        return sound(write);
    };
    let signer = old["spec"]["signerName"].as_str().unwrap_or_default();
    let signs = old["status"]["certificate"] != write.new["status"]["certificate"];
    match write.part {
        Part::Approval if !may(authorizer, write.user, "approve", signer) => Err(forbidden(
            write,
            &format!("user not permitted to approve requests with signerName {signer:?}"),
        )),
        Part::Status if signs && !may(authorizer, write.user, "sign", signer) => Err(forbidden(
            write,
            &format!("user not permitted to sign requests with signerName {signer:?}"),
        )),
        _ => Ok(()),
    }
}

/// Whether the user may do that for the signer, by its name or by `domain/*`.
fn may(authorizer: &Authorizer, user: &UserInfo, verb: &str, signer: &str) -> bool {
    let domain = signer.split('/').next().unwrap_or_default();
    [signer, &format!("{domain}/*")].into_iter().any(|name| {
        let wanted = ResourceAttributes {
            verb,
            group: "certificates.k8s.io",
            resource: "signers",
            name,
            ..ResourceAttributes::default()
        };
        authorizer.allows(user, &Attributes::Resource(wanted))
    })
}

/// A new request can be read, and asks for no masters.
fn sound(write: &Write<'_>) -> Result<(), Status> {
    let spec = &write.new["spec"];
    let text = spec["request"].as_str().unwrap_or_default();
    let groups = groups_in(text).map_err(|why| {
        let path = Path::root("spec").child("request");
        let error = Error::invalid(&path, text, why);
        let kind = write.descriptor.group_kind();
        Status::invalid(&kind, metadata::name(write.new), &[error])
    })?;
    if spec["signerName"] == CLIENT_SIGNER && groups.iter().any(|group| group == MASTERS) {
        let why = format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed");
        return Err(forbidden(write, &why));
    }
    Ok(())
}

/// The groups that a request in base64 asks for; or why it cannot be read.
fn groups_in(request: &str) -> Result<Vec<String>, String> {
    let pem = BASE64.decode(request).map_err(|error| error.to_string())?;
    let (_, der) = x509_parser::pem::parse_x509_pem(&pem).map_err(|error| error.to_string())?;
    let (_, parsed) =
        X509CertificationRequest::from_der(&der.contents).map_err(|error| error.to_string())?;
    let subject = &parsed.certification_request_info.subject;
    let groups = subject.iter_organization();
    Ok(groups
        .filter_map(|group| group.as_str().ok().map(str::to_owned))
        .collect())
}

fn forbidden(write: &Write<'_>, why: &str) -> Status {
    let resource = write.descriptor.group_resource();
    Status::forbidden(&resource, metadata::name(write.new), why)
}
