//! Messages written by hand.

/// A message, field after field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn int(mut self, number: u64, value: u64) -> Self {
        self.varint(number << 3);
        self.varint(value);
        self
    }

    pub(super) fn bytes(mut self, number: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(number << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn message(self, number: u64, message: Message) -> Self {
        self.bytes(number, message.0)
    }

    /// An entry of a map.
    pub(super) fn entry(self, number: u64, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.message(number, Message::new().bytes(1, key).bytes(2, value))
    }

    /// The bytes in an envelope.
    pub(super) fn sealed(self, api_version: &str, kind: &str) -> Vec<u8> {
        let type_meta = Message::new().bytes(1, api_version).bytes(2, kind);
        let unknown = Message::new().message(1, type_meta).message(2, self);
        [b"k8s\0".to_vec(), unknown.0].concat()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
