//! Port-forwards: SPDY in a WebSocket, passed on to a server that is not skiff's.

use std::sync::LazyLock;

use skiff_kubelet::carry_tunnel;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build();
    runtime.expect("a runtime without any drivers")
});

/// How much may be under way in a connection.
const PIPE_BYTES: usize = 64 << 10;
const FINAL_BINARY: u8 = 0x82;
const MASK: [u8; 4] = [1, 2, 3, 4];

pub(crate) fn spdy_frames(bytes: &[u8]) {
    RUNTIME.block_on(async {
        spoken(bytes).await;
        if let Some((length, frames)) = bytes.split_first() {
            carried(frames, usize::from(*length) + 1).await;
        }
    });
}

/// A client that says anything after the handshake: the tunnel ends when the client does.
async fn spoken(bytes: &[u8]) {
    let (client, server) = duplex(PIPE_BYTES);
    let (runtime, mut spdy) = duplex(PIPE_BYTES);
    let (mut answers, mut client) = split(client);
    let (mut answered, mut passed) = (Vec::new(), Vec::new());
    let speaking = async {
        // Whoever is refused is not listened to any more.
        if client.write_all(bytes).await.is_ok() {
            client.shutdown().await.ok();
        }
    };
    let (_, (), answer, pass) = tokio::join!(
        carry_tunnel(server, runtime),
        speaking,
        answers.read_to_end(&mut answered),
        spdy.read_to_end(&mut passed),
    );
    answer.and(pass).expect("both ends are closed");
    assert!(passed.len() <= bytes.len(), "no more than was said");
}

/// What a client sends in messages of this length arrives as it went, and so does the answer, which is the same.
async fn carried(frames: &[u8], length: usize) {
    let (client, server) = duplex(PIPE_BYTES);
    let (runtime, mut spdy) = duplex(PIPE_BYTES);
    let (mut answers, mut client) = split(client);
    let mut answered = Vec::new();
    let sending = async {
        for part in frames.chunks(length) {
            let sent = client.write_all(&message(part)).await;
            sent.expect("the tunnel takes it");
        }
    };
    let answering = async move {
        let mut passed = vec![0; frames.len()];
        let got = spdy.read_exact(&mut passed).await;
        got.expect("as much as was sent");
        assert_eq!(passed, frames);
        let sent = spdy.write_all(&passed).await;
        sent.expect("the tunnel takes it");
    };
    let (ended, (), (), answer) = tokio::join!(
        carry_tunnel(server, runtime),
        sending,
        answering,
        answers.read_to_end(&mut answered),
    );
    ended.and_then(|()| Ok(answer?)).expect("a quiet end");
    assert_eq!(payload(&answered), frames);
}

/// A message as a client masks it (RFC 6455, section 5).
fn message(part: &[u8]) -> Vec<u8> {
    let mut frame = vec![FINAL_BINARY];
    match u8::try_from(part.len()) {
        Ok(short @ ..126) => frame.push(0x80 | short),
        _ => {
            let length = u16::try_from(part.len()).expect("no message is longer");
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend(MASK);
    let masked = part.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// What the messages of a server carry, up to its farewell.
fn payload(mut frames: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    while let [FINAL_BINARY, short, rest @ ..] = frames {
        let (length, rest) = match (short, rest) {
            (126, [high, low, rest @ ..]) => (u16::from_be_bytes([*high, *low]).into(), rest),
            (short, rest) => (usize::from(*short), rest),
        };
        let (part, rest) = rest.split_at(length);
        payload.extend(part);
        frames = rest;
    }
    payload
}
