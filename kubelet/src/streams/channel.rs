//! The channel protocols of Kubernetes over WebSocket: the first byte of a message says which stream it belongs to.
//!
//! <https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets>

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::runtime::TerminalSize;

/// A subprotocol, as named in `Sec-WebSocket-Protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V4,
    /// Like v4, and a client can end the input without ending the connection.
    V5,
    /// The bytes of a SPDY connection for port-forward.
    Tunnel,
}

impl Protocol {
    /// The protocols for a command's streams.
    pub(super) const CHANNELS: &[Protocol] = &[Protocol::V4, Protocol::V5];

    /// The first of the client's protocols that is among these.
    pub(super) fn choose(offered: &str, served: &[Protocol]) -> Option<Protocol> {
        let named = |name: &str| served.iter().copied().find(|known| known.name() == name);
        offered.split(',').find_map(|name| named(name.trim()))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::V4 => "v4.channel.k8s.io",
            Protocol::V5 => "v5.channel.k8s.io",
            Protocol::Tunnel => "SPDY/3.1+portforward.k8s.io",
        }
    }
}

/// Streams towards the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout = 1,
    Stderr = 2,
    /// The end: a `Status`.
    Error = 3,
}

const STDIN: u8 = 0;
const RESIZE: u8 = 4;
/// In v5: the stream that the next byte names ends.
const CLOSE: u8 = 255;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    Stdin(Bytes),
    StdinEnd,
    Resize(TerminalSize),
    /// Of no use: an empty message, an unknown stream, a size that is none. The real servers pass over these too.
    Nothing,
}

pub(super) fn decode(protocol: Protocol, mut message: Bytes) -> Input {
    if message.is_empty() {
        return Input::Nothing;
    }
    let payload = message.split_off(1);
    match message[0] {
        STDIN => Input::Stdin(payload),
        RESIZE => terminal_size(&payload).map_or(Input::Nothing, Input::Resize),
        CLOSE if protocol == Protocol::V5 && payload.as_ref() == [STDIN] => Input::StdinEnd,
        _ => Input::Nothing,
    }
}

pub(super) fn encode(output: Output, payload: &[u8]) -> Bytes {
    marked(output as u8, payload)
}

/// Input, as a client writes it.
pub(super) fn encode_input(payload: &[u8]) -> Bytes {
    marked(STDIN, payload)
}

/// The size of a terminal, as a client writes it.
pub(super) fn encode_size(TerminalSize { width, height }: TerminalSize) -> Bytes {
    // Two numbers are always JSON.
    let payload = serde_json::to_vec(&Size { width, height }).unwrap_or_default();
    marked(RESIZE, &payload)
}

fn marked(channel: u8, payload: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(1 + payload.len());
    message.put_u8(channel);
    message.put_slice(payload);
    message.freeze()
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

fn terminal_size(payload: &[u8]) -> Option<TerminalSize> {
    let Size { width, height } = serde_json::from_slice(payload).ok()?;
    (width > 0 && height > 0).then_some(TerminalSize { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_first_known_protocol_is_taken() {
        for (offered, chosen) in [
            ("v5.channel.k8s.io", Some(Protocol::V5)),
            (
                "v5.channel.k8s.io, v4.channel.k8s.io, v3.channel.k8s.io",
                Some(Protocol::V5),
            ),
            (
                "base64.channel.k8s.io,v4.channel.k8s.io",
                Some(Protocol::V4),
            ),
            ("SPDY/3.1+portforward.k8s.io", None),
            ("", None),
        ] {
            assert_eq!(
                Protocol::choose(offered, Protocol::CHANNELS),
                chosen,
                "{offered}"
            );
        }
    }

    #[test]
    fn messages_are_told_apart_by_their_first_byte() {
        let size = TerminalSize {
            width: 80,
            height: 24,
        };
        for (protocol, message, input) in [
            (
                Protocol::V4,
                b"\0ls\n".as_slice(),
                Input::Stdin(Bytes::from_static(b"ls\n")),
            ),
            (Protocol::V4, b"\0", Input::Stdin(Bytes::new())),
            (
                Protocol::V5,
                b"\x04{\"Width\":80,\"Height\":24}",
                Input::Resize(size),
            ),
            (Protocol::V5, b"\xff\x00", Input::StdinEnd),
            (Protocol::V4, b"\xff\x00", Input::Nothing),
            (Protocol::V5, b"\xff\x01", Input::Nothing),
            (
                Protocol::V5,
                b"\x04{\"Width\":0,\"Height\":24}",
                Input::Nothing,
            ),
            (Protocol::V5, b"\x04{\"Width\":99999}", Input::Nothing),
            (Protocol::V5, b"\x04{", Input::Nothing),
            (Protocol::V5, b"\x01mine", Input::Nothing),
            (Protocol::V5, b"", Input::Nothing),
        ] {
            let decoded = decode(protocol, Bytes::from_static(message));
            assert_eq!(decoded, input, "{protocol:?} {message:?}");
        }
    }

    #[test]
    fn a_client_says_what_a_server_understands() {
        let size = TerminalSize {
            width: 132,
            height: 43,
        };
        let said = decode(Protocol::V4, encode_size(size));
        assert_eq!(said, Input::Resize(size));
        let said = decode(Protocol::V4, encode_input(b"ls"));
        assert_eq!(said, Input::Stdin(Bytes::from_static(b"ls")));
    }

    #[test]
    fn output_is_marked_with_its_stream() {
        assert_eq!(encode(Output::Stdout, b"hi").as_ref(), b"\x01hi");
        assert_eq!(encode(Output::Error, b"").as_ref(), b"\x03");
    }
}
