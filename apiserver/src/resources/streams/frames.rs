//! A WebSocket's messages towards a client, one a write.
//!
//! Each write to the client is a TLS record of its own. Some clients wait for the socket alone and do not look at what
//! TLS has decrypted already: they would see the second message of a record only when more comes. The real API server
//! writes messages one by one too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to a WebSocket's client, to which never parts of two frames are written at once.
pub(super) struct ByFrame<S> {
    client: S,
    frame: Frame,
}

impl<S> ByFrame<S> {
    pub(super) fn new(client: S) -> Self {
        let frame = Frame::default();
        Self { client, frame }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ByFrame<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.client).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ByFrame<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let of_one = self.frame.clone().take(bytes);
        let written = Pin::new(&mut self.client).poll_write(context, &bytes[..of_one]);
        let count = ready!(written)?;
        self.frame.take(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.client).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.client).poll_shutdown(context)
    }
}

/// The longest header: two bytes, eight of length, four of a mask.
const HEADER_BYTES: usize = 14;

/// How far into a frame the stream is (RFC 6455, section 5.2).
#[derive(Clone, Debug, Default)]
struct Frame {
    header: [u8; HEADER_BYTES],
    /// How much of the header has passed.
    passed: usize,
    /// How much of the payload is to come, once the header has passed.
    payload: u64,
}

impl Frame {
    /// Goes on over these bytes, to the end of the frame at most, and returns how many that were.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            if self.payload > 0 {
                let here = u64::try_from(bytes.len() - taken).unwrap_or(u64::MAX);
                let count = self.payload.min(here);
                self.payload -= count;
                // No more than what is here.
                taken += usize::try_from(count).unwrap_or(usize::MAX);
            } else {
                self.header[self.passed] = *byte;
                self.passed += 1;
                taken += 1;
                let Some(payload) = self.payload_length() else {
                    continue;
                };
                self.payload = payload;
                self.passed = 0;
            }
            if self.payload == 0 {
                break;
            }
        }
        taken
    }

    /// The length of the payload, when all of the header has passed.
    fn payload_length(&self) -> Option<u64> {
        let [_, second, rest @ ..] = &self.header;
        let short = second & 0x7f;
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.passed < 2 + extended + mask {
            return None;
        }
        let long = rest[..extended].iter();
        let long = long.fold(0, |length, byte| length << 8 | u64::from(*byte));
        Some(if extended == 0 { short.into() } else { long })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A server's frame of `length` bytes, with the length in the shortest way, or a client's with a mask.
    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        match length {
            0..126 => frame.push(mask | u8::try_from(length).unwrap()),
            126..=0xffff => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        if masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.resize(frame.len() + length, 0xff);
        frame
    }

    /// Lengths, and whether masked.
    const FRAMES: &[(usize, bool)] = &[
        (0, false),
        (1, false),
        (125, true),
        (126, false),
        (0xffff, true),
        (0x1_0000, false),
        (0, true),
        (3, false),
    ];

    #[test]
    fn bytes_are_cut_at_the_ends_of_frames() {
        let frames: Vec<_> = FRAMES
            .iter()
            .map(|(length, masked)| frame(*length, *masked))
            .collect();
        let all = frames.concat();
        for step in [1, 2, 7, 4096, all.len()] {
            let (mut state, mut at, mut ends) = (Frame::default(), 0, Vec::new());
            while at < all.len() {
                at += state.take(&all[at..all.len().min(at + step)]);
                if state.payload == 0 && state.passed == 0 {
                    ends.push(at);
                }
            }
            let expected = frames.iter().scan(0, |end, frame| {
                *end += frame.len();
                Some(*end)
            });
            assert_eq!(ends, expected.collect::<Vec<_>>(), "{step} at once");
        }
    }

    /// Keeps each write apart, and takes five bytes at most.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl AsyncWrite for Writes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let some = &bytes[..bytes.len().min(5)];
            self.0.push(some.to_vec());
            Poll::Ready(Ok(some.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_comes_at_once_is_written_frame_by_frame() {
        let mut client = ByFrame::new(Writes::default());
        let both = [frame(6, false), frame(1, false)].concat();
        client.write_all(&both).await.unwrap();
        let lengths: Vec<_> = client.client.0.iter().map(Vec::len).collect();
        assert_eq!(lengths, [5, 3, 3]);
        assert_eq!(client.client.0.concat(), both);
    }
}
