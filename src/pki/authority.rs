//! The certificate authority and what it signs.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::files::Files;
use super::{Identity, renewal};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// As kubeadm has it.
const CA_LIFE: Duration = DAY.saturating_mul(3650);
/// Clocks of joining machines may be behind; at most by a tenth of a certificate's life.
const BACKDATED: Duration = Duration::from_secs(3600);

/// A certificate that the authority signs.
pub(crate) struct Leaf {
    file: &'static str,
    common_name: String,
    organization: Option<String>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Leaf {
    /// For a server known by these names and addresses.
    pub(crate) fn server(
        file: &'static str,
        common_name: &str,
        names: Vec<String>,
        addresses: Vec<IpAddr>,
    ) -> Self {
        Self {
            file,
            common_name: common_name.to_owned(),
            organization: None,
            names,
            addresses,
        }
    }

    /// For a client: its user name and its group.
    pub(crate) fn client(file: &'static str, user: &str, group: &str) -> Self {
        let organization = Some(group.to_owned());
        Self {
            file,
            common_name: user.to_owned(),
            organization,
            names: Vec::new(),
            addresses: Vec::new(),
        }
    }

    fn is_server(&self) -> bool {
        !self.names.is_empty()
    }

    fn params(&self, life: Duration) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::new(self.names.clone()).context("certificate names")?;
        params.subject_alt_names.extend(
            self.addresses
                .iter()
                .map(|address| SanType::IpAddress(*address)),
        );
        params
            .distinguished_name
            .push(DnType::CommonName, &self.common_name);
        if let Some(organization) = &self.organization {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = if self.is_server() {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        };
        params.extended_key_usages = vec![purpose];
        set_life(&mut params, life);
        Ok(params)
    }

    /// From when on a certificate is to be replaced: at once if it does not say all this.
    pub(crate) fn due(&self, pem: &str) -> SystemTime {
        let due = with_certificate(pem, |cert| {
            let life = [cert.validity().not_before, cert.validity().not_after];
            let [born, end] = life.map(|time| time.to_datetime().into());
            let says_all = self.has_name_of(cert) && self.is_named_by(cert);
            says_all.then(|| renewal::due(born, end))
        });
        due.flatten().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether a certificate is this one's, however old.
    pub(crate) fn is_of(&self, pem: &str) -> bool {
        with_certificate(pem, |cert| self.has_name_of(cert)).unwrap_or(false)
    }

    fn has_name_of(&self, cert: &X509Certificate<'_>) -> bool {
        let mut names = cert.subject().iter_common_name();
        let name = names.next().and_then(|name| name.as_str().ok());
        name == Some(&self.common_name)
    }

    fn is_named_by(&self, cert: &X509Certificate<'_>) -> bool {
        let names = match cert.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.clone(),
            Ok(None) => Vec::new(),
            Err(_) => return false,
        };
        let has_name = |wanted: &String| {
            names
                .iter()
                .any(|name| matches!(name, GeneralName::DNSName(name) if name == wanted))
        };
        let has_address = |wanted: &IpAddr| {
            let octets = match wanted {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            names
                .iter()
                .any(|name| matches!(name, GeneralName::IPAddress(address) if *address == octets))
        };
        self.names.iter().all(has_name) && self.addresses.iter().all(has_address)
    }
}

/// What is asked of a certificate, if it is one.
fn with_certificate<T>(pem: &str, ask: impl Fn(&X509Certificate<'_>) -> T) -> Option<T> {
    let (_, der) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    let (_, cert) = X509Certificate::from_der(&der.contents).ok()?;
    Some(ask(&cert))
}

/// The cluster's own certificate authority.
pub(crate) struct Authority {
    pub(crate) cert_pem: String,
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// How long what it signs for the cluster itself is good.
    leaf_life: Duration,
}

impl Authority {
    /// Reads the authority, or makes one for a new cluster.
    pub(crate) fn ensure(
        files: &Files,
        file: &str,
        name: &str,
        leaf_life: Duration,
    ) -> anyhow::Result<Self> {
        let key_pem = files.key(file, || {
            Ok(KeyPair::generate()
                .context("make the CA key")?
                .serialize_pem())
        })?;
        let key = KeyPair::from_pem(&key_pem).context("read the CA key")?;
        let cert_pem = match files.cert(file)? {
            Some(pem) => pem,
            None => {
                let pem = ca_params(name)
                    .self_signed(&key)
                    .context("sign the CA")?
                    .pem();
                files.write_cert(file, &pem)?;
                pem
            }
        };
        let issuer = Issuer::from_ca_cert_pem(&cert_pem, key).context("read the CA certificate")?;
        Ok(Self {
            cert_pem,
            issuer,
            leaf_life,
        })
    }

    /// A new one, written nowhere.
    pub(super) fn fresh(name: &str) -> anyhow::Result<Identity> {
        let key = KeyPair::generate().context("make the CA key")?;
        let cert = ca_params(name).self_signed(&key).context("sign the CA")?;
        Ok(Identity {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Reads what was signed before, or signs it if it is missing, due or named otherwise.
    pub(crate) fn ensure_leaf(&self, files: &Files, leaf: &Leaf) -> anyhow::Result<Identity> {
        let key_pem = files.key(leaf.file, || {
            let key =
                KeyPair::generate().with_context(|| format!("make the key of {}", leaf.file))?;
            Ok(key.serialize_pem())
        })?;
        let now = SystemTime::now();
        if let Some(cert_pem) = files.cert(leaf.file)?.filter(|pem| leaf.due(pem) > now) {
            return Ok(Identity { cert_pem, key_pem });
        }
        let key = KeyPair::from_pem(&key_pem)
            .with_context(|| format!("read the key of {}", leaf.file))?;
        let signed = leaf.params(self.leaf_life)?.signed_by(&key, &self.issuer);
        let cert_pem = signed.with_context(|| format!("sign {}", leaf.file))?.pem();
        files.write_cert(leaf.file, &cert_pem)?;
        Ok(Identity { cert_pem, key_pem })
    }
}

impl Authority {
    /// Signs what `leaf` says for the key of a request in PEM, whose own wishes do not count.
    pub(crate) fn sign_request(&self, leaf: &Leaf, request_pem: &str) -> anyhow::Result<String> {
        let mut request = CertificateSigningRequestParams::from_pem(request_pem)
            .context("read the certificate request")?;
        request.params = leaf.params(self.leaf_life)?;
        let signed = request.signed_by(&self.issuer);
        Ok(signed.with_context(|| format!("sign {}", leaf.file))?.pem())
    }
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    set_life(&mut params, CA_LIFE);
    params
}

pub(super) fn set_life(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED.min(life / 10)).into();
    params.not_after = (now + life).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_folder(name: &str, test: impl FnOnce(&Files)) {
        let name = format!("skiff-pki-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        test(&Files::open(&dir).expect("open"));
        std::fs::remove_dir_all(&dir).expect("remove");
    }

    #[test]
    fn a_certificate_is_kept_until_it_names_too_little() {
        in_a_folder("kept", kept_until_it_names_too_little);
    }

    fn kept_until_it_names_too_little(files: &Files) {
        let ensure = || Authority::ensure(files, "ca", "kubernetes", DAY).expect("made");
        let authority = ensure();
        let leaf = |address: [u8; 4]| {
            Leaf::server(
                "apiserver",
                "kube-apiserver",
                vec!["localhost".to_owned()],
                vec![IpAddr::from(address)],
            )
        };
        let first = authority
            .ensure_leaf(files, &leaf([192, 0, 2, 1]))
            .expect("signed");
        let again = ensure();
        let second = again
            .ensure_leaf(files, &leaf([192, 0, 2, 1]))
            .expect("read");
        let moved = again
            .ensure_leaf(files, &leaf([192, 0, 2, 2]))
            .expect("signed");
        assert_eq!(first.cert_pem, second.cert_pem);
        assert_ne!(second.cert_pem, moved.cert_pem);
        assert_eq!(second.key_pem, moved.key_pem);
    }

    #[test]
    fn a_certificate_is_due_long_before_its_end() {
        in_a_folder("due", |files| {
            let signed = |life| {
                let leaf = Leaf::client("admin", "kubernetes-admin", "system:masters");
                let authority = Authority::ensure(files, "ca", "kubernetes", life).expect("made");
                let signed = authority.ensure_leaf(files, &leaf).expect("signed");
                (leaf.due(&signed.cert_pem), signed.cert_pem)
            };
            // It has a life of no length, so it is signed again and again.
            let (due, first) = signed(Duration::ZERO);
            let now = SystemTime::now();
            assert!(due <= now);
            let (due, second) = signed(10 * DAY);
            assert_ne!(first, second);
            assert!(due > now + 6 * DAY && due < now + 7 * DAY);
            assert_eq!(signed(DAY).1, second);
            let other = Leaf::client("admin", "somebody", "system:masters");
            assert_eq!(other.due(&second), SystemTime::UNIX_EPOCH);
            assert_eq!(other.due("no certificate"), SystemTime::UNIX_EPOCH);
        });
    }
}
