//! IPVS messages of generic netlink (`include/uapi/linux/ip_vs.h`).

use std::net::{Ipv4Addr, SocketAddrV4};

use netlink_packet_core::{
    DecodeError, Emitable, NLA_F_NESTED, Nla, NlaBuffer, NlasIterator, ParseableParametrized,
};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::{Address, VirtualServer, Weight};
use crate::model::Protocol;

/// What is asked of the kernel, or answered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    NewService,
    SetService,
    DelService,
    GetService,
    NewDest,
    SetDest,
    DelDest,
    GetDest,
    GetInfo,
}

impl Command {
    fn number(self) -> u8 {
        match self {
            Command::NewService => 1,
            Command::SetService => 2,
            Command::DelService => 3,
            Command::GetService => 4,
            Command::NewDest => 5,
            Command::SetDest => 6,
            Command::DelDest => 7,
            Command::GetDest => 8,
            Command::GetInfo => 15,
        }
    }
}

// Attributes of a message.
const SERVICE: u16 = 1;
const DEST: u16 = 2;
// Attributes of a service.
const SERVICE_AF: u16 = 1;
const SERVICE_PROTOCOL: u16 = 2;
const SERVICE_ADDRESS: u16 = 3;
const SERVICE_PORT: u16 = 4;
const SERVICE_SCHEDULER: u16 = 6;
const SERVICE_FLAGS: u16 = 7;
const SERVICE_TIMEOUT: u16 = 8;
const SERVICE_NETMASK: u16 = 9;
// Attributes of a destination.
const DEST_ADDRESS: u16 = 1;
const DEST_PORT: u16 = 2;
const DEST_METHOD: u16 = 3;
const DEST_WEIGHT: u16 = 4;
const DEST_UPPER: u16 = 5;
const DEST_LOWER: u16 = 6;
const DEST_AF: u16 = 11;

const AF_INET: u16 = 2;
const PERSISTENT: u32 = 1;
const MASQUERADE: u32 = 0;

/// One attribute, its value still encoded.
#[derive(Clone, Debug)]
struct Attribute {
    kind: u16,
    value: Vec<u8>,
}

impl Attribute {
    fn new(kind: u16, value: Vec<u8>) -> Self {
        Self { kind, value }
    }
}

impl Nla for Attribute {
    fn value_len(&self) -> usize {
        self.value.len()
    }

    fn kind(&self) -> u16 {
        self.kind
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.value);
    }
}

/// A message of the IPVS family: a command and its attributes, still encoded.
#[derive(Clone, Debug)]
pub(crate) struct IpvsMessage {
    command: u8,
    attributes: Vec<Attribute>,
}

impl IpvsMessage {
    /// A command without attributes.
    pub(crate) fn new(command: Command) -> Self {
        Self {
            command: command.number(),
            attributes: Vec::new(),
        }
    }

    /// The command for the virtual server at an address.
    pub(crate) fn at(command: Command, address: &Address) -> Self {
        Self::new(command).with(SERVICE, &address_attributes(address))
    }

    /// The command for a virtual server with all that it is.
    pub(crate) fn server(command: Command, server: &VirtualServer) -> Self {
        let mut attributes = address_attributes(&server.at);
        let flags = if server.persistent_seconds.is_some() {
            PERSISTENT
        } else {
            0
        };
        // The flags, and which of them are meant.
        let flags = [flags.to_ne_bytes(), PERSISTENT.to_ne_bytes()].concat();
        attributes.push(Attribute::new(
            SERVICE_SCHEDULER,
            [server.scheduler.as_bytes(), &[0]].concat(),
        ));
        attributes.push(Attribute::new(SERVICE_FLAGS, flags));
        attributes.push(number(
            SERVICE_TIMEOUT,
            server.persistent_seconds.unwrap_or(0),
        ));
        attributes.push(number(SERVICE_NETMASK, u32::MAX));
        Self::new(command).with(SERVICE, &attributes)
    }

    /// The command for a real server of a virtual server: masqueraded.
    pub(crate) fn real(
        command: Command,
        server: &Address,
        real: &SocketAddrV4,
        weight: Weight,
    ) -> Self {
        let attributes = [
            Attribute::new(DEST_AF, AF_INET.to_ne_bytes().to_vec()),
            Attribute::new(DEST_ADDRESS, union_of(*real.ip())),
            Attribute::new(DEST_PORT, real.port().to_be_bytes().to_vec()),
            number(DEST_METHOD, MASQUERADE),
            number(DEST_WEIGHT, weight),
            number(DEST_UPPER, 0),
            number(DEST_LOWER, 0),
        ];
        Self::at(command, server).with(DEST, &attributes)
    }

    /// The virtual server that an answer tells of; `None` for those by mark or of IPv6, which are not ours.
    pub(crate) fn told_server(&self) -> Result<Option<VirtualServer>, DecodeError> {
        let Some(attributes) = self.nested(SERVICE)? else {
            return Ok(None);
        };
        let find = |kind| find(&attributes, kind);
        let (Some(protocol), Some(address), Some(port)) = (
            find(SERVICE_PROTOCOL).and_then(protocol_of),
            find(SERVICE_ADDRESS).and_then(v4_of),
            find(SERVICE_PORT).and_then(port_of),
        ) else {
            return Ok(None);
        };
        if find(SERVICE_AF) != Some(&AF_INET.to_ne_bytes()[..]) {
            return Ok(None);
        }
        let flags = find(SERVICE_FLAGS).and_then(number_of).unwrap_or(0);
        let timeout = find(SERVICE_TIMEOUT).and_then(number_of).unwrap_or(0);
        let scheduler = find(SERVICE_SCHEDULER).unwrap_or_default();
        Ok(Some(VirtualServer {
            at: Address {
                protocol,
                at: SocketAddrV4::new(address, port),
            },
            scheduler: String::from_utf8_lossy(scheduler)
                .trim_end_matches('\0')
                .to_owned(),
            persistent_seconds: (flags & PERSISTENT != 0).then_some(timeout),
        }))
    }

    /// The real server that an answer tells of, and its weight.
    pub(crate) fn told_real(&self) -> Result<Option<(SocketAddrV4, Weight)>, DecodeError> {
        let Some(attributes) = self.nested(DEST)? else {
            return Ok(None);
        };
        let address = find(&attributes, DEST_ADDRESS).and_then(v4_of);
        let port = find(&attributes, DEST_PORT).and_then(port_of);
        let weight = find(&attributes, DEST_WEIGHT).and_then(number_of);
        let at = address
            .zip(port)
            .map(|(address, port)| SocketAddrV4::new(address, port));
        Ok(at.zip(weight))
    }

    fn with(mut self, kind: u16, attributes: &[Attribute]) -> Self {
        let mut bytes = vec![0; attributes.buffer_len()];
        attributes.emit(&mut bytes);
        self.attributes
            .push(Attribute::new(kind | NLA_F_NESTED, bytes));
        self
    }

    fn nested(&self, kind: u16) -> Result<Option<Vec<Attribute>>, DecodeError> {
        match find(&self.attributes, kind) {
            Some(bytes) => parse(bytes).map(Some),
            None => Ok(None),
        }
    }
}

fn address_attributes(address: &Address) -> Vec<Attribute> {
    vec![
        Attribute::new(SERVICE_AF, AF_INET.to_ne_bytes().to_vec()),
        Attribute::new(
            SERVICE_PROTOCOL,
            u16::from(address.protocol.number()).to_ne_bytes().to_vec(),
        ),
        Attribute::new(SERVICE_ADDRESS, union_of(*address.at.ip())),
        Attribute::new(SERVICE_PORT, address.at.port().to_be_bytes().to_vec()),
    ]
}

fn number(kind: u16, value: u32) -> Attribute {
    Attribute::new(kind, value.to_ne_bytes().to_vec())
}

/// `union nf_inet_addr`: room for IPv6.
fn union_of(address: Ipv4Addr) -> Vec<u8> {
    let mut bytes = address.octets().to_vec();
    bytes.resize(16, 0);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Vec<Attribute>, DecodeError> {
    let read = |buffer: NlaBuffer<&[u8]>| Attribute::new(buffer.kind(), buffer.value().to_vec());
    NlasIterator::new(bytes)
        .map(|attribute| attribute.map(read))
        .collect()
}

fn find(attributes: &[Attribute], kind: u16) -> Option<&[u8]> {
    attributes
        .iter()
        .find(|attribute| attribute.kind & !NLA_F_NESTED == kind)
        .map(|attribute| attribute.value.as_slice())
}

fn protocol_of(bytes: &[u8]) -> Option<Protocol> {
    let number = u16::from_ne_bytes(bytes.try_into().ok()?);
    Protocol::ALL
        .into_iter()
        .find(|protocol| u16::from(protocol.number()) == number)
}

fn v4_of(bytes: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

fn port_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn number_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        "IPVS"
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            attributes: parse(bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_server_is_read_as_it_was_written() {
        let server = Address {
            protocol: Protocol::Tcp,
            at: SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 5), 80),
        };
        let real = SocketAddrV4::new(Ipv4Addr::new(10, 244, 0, 2), 8080);
        for weight in [0, 1] {
            let message = IpvsMessage::real(Command::SetDest, &server, &real, weight);
            let mut bytes = vec![0; message.buffer_len()];
            message.emit(&mut bytes);
            let header = GenlHeader {
                cmd: message.command(),
                version: message.version(),
            };
            let read = IpvsMessage::parse_with_param(&bytes, header).expect("sound");
            assert_eq!(read.told_real().expect("sound"), Some((real, weight)));
        }
    }
}
