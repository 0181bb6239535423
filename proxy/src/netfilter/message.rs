//! The bytes of a netfilter message (linux/netlink.h, linux/netfilter/nfnetlink.h).

/// The header of any netlink message: length, kind, flags, sequence, port.
const HEADER: usize = 16;
/// Behind it the header of netfilter: family, version, resource.
const FAMILY: usize = 4;
/// The header of an attribute: length and kind.
const ATTRIBUTE: usize = 4;

pub(super) const REQUEST: u16 = 0x1;
pub(super) const ACK: u16 = 0x4;
pub(super) const DUMP: u16 = 0x300;
pub(super) const CREATE: u16 = 0x400;
/// The kinds of a message that ends an answer.
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const AF_INET: u8 = 2;
const NESTED: u16 = 0x8000;
/// Flags of an attribute's kind.
const KIND: u16 = 0x3fff;

/// A message as it was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    /// Who caused it.
    pub(super) port: u32,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn family(&self) -> Option<u8> {
        self.body.first().copied()
    }

    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.body.get(FAMILY..).unwrap_or_default())
    }

    /// The number of an ERROR message: 0 is an acknowledgement.
    pub(super) fn error(&self) -> i32 {
        let bytes = self.body.get(..4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i32::from_ne_bytes)
    }
}

/// The messages in what was received at once.
pub(super) struct Messages<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = number(self.0, 0)? as usize;
        let body = self.0.get(HEADER..length)?;
        let message = Message {
            kind: short(self.0, 4)?,
            port: number(self.0, 12)?,
            body,
        };
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some(message)
    }
}

/// The attributes in a message or in another attribute.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The content of the first attribute of a kind.
    pub(super) fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find_map(|(of, content)| (of == kind).then_some(content))
    }

    pub(super) fn nested(self, kind: u16) -> Option<Attributes<'a>> {
        self.find(kind).map(Attributes)
    }

    /// A text, which ends with a zero.
    pub(super) fn text(self, kind: u16) -> Option<&'a str> {
        let content = self.find(kind)?;
        std::str::from_utf8(content.strip_suffix(&[0]).unwrap_or(content)).ok()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let length = usize::from(short(self.0, 0)?);
        let kind = short(self.0, 2)? & KIND;
        let content = self.0.get(ATTRIBUTE..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((kind, content))
    }
}

/// A request of the IPv4 family.
pub(super) fn request(kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
    message(kind, flags, [AF_INET, 0, 0, 0], attributes)
}

/// The messages that must take effect together, of a subsystem.
pub(super) fn batch(subsystem: u8, requests: &[u8]) -> Vec<u8> {
    let mark = |kind| message(kind, 0, [0, 0, 0, subsystem], &[]);
    [&mark(BATCH_BEGIN), requests, &mark(BATCH_END)].concat()
}

fn message(kind: u16, flags: u16, family: [u8; FAMILY], attributes: &[u8]) -> Vec<u8> {
    let length = (HEADER + FAMILY + attributes.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    // The sequence and the sender's port: one question is asked at a time, and the kernel knows who asks.
    bytes.extend([0; 8]);
    bytes.extend(family);
    bytes.extend(attributes);
    bytes
}

/// An attribute that holds others.
pub(super) fn nested(kind: u16, content: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, content)
}

/// An attribute of text, which ends with a zero.
pub(super) fn text(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, &[text.as_bytes(), &[0]].concat())
}

pub(super) fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = (ATTRIBUTE + content.len()) as u16;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(content);
    bytes.resize(aligned(bytes.len()), 0);
    bytes
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let bytes = request(0x0102, DUMP, &nested(3, &nested(1, b"abc\0")));
        let twice = [bytes.clone(), bytes].concat();
        let messages: Vec<_> = Messages(&twice).collect();
        assert_eq!(messages.len(), 2);
        let inner = messages[1].attributes().nested(3).expect("nested");
        assert_eq!((messages[1].kind, inner.text(1)), (0x0102, Some("abc")));
    }

    #[test]
    fn cut_bytes_end_the_message() {
        let bytes = request(1, 0, &nested(3, b"abcd"));
        for length in 0..bytes.len() {
            assert_eq!(Messages(&bytes[..length]).count(), 0, "{length}");
        }
        assert_eq!(Attributes(&[0, 0, 0, 0, 1]).count(), 0);
        assert_eq!(Attributes(&[200, 0, 1, 0, 1]).count(), 0);
    }
}
