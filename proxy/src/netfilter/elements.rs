//! Elements of sets and maps, put and taken in one transaction.
//!
//! The program nft reads all of a set before it deletes from it, which takes long where there are many Services.

use std::io;

use super::message::{ACK, CREATE, attribute, batch, nested, request, text};
use super::socket::Socket;

/// The subsystem and the kinds of messages (linux/netfilter/nf_tables.h, NFT_MSG_NEWSETELEM and _DELSETELEM).
const SUBSYSTEM: u8 = 10;
const NEW: u16 = (SUBSYSTEM as u16) << 8 | 12;
const DELETE: u16 = (SUBSYSTEM as u16) << 8 | 14;
/// Attributes of such a message.
const TABLE: u16 = 1;
const SET: u16 = 2;
const ELEMENTS: u16 = 3;
/// Attributes of an element.
const LISTED: u16 = 1;
const KEY: u16 = 1;
const DATA: u16 = 2;
/// Attributes of data.
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
const CODE: u16 = 1;
const CHAIN: u16 = 2;
const JUMP: i32 = -3;
const GOTO: i32 = -4;

/// What an element's key leads to, as the kernel keeps it.
#[derive(Debug)]
pub(crate) enum Data {
    /// The element is of a set.
    Nothing,
    Bytes(Vec<u8>),
    Goto(String),
    Jump(String),
}

/// An element to be put, or without data to be taken.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) set: String,
    pub(crate) key: Vec<u8>,
    pub(crate) data: Option<Data>,
}

/// A conversation with the kernel about the elements of a table.
pub(crate) struct Elements(Socket);

impl Elements {
    pub(crate) fn open() -> io::Result<Self> {
        Socket::open().map(Self)
    }

    /// Changes all of these, in this order, or none. After a failure this must not be used again.
    pub(crate) async fn change(&self, table: &str, elements: &[Element]) -> io::Result<()> {
        let requests: Vec<u8> = elements
            .iter()
            .flat_map(|element| encoded(table, element))
            .collect();
        self.0
            .tell(&batch(SUBSYSTEM, &requests), elements.len())
            .await
    }
}

fn encoded(table: &str, element: &Element) -> Vec<u8> {
    let key = nested(KEY, &attribute(VALUE, &element.key));
    let (kind, flags, data) = match &element.data {
        None => (DELETE, ACK, Vec::new()),
        Some(data) => (NEW, ACK | CREATE, data_of(data)),
    };
    let listed = nested(LISTED, &[key, data].concat());
    let attributes = [
        text(TABLE, table),
        text(SET, &element.set),
        nested(ELEMENTS, &listed),
    ];
    // Attributes are padded, so the next message starts where it must.
    request(kind, flags, &attributes.concat())
}

fn data_of(data: &Data) -> Vec<u8> {
    let verdict = |code: i32, chain: &str| {
        let code = attribute(CODE, &code.to_be_bytes());
        nested(DATA, &nested(VERDICT, &[code, text(CHAIN, chain)].concat()))
    };
    match data {
        Data::Nothing => Vec::new(),
        Data::Bytes(bytes) => nested(DATA, &attribute(VALUE, bytes)),
        Data::Goto(chain) => verdict(GOTO, chain),
        Data::Jump(chain) => verdict(JUMP, chain),
    }
}
