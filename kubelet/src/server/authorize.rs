//! Who may call: the API server by its client certificate, and administrators.

use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

const API_SERVER: &str = "kube-apiserver-kubelet-client";
const ADMINISTRATORS: &str = "system:masters";

/// Whether the holder of this certificate, which was verified, may call the kubelet.
pub(super) fn may_call(certificate: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let subject: &X509Name<'_> = certificate.subject();
    let is = |wanted: &'static str| {
        move |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str() == Ok(wanted)
    };
    subject.iter_common_name().any(is(API_SERVER))
        || subject.iter_organization().any(is(ADMINISTRATORS))
}
