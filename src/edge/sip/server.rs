//! Server transactions (RFC 3261 section 17.2, RFC 6026).
//!
//! **Invariants.** At most [`ENTRIES_MAX`] are open; one that got its final answer over a datagram
//! lives [`LINGER`] longer (timers H and J), over a connection not at all. Answers are sent again
//! by [`ServerTable::tick`], so that an answered request needs no task.

use super::call::ToDialog;
use super::core::Core;
use super::message::{Method, Request, Response, name};
use super::net::Flow;
use super::parse::cseq;
use super::uri::Via;
use bytes::Bytes;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) const T1: Duration = Duration::from_millis(500);
pub(crate) const T2: Duration = Duration::from_secs(4);
/// 64 × T1.
pub(crate) const LINGER: Duration = Duration::from_secs(32);
pub(crate) const ENTRIES_MAX: usize = 128 * 1024;

struct Entry {
    flow: Flow,
    last: Option<Bytes>,
    /// Of an INVITE that has no final answer yet.
    call: Option<mpsc::Sender<ToDialog>>,
    invite: bool,
    answered: bool,
    acknowledged: bool,
}

#[derive(Default)]
pub(crate) struct ServerTable {
    entries: HashMap<Arc<str>, Entry>,
    expiry: VecDeque<(Instant, Arc<str>)>,
    /// Final answers to INVITEs that wait for their ACK: when, how long it waited, which.
    resend: BinaryHeap<Reverse<(Instant, Duration, Arc<str>)>>,
}

/// What a request is to the table.
pub(crate) enum Known {
    /// Nobody has seen it.
    New,
    /// It came before and is taken care of.
    Handled,
    /// A CANCEL of an INVITE that is here: its call, while there is no final answer.
    Cancels(Option<mpsc::Sender<ToDialog>>),
}

/// What identifies a transaction (section 17.2.3); the transport is none of the standard's, but a
/// request is repeated over the one it came by. ACK and CANCEL share their INVITE's.
pub(crate) fn key_of(request: &Request, flow: &Flow) -> String {
    let by = flow.transport().token();
    let headers = &request.headers;
    let line = headers.get(name::VIA).unwrap_or("");
    let via = Via::read(line).unwrap_or_default();
    let method = match request.method {
        Method::Ack | Method::Cancel => "INVITE",
        _ => request.method.as_str(),
    };
    if let Some(branch) = via.branch() {
        let port = via.port.unwrap_or(0);
        return format!("{branch}|{}:{port}|{by}|{method}", via.host);
    }
    // RFC 2543 peers. To is left out: the ACK has the tag that the INVITE had not.
    let number = headers.get(name::CSEQ).and_then(cseq).map_or(0, |(n, _)| n);
    let get = |name| headers.get(name).unwrap_or("");
    format!(
        "{}|{}|{number}|{}|{}:{:?}|{by}|{method}",
        get(name::CALL_ID),
        get(name::FROM),
        request.uri,
        via.host,
        via.port,
    )
}

impl ServerTable {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes care of everything that belongs to a transaction that is here.
    pub fn look_up(&mut self, key: &str, request: &Request) -> Known {
        let Some(entry) = self.entries.get_mut(key) else {
            return Known::New;
        };
        match request.method {
            // Of a 2xx it has a transaction of its own, unless the peer is of RFC 2543.
            Method::Ack if entry.call.is_some() || !entry.answered => Known::New,
            Method::Ack => {
                let of_refusal = entry.last.is_some();
                entry.acknowledged = true;
                if of_refusal {
                    Known::Handled
                } else {
                    Known::New
                }
            }
            Method::Cancel => Known::Cancels(entry.call.clone()),
            _ => {
                if let Some(last) = &entry.last {
                    entry.flow.send(last);
                }
                Known::Handled
            }
        }
    }

    fn open(
        &mut self,
        key: &Arc<str>,
        flow: &Flow,
        invite: bool,
        call: Option<mpsc::Sender<ToDialog>>,
    ) -> bool {
        if self.entries.len() >= ENTRIES_MAX {
            return false;
        }
        let entry = Entry {
            flow: flow.clone(),
            last: None,
            call,
            invite,
            answered: false,
            acknowledged: false,
        };
        self.entries.insert(key.clone(), entry);
        true
    }

    fn answer(&mut self, key: &Arc<str>, code: u16, bytes: &Bytes, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if code < 200 {
            entry.last = Some(bytes.clone());
            return;
        }
        if entry.flow.is_reliable() {
            self.entries.remove(key);
            return;
        }
        entry.answered = true;
        entry.call = None;
        // The call itself repeats a 2xx; a repeated INVITE is only absorbed (RFC 6026 section 7.1).
        let success = entry.invite && code < 300;
        entry.last = (!success).then(|| bytes.clone());
        if entry.invite && !success {
            self.resend.push(Reverse((now + T1, T1, key.clone())));
        }
        self.expiry.push_back((now + LINGER, key.clone()));
    }

    /// Sends again what waits for its ACK, and forgets what is over.
    pub fn tick(&mut self, now: Instant) {
        while self.expiry.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.expiry.pop_front() {
                self.entries.remove(&key);
            }
        }
        while self
            .resend
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= now)
        {
            let Some(Reverse((_, waited, key))) = self.resend.pop() else {
                return;
            };
            let Some(entry) = self.entries.get(&key).filter(|e| !e.acknowledged) else {
                continue;
            };
            if let Some(last) = &entry.last {
                entry.flow.send(last);
            }
            let wait = (waited * 2).min(T2);
            self.resend.push(Reverse((now + wait, wait, key)));
        }
    }
}

/// The right to answer one request.
pub(crate) struct ServerTx {
    core: Arc<Core>,
    key: Arc<str>,
    pub flow: Flow,
    tag: String,
    answered: Cell<bool>,
}

impl ServerTx {
    /// `None`: there are too many.
    pub fn open(
        core: &Arc<Core>,
        key: String,
        request: &Request,
        flow: &Flow,
        tag: String,
        call: Option<mpsc::Sender<ToDialog>>,
    ) -> Option<Self> {
        let key: Arc<str> = key.into();
        let invite = request.method == Method::Invite;
        core.server().open(&key, flow, invite, call).then(|| Self {
            core: core.clone(),
            key,
            flow: flow.clone(),
            tag,
            answered: Cell::new(false),
        })
    }

    /// Sends an answer; the To tag is put in where there is none, but not into 100.
    pub fn respond(&self, response: Response) -> Bytes {
        let code = response.code;
        let bytes = if code == 100 {
            response.to_bytes()
        } else {
            response.tagged(&self.tag).to_bytes()
        };
        self.flow.send(&bytes);
        self.core
            .server()
            .answer(&self.key, code, &bytes, Instant::now());
        self.answered.set(code >= 200);
        bytes
    }
}

impl Drop for ServerTx {
    /// Without an answer the request was never here.
    fn drop(&mut self) {
        if !self.answered.get() {
            self.core.server().entries.remove(&self.key);
        }
    }
}
