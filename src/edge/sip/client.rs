//! Client transactions (RFC 3261 section 17.1, RFC 6026).
//!
//! **Invariants.** Each is driven by the task that awaits it; only what must still be acknowledged
//! after that lives on in the table, for [`LINGER`] and without a task.

use super::core::Core;
use super::message::{Method, Request, Response, SUPPORTED, name};
use super::net::Flow;
use super::parse::cseq;
use super::server::{LINGER, T1, T2};
use super::uri::{MAGIC, Via, tag};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

/// How many responses wait for their task; more are dropped and come again.
const RESPONSES: usize = 16;

enum Entry {
    Waiting(mpsc::Sender<Response>),
    /// Over; the ACK is repeated when the final response is.
    Done {
        ack: Bytes,
        to_tag: Option<String>,
        flow: Flow,
    },
}

#[derive(Default)]
pub(crate) struct ClientTable {
    entries: HashMap<String, Entry>,
    expiry: VecDeque<(Instant, String)>,
}

/// What a response is to the table.
pub(crate) enum Answered {
    Taken,
    /// A 2xx of another branch of a forked INVITE: that dialog is to be ended.
    Stray,
    Unknown,
}

impl ClientTable {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn response(&mut self, response: Response) -> (Answered, Option<Response>) {
        let via = response.headers.get(name::VIA).and_then(Via::read);
        let method = response.headers.get(name::CSEQ).and_then(cseq);
        let (Some(via), Some((_, method))) = (via, method) else {
            return (Answered::Unknown, None);
        };
        let key = format!("{}|{method}", via.branch().unwrap_or(""));
        match self.entries.get(&key) {
            None => (Answered::Unknown, None),
            Some(Entry::Waiting(task)) => {
                let _ = task.try_send(response);
                (Answered::Taken, None)
            }
            Some(Entry::Done { ack, to_tag, flow }) => {
                if !response.is_final() {
                    return (Answered::Taken, None);
                }
                let its = response.headers.get(name::TO).and_then(tag);
                if response.is_success() && its != *to_tag {
                    return (Answered::Stray, Some(response));
                }
                flow.send(ack);
                (Answered::Taken, None)
            }
        }
    }

    pub fn tick(&mut self, now: Instant) {
        while self.expiry.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.expiry.pop_front() {
                self.entries.remove(&key);
            }
        }
    }

    fn done(&mut self, key: &str, ack: Bytes, to_tag: Option<String>, flow: Flow) {
        let entry = Entry::Done { ack, to_tag, flow };
        if self.entries.insert(key.to_owned(), entry).is_some() {
            self.expiry
                .push_back((Instant::now() + LINGER, key.to_owned()));
        }
    }
}

/// A request on its way.
pub(crate) struct ClientTx {
    core: Arc<Core>,
    key: String,
    pub request: Request,
    bytes: Bytes,
    pub flow: Flow,
    /// The refusal, kept by whoever wants to mend the request.
    pub refusal: Option<Response>,
    responses: mpsc::Receiver<Response>,
    wait: Duration,
    again_at: Instant,
    give_up_at: Instant,
    provisional: bool,
    cancelled: bool,
    over: bool,
}

impl ClientTx {
    /// Adds what every request of ours has, and sends it.
    pub fn start(core: &Arc<Core>, flow: &Flow, mut request: Request) -> Self {
        let branch = format!("{MAGIC}{:032x}", rand::random::<u128>());
        let via = core.via(flow, &branch);
        request.headers.push_front(name::VIA, via);
        request.headers.set(name::MAX_FORWARDS, "70");
        request.headers.set(name::USER_AGENT, core.agent());
        if request.method != Method::Cancel && request.headers.get(name::SUPPORTED).is_none() {
            request.headers.set(name::SUPPORTED, SUPPORTED);
        }
        let key = format!("{branch}|{}", request.method.as_str());
        let (task, responses) = mpsc::channel(RESPONSES);
        core.clients()
            .entries
            .insert(key.clone(), Entry::Waiting(task));
        let bytes = request.to_bytes();
        let now = Instant::now();
        let mut tx = Self {
            core: core.clone(),
            key,
            request,
            bytes,
            flow: flow.clone(),
            refusal: None,
            responses,
            wait: T1,
            again_at: now + T1,
            give_up_at: now + LINGER,
            provisional: false,
            cancelled: false,
            over: false,
        };
        if !tx.flow.send(&tx.bytes) {
            tx.give_up_at = now;
        }
        tx
    }

    fn is_invite(&self) -> bool {
        self.request.method == Method::Invite
    }

    /// Whether some answer came, so that the request may be cancelled (section 9.1).
    pub fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// The next response; `None`: none came in time, or the way is gone. A final response to an
    /// INVITE that is a refusal is acknowledged here; a 2xx is the dialog's, by [`Self::succeeded`].
    /// Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Response> {
        if self.over {
            return None;
        }
        loop {
            let waits_for_ever = self.is_invite() && self.provisional && !self.cancelled;
            let again_at = self.again_at.min(self.give_up_at);
            tokio::select! {
                response = self.responses.recv() => return self.took(response?),
                () = sleep_until(again_at.into()), if !waits_for_ever => {
                    if Instant::now() >= self.give_up_at || !self.flow.is_alive() {
                        self.over = true;
                        return None;
                    }
                    if !self.flow.is_reliable() {
                        self.flow.send(&self.bytes);
                    }
                    // Timer A doubles for ever, timer E up to T2.
                    let limit = if self.is_invite() { LINGER } else { T2 };
                    self.wait = if self.provisional { T2 } else { (self.wait * 2).min(limit) };
                    self.again_at = Instant::now() + self.wait;
                }
            }
        }
    }

    fn took(&mut self, response: Response) -> Option<Response> {
        if !response.is_final() {
            self.provisional = true;
            return Some(response);
        }
        self.over = true;
        if self.is_invite() && !response.is_success() {
            let ack = self.ack_of_refusal(&response).to_bytes();
            self.flow.send(&ack);
            let to_tag = response.headers.get(name::TO).and_then(tag);
            self.core
                .clients()
                .done(&self.key, ack, to_tag, self.flow.clone());
        }
        Some(response)
    }

    /// The ACK of a 2xx was sent; it is repeated as often as the 2xx is.
    pub fn succeeded(&self, ack: Bytes, response: &Response, flow: &Flow) {
        let to_tag = response.headers.get(name::TO).and_then(tag);
        self.core
            .clients()
            .done(&self.key, ack, to_tag, flow.clone());
    }

    /// Section 17.1.1.3: same branch, same number, the To of the response.
    fn ack_of_refusal(&self, response: &Response) -> Request {
        let mut ack = self.beside(Method::Ack);
        if let Some(to) = response.headers.get(name::TO) {
            ack.headers.set(name::TO, to);
        }
        ack
    }

    /// A request that goes the way of this one (ACK, CANCEL).
    fn beside(&self, method: Method) -> Request {
        let mut request = Request::new(method, self.request.uri.clone());
        let from = &self.request.headers;
        request
            .headers
            .push(name::VIA, from.get(name::VIA).unwrap_or("").to_owned());
        for name in [name::ROUTE, name::FROM, name::TO, name::CALL_ID] {
            request.headers.copy(from, name);
        }
        let number = from.get(name::CSEQ).and_then(cseq).map_or(1, |(n, _)| n);
        let method = request.method.as_str().to_owned();
        request
            .headers
            .push(name::CSEQ, format!("{number} {method}"));
        request.headers.push(name::MAX_FORWARDS, "70");
        request
    }

    /// Cancels this INVITE (section 9.1). The task goes on to await the final response, which comes
    /// within 32 s or never.
    pub fn cancel(&mut self, reason: Option<&str>) {
        let mut cancel = self.beside(Method::Cancel);
        if let Some(reason) = reason {
            cancel.headers.push(name::REASON, reason);
        }
        let (flow, bytes) = (self.flow.clone(), cancel.to_bytes());
        self.give_up_at = Instant::now() + LINGER;
        self.again_at = self.give_up_at;
        self.cancelled = true;
        self.wait = LINGER;
        // It has the branch of the INVITE, and its own entry in the table until it is answered.
        let key = format!(
            "{}|CANCEL",
            self.key.strip_suffix("|INVITE").unwrap_or(&self.key)
        );
        let (task, mut responses) = mpsc::channel(1);
        let core = self.core.clone();
        core.clients()
            .entries
            .insert(key.clone(), Entry::Waiting(task));
        tokio::spawn(async move {
            let mut wait = T1;
            let give_up = Instant::now() + LINGER;
            flow.send(&bytes);
            while timeout(wait, responses.recv()).await.is_err() {
                if flow.is_reliable() || Instant::now() > give_up {
                    break;
                }
                flow.send(&bytes);
                wait = (wait * 2).min(T2);
            }
            core.clients().entries.remove(&key);
        });
    }
}

impl Drop for ClientTx {
    fn drop(&mut self) {
        let mut clients = self.core.clients();
        if matches!(clients.entries.get(&self.key), Some(Entry::Waiting(_))) {
            clients.entries.remove(&self.key);
        }
    }
}

/// Sends a request other than INVITE and awaits its final response; `None`: there was none.
pub(crate) async fn ask(core: &Arc<Core>, flow: &Flow, request: Request) -> Option<Response> {
    let mut tx = ClientTx::start(core, flow, request);
    loop {
        let response = tx.next().await?;
        if response.is_final() {
            return Some(response);
        }
    }
}
