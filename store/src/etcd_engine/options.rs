//! Where a cluster's data lies in etcd, and how to get there.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::OpenError;

/// How long a member may take to accept a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(2);
/// How long a connection may be silent before it is asked whether it lives, and how long it may take to say so.
/// etcd turns clients away that ask more often than every five seconds.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Where a cluster's data lies in etcd, and how to get there.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// URLs of members, such as `https://10.0.0.1:2379`, the preferred one first. At least one; all `http` or all
    /// `https`.
    pub endpoints: Vec<String>,
    /// What every key begins with, a path such as `/skiff`, the default. Clusters that share an etcd have different ones,
    /// and nothing else may write below it.
    pub prefix: String,
    /// The PEM file with the CA of the members' certificates: with `https`.
    pub ca: Option<PathBuf>,
    /// The PEM file with the certificate to show to them: with `key`.
    pub cert: Option<PathBuf>,
    /// The PEM file with its private key: with `cert`.
    pub key: Option<PathBuf>,
    /// How long a commit, or the start, waits for an etcd that does not answer.
    pub timeout: Duration,
}

impl Default for EtcdOptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            prefix: "/skiff".into(),
            ca: None,
            cert: None,
            key: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl EtcdOptions {
    /// Holds the options against each other; the files are not read.
    pub(super) fn validate(&self) -> Result<(), OpenError> {
        let secured = |url: &String| url.starts_with("https://");
        let plain = |url: &String| url.starts_with("http://");
        let prefix = self.prefix.trim_end_matches('/');
        let rules = [
            ("endpoints", !self.endpoints.is_empty(), "there must be one"),
            (
                "endpoints",
                self.endpoints.iter().all(secured) || self.endpoints.iter().all(plain),
                "all must begin with https://, or all with http://",
            ),
            (
                "prefix",
                prefix.starts_with('/') && !prefix.contains('\0'),
                "it must be a path, such as /skiff",
            ),
            (
                "ca",
                self.ca.is_some() == self.endpoints.iter().all(secured),
                "it goes with endpoints that begin with https://, and they with it",
            ),
            (
                "cert",
                self.cert.is_none() || self.ca.is_some(),
                "it goes with endpoints that begin with https://",
            ),
            (
                "key",
                self.key.is_some() == self.cert.is_some(),
                "it goes with a cert, and a cert with it",
            ),
        ];
        match rules.iter().find(|(_, kept, _)| !kept) {
            None => Ok(()),
            Some((field, _, problem)) => Err(wrong(field, problem)),
        }
    }

    /// How to connect, with the files read.
    pub(super) fn connect(&self) -> Result<ConnectOptions, OpenError> {
        let options = ConnectOptions::new()
            .with_connect_timeout(CONNECTED_WITHIN)
            .with_keep_alive(PING_EVERY, PING_ANSWERED_WITHIN)
            .with_keep_alive_while_idle(false)
            // A member that has lost the others says so, and ends its watches.
            .with_require_leader(true);
        let Some(ca) = &self.ca else {
            return Ok(options);
        };
        let ca = certificates("ca", ca)?;
        let mut tls = TlsOptions::new().ca_certificate(Certificate::from_pem(ca));
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let (cert, key) = (certificates("cert", cert)?, private_key(key)?);
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        Ok(options.with_tls(tls))
    }
}

/// An option that cannot be right.
pub(super) fn wrong(field: &'static str, problem: impl ToString) -> OpenError {
    let problem = problem.to_string();
    OpenError::Etcd { field, problem }
}

fn certificates(field: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    let pem = read(path)?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(pem),
        Some(Err(error)) => Err(wrong(field, format!("{}: {error}", path.display()))),
        None => Err(wrong(
            field,
            format!("{} has no certificate", path.display()),
        )),
    }
}

fn private_key(path: &Path) -> Result<Vec<u8>, OpenError> {
    let pem = read(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(error) => Err(wrong("key", format!("{}: {error}", path.display()))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    fs::read(path).map_err(|source| OpenError::Io {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which option is wrong.
    fn field(options: &EtcdOptions) -> Option<&'static str> {
        match options.validate() {
            Ok(()) => None,
            Err(OpenError::Etcd { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    /// Endpoints, prefix, whether there are ca, cert and key, and the option that is wrong.
    type Case = (
        &'static [&'static str],
        &'static str,
        [bool; 3],
        Option<&'static str>,
    );

    #[test]
    fn what_is_wrong_is_named() {
        let cases: &[Case] = &[
            (&["http://a:1"], "/skiff", [false; 3], None),
            (&["http://a:1", "http://b:1"], "/one/two/", [false; 3], None),
            (&["https://a:1"], "/skiff", [true, false, false], None),
            (&["https://a:1"], "/skiff", [true; 3], None),
            (&[], "/skiff", [false; 3], Some("endpoints")),
            (&["a:1"], "/skiff", [false; 3], Some("endpoints")),
            (
                &["http://a:1", "https://b:1"],
                "/skiff",
                [true; 3],
                Some("endpoints"),
            ),
            (&["http://a:1"], "skiff", [false; 3], Some("prefix")),
            (&["http://a:1"], "/", [false; 3], Some("prefix")),
            (&["https://a:1"], "/skiff", [false; 3], Some("ca")),
            (&["http://a:1"], "/skiff", [true, false, false], Some("ca")),
            (&["http://a:1"], "/skiff", [false, true, true], Some("cert")),
            (&["https://a:1"], "/skiff", [true, true, false], Some("key")),
            (&["https://a:1"], "/skiff", [true, false, true], Some("key")),
        ];
        for (endpoints, prefix, [ca, cert, key], expected) in cases {
            let file = |there: &bool| there.then(|| PathBuf::from("file"));
            let options = EtcdOptions {
                endpoints: endpoints.iter().map(|url| (*url).to_owned()).collect(),
                prefix: (*prefix).to_owned(),
                ca: file(ca),
                cert: file(cert),
                key: file(key),
                ..EtcdOptions::default()
            };
            assert_eq!(field(&options), *expected, "{options:?}");
        }
    }

    #[test]
    fn a_file_that_holds_something_else_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let options = EtcdOptions {
            ca: Some(path.clone()),
            ..EtcdOptions::default()
        };
        assert!(matches!(options.connect(), Err(OpenError::Io { .. })));
        fs::write(&path, "no PEM").unwrap();
        let error = options.connect().map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("`ca`") && error.contains("ca.pem"),
            "{error}"
        );
    }
}
