//! From a query to its answer.

use std::collections::BTreeSet;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

use crate::cluster::{Cluster, Found};
use crate::forward::Forwarder;
use crate::records::Data;

/// How long answers may be kept, in seconds.
const TTL: u32 = 30;
/// Aliases that are followed for one query, so that a circle of them ends.
const LONGEST_CHAIN: usize = 8;
/// The smallest and the largest answer over UDP: RFC 6891 has the one, DNS flag day 2020 the other.
const UDP_BYTES: (u16, u16) = (512, 1232);

/// Answers queries from the cluster, or asks upstream.
pub(crate) struct Handler {
    pub(crate) cluster: Cluster,
    pub(crate) forwarder: Forwarder,
}

/// An answer without the query that it answers.
struct Reply {
    code: ResponseCode,
    authoritative: bool,
    answers: Vec<Record>,
    authorities: Vec<Record>,
    truncated: bool,
}

impl Reply {
    fn code(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            truncated: false,
        }
    }

    fn of_upstream(message: Message) -> Self {
        Self {
            code: message.metadata.response_code,
            authoritative: false,
            answers: message.answers,
            authorities: message.authorities,
            truncated: message.metadata.truncation,
        }
    }

    /// This reply at the end of a chain of aliases: its code is that of the last name (RFC 6604).
    fn after(mut self, mut chain: Vec<Record>) -> Self {
        if !chain.is_empty() {
            chain.append(&mut self.answers);
            (self.answers, self.authoritative) = (chain, true);
        }
        self
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut to: R,
    ) -> ResponseInfo {
        let reply = self.reply(request).await;
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = reply.code;
        metadata.authoritative = reply.authoritative;
        metadata.truncation = reply.truncated;
        metadata.recursion_available = true;
        let edns = request.edns.as_ref().map(edns_towards);
        let mut response = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            response.edns(edns);
        }
        let response = response.build(metadata, &reply.answers, &reply.authorities, [], []);
        match to.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "answer not sent");
                hickory_proto::op::Header {
                    metadata,
                    counts: Default::default(),
                }
                .into()
            }
        }
    }
}

impl Handler {
    async fn reply(&self, request: &Request) -> Reply {
        if request.metadata.op_code != OpCode::Query {
            return Reply::code(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else {
            return Reply::code(ResponseCode::FormErr);
        };
        if !self.cluster.is_ready() {
            return Reply::code(ResponseCode::ServFail);
        }
        // In the asker's case, which some compare to know a forged answer.
        let asked = info.query.original();
        match self.cluster.find(&text_of(asked.name())) {
            Found::Records(data) => self.found(request, asked, data).await,
            Found::Missing => self.empty(ResponseCode::NXDomain),
            Found::Elsewhere => self.upstream(request.as_slice(), is_tcp(request)).await,
        }
    }

    /// The records that the query asks for; aliases are followed, within the zone and upstream.
    async fn found(&self, request: &Request, asked: &Query, mut data: BTreeSet<Data>) -> Reply {
        let (mut name, wanted) = (asked.name().clone(), asked.query_type());
        let follows = !matches!(wanted, RecordType::CNAME | RecordType::ANY);
        let mut chain = Vec::new();
        while chain.len() < LONGEST_CHAIN {
            let Some(alias) = alias_in(&data).filter(|_| follows) else {
                return self.has(records(&name, &data, wanted)).after(chain);
            };
            chain.extend(records(&name, &data, RecordType::CNAME));
            match self.cluster.find(&text_of(&alias)) {
                Found::Records(next) => (name, data) = (alias, next),
                Found::Missing => return self.empty(ResponseCode::NXDomain).after(chain),
                Found::Elsewhere => {
                    return self.upstream_of(request, alias, wanted).await.after(chain);
                }
            }
        }
        Reply::code(ResponseCode::ServFail).after(chain)
    }

    fn has(&self, answers: Vec<Record>) -> Reply {
        if answers.is_empty() {
            return self.empty(ResponseCode::NoError);
        }
        Reply {
            authoritative: true,
            answers,
            ..Reply::code(ResponseCode::NoError)
        }
    }

    /// What upstream says of another name than the one that was asked for.
    async fn upstream_of(&self, request: &Request, name: Name, wanted: RecordType) -> Reply {
        let mut query = Message::query();
        query.metadata.id = request.metadata.id;
        query.metadata.recursion_desired = true;
        query.add_query(Query::query(name, wanted));
        match query.to_vec() {
            Ok(bytes) => self.upstream(&bytes, is_tcp(request)).await,
            Err(_) => Reply::code(ResponseCode::ServFail),
        }
    }

    async fn upstream(&self, query: &[u8], over_tcp: bool) -> Reply {
        match self.forwarder.ask(query, over_tcp).await {
            Ok(message) => Reply::of_upstream(message),
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "not answered upstream"
                );
                Reply::code(ResponseCode::ServFail)
            }
        }
    }

    /// No records, with the SOA that says for how long (RFC 2308).
    fn empty(&self, code: ResponseCode) -> Reply {
        let soa = soa(self.cluster.domain());
        Reply {
            authoritative: true,
            authorities: soa.into_iter().collect(),
            ..Reply::code(code)
        }
    }
}

fn is_tcp(request: &Request) -> bool {
    request.protocol() == Protocol::Tcp
}

/// Who asks with EDNS is answered with it, and may be sent more than 512 bytes (RFC 6891).
fn edns_towards(asked: &Edns) -> Edns {
    let (smallest, largest) = UDP_BYTES;
    let mut edns = Edns::new();
    edns.set_max_payload(asked.max_payload().clamp(smallest, largest));
    edns.set_dnssec_ok(asked.flags().dnssec_ok);
    edns
}

/// The name as the cluster knows it: in lower case, without its last dot.
fn text_of(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.trim_end_matches('.').to_owned()
}

fn alias_in(data: &BTreeSet<Data>) -> Option<Name> {
    data.iter().find_map(|data| match data {
        Data::Cname(target) => absolute(target),
        _ => None,
    })
}

fn absolute(name: &str) -> Option<Name> {
    Name::from_str(&format!("{name}.")).ok()
}

fn soa(domain: &str) -> Option<Record> {
    let zone = absolute(domain)?;
    let (server, mailbox) = (
        zone.prepend_label("dns").ok()?.prepend_label("ns").ok()?,
        zone.prepend_label("hostmaster").ok()?,
    );
    let data = SOA::new(server, mailbox, 1, 7200, 1800, 86_400, TTL);
    Some(Record::from_rdata(zone, TTL, RData::SOA(data)))
}

fn records(name: &Name, data: &BTreeSet<Data>, wanted: RecordType) -> Vec<Record> {
    let encoded = data.iter().filter_map(encode);
    let fitting = encoded.filter(|data| wanted == RecordType::ANY || data.record_type() == wanted);
    fitting
        .map(|data| Record::from_rdata(name.clone(), TTL, data))
        .collect()
}

fn encode(data: &Data) -> Option<RData> {
    Some(match data {
        Data::A(address) => RData::A(A(*address)),
        Data::Cname(target) => RData::CNAME(CNAME(absolute(target)?)),
        // One weight for all: kube-proxy's rules, not DNS, spread the load.
        Data::Srv { port, target } => RData::SRV(SRV::new(0, 100, *port, absolute(target)?)),
        Data::Ptr(target) => RData::PTR(PTR(absolute(target)?)),
        Data::Txt(text) => RData::TXT(TXT::new(vec![(*text).to_owned()])),
    })
}

#[cfg(test)]
mod tests;
