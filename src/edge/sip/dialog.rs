//! What both sides of a dialog agree on (RFC 3261 section 12).

use super::core::Core;
use super::message::{Headers, Method, Request, Response, name};
use super::net::Flow;
use super::parse::cseq;
use super::uri::{NameAddr, Uri, tag};
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
pub(crate) struct Dialog {
    pub call_id: String,
    /// From and To of our requests, tags included.
    pub local: String,
    pub remote: String,
    pub remote_tag: String,
    /// Where the far end's Contact points.
    pub target: String,
    route: Vec<String>,
    pub local_cseq: u32,
    pub remote_cseq: u32,
    pub flow: Flow,
    /// Our Contact.
    pub contact: String,
    /// We made the call, and own its Call-ID.
    pub ours: bool,
    /// The far end takes UPDATE (RFC 3311).
    pub updates: bool,
}

fn target(headers: &Headers) -> Option<String> {
    headers
        .list(name::CONTACT)
        .next()
        .and_then(NameAddr::read)
        .filter(|contact| contact.uri.is_sip())
        .map(|contact| contact.uri_text)
}

fn number(headers: &Headers) -> u32 {
    headers.get(name::CSEQ).and_then(cseq).map_or(0, |(n, _)| n)
}

impl Dialog {
    /// Of an INVITE to us.
    pub fn of_request(core: &Core, request: &Request, flow: &Flow, local_tag: &str) -> Self {
        let headers = &request.headers;
        let get = |name| headers.get(name).unwrap_or("").to_owned();
        let from = get(name::FROM);
        // RFC 2543 callers name themselves nowhere but in From.
        let target = target(headers)
            .or_else(|| NameAddr::read(&from).map(|from| from.uri_text))
            .unwrap_or_default();
        Self {
            call_id: get(name::CALL_ID),
            local: format!("{};tag={local_tag}", get(name::TO)),
            remote_tag: tag(&from).unwrap_or_default(),
            remote: from,
            target,
            route: headers
                .list(name::RECORD_ROUTE)
                .map(str::to_owned)
                .collect(),
            local_cseq: rand::random_range(1..10_000),
            remote_cseq: number(headers),
            contact: core.contact(flow),
            flow: flow.clone(),
            ours: false,
            updates: headers.has_token(name::ALLOW, "UPDATE"),
        }
    }

    /// Of a response to our INVITE.
    pub fn of_response(request: &Request, response: &Response, flow: &Flow) -> Self {
        let headers = &response.headers;
        let get = |name| headers.get(name).unwrap_or("").to_owned();
        let mut route: Vec<String> = headers
            .list(name::RECORD_ROUTE)
            .map(str::to_owned)
            .collect();
        route.reverse();
        let remote = get(name::TO);
        let local = get(name::FROM);
        Self {
            call_id: get(name::CALL_ID),
            local,
            remote_tag: tag(&remote).unwrap_or_default(),
            remote,
            target: target(headers).unwrap_or_else(|| request.uri.clone()),
            route,
            local_cseq: number(&request.headers),
            remote_cseq: 0,
            contact: request.headers.get(name::CONTACT).unwrap_or("").to_owned(),
            flow: flow.clone(),
            ours: true,
            updates: headers.has_token(name::ALLOW, "UPDATE"),
        }
    }

    /// A target refresh (section 12.2.1.2): Contact of a re-INVITE, an UPDATE or their 2xx.
    pub fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = target(headers) {
            self.target = target;
        }
        if headers.get(name::ALLOW).is_some() {
            self.updates = headers.has_token(name::ALLOW, "UPDATE");
        }
    }

    /// Numbers must grow (section 12.2.2). Equal: the ACK and PRACK of an INVITE, or a retry.
    pub fn takes_number(&mut self, request: &Request) -> bool {
        let number = number(&request.headers);
        if number < self.remote_cseq {
            return false;
        }
        self.remote_cseq = number;
        true
    }

    fn plain(&self, method: Method, number: u32) -> Request {
        let text = method.as_str().to_owned();
        let (uri, route) = self.way();
        let mut request = Request::new(method, uri);
        for one in route {
            request.headers.push(name::ROUTE, one);
        }
        request.headers.push(name::FROM, self.local.clone());
        request.headers.push(name::TO, self.remote.clone());
        request.headers.push(name::CALL_ID, self.call_id.clone());
        request.headers.push(name::CSEQ, format!("{number} {text}"));
        request
    }

    /// Request-URI and Route (section 12.2.1.1): a first proxy that is no loose router takes the
    /// place of the target, which then ends the list.
    fn way(&self) -> (String, Vec<String>) {
        let first = self.route.first().and_then(|one| NameAddr::read(one));
        match first {
            Some(first) if first.uri.param("lr").is_none() => {
                let mut route = self.route[1..].to_vec();
                route.push(format!("<{}>", self.target));
                (first.uri_text, route)
            }
            _ => (self.target.clone(), self.route.clone()),
        }
    }

    /// The next request of this side.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        let mut request = self.plain(method, self.local_cseq);
        request.headers.push(name::CONTACT, self.contact.clone());
        request
    }

    /// The ACK of a 2xx to our INVITE with that number.
    pub fn ack(&self, number: u32) -> Request {
        self.plain(Method::Ack, number)
    }

    /// Where the next request goes. A connection is used as long as it lives (RFC 5923), and a
    /// phone is reached where it speaks from, whatever its Contact says; only a trunk's own address
    /// in Route or Contact is followed.
    pub fn way_out(&self, core: &Arc<Core>) -> Flow {
        if self.flow.is_reliable() || core.config.trunk_of(self.flow.peer().ip()).is_none() {
            return self.flow.clone();
        }
        let hop = self.route.first().and_then(|one| NameAddr::read(one));
        let hop = hop.map(|hop| hop.uri).or_else(|| Uri::read(&self.target));
        let address = hop.and_then(|uri| {
            let ip = uri.host.parse().ok()?;
            Some(SocketAddr::new(ip, uri.port.unwrap_or(5060)))
        });
        match address {
            Some(address) if core.config.trunk_of(address.ip()).is_some() => {
                self.flow.towards(address)
            }
            _ => self.flow.clone(),
        }
    }
}
