//! What changes in the headers on the way.

use std::net::SocketAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The client's side of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The port of ours that it came to.
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

/// Headers that are about one connection, not about the message (RFC 9110, section 7.6.1).
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether the client asks for another protocol, such as `websocket`.
pub(crate) fn asks_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && connection_options(headers).any(|option| option == "upgrade")
}

/// Takes out what is about the connection alone. `TE: trailers` stays, gRPC wants it.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|option| option.parse().ok())
        .collect();
    let trailers = headers.get(header::TE).is_some_and(|te| te == "trailers");
    for name in OF_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    let all = headers.get_all(header::CONNECTION).into_iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
}

/// Says who asked, and how. What a client says of that itself does not count: it could be anything.
pub(crate) fn forwarded(headers: &mut HeaderMap, peer: &Peer, host: &str) {
    let scheme = if peer.tls { "https" } else { "http" };
    let ip = peer.address.ip().to_canonical().to_string();
    headers.remove(header::FORWARDED);
    for (name, value) in [
        ("x-forwarded-for", ip.as_str()),
        ("x-real-ip", &ip),
        ("x-forwarded-host", host),
        ("x-forwarded-proto", scheme),
        ("x-forwarded-port", &peer.port.to_string()),
    ] {
        match HeaderValue::from_str(value) {
            Ok(value) => headers.insert(name, value),
            Err(_) => headers.remove(name),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn what_is_about_the_connection_goes() {
        let mut map = headers(&[
            ("connection", "Keep-Alive, x-mine"),
            ("keep-alive", "5"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        strip(&mut map);
        assert_eq!(map, headers(&[("accept", "*/*"), ("te", "trailers")]));
    }

    #[test]
    fn an_upgrade_is_asked_by_two_headers() {
        let asked = headers(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert!(asks_upgrade(&asked));
        assert!(!asks_upgrade(&headers(&[("upgrade", "websocket")])));
    }

    #[test]
    fn who_asked_is_what_we_saw() {
        let peer = Peer {
            address: "[::ffff:192.0.2.1]:40000".parse().unwrap(),
            port: 443,
            tls: true,
        };
        let mut map = headers(&[("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=me")]);
        forwarded(&mut map, &peer, "a.test:443");
        let expected = headers(&[
            ("x-forwarded-for", "192.0.2.1"),
            ("x-real-ip", "192.0.2.1"),
            ("x-forwarded-host", "a.test:443"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
        ]);
        assert_eq!(map, expected);
    }
}
