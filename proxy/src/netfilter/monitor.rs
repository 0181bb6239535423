//! News of rules that somebody else took away, such as `nft flush ruleset` or a firewall that starts.

use std::io;

use super::message::{Attributes, Message, Messages};
use super::socket::Socket;
use crate::nftables::Loader;

/// The group of news of nftables, through which iptables goes as well (linux/netfilter/nfnetlink.h, NFNLGRP_NFTABLES).
const GROUP: u32 = 7;
/// The kinds of messages (linux/netfilter/nf_tables.h): of the subsystem, then what happened.
const SUBSYSTEM: u16 = 10 << 8;
const TABLE_GONE: u16 = SUBSYSTEM | 2;
const CHAIN_NEW: u16 = SUBSYSTEM | 3;
const CHAIN_GONE: u16 = SUBSYSTEM | 5;
const RULE_NEW: u16 = SUBSYSTEM | 6;
const RULE_GONE: u16 = SUBSYSTEM | 8;
const SET_GONE: u16 = SUBSYSTEM | 11;
const TABLE_NAME: u16 = 1;
/// The name of a rule's chain, and of a chain.
const RULE_CHAIN: u16 = 2;
const CHAIN_NAME: u16 = 3;
const AF_INET: u8 = 2;

/// What somebody else did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Rules of ours are gone.
    RulesGone,
    /// The host's FORWARD chain changed.
    Forward,
}

/// Listens to the kernel.
pub(crate) struct Monitor {
    socket: Socket,
    loader: Loader,
}

impl Monitor {
    pub(crate) fn open(loader: Loader) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::join(GROUP)?,
            loader,
        })
    }

    /// Waits for the next trouble that is not skiff's own doing. Cancel-safe.
    ///
    /// # Errors
    /// If the kernel says nothing more.
    pub(crate) async fn trouble(&self) -> io::Result<Trouble> {
        loop {
            let bytes = match self.socket.receive().await {
                // Too much at once: only loads of thousands of rules are that long, and those are our own.
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {
                    continue;
                }
                received => received?,
            };
            let foreign = |message: &Message<'_>| !self.loader.is_own(message.port);
            let mut troubles = Messages(&bytes)
                .filter(foreign)
                .filter_map(|it| trouble(&it));
            if let Some(trouble) = troubles.next() {
                return Ok(trouble);
            }
        }
    }
}

fn trouble(message: &Message<'_>) -> Option<Trouble> {
    if message.family() != Some(AF_INET) {
        return None;
    }
    let attributes = message.attributes();
    let table = attributes.text(TABLE_NAME)?;
    let chain = chain(message.kind, attributes).unwrap_or_default();
    let is_ours = table.starts_with("skiff") || chain.starts_with("KUBE-");
    match message.kind {
        TABLE_GONE | CHAIN_GONE | RULE_GONE | SET_GONE if is_ours => Some(Trouble::RulesGone),
        CHAIN_NEW | RULE_NEW | RULE_GONE if (table, chain) == ("filter", "FORWARD") => {
            Some(Trouble::Forward)
        }
        _ => None,
    }
}

fn chain(kind: u16, attributes: Attributes<'_>) -> Option<&str> {
    match kind {
        CHAIN_NEW | CHAIN_GONE => attributes.text(CHAIN_NAME),
        RULE_NEW | RULE_GONE => attributes.text(RULE_CHAIN),
        _ => None,
    }
}
