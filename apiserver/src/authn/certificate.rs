//! The user that a client certificate names.

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use skiff_api::UserInfo;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The user of a verified certificate: its subject's CN is the name, each O a group, and the certificate's digest says
/// which one was shown (`authentication.kubernetes.io/credential-id`). `None` without a CN.
pub(crate) fn user_of_certificate(certificate: &CertificateDer<'_>) -> Option<UserInfo> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let mut user = user_of_subject(parsed.subject())?;
    let digest = Sha256::digest(certificate);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    user.extra.insert(
        "authentication.kubernetes.io/credential-id".to_owned(),
        vec![format!("X509SHA256={digest}")],
    );
    Some(user)
}

fn user_of_subject(subject: &X509Name<'_>) -> Option<UserInfo> {
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok());
    (!name.is_empty()).then(|| UserInfo::new(name, groups))
}
