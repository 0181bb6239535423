//! An etcd that trusts nobody without a certificate.

use std::{fs, path::Path, path::PathBuf, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use skiff_store::{EtcdEngine, EtcdOptions, OpenError, Options, Store};

use crate::{
    common::put,
    members::{Members, address},
};

struct Authority {
    ca: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(ca: PathBuf) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(&ca, params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { ca, issuer }
    }

    /// The files of a certificate for this machine and its key.
    fn issue(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![address().to_string()]).unwrap();
        // etcd is a client of itself.
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (cert_file, key_file) = (
            dir.join(name).with_extension("crt"),
            dir.join(name).with_extension("key"),
        );
        fs::write(&cert_file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        (cert_file, key_file)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_shows_a_certificate_gets_in() {
    let temp = tempfile::tempdir().unwrap();
    let authority = Authority::new(temp.path().join("ca.crt"));
    let (cert, key) = authority.issue(temp.path(), "member");
    let [ca_file, cert_file, key_file] =
        [&authority.ca, &cert, &key].map(|path| path.to_str().unwrap());
    let members = Members::start_with(
        1,
        "https",
        &[
            "--client-cert-auth",
            "--trusted-ca-file",
            ca_file,
            "--cert-file",
            cert_file,
            "--key-file",
            key_file,
        ],
    );
    let (cert, key) = authority.issue(temp.path(), "server");
    let known = EtcdOptions {
        ca: Some(authority.ca.clone()),
        cert: Some(cert),
        key: Some(key),
        ..members.options()
    };
    let engine = EtcdEngine::open(known.clone()).await.unwrap();
    let store = Store::open(Box::new(engine), Options::default()).unwrap();
    store.commit(put("/a", "1")).await.unwrap();
    assert_eq!(store.snapshot().get("/a").unwrap().value, "1");

    let stranger = EtcdOptions {
        cert: None,
        key: None,
        timeout: Duration::from_secs(1),
        ..known.clone()
    };
    let another = Authority::new(temp.path().join("another.crt"));
    let deceived = EtcdOptions {
        ca: Some(another.ca),
        timeout: Duration::from_secs(1),
        ..known
    };
    for refused in [stranger, deceived] {
        let error = EtcdEngine::open(refused).await.map(|_| ());
        assert!(matches!(error, Err(OpenError::Engine { .. })), "{error:?}");
    }
}
