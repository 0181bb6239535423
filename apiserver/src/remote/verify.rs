//! Certificates of other servers: believed as Go believes them.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

/// Believes what the authorities have signed, and also an authority that is the server itself: the usual self-signed
/// certificate is one, of which webpki thinks that it may not serve.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Vec<CertificateDer<'static>>,
    /// `None` if there is no sound authority.
    signed: Option<Arc<WebPkiServerVerifier>>,
    /// Every certificate is believed: `insecureSkipTLSVerify` says so.
    anybody: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(
        authorities: Vec<CertificateDer<'static>>,
        anybody: bool,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let roots = Arc::new(roots);
        let signed = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        Self {
            authorities,
            signed: signed.build().ok(),
            anybody,
            provider,
        }
    }

    /// Whether an authority may be believed as a server of that name.
    fn verify_itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.authorities.iter().any(|known| known == certificate) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = ASN1Time::from_timestamp(seconds).map_err(|_| CertificateError::Expired)?;
        if !parsed.validity().is_valid_at(now) {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anybody {
            return Ok(ServerCertVerified::assertion());
        }
        let signed = self.signed.as_ref();
        let signed = signed.ok_or(CertificateError::UnknownIssuer)?;
        match signed.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The other error has no name of its own in rustls.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) => {
                self.verify_itself(certificate, name, now)
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
