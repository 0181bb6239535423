//! The conversation with the kernel.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use futures::StreamExt;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_packet_generic::GenlMessage;
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_proto::sys::protocols::NETLINK_GENERIC;
use netlink_proto::sys::{SocketAddr, TokioSocket};
use netlink_proto::{ConnectionHandle, new_connection_with_socket};
use tokio::task::AbortHandle;

use super::message::{Command, IpvsMessage};
use super::plan::Step;
use super::{Address, Served, VirtualServer, Weight};
use crate::dataplane::DataplaneError;
use crate::model::Protocol;

/// Where kube-proxy tries schedulers as well: an address of RFC 5737, at which nobody asks for anything.
const NOBODYS: Address = Address {
    protocol: Protocol::Tcp,
    at: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 0), 20000),
};

/// A connection to the kernel's IPVS. Ends with its owner.
pub(crate) struct Kernel {
    handle: ConnectionHandle<GenlMessage<IpvsMessage>>,
    family: u16,
    speaking: AbortHandle,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.speaking.abort();
    }
}

impl Kernel {
    /// Finds the kernel's IPVS; asking for it by name loads the module where that is possible.
    pub(crate) async fn open() -> Result<Self, DataplaneError> {
        let family = family_id("IPVS").await?;
        let (handle, speaking) = connect::<IpvsMessage>()?;
        let kernel = Self {
            handle,
            family,
            speaking,
        };
        kernel
            .ask("IPVS version", IpvsMessage::new(Command::GetInfo), 0)
            .await?;
        Ok(kernel)
    }

    /// All virtual servers by address, with their real servers.
    pub(crate) async fn list(&self) -> Result<BTreeMap<Address, Served>, DataplaneError> {
        let mut servers = BTreeMap::new();
        for answer in self
            .ask(
                "list virtual servers",
                IpvsMessage::new(Command::GetService),
                NLM_F_DUMP,
            )
            .await?
        {
            let Some(server) = answer.told_server().map_err(malformed("virtual server"))? else {
                continue;
            };
            let asked = IpvsMessage::at(Command::GetDest, &server.at);
            let mut real = BTreeMap::<SocketAddrV4, Weight>::new();
            for answer in self.ask("list real servers", asked, NLM_F_DUMP).await? {
                real.extend(answer.told_real().map_err(malformed("real server"))?);
            }
            servers.insert(server.at, Served { server, real });
        }
        Ok(servers)
    }

    /// Makes a virtual server that chooses by `scheduler`, and removes it: the kernel then loads its module.
    ///
    /// # Errors
    /// If the kernel has no such scheduler.
    pub(crate) async fn try_scheduler(&self, scheduler: &str) -> Result<(), DataplaneError> {
        let server = VirtualServer {
            at: NOBODYS,
            scheduler: scheduler.to_owned(),
            persistent_seconds: None,
        };
        self.take(&Step::AddServer(server)).await?;
        self.take(&Step::RemoveServer(NOBODYS)).await
    }

    /// Takes one step.
    pub(crate) async fn take(&self, step: &Step) -> Result<(), DataplaneError> {
        let message = match step {
            Step::AddServer(server) => IpvsMessage::server(Command::NewService, server),
            Step::ChangeServer(server) => IpvsMessage::server(Command::SetService, server),
            Step::RemoveServer(at) => IpvsMessage::at(Command::DelService, at),
            Step::AddReal(at, real, weight) => {
                IpvsMessage::real(Command::NewDest, at, real, *weight)
            }
            Step::ChangeReal(at, real, weight) => {
                IpvsMessage::real(Command::SetDest, at, real, *weight)
            }
            Step::RemoveReal(at, real) => IpvsMessage::real(Command::DelDest, at, real, 0),
        };
        self.ask(&format!("{step:?}"), message, NLM_F_ACK)
            .await
            .map(drop)
    }

    async fn ask(
        &self,
        what: &str,
        message: IpvsMessage,
        flags: u16,
    ) -> Result<Vec<IpvsMessage>, DataplaneError> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(self.family);
        ask(&self.handle, what, message, flags).await
    }
}

fn malformed(what: &'static str) -> impl Fn(netlink_packet_core::DecodeError) -> DataplaneError {
    move |error| DataplaneError::Malformed {
        what,
        why: error.to_string(),
    }
}

/// The kernel's number for a family of generic netlink.
async fn family_id(name: &str) -> Result<u16, DataplaneError> {
    let (handle, speaking) = connect::<GenlCtrl>()?;
    let question = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(name.to_owned())],
    };
    let answers = ask(
        &handle,
        &format!("family {name}"),
        GenlMessage::from_payload(question),
        0,
    )
    .await;
    speaking.abort();
    let mut attributes = answers?.into_iter().flat_map(|answer| answer.nlas);
    let id = attributes.find_map(|attribute| match attribute {
        GenlCtrlAttrs::FamilyId(id) => Some(id),
        _ => None,
    });
    id.ok_or_else(|| DataplaneError::Malformed {
        what: "generic netlink family",
        why: format!("{name} has no id"),
    })
}

type Connected<F> = (ConnectionHandle<GenlMessage<F>>, AbortHandle);

fn connect<F>() -> Result<Connected<F>, DataplaneError>
where
    GenlMessage<F>: NetlinkSerializable + NetlinkDeserializable,
    F: std::fmt::Debug + Send + Sync + Unpin + 'static,
{
    let (connection, handle, _) =
        new_connection_with_socket::<GenlMessage<F>, TokioSocket>(NETLINK_GENERIC)
            .map_err(DataplaneError::Connect)?;
    Ok((handle, tokio::spawn(connection).abort_handle()))
}

async fn ask<F>(
    handle: &ConnectionHandle<GenlMessage<F>>,
    what: &str,
    mut message: GenlMessage<F>,
    flags: u16,
) -> Result<Vec<F>, DataplaneError>
where
    F: netlink_packet_generic::GenlFamily + netlink_packet_core::Emitable + std::fmt::Debug,
{
    message.finalize();
    let mut request = NetlinkMessage::from(message);
    request.header.flags = NLM_F_REQUEST | flags;
    request.finalize();
    let failed = |source: std::io::Error| DataplaneError::Kernel {
        what: what.to_owned(),
        source,
    };
    let mut answers = handle
        .request(request, SocketAddr::new(0, 0))
        .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    let mut told = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer.payload {
            NetlinkPayload::InnerMessage(inner) => told.push(inner.into_parts().1),
            NetlinkPayload::Error(error) if error.code.is_some() => {
                return Err(failed(error.to_io()));
            }
            _ => {}
        }
    }
    Ok(told)
}
