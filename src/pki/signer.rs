//! The cluster's CA signs CertificateSigningRequests that its controller found sound.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use rcgen::{CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use skiff_controllers::{CertificateSigner, WantedCertificate};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension};

use super::authority::{Authority, set_life};

const SERVING: &str = "kubernetes.io/kubelet-serving";

impl CertificateSigner for Authority {
    fn read(&self, request_pem: &str) -> Option<WantedCertificate> {
        let (_, der) = x509_parser::pem::parse_x509_pem(request_pem.as_bytes()).ok()?;
        let (_, request) = X509CertificationRequest::from_der(&der.contents).ok()?;
        let subject = &request.certification_request_info.subject;
        let text = |name: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            name.as_str().unwrap_or_default().to_owned()
        };
        let mut wanted = WantedCertificate {
            common_name: subject
                .iter_common_name()
                .next()
                .map(text)
                .unwrap_or_default(),
            organizations: subject.iter_organization().map(text).collect(),
            ..WantedCertificate::default()
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                names
                    .general_names
                    .iter()
                    .for_each(|name| add(&mut wanted, name));
            }
        }
        Some(wanted)
    }

    fn sign(&self, request_pem: &str, signer_name: &str, life: Duration) -> anyhow::Result<String> {
        let groups = self
            .read(request_pem)
            .map_or(0, |wanted| wanted.organizations.len());
        // A subject is a map here: of several groups all but one would be lost.
        ensure!(
            groups <= 1,
            "a certificate for more than one group is not supported"
        );
        let mut request = CertificateSigningRequestParams::from_pem(request_pem)
            .context("read the certificate request")?;
        let params = &mut request.params;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![match signer_name {
            SERVING => ExtendedKeyUsagePurpose::ServerAuth,
            _ => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        set_life(params, life);
        let signed = request.signed_by(&self.issuer).context("sign")?;
        Ok(signed.pem())
    }
}

fn add(wanted: &mut WantedCertificate, name: &GeneralName<'_>) {
    match name {
        GeneralName::DNSName(name) => wanted.names.push((*name).to_owned()),
        GeneralName::IPAddress(octets) => wanted.addresses.extend(address(octets)),
        _ => {}
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}
