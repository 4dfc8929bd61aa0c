//! A call to us until it is answered or refused (the server's side of RFC 3261 section 13.3, RFC 3262).

use super::agree::Local;
use super::api::{AnswerOrder, Refusal};
use super::call::{Call, Connected, Held, ToDialog, Unacked};
use super::core::{Core, DialogKey, InviteKey, Known, Place};
use super::dialog::Dialog;
use super::message::{ALLOWED, Method, Request, Response, SUPPORTED, name};
use super::sdp::Sdp;
use super::server::{LINGER, ServerTx, T1, T2};
use super::session::SessionTimer;
use crate::EdgeError;
use crate::leg::LegHandle;
use crate::rtp::{self, RtpControl, RtpSocket};
use sidetone_types::Wire;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

/// A proxy in between gives up after 3 minutes without news (timer C); it gets some every minute.
const NEWS: Duration = Duration::from_secs(60);
/// A house that does not answer at all.
const PATIENCE: Duration = Duration::from_secs(300);

/// A dialog's entry in the tables; taken out when dropped.
pub(crate) struct DialogGuard {
    core: Arc<Core>,
    pub key: DialogKey,
    invite: Option<InviteKey>,
}

impl DialogGuard {
    pub fn open(core: &Arc<Core>, key: DialogKey, invite: Option<InviteKey>, known: Known) -> Self {
        let mut dialogs = core.dialogs();
        dialogs.by_key.insert(key.clone(), known);
        if let Some(invite) = &invite {
            dialogs.invites.insert(invite.clone(), ());
        }
        drop(dialogs);
        Self {
            core: core.clone(),
            key,
            invite,
        }
    }

    pub fn set(&self, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.core.dialogs().by_key.get_mut(&self.key) {
            change(known);
        }
    }

    /// The INVITE is refused: the same request over another way is a new one from the moment on at
    /// which its sender may have read the answer.
    fn forget_invite(&mut self) {
        if let Some(invite) = self.invite.take() {
            self.core.dialogs().invites.remove(&invite);
        }
    }
}

impl Drop for DialogGuard {
    fn drop(&mut self) {
        let mut dialogs = self.core.dialogs();
        dialogs.by_key.remove(&self.key);
        if let Some(invite) = &self.invite {
            dialogs.invites.remove(invite);
        }
    }
}

/// A provisional response that waits for its PRACK (RFC 3262 section 3).
pub(crate) struct Reliable {
    number: u32,
    response: Response,
    wait: Duration,
    again_at: Instant,
    since: Instant,
}

pub(crate) struct Incoming {
    pub core: Arc<Core>,
    pub request: Request,
    pub tx: ServerTx,
    pub dialog: Dialog,
    pub offer: Option<Sdp>,
    pub timer: SessionTimer,
    pub inbox: mpsc::Receiver<ToDialog>,
    pub inbox_tx: mpsc::Sender<ToDialog>,
    pub orders: mpsc::Receiver<AnswerOrder>,
    pub cancelled: watch::Sender<bool>,
    pub guard: DialogGuard,
    pub place: Arc<Place>,
    pub reliable: Option<Reliable>,
}

enum Step {
    On,
    Over,
    Answer(tokio::sync::oneshot::Sender<Result<LegHandle, EdgeError>>),
}

impl Incoming {
    pub async fn run(mut self) {
        let began = Instant::now();
        let mut news_at = began + NEWS;
        let mut ringing = false;
        loop {
            let again_at = self.reliable.as_ref().map(|r| r.again_at);
            let wake_at = again_at.unwrap_or(news_at).min(news_at);
            let step = tokio::select! {
                Some(message) = self.inbox.recv() => self.on_message(message),
                order = self.orders.recv() => match order {
                    None => self.refuse(&Refusal::Unavailable),
                    Some(AnswerOrder::Refuse(refusal)) => self.refuse(&refusal),
                    Some(AnswerOrder::Ring) => {
                        ringing = true;
                        self.ring();
                        Step::On
                    }
                    Some(AnswerOrder::Answer(reply)) => Step::Answer(reply),
                },
                () = sleep_until(wake_at.into()) => {
                    let now = Instant::now();
                    if now >= news_at {
                        news_at = now + NEWS;
                        if ringing && self.reliable.is_none() {
                            self.ring();
                        }
                    }
                    if now.duration_since(began) > PATIENCE {
                        self.refuse(&Refusal::Unavailable)
                    } else {
                        self.repeat_reliable(now)
                    }
                }
            };
            match step {
                Step::On => {}
                Step::Over => return,
                Step::Answer(reply) => return self.answer(reply).await,
            }
        }
    }

    fn on_message(&mut self, message: ToDialog) -> Step {
        match message {
            ToDialog::Cancel(reason) => {
                tracing::debug!(?reason, "the caller gave up");
                self.cancelled.send_replace(true);
                self.guard.forget_invite();
                self.tx.respond(self.request.reply(487));
                Step::Over
            }
            ToDialog::Request(request, tx) => self.on_request(&request, &tx),
            ToDialog::Ack(_) | ToDialog::Done(_) => Step::On,
        }
    }

    fn on_request(&mut self, request: &Request, tx: &ServerTx) -> Step {
        match request.method {
            // Early dialogs may be ended so, too (section 15).
            Method::Bye => {
                tx.respond(request.reply(200));
                self.cancelled.send_replace(true);
                self.guard.forget_invite();
                self.tx.respond(self.request.reply(487));
                return Step::Over;
            }
            Method::Prack => {
                let named = request.headers.get(name::RACK).and_then(|line| {
                    let mut words = line.split_ascii_whitespace();
                    words.next()?.parse::<u32>().ok()
                });
                let right = self
                    .reliable
                    .as_ref()
                    .is_some_and(|r| named == Some(r.number));
                if right {
                    self.reliable = None;
                }
                tx.respond(request.reply(if right { 200 } else { 481 }));
            }
            // A new offer before the first one is answered (RFC 3311 section 5.2).
            Method::Update if !request.body.is_empty() => {
                tx.respond(request.reply(500).with(name::RETRY_AFTER, "5"));
            }
            Method::Update => {
                self.dialog.refresh(&request.headers);
                let response = request.reply(200);
                let response = response.with(name::CONTACT, self.dialog.contact.clone());
                tx.respond(self.timer.write(response));
            }
            Method::Options | Method::Info => {
                tx.respond(request.reply(200));
            }
            // A second INVITE before the first is answered (section 14.2).
            Method::Invite => {
                tx.respond(request.reply(500).with(name::RETRY_AFTER, "5"));
            }
            _ => {
                tx.respond(request.reply(405).with(name::ALLOW, ALLOWED));
            }
        }
        Step::On
    }

    fn dressed(&self, response: Response) -> Response {
        let mut response = response
            .with(name::CONTACT, self.dialog.contact.clone())
            .with(name::ALLOW, ALLOWED)
            .with(name::SUPPORTED, SUPPORTED);
        response
            .headers
            .copy(&self.request.headers, name::RECORD_ROUTE);
        response
    }

    fn ring(&mut self) {
        let response = self.dressed(self.request.reply(180));
        let headers = &self.request.headers;
        if !headers.has_token(name::REQUIRE, "100rel") {
            self.tx.respond(response);
            return;
        }
        // Asked for by the caller: repeated until a PRACK comes (RFC 3262 section 3).
        let number = rand::random_range(1..1_000_000);
        let response = response
            .with(name::REQUIRE, "100rel")
            .with(name::RSEQ, number.to_string());
        self.tx.respond(response.clone());
        let now = Instant::now();
        self.reliable = Some(Reliable {
            number,
            response,
            wait: T1,
            again_at: now + T1,
            since: now,
        });
    }

    fn repeat_reliable(&mut self, now: Instant) -> Step {
        let Some(reliable) = self.reliable.as_mut().filter(|r| r.again_at <= now) else {
            return Step::On;
        };
        if now.duration_since(reliable.since) >= LINGER {
            // RFC 3262 section 3: the INVITE is refused with a 5xx.
            self.cancelled.send_replace(true);
            self.tx
                .respond(self.request.reply(504).phrased("No PRACK Came"));
            return Step::Over;
        }
        reliable.wait *= 2;
        reliable.again_at = now + reliable.wait;
        let response = reliable.response.clone();
        self.tx.respond(response);
        Step::On
    }

    fn refuse(&mut self, refusal: &Refusal) -> Step {
        let mut response = self.request.reply(refusal.code());
        if let Refusal::Full { retry_after_s } = refusal {
            response = response.with(name::RETRY_AFTER, retry_after_s.to_string());
        }
        self.guard.forget_invite();
        self.tx.respond(response);
        Step::Over
    }

    async fn answer(mut self, reply: tokio::sync::oneshot::Sender<Result<LegHandle, EdgeError>>) {
        // What came meanwhile counts first: a CANCEL before the 200 ends the call.
        while let Ok(message) = self.inbox.try_recv() {
            if matches!(self.on_message(message), Step::Over) {
                return;
            }
        }
        let (handle, rtp, local, body) = match self.media() {
            Ok(media) => media,
            Err(error) => {
                let response = self.request.reply(503);
                self.tx.respond(response.with(name::RETRY_AFTER, "10"));
                let _ = reply.send(Err(error));
                return;
            }
        };
        let response = self
            .timer
            .write(self.dressed(self.request.reply(200)))
            .with_body("application/sdp", body);
        let bytes = self.tx.respond(response);
        let late = self.offer.is_none();
        let unacked = Unacked::new(bytes, self.tx.flow.clone(), self.dialog.remote_cseq, late);
        let serial = handle.control.serial();
        self.guard.set(|known| known.serial = Some(serial));
        let call = Call::new(Connected {
            core: self.core,
            dialog: self.dialog,
            rtp,
            local,
            inbox: self.inbox,
            inbox_tx: self.inbox_tx,
            timer: Some(self.timer),
            held: Held {
                guard: self.guard,
                outbound: None,
                place: self.place,
            },
        });
        // If nobody waits any more, dropping the leg ends the call.
        let _ = reply.send(Ok(handle));
        call.run(Some(unacked)).await;
    }

    fn media(&self) -> Result<(LegHandle, RtpControl, Local, String), EdgeError> {
        let socket = RtpSocket::bind(&self.core.ports, self.core.config.media_ip)?;
        let mut local = Local::new(self.core.wishes(), socket.port());
        let (body, params) = match &self.offer {
            Some(offer) => {
                let (body, agreed) = local.answer(offer).map_err(|why| EdgeError::Refused {
                    code: 488,
                    phrase: why.0.into(),
                })?;
                (body, agreed.params)
            }
            None => (local.offer(), self.core.silent_params()),
        };
        let (handle, rtp) = rtp::start(socket, params, Wire::Sip)?;
        Ok((handle, rtp, local, body))
    }
}

/// When an answer that waits for its ACK is sent again: timer G's pace.
pub(crate) fn next_wait(wait: Duration) -> Duration {
    (wait * 2).min(T2)
}
