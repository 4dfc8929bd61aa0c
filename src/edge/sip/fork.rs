//! One INVITE of ours (the client's side of RFC 3261 section 13.2, RFC 3262, RFC 4028).

use super::agree::Local;
use super::api::CallRequest;
use super::call::{Call, Connected, Held, OutboundPlace, ToDialog};
use super::client::{ClientTx, ask};
use super::core::{Core, Known, Place, fresh_tag};
use super::dialog::Dialog;
use super::digest;
use super::dispatch::INBOX;
use super::incoming::DialogGuard;
use super::message::{ALLOWED, Method, Request, Response, name};
use super::net::Flow;
use super::outgoing::{ELSEWHERE, Target};
use super::parse::cseq;
use super::sdp::Sdp;
use super::session::{MIN_S, SessionTimer};
use super::uri::{NameAddr, escape, tag};
use crate::EdgeError;
use crate::leg::LegHandle;
use crate::rtp::{self, RtpControl, RtpSocket};
use sidetone_types::Wire;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};

/// Challenges and longer session intervals are met so often.
const ATTEMPTS: u32 = 4;

/// What a fork tells.
pub(crate) enum News {
    Ringing,
    Early(LegHandle),
    /// Answered and acknowledged; true through `grant` makes it the call, anything else ends it.
    Answered {
        leg: Option<LegHandle>,
        grant: oneshot::Sender<bool>,
    },
    Failed {
        code: u16,
        phrase: String,
    },
}

pub(crate) struct Fork {
    pub core: Arc<Core>,
    pub target: Target,
    pub request: CallRequest,
    pub news: mpsc::Sender<News>,
    pub stop: watch::Receiver<Option<&'static str>>,
    /// Whether sound before the answer may be heard: not if several phones ring.
    pub early_media: bool,
    pub outbound: Option<Arc<OutboundPlace>>,
    pub place: Arc<Place>,
}

/// What was set up for the INVITE.
struct Trying {
    flow: Flow,
    local: Local,
    socket: Option<RtpSocket>,
    rtp: Option<RtpControl>,
    early: Option<Dialog>,
    prack: u32,
    guard: DialogGuard,
    inbox: mpsc::Receiver<ToDialog>,
    inbox_tx: mpsc::Sender<ToDialog>,
}

enum Outcome {
    Answered(Response),
    Refused(u16, String),
}

impl Fork {
    pub async fn run(mut self) {
        let failed = match self.invite().await {
            Ok(()) => return,
            Err((code, phrase)) => News::Failed { code, phrase },
        };
        let _ = self.news.send(failed).await;
    }

    async fn invite(&mut self) -> Result<(), (u16, String)> {
        let flow = self.target.way.open(&self.core).await;
        let flow = flow.ok_or((503, "The far end cannot be reached".to_owned()))?;
        let error = |error: EdgeError| (503, error.to_string());
        let socket = RtpSocket::bind(&self.core.ports, self.core.config.media_ip).map_err(error)?;
        let mut local = Local::new(self.core.wishes(), socket.port());
        let mut request = self.first_request(&flow, local.offer());
        let call_id = request.headers.get(name::CALL_ID).unwrap_or("").to_owned();
        let local_tag = request
            .headers
            .get(name::FROM)
            .and_then(tag)
            .unwrap_or_default();
        let (inbox_tx, inbox) = mpsc::channel(INBOX);
        let known = Known {
            inbox: inbox_tx.clone(),
            remote_tag: None,
            serial: None,
            target: self.target.uri.clone(),
        };
        let guard = DialogGuard::open(&self.core, (call_id, local_tag), None, known);
        let mut trying = Trying {
            flow: flow.clone(),
            local,
            socket: Some(socket),
            rtp: None,
            early: None,
            prack: 0,
            guard,
            inbox,
            inbox_tx,
        };
        for _ in 0..ATTEMPTS {
            let mut tx = ClientTx::start(&self.core, &flow, request.clone());
            match self.await_answer(&mut tx, &mut trying).await {
                Outcome::Answered(response) => {
                    return self.answered(tx, response, trying).await;
                }
                Outcome::Refused(code, phrase) if self.stop.borrow().is_some() => {
                    return Err((code, phrase));
                }
                Outcome::Refused(code, phrase) => {
                    if !self.mend(&mut request, code, &mut tx) {
                        return Err((code, phrase));
                    }
                }
            }
        }
        Err((
            403,
            "The far end is never content with the log-in".to_owned(),
        ))
    }

    fn first_request(&self, flow: &Flow, offer: String) -> Request {
        let core = &self.core;
        let local = core.advertised(flow.local());
        let user = self.request.caller_number.as_deref();
        let user = escape(user.unwrap_or(&self.target.from_user));
        let display = self
            .request
            .caller_name
            .as_deref()
            .map_or_else(String::new, |text| {
                let text: String = text
                    .chars()
                    .filter(|c| !c.is_control() && !"\"\\".contains(*c))
                    .collect();
                format!("\"{text}\" ")
            });
        let host = match local.ip() {
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            std::net::IpAddr::V4(ip) => ip.to_string(),
        };
        let mut request = Request::new(Method::Invite, self.target.uri.clone());
        let headers = &mut request.headers;
        let from = format!("{display}<sip:{user}@{host}>;tag={}", fresh_tag());
        headers.push(name::FROM, from);
        headers.push(name::TO, format!("<{}>", self.target.uri));
        headers.push(name::CALL_ID, format!("{:032x}", rand::random::<u128>()));
        headers.push(name::CSEQ, "1 INVITE");
        headers.push(name::CONTACT, core.contact(flow));
        headers.push(name::ALLOW, ALLOWED);
        let interval_s = core.config.session_expires_s;
        headers.push(name::SESSION_EXPIRES, interval_s.to_string());
        headers.push(name::MIN_SE, MIN_S.to_string());
        if let Some(replaces) = &self.request.replaces {
            headers.push(name::REPLACES, replaces.clone());
            headers.push(name::REQUIRE, "replaces");
        }
        request.with_body("application/sdp", offer);
        request
    }

    /// Makes a request that may be taken after a refusal; false: it is final.
    fn mend(&self, request: &mut Request, code: u16, tx: &mut ClientTx) -> bool {
        let Some(refusal) = tx.refusal.take() else {
            return false;
        };
        match code {
            401 | 407 => {
                let (asked, answer) = if code == 401 {
                    (name::WWW_AUTHENTICATE, name::AUTHORIZATION)
                } else {
                    (name::PROXY_AUTHENTICATE, name::PROXY_AUTHORIZATION)
                };
                let Some((user, secret)) = &self.target.login else {
                    return false;
                };
                // A second challenge to an answer means that the secret is wrong, unless it says stale.
                let stale = refusal
                    .headers
                    .all(asked)
                    .any(|c| c.to_ascii_lowercase().contains("stale=true"));
                if request.headers.get(answer).is_some() && !stale {
                    return false;
                }
                let uri = request.uri.clone();
                let cnonce = fresh_tag();
                let line = digest::answer(
                    refusal.headers.all(asked),
                    [user, secret],
                    ["INVITE", &uri],
                    &cnonce,
                );
                let Some(line) = line else {
                    return false;
                };
                request.headers.set(answer, line);
            }
            422 => {
                let Some(min_s) = refusal
                    .headers
                    .number(name::MIN_SE)
                    .filter(|s| *s <= 86_400)
                else {
                    return false;
                };
                request
                    .headers
                    .set(name::SESSION_EXPIRES, min_s.to_string());
                request.headers.set(name::MIN_SE, min_s.to_string());
            }
            301 | 302 => match self.moved(&request.uri, &refusal) {
                Some(uri) => {
                    request.uri = uri;
                    // An answer to a challenge is for one address.
                    request.headers.remove(name::AUTHORIZATION);
                    request.headers.remove(name::PROXY_AUTHORIZATION);
                }
                None => return false,
            },
            _ => return false,
        }
        let number = request
            .headers
            .get(name::CSEQ)
            .and_then(cseq)
            .map_or(1, |(n, _)| n);
        request
            .headers
            .set(name::CSEQ, format!("{} INVITE", number + 1));
        true
    }

    /// Where a trunk says that its number has moved to (RFC 3261 section 8.1.3.4). Only the number is
    /// taken over: it is called through the same trunk, and only if the rules allow it too. Where
    /// calls of an agent's phones go is not for a phone to say.
    fn moved(&self, from: &str, refusal: &Response) -> Option<String> {
        self.outbound.as_ref()?;
        let contacts = refusal.headers.list(name::CONTACT);
        let number = contacts
            .filter_map(NameAddr::read)
            .find_map(|contact| contact.uri.user_name())?;
        let allowed = self.core.guard().check(&number, self.request.authorized);
        let (_, host) = from.rsplit_once('@')?;
        match allowed {
            Ok(()) => Some(format!("sip:{}@{host}", escape(&number))),
            Err(why) => {
                tracing::info!(%why, "a number that a trunk names instead is not called");
                None
            }
        }
    }

    async fn await_answer(&mut self, tx: &mut ClientTx, trying: &mut Trying) -> Outcome {
        let mut cancelled = false;
        loop {
            let reason = *self.stop.borrow();
            if let Some(reason) = reason
                && !cancelled
                && tx.is_provisional()
            {
                cancelled = true;
                tx.cancel(Some(reason));
            }
            tokio::select! {
                response = tx.next() => match response {
                    None => return Outcome::Refused(408, "No answer came".to_owned()),
                    Some(response) if !response.is_final() => self.progress(tx, trying, &response).await,
                    Some(response) if response.is_success() => return Outcome::Answered(response),
                    Some(response) => {
                        let phrase: String = response.phrase.chars().take(80).collect();
                        let code = response.code;
                        tx.refusal = Some(response);
                        return Outcome::Refused(code, phrase);
                    }
                },
                Some(message) = trying.inbox.recv() => on_early(message),
                changed = self.stop.changed(), if reason.is_none() => {
                    // The round is gone without a word: nobody waits for this call.
                    if changed.is_err() && !cancelled && tx.is_provisional() {
                        cancelled = true;
                        tx.cancel(None);
                    }
                }
            }
        }
    }

    async fn progress(&mut self, tx: &ClientTx, trying: &mut Trying, response: &Response) {
        if response.code == 100 {
            return;
        }
        let headers = &response.headers;
        if headers.has_token(name::REQUIRE, "100rel")
            && let Some(number) = headers.number(name::RSEQ).filter(|n| *n > trying.prack)
        {
            trying.prack = number;
            let dialog = trying
                .early
                .get_or_insert_with(|| Dialog::of_response(&tx.request, response, &trying.flow));
            let invite = tx.request.headers.get(name::CSEQ).unwrap_or("").to_owned();
            let mut prack = dialog.request(Method::Prack);
            prack.headers.push(name::RACK, format!("{number} {invite}"));
            let (core, flow) = (self.core.clone(), trying.flow.clone());
            tokio::spawn(async move { ask(&core, &flow, prack).await });
        }
        if response.code == 180 {
            let _ = self.news.send(News::Ringing).await;
        }
        if !self.early_media || response.body.is_empty() || trying.rtp.is_some() {
            return;
        }
        if let Ok(Some(leg)) = take_answer(response, trying) {
            let _ = self.news.send(News::Early(leg)).await;
        }
    }

    async fn answered(
        &mut self,
        tx: ClientTx,
        response: Response,
        mut trying: Trying,
    ) -> Result<(), (u16, String)> {
        let mut dialog = Dialog::of_response(&tx.request, &response, &trying.flow);
        let number = dialog.local_cseq;
        if let Some(early) = &trying.early {
            dialog.local_cseq = dialog.local_cseq.max(early.local_cseq);
        }
        let flow = dialog.way_out(&self.core);
        let bytes = self.core.send_ack(dialog.ack(number), &flow);
        tx.succeeded(bytes, &response, &flow);
        let leg = match take_answer(&response, &mut trying) {
            Ok(leg) => leg,
            Err(why) => {
                self.end(&mut dialog, "SIP;cause=488;text=\"No usable answer\"");
                return Err((488, why));
            }
        };
        let Some(rtp) = trying.rtp.take() else {
            return Err((500, "The media did not start".to_owned()));
        };
        let (remote_tag, target) = (dialog.remote_tag.clone(), dialog.target.clone());
        let serial = leg.as_ref().map(|leg| leg.control.serial());
        trying.guard.set(|known| {
            known.remote_tag = Some(remote_tag);
            known.target = target;
            known.serial = serial.or(known.serial);
        });
        let (grant, granted) = oneshot::channel();
        let told = self.news.send(News::Answered { leg, grant }).await.is_ok();
        if !told || granted.await != Ok(true) {
            self.end(&mut dialog, ELSEWHERE);
            return Ok(());
        }
        let timer = SessionTimer::of_response(&response.headers, Instant::now());
        let call = Call::new(Connected {
            core: self.core.clone(),
            dialog,
            rtp,
            local: trying.local,
            inbox: trying.inbox,
            inbox_tx: trying.inbox_tx,
            timer,
            held: Held {
                guard: trying.guard,
                outbound: self.outbound.take(),
                place: self.place.clone(),
            },
        });
        call.run(None).await;
        Ok(())
    }

    fn end(&self, dialog: &mut Dialog, reason: &str) {
        let mut bye = dialog.request(Method::Bye);
        bye.headers.push(name::REASON, reason);
        let (core, flow) = (self.core.clone(), dialog.way_out(&self.core));
        tokio::spawn(async move { ask(&core, &flow, bye).await });
    }
}

/// Takes the answer to our offer; a leg where this is what starts it.
fn take_answer(response: &Response, trying: &mut Trying) -> Result<Option<LegHandle>, String> {
    if response.body.is_empty() && trying.rtp.is_some() {
        // It came with the early media.
        return Ok(None);
    }
    let answer = Sdp::read(&response.body).map_err(str::to_owned)?;
    let agreed = trying
        .local
        .accept(&answer)
        .map_err(|why| why.0.to_owned())?;
    if let Some(rtp) = &trying.rtp {
        rtp.update(agreed.params);
        return Ok(None);
    }
    let socket = trying.socket.take().ok_or("The ports are gone")?;
    let (leg, rtp) =
        rtp::start(socket, agreed.params, Wire::Sip).map_err(|error| error.to_string())?;
    let serial = leg.control.serial();
    trying.guard.set(|known| known.serial = Some(serial));
    trying.rtp = Some(rtp);
    Ok(Some(leg))
}

/// What a far end may ask before it has answered.
fn on_early(message: ToDialog) {
    let ToDialog::Request(request, tx) = message else {
        return;
    };
    let code = match request.method {
        Method::Options | Method::Info => 200,
        Method::Update if request.body.is_empty() => 200,
        // Our own offer is not answered yet (RFC 3311 section 5.2).
        Method::Update | Method::Invite => 491,
        Method::Bye => 200,
        _ => 481,
    };
    tx.respond(request.reply(code));
}
