//! Failures in the words of Go's packages `net`, `crypto/tls` and `crypto/x509`, which users look for.

use std::error::Error;
use std::io;

use http::StatusCode;
use rustls::CertificateError;

use super::dial::DialError;

/// What went wrong, from the innermost cause that has words of its own.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error.to_string();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(dial) = error.downcast_ref::<DialError>() {
            return dial.to_string();
        }
        if let Some(tls) = tls_error(error) {
            return of_tls(tls);
        }
        innermost = match error.downcast_ref::<io::Error>() {
            Some(error) => of_io(error),
            None => error.to_string(),
        };
        next = error.source();
    }
    innermost
}

/// The error of TLS that this is, or that it carries.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    let inner: &(dyn Error + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    tls_error(inner)
}

/// What a failure without an answer says, in the words of Kubernetes' client.
pub(super) fn of_answer(code: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    match code.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => "unknown".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        500 => {
            format!("an error on the server ({text:?}) has prevented the request from succeeding")
        }
        503 => "the server is currently unable to handle the request".to_owned(),
        code => {
            format!(
                "the server responded with the status code {code} but did not return more information"
            )
        }
    }
}

fn of_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        _ => error.to_string(),
    }
}

fn of_tls(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return format!("tls: {error}");
    };
    let why = match certificate {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "certificate signed by unknown authority".to_owned()
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let plain = |name: &String| {
                let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
                inner.trim_matches(['"', ')']).to_owned()
            };
            let presented: Vec<String> = presented.iter().map(plain).collect();
            format!(
                "certificate is valid for {}, not {}",
                presented.join(", "),
                expected.to_str()
            )
        }
        other => other.to_string(),
    };
    format!("tls: failed to verify certificate: x509: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_in_the_words_of_go() {
        let refused = DialError::Refused {
            host: "10.0.0.7".to_owned(),
            port: 443,
        };
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let name = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: "hook.default.svc".try_into().unwrap(),
            presented: vec!["DnsName(\"other.svc\")".to_owned()],
        });
        let cases: [(Box<dyn Error + Send + Sync>, &str); 4] = [
            (
                Box::new(refused),
                "dial tcp 10.0.0.7:443: connect: connection refused",
            ),
            (
                Box::new(io::Error::other(io::Error::other(unknown))),
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ),
            (
                Box::new(io::Error::other(name)),
                "tls: failed to verify certificate: x509: certificate is valid for other.svc, not hook.default.svc",
            ),
            (
                Box::new(io::Error::from(io::ErrorKind::UnexpectedEof)),
                "EOF",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(words(error.as_ref()), expected);
        }
    }
}
