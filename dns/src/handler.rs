//! From a query to its answer.

use std::str::FromStr;

use hickory_proto::op::{Message, Metadata, ResponseCode};
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
        let response = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            &reply.answers,
            &reply.authorities,
            [],
            [],
        );
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
        let Ok(info) = request.request_info() else {
            return Reply::code(ResponseCode::FormErr);
        };
        let name = Name::from(info.query.name());
        let lower = name.to_lowercase().to_ascii();
        let lower = lower.trim_end_matches('.');
        if !self.cluster.is_ready() {
            return Reply::code(ResponseCode::ServFail);
        }
        match self.cluster.find(lower) {
            Found::Records(data) => {
                self.found(request, &name, &data, info.query.query_type())
                    .await
            }
            Found::Missing => self.empty(ResponseCode::NXDomain),
            Found::Elsewhere => self.upstream(request.as_slice(), is_tcp(request)).await,
        }
    }

    /// The records that the query asks for; a CNAME is followed, within the zone or upstream.
    async fn found(
        &self,
        request: &Request,
        name: &Name,
        data: &std::collections::BTreeSet<Data>,
        wanted: RecordType,
    ) -> Reply {
        let mut answers = records(name, data, wanted);
        let cname = data.iter().find_map(|data| match data {
            Data::Cname(target) => Some(target.as_str()),
            _ => None,
        });
        if let Some(target) = cname {
            answers = records(name, data, RecordType::CNAME);
            if wanted != RecordType::CNAME {
                answers.extend(self.follow(request, target, wanted).await);
            }
        }
        if answers.is_empty() {
            return self.empty(ResponseCode::NoError);
        }
        Reply {
            code: ResponseCode::NoError,
            authoritative: true,
            answers,
            authorities: Vec::new(),
            truncated: false,
        }
    }

    async fn follow(&self, request: &Request, target: &str, wanted: RecordType) -> Vec<Record> {
        let Ok(name) = Name::from_str(&format!("{target}.")) else {
            return Vec::new();
        };
        match self.cluster.find(target) {
            Found::Records(data) => records(&name, &data, wanted),
            Found::Missing => Vec::new(),
            Found::Elsewhere => {
                let mut query = Message::query();
                query.metadata.id = request.metadata.id;
                query.metadata.recursion_desired = true;
                query.add_query(hickory_proto::op::Query::query(name, wanted));
                match query.to_vec() {
                    Ok(bytes) => self.upstream(&bytes, is_tcp(request)).await.answers,
                    Err(_) => Vec::new(),
                }
            }
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
            code,
            authoritative: true,
            answers: Vec::new(),
            authorities: soa.into_iter().collect(),
            truncated: false,
        }
    }
}

fn is_tcp(request: &Request) -> bool {
    request.protocol() == Protocol::Tcp
}

fn soa(domain: &str) -> Option<Record> {
    let zone = Name::from_str(&format!("{domain}.")).ok()?;
    let (server, mailbox) = (
        zone.prepend_label("dns").ok()?.prepend_label("ns").ok()?,
        zone.prepend_label("hostmaster").ok()?,
    );
    let data = SOA::new(server, mailbox, 1, 7200, 1800, 86_400, TTL);
    Some(Record::from_rdata(zone, TTL, RData::SOA(data)))
}

fn records(
    name: &Name,
    data: &std::collections::BTreeSet<Data>,
    wanted: RecordType,
) -> Vec<Record> {
    let encoded = data.iter().filter_map(encode);
    let fitting = encoded.filter(|data| wanted == RecordType::ANY || data.record_type() == wanted);
    fitting
        .map(|data| Record::from_rdata(name.clone(), TTL, data))
        .collect()
}

fn encode(data: &Data) -> Option<RData> {
    let absolute = |name: &str| Name::from_str(&format!("{name}.")).ok();
    Some(match data {
        Data::A(address) => RData::A(A(*address)),
        Data::Cname(target) => RData::CNAME(CNAME(absolute(target)?)),
        // One weight for all: kube-proxy's rules, not DNS, spread the load.
        Data::Srv { port, target } => RData::SRV(SRV::new(0, 100, *port, absolute(target)?)),
        Data::Ptr(target) => RData::PTR(PTR(absolute(target)?)),
        Data::Txt(text) => RData::TXT(TXT::new(vec![(*text).to_owned()])),
    })
}
