//! A call that stands: from the first 200 to the last BYE.
//!
//! **Invariants.** However it ends (either side, a lost ACK, a session that is not refreshed, the
//! media, the edge's stop), both ends are told: the house by the leg's `Closed`, the far end by BYE
//! or by the answer to its own. One request of ours that changes the media is under way at a time.

use super::agree::Local;
use super::client::{ClientTx, ask};
use super::core::{Core, Place};
use super::dialog::Dialog;
use super::dispatch::unacceptable;
use super::incoming::{DialogGuard, next_wait};
use super::message::{ALLOWED, Method, Request, Response, SUPPORTED, name};
use super::net::Flow;
use super::parse::cseq;
use super::sdp::Sdp;
use super::server::{LINGER, ServerTx, T1};
use super::session::{Due, MIN_S, SessionTimer};
use super::transfer::Transfers;
use crate::leg::{CloseReason, LegCommand, LegSignal};
use crate::rtp::RtpControl;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// What comes to a dialog's task.
pub(crate) enum ToDialog {
    Request(Request, ServerTx),
    Ack(Request),
    Cancel(Option<String>),
    /// A request of ours got its answer.
    Done(Box<Done>),
}

/// What became of a request of ours.
pub(crate) struct Done {
    pub of: Asked,
    pub tx: Option<ClientTx>,
    pub response: Option<Response>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Changes or refreshes the media; `was_holding` is put back where it is refused.
    Reinvite {
        was_holding: bool,
    },
    Refresh,
    Refer,
    Notify,
}

/// A 2xx that waits for its ACK.
pub(crate) struct Unacked {
    bytes: Bytes,
    flow: Flow,
    number: u32,
    /// It carried an offer; the ACK has the answer.
    late: bool,
    wait: Duration,
    again_at: Instant,
    give_up_at: Instant,
}

impl Unacked {
    pub fn new(bytes: Bytes, flow: Flow, number: u32, late: bool) -> Self {
        let now = Instant::now();
        Self {
            bytes,
            flow,
            number,
            late,
            wait: T1,
            again_at: now + T1,
            give_up_at: now + LINGER,
        }
    }
}

/// Given back to the toll-fraud rules when dropped.
pub(crate) struct OutboundPlace(pub Arc<Core>);

impl Drop for OutboundPlace {
    fn drop(&mut self) {
        self.0.guard().end();
    }
}

/// What is given back when the call ends.
#[expect(dead_code, reason = "held, and given back when dropped")]
pub(crate) struct Held {
    pub guard: DialogGuard,
    pub outbound: Option<Arc<OutboundPlace>>,
    pub place: Arc<Place>,
}

/// Everything a call that stands is made of.
pub(crate) struct Connected {
    pub core: Arc<Core>,
    pub dialog: Dialog,
    pub rtp: RtpControl,
    pub local: Local,
    pub inbox: mpsc::Receiver<ToDialog>,
    pub inbox_tx: mpsc::Sender<ToDialog>,
    pub timer: Option<SessionTimer>,
    #[expect(dead_code, reason = "held, and given back when dropped")]
    pub held: Held,
}

pub(crate) struct Call {
    pub with: Connected,
    unacked: Option<Unacked>,
    /// Our own re-INVITE or UPDATE is under way.
    pending: bool,
    /// After a 491 (section 14.1): when to try again.
    retry_at: Option<Instant>,
    /// The house closed the leg before the ACK came: BYE must wait for it (section 15).
    closing: bool,
    held_by_far_end: bool,
    pub transfers: Transfers,
}

/// Why the call's task ends.
type Over = Option<CloseReason>;

impl Call {
    pub fn new(with: Connected) -> Self {
        let held_by_far_end = with.local.agreed().is_some_and(|a| a.held_by_far_end);
        Self {
            with,
            unacked: None,
            pending: false,
            retry_at: None,
            closing: false,
            held_by_far_end,
            transfers: Transfers::default(),
        }
    }

    pub async fn run(mut self, unacked: Option<Unacked>) {
        self.unacked = unacked;
        if self.unacked.is_none() {
            self.with.rtp.connected();
        }
        let mut stopping = self.with.core.stopping.subscribe();
        let reason = loop {
            let wake_at = self.wake_at();
            let over = tokio::select! {
                Some(message) = self.with.inbox.recv() => self.on_message(message),
                command = self.with.rtp.commanded() => self.on_command(command),
                () = sleep_until(wake_at.into()) => self.on_time(Instant::now()),
                _ = stopping.wait_for(|stop| *stop) => {
                    self.bye(None);
                    Some(CloseReason::Here)
                }
            };
            if let Some(reason) = over {
                break reason;
            }
        };
        self.with.rtp.end(reason);
    }

    fn wake_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        [
            self.unacked.as_ref().map(|u| u.again_at.min(u.give_up_at)),
            self.with.timer.map(|timer| timer.due().0),
            self.retry_at,
        ]
        .into_iter()
        .flatten()
        .fold(far, Instant::min)
    }

    fn on_time(&mut self, now: Instant) -> Over {
        if let Some(unacked) = &mut self.unacked {
            if now >= unacked.give_up_at {
                // Nobody acknowledged: section 13.3.1.4 says BYE.
                self.bye(Some("SIP;cause=408;text=\"No ACK came\""));
                return Some(CloseReason::Lost);
            }
            if now >= unacked.again_at {
                unacked.flow.send(&unacked.bytes);
                unacked.wait = next_wait(unacked.wait);
                unacked.again_at = now + unacked.wait;
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.reinvite(self.with.local.holding);
        }
        match self.with.timer.map(|timer| timer.due()) {
            Some((at, Due::GiveUp)) if at <= now => {
                self.bye(Some("SIP;cause=408;text=\"Session not refreshed\""));
                return Some(CloseReason::Lost);
            }
            Some((at, Due::Refresh)) if at <= now => self.refresh(now),
            _ => {}
        }
        None
    }

    fn on_command(&mut self, command: LegCommand) -> Over {
        match command {
            LegCommand::Close if self.unacked.is_some() && !self.with.dialog.ours => {
                self.closing = true;
                self.with.rtp.end(CloseReason::Here);
                None
            }
            LegCommand::Close => {
                self.bye(None);
                Some(CloseReason::Here)
            }
            LegCommand::Hold(on) => {
                if on != self.with.local.holding {
                    let was_holding = std::mem::replace(&mut self.with.local.holding, on);
                    self.reinvite(was_holding);
                }
                None
            }
            LegCommand::Refer { to, replaces } => {
                self.send_refer(&to, replaces);
                None
            }
            LegCommand::Transfer(outcome) => {
                self.report_transfer(outcome);
                None
            }
        }
    }

    fn on_message(&mut self, message: ToDialog) -> Over {
        match message {
            ToDialog::Ack(request) => self.on_ack(&request),
            ToDialog::Request(request, tx) => self.on_request(&request, &tx),
            ToDialog::Done(done) => self.on_done(*done),
            ToDialog::Cancel(_) => None,
        }
    }

    fn on_ack(&mut self, request: &Request) -> Over {
        let number = request
            .headers
            .get(name::CSEQ)
            .and_then(cseq)
            .map(|(n, _)| n);
        let unacked = self
            .unacked
            .take_if(|unacked| Some(unacked.number) == number)?;
        if self.closing {
            self.bye(None);
            return Some(CloseReason::Here);
        }
        if unacked.late {
            let accepted = Sdp::read(&request.body)
                .ok()
                .and_then(|answer| self.with.local.accept(&answer).ok());
            if accepted.is_none() {
                self.bye(Some("SIP;cause=488;text=\"No usable answer in the ACK\""));
                return Some(CloseReason::FarEnd);
            }
            self.use_agreed();
        }
        self.with.rtp.connected();
        None
    }

    fn on_request(&mut self, request: &Request, tx: &ServerTx) -> Over {
        // A copy, because a request that is refused must not count.
        if !self.with.dialog.takes_number(request) {
            tx.respond(request.reply(500).phrased("CSeq Out Of Order"));
            return None;
        }
        match request.method {
            Method::Bye => {
                tx.respond(request.reply(200));
                return Some(CloseReason::FarEnd);
            }
            Method::Invite => self.on_reinvite(request, tx),
            Method::Update => self.on_update(request, tx),
            Method::Refer => self.on_refer(request, tx),
            Method::Notify => self.on_notify(request, tx),
            Method::Info => {
                if let Some(key) = relayed_key(request) {
                    self.with.rtp.signal(LegSignal::Key(key));
                }
                tx.respond(request.reply(200));
            }
            Method::Options => {
                tx.respond(self.dressed(request.reply(200)));
            }
            Method::Prack => {
                tx.respond(request.reply(481));
            }
            _ => {
                tx.respond(request.reply(405).with(name::ALLOW, ALLOWED));
            }
        }
        None
    }

    pub fn dressed(&self, response: Response) -> Response {
        response
            .with(name::CONTACT, self.with.dialog.contact.clone())
            .with(name::ALLOW, ALLOWED)
            .with(name::SUPPORTED, SUPPORTED)
    }

    /// The timer of a re-INVITE or UPDATE; `None`: it was refused with 422.
    fn renew_timer(&mut self, request: &Request, tx: &ServerTx) -> Option<SessionTimer> {
        let wanted_s = self.with.core.config.session_expires_s;
        match SessionTimer::of_request(&request.headers, wanted_s, Instant::now()) {
            Ok(timer) => Some(timer),
            Err(_) => {
                let min = MIN_S.to_string();
                tx.respond(request.reply(422).with(name::MIN_SE, min));
                None
            }
        }
    }

    fn on_reinvite(&mut self, request: &Request, tx: &ServerTx) {
        // Two changes cannot cross (section 14.2, RFC 3264 section 4).
        if self.pending || self.unacked.is_some() {
            tx.respond(request.reply(491));
            return;
        }
        let Some(timer) = self.renew_timer(request, tx) else {
            return;
        };
        let late = request.body.is_empty();
        let body = if late {
            Ok(self.with.local.offer())
        } else {
            self.take_offer(request)
        };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => {
                tx.respond(refusal);
                return;
            }
        };
        self.with.dialog.refresh(&request.headers);
        self.with.timer = Some(timer);
        let response = timer
            .write(self.dressed(request.reply(200)))
            .with_body("application/sdp", body);
        let bytes = tx.respond(response);
        let number = self.with.dialog.remote_cseq;
        self.unacked = Some(Unacked::new(bytes, tx.flow.clone(), number, late));
        if !late {
            self.use_agreed();
        }
    }

    fn take_offer(&mut self, request: &Request) -> Result<String, Response> {
        let offer = Sdp::read(&request.body).map_err(|why| request.reply(400).phrased(why))?;
        match self.with.local.answer(&offer) {
            Ok((body, _)) => Ok(body),
            // The call goes on as it was (section 14.2).
            Err(why) => Err(unacceptable(request.reply(488), why)),
        }
    }

    fn on_update(&mut self, request: &Request, tx: &ServerTx) {
        if !request.body.is_empty() && (self.pending || self.unacked.is_some()) {
            tx.respond(request.reply(491));
            return;
        }
        let Some(timer) = self.renew_timer(request, tx) else {
            return;
        };
        let mut body = None;
        if !request.body.is_empty() {
            match self.take_offer(request) {
                Ok(text) => body = Some(text),
                Err(refusal) => {
                    tx.respond(refusal);
                    return;
                }
            }
        }
        self.with.dialog.refresh(&request.headers);
        self.with.timer = Some(timer);
        let mut response = timer.write(self.dressed(request.reply(200)));
        if let Some(body) = body {
            response = response.with_body("application/sdp", body);
            self.use_agreed();
        }
        tx.respond(response);
    }

    /// Tells the media and the house what is agreed now.
    fn use_agreed(&mut self) {
        let Some(agreed) = self.with.local.agreed().cloned() else {
            return;
        };
        self.with.rtp.update(agreed.params);
        if agreed.held_by_far_end != self.held_by_far_end {
            self.held_by_far_end = agreed.held_by_far_end;
            let by_far_end = agreed.held_by_far_end;
            self.with.rtp.signal(LegSignal::Held { by_far_end });
        }
    }

    /// Offers what is wanted now. While another change is under way, it follows that.
    fn reinvite(&mut self, was_holding: bool) {
        if self.pending || self.unacked.is_some() {
            self.retry_at = Some(Instant::now() + Duration::from_millis(500));
            return;
        }
        let mut request = self.with.dialog.request(Method::Invite);
        request.headers.push(name::ALLOW, ALLOWED);
        self.add_timer(&mut request);
        let offer = self.with.local.offer();
        request.with_body("application/sdp", offer);
        self.pending = true;
        self.spawn(Asked::Reinvite { was_holding }, request);
    }

    /// A refresh without a change of media: UPDATE where the far end takes it (RFC 4028 section 7.4).
    fn refresh(&mut self, now: Instant) {
        if let Some(timer) = &mut self.with.timer {
            // Not again before this one is answered.
            timer.refreshed(now);
        }
        if self.pending || !self.with.dialog.updates {
            return self.reinvite(self.with.local.holding);
        }
        let mut request = self.with.dialog.request(Method::Update);
        self.add_timer(&mut request);
        self.pending = true;
        self.spawn(Asked::Refresh, request);
    }

    fn add_timer(&self, request: &mut Request) {
        if let Some(timer) = self.with.timer {
            let who = if timer.we_refresh { "uac" } else { "uas" };
            let line = format!("{};refresher={who}", timer.interval_s);
            request.headers.push(name::SESSION_EXPIRES, line);
            request.headers.push(name::MIN_SE, MIN_S.to_string());
        }
    }

    /// Sends a request; its final response comes as [`ToDialog::Done`].
    pub fn spawn(&self, of: Asked, request: Request) {
        let core = self.with.core.clone();
        let flow = self.with.dialog.way_out(&core);
        let inbox = self.with.inbox_tx.clone();
        tokio::spawn(async move {
            let mut tx = ClientTx::start(&core, &flow, request);
            let response = loop {
                match tx.next().await {
                    Some(response) if !response.is_final() => {}
                    other => break other,
                }
            };
            let done = Done {
                of,
                tx: Some(tx),
                response,
            };
            let _ = inbox.send(ToDialog::Done(Box::new(done))).await;
        });
    }

    fn on_done(&mut self, done: Done) -> Over {
        let code = done.response.as_ref().map_or(408, |r| r.code);
        match done.of {
            Asked::Reinvite { was_holding } => {
                self.pending = false;
                return self.reinvited(was_holding, code, done);
            }
            Asked::Refresh => {
                self.pending = false;
                if let Some(response) = done.response.filter(Response::is_success) {
                    self.renewed(&response);
                }
            }
            Asked::Refer => {
                self.referred(code);
                // The dialog stands, whatever the far end thinks of being transferred.
                return None;
            }
            Asked::Notify => {
                self.told();
                return None;
            }
        }
        self.lost(code)
    }

    fn renewed(&mut self, response: &Response) {
        self.with.dialog.refresh(&response.headers);
        if response.headers.get(name::SESSION_EXPIRES).is_some() {
            self.with.timer = SessionTimer::of_response(&response.headers, Instant::now());
        }
    }

    fn reinvited(&mut self, was_holding: bool, code: u16, done: Done) -> Over {
        match (done.response, done.tx) {
            (Some(response), Some(tx)) if response.is_success() => {
                let number = tx.request.headers.get(name::CSEQ).and_then(cseq);
                self.with.dialog.refresh(&response.headers);
                let ack = self.with.dialog.ack(number.map_or(0, |(n, _)| n));
                let flow = self.with.dialog.way_out(&self.with.core);
                let bytes = self.with.core.send_ack(ack, &flow);
                tx.succeeded(bytes, &response, &flow);
                self.renewed(&response);
                let answer = Sdp::read(&response.body).ok();
                if answer
                    .and_then(|a| self.with.local.accept(&a).ok())
                    .is_some()
                {
                    self.use_agreed();
                }
                None
            }
            _ if code == 491 => {
                // Section 14.1: the owner of the Call-ID waits longer, so that they don't meet again.
                let ms = if self.with.dialog.ours {
                    rand::random_range(210..400) * 10
                } else {
                    rand::random_range(0..200) * 10
                };
                self.retry_at = Some(Instant::now() + Duration::from_millis(ms));
                None
            }
            _ => {
                self.with.local.holding = was_holding;
                self.lost(code)
            }
        }
    }

    /// Section 12.2.1.2: answers that say the dialog is gone.
    fn lost(&mut self, code: u16) -> Over {
        if !matches!(code, 408 | 481) {
            return None;
        }
        self.bye(None);
        Some(CloseReason::Lost)
    }

    pub fn bye(&mut self, reason: Option<&str>) {
        let mut bye = self.with.dialog.request(Method::Bye);
        if let Some(reason) = reason {
            bye.headers.push(name::REASON, reason);
        }
        let core = self.with.core.clone();
        let flow = self.with.dialog.way_out(&core);
        tokio::spawn(async move { ask(&core, &flow, bye).await });
    }
}

/// A key in an INFO, as many phones send it; there is no standard but custom.
fn relayed_key(request: &Request) -> Option<char> {
    let kind = request.headers.get(name::CONTENT_TYPE)?;
    let text = std::str::from_utf8(&request.body).ok()?;
    let value = match kind.split(';').next()?.trim() {
        "application/dtmf-relay" => text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Signal")?.trim().strip_prefix('='))?,
        "application/dtmf" => text,
        _ => return None,
    };
    let key = value.trim().chars().next()?.to_ascii_uppercase();
    sidetone_media::event::event_of(key).map(|_| key)
}

impl Core {
    pub fn wishes(&self) -> super::agree::Wishes {
        super::agree::Wishes {
            codecs: self.config.codecs.clone(),
            packet_ms: self.config.packet_ms,
            srtp: self.config.srtp,
            ip: self.media_ip(),
        }
    }

    /// What a leg does before anything is agreed: it listens.
    pub fn silent_params(&self) -> crate::rtp::RtpParams {
        let format = crate::rtp::RtpFormat {
            codec: crate::rtp::RtpCodec::Pcmu,
            payload: 0,
            packet_ms: self.config.packet_ms,
        };
        let mut params = crate::rtp::RtpParams::new(format, None);
        params.direction = crate::rtp::Direction::Inactive;
        params
    }
}
