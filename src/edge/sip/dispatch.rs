//! What becomes of a request (RFC 3261 section 8.2), in the order of that section.

use super::api::{AnswerOrder, IncomingCall, SipEvent, SipParty};
use super::call::ToDialog;
use super::config::{SipAccount, SipTrunk};
use super::core::{Core, InviteKey, Known as Dialog, Place, dialog_key, fresh_tag};
use super::digest::{Credentials, NonceState};
use super::incoming::{DialogGuard, Incoming};
use super::message::{ALLOWED, EXTENSIONS, Method, Request, SUPPORTED, name};
use super::net::Flow;
use super::parse::cseq;
use super::sdp::Sdp;
use super::server::{Known, ServerTx, key_of};
use super::session::{MIN_S, SessionTimer};
use super::uri::{NameAddr, Uri, tag};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// How many requests of one dialog wait; more are answered with 503.
pub(crate) const INBOX: usize = 16;
/// What a far end is told to wait when this side is full.
const RETRY_AFTER_S: u32 = 10;

pub(crate) fn request(core: &Arc<Core>, request: Request, flow: &Flow) {
    let key = key_of(&request, flow);
    let known = core.server().look_up(&key, &request);
    match known {
        Known::Handled => return,
        Known::Cancels(call) => {
            core.refuse(&request, flow, 200, |r| r);
            if let Some(call) = call {
                let reason = request.headers.get(name::REASON).map(str::to_owned);
                let _ = call.try_send(ToDialog::Cancel(reason));
            }
            return;
        }
        Known::New => {}
    }
    if let Some(dialog) = dialog_key(&request) {
        let (inbox, remote_tag) = match core.dialogs().by_key.get(&dialog) {
            Some(known) => (known.inbox.clone(), known.remote_tag.clone()),
            None => return core.refuse(&request, flow, 481, |r| r),
        };
        let from = request.headers.get(name::FROM).and_then(tag);
        if remote_tag.is_some_and(|known| Some(known) != from.clone().or(Some(String::new()))) {
            return core.refuse(&request, flow, 481, |r| r);
        }
        return in_dialog(core, request, flow, key, &inbox, dialog.1);
    }
    match request.method {
        Method::Ack => {}
        Method::Cancel => core.refuse(&request, flow, 481, |r| r),
        _ => out_of_dialog(core, request, flow, key),
    }
}

fn in_dialog(
    core: &Arc<Core>,
    request: Request,
    flow: &Flow,
    key: String,
    inbox: &mpsc::Sender<ToDialog>,
    tag: String,
) {
    if request.method == Method::Ack {
        let _ = inbox.try_send(ToDialog::Ack(request));
        return;
    }
    if request.method == Method::Cancel {
        return core.refuse(&request, flow, 481, |r| r);
    }
    if !understood(core, &request, flow) {
        return;
    }
    let Some(tx) = ServerTx::open(core, key, &request, flow, tag, None) else {
        return full(core, &request, flow);
    };
    match inbox.try_send(ToDialog::Request(request, tx)) {
        Ok(()) => {}
        Err(mpsc::error::TrySendError::Full(ToDialog::Request(request, tx))) => {
            let after = RETRY_AFTER_S.to_string();
            tx.respond(request.reply(503).with(name::RETRY_AFTER, after));
        }
        Err(mpsc::error::TrySendError::Closed(ToDialog::Request(request, tx))) => {
            tx.respond(request.reply(481));
        }
        Err(_) => {}
    }
}

/// Method and extensions (sections 8.2.1 and 8.2.2.3); refused here where they are not understood.
fn understood(core: &Core, request: &Request, flow: &Flow) -> bool {
    match request.method {
        Method::Other(_) => {
            core.refuse(request, flow, 501, |r| r.with(name::ALLOW, ALLOWED));
            return false;
        }
        Method::Message | Method::Subscribe | Method::Publish => {
            core.refuse(request, flow, 405, |r| r.with(name::ALLOW, ALLOWED));
            return false;
        }
        _ => {}
    }
    let unknown: Vec<&str> = request
        .headers
        .list(name::REQUIRE)
        .filter(|one| {
            !EXTENSIONS
                .iter()
                .any(|known| one.eq_ignore_ascii_case(known))
        })
        .collect();
    if !unknown.is_empty() && request.method != Method::Cancel {
        let list = unknown.join(", ");
        core.refuse(request, flow, 420, |r| r.with(name::UNSUPPORTED, list));
        return false;
    }
    true
}

fn full(core: &Core, request: &Request, flow: &Flow) {
    core.refuse(request, flow, 503, |r| {
        r.with(name::RETRY_AFTER, RETRY_AFTER_S.to_string())
    });
}

fn out_of_dialog(core: &Arc<Core>, request: Request, flow: &Flow, key: String) {
    let scheme = Uri::read(&request.uri)
        .map(|uri| uri.scheme)
        .unwrap_or_default();
    if !matches!(scheme.as_str(), "sip" | "sips" | "tel") {
        return core.refuse(&request, flow, 416, |r| r);
    }
    if !understood(core, &request, flow) {
        return;
    }
    // A loop through some PBX would otherwise go on for ever: this side makes calls out of calls.
    if request.headers.number(name::MAX_FORWARDS) == Some(0) {
        return core.refuse(&request, flow, 483, |r| r);
    }
    match request.method {
        Method::Options => options(core, &request, flow),
        Method::Register => register(core, &request, flow, key),
        Method::Invite => invite(core, request, flow, key),
        _ => core.refuse(&request, flow, 481, |r| r),
    }
}

fn options(core: &Core, request: &Request, flow: &Flow) {
    if core.draining.load(Ordering::Relaxed) {
        return full(core, request, flow);
    }
    core.refuse(request, flow, 200, |r| {
        r.with(name::ALLOW, ALLOWED)
            .with(name::ACCEPT, "application/sdp")
            .with(name::ACCEPT_ENCODING, "identity")
            .with(name::SUPPORTED, SUPPORTED)
    });
}

/// Why a request is not an account's.
enum NotProved {
    /// Ask (again); true: the secret may be right, only the question was old.
    Ask(bool),
    Wrong,
}

fn prove<'a>(core: &'a Core, request: &Request) -> Result<&'a SipAccount, NotProved> {
    let given = [name::AUTHORIZATION, name::PROXY_AUTHORIZATION]
        .into_iter()
        .flat_map(|name| request.headers.all(name))
        .filter_map(Credentials::read)
        .find(|given| given.realm == core.config.realm)
        .ok_or(NotProved::Ask(false))?;
    let now_s = core.now_s();
    match core.nonces().state(&given.nonce, given.nc, now_s) {
        NonceState::Foreign => return Err(NotProved::Ask(false)),
        NonceState::Stale => return Err(NotProved::Ask(true)),
        NonceState::Good => {}
    }
    let account = core.config.account(&given.user);
    // An unknown name takes as long as a wrong secret, and gets the same answer.
    let secret = account.map_or("", |account| account.secret.expose());
    let right = given.is_right(secret, request.method.as_str());
    match account.filter(|_| right) {
        Some(account) => {
            core.nonces().accept(&given.nonce, given.nc);
            Ok(account)
        }
        None => Err(NotProved::Wrong),
    }
}

fn refuse_unproved(core: &Core, request: &Request, flow: &Flow, why: NotProved) {
    match why {
        NotProved::Wrong => {
            tracing::info!(peer = %flow.peer(), "a log-in was wrong");
            core.refuse(request, flow, 403, |r| r.phrased("Wrong User Or Secret"));
        }
        NotProved::Ask(stale) => {
            let config = &core.config;
            let kinds: Vec<_> = config.digests.iter().map(|kind| (*kind).into()).collect();
            let now_s = core.now_s();
            let lines = core
                .nonces()
                .challenges(&config.realm, &kinds, now_s, stale);
            core.refuse(request, flow, 401, |r| {
                lines
                    .into_iter()
                    .fold(r, |r, line| r.with(name::WWW_AUTHENTICATE, line))
            });
        }
    }
}

fn register(core: &Arc<Core>, request: &Request, flow: &Flow, key: String) {
    let account = match prove(core, request) {
        Ok(account) => account,
        Err(why) => return refuse_unproved(core, request, flow, why),
    };
    let to = request.headers.get(name::TO).and_then(NameAddr::read);
    let to = to.and_then(|to| to.uri.user_name());
    if to.as_deref() != Some(account.user.as_str()) {
        return core.refuse(request, flow, 403, |r| r.phrased("To Is Another Account"));
    }
    let Some(tx) = ServerTx::open(core, key, request, flow, fresh_tag(), None) else {
        return full(core, request, flow);
    };
    let now_s = core.now_s();
    let done = core
        .registrar()
        .register(&account.user, request, flow, now_s);
    tx.respond(done.response);
    if let Some((agent, contacts)) = done.changed {
        // A server that is behind asks `registrations` when it has caught up.
        let _ = core.event(SipEvent::Registered { agent, contacts });
    }
}

/// Whose call it is.
enum Caller<'a> {
    Trunk(&'a SipTrunk),
    Account(&'a SipAccount),
}

/// Whether a phone that is logged in calls from where it is logged in. It is asked for its secret
/// even where a trunk's calls come from the same address.
fn is_own_phone(core: &Core, request: &Request, flow: &Flow) -> bool {
    let from = request.headers.get(name::FROM).and_then(NameAddr::read);
    let user = from.and_then(|from| from.uri.user_name());
    user.is_some_and(|user| core.registrar().is_at(&user, flow.peer()))
}

fn invite(core: &Arc<Core>, request: Request, flow: &Flow, key: String) {
    let trunk = core.config.trunk_of(flow.peer().ip());
    let logged_in = request.headers.get(name::AUTHORIZATION).is_some()
        || request.headers.get(name::PROXY_AUTHORIZATION).is_some();
    let caller = match trunk {
        Some(trunk) if !logged_in && !is_own_phone(core, &request, flow) => Caller::Trunk(trunk),
        None if core.config.accounts.is_empty() => {
            return core.refuse(&request, flow, 403, |r| r.phrased("Unknown Source Address"));
        }
        _ => match prove(core, &request) {
            Ok(account) => Caller::Account(account),
            Err(why) => return refuse_unproved(core, &request, flow, why),
        },
    };
    let headers = &request.headers;
    let get = |name| headers.get(name).unwrap_or("").to_owned();
    let number = headers.get(name::CSEQ).and_then(cseq).map_or(0, |(n, _)| n);
    let from_tag = headers.get(name::FROM).and_then(tag).unwrap_or_default();
    let invite_key = (get(name::CALL_ID), from_tag, number);
    if core.dialogs().invites.contains_key(&invite_key) {
        return core.refuse(&request, flow, 482, |r| r);
    }
    let Some(offer) = read_offer(core, &request, flow) else {
        return;
    };
    let Some(timer) = read_timer(core, &request, flow) else {
        return;
    };
    let replaces = match headers.get(name::REPLACES) {
        None => None,
        Some(line) => match replaced(core, line) {
            Some(serial) => Some(serial),
            None => return core.refuse(&request, flow, 481, |r| r),
        },
    };
    if core.draining.load(Ordering::Relaxed) {
        return full(core, &request, flow);
    }
    let Some(place) = core.take_call() else {
        return full(core, &request, flow);
    };
    let asked = Asked {
        from: party(&caller, &request),
        invite_key,
        offer,
        timer,
        replaces,
        place,
    };
    take_in(core, request, flow, key, asked);
}

/// An INVITE that may become a call.
struct Asked {
    from: SipParty,
    invite_key: InviteKey,
    offer: Option<Sdp>,
    timer: SessionTimer,
    replaces: Option<u64>,
    place: Place,
}

/// Tells the house and starts the call's task.
fn take_in(core: &Arc<Core>, request: Request, flow: &Flow, key: String, asked: Asked) {
    let (call_id, from_tag, _) = asked.invite_key.clone();
    let (inbox_tx, inbox) = mpsc::channel(INBOX);
    let local_tag = fresh_tag();
    let call = Some(inbox_tx.clone());
    let Some(tx) = ServerTx::open(core, key, &request, flow, local_tag.clone(), call) else {
        return full(core, &request, flow);
    };
    let dialog = super::dialog::Dialog::of_request(core, &request, flow, &local_tag);
    let guard = DialogGuard::open(
        core,
        (call_id, local_tag),
        Some(asked.invite_key),
        Dialog {
            inbox: inbox_tx.clone(),
            remote_tag: Some(from_tag),
            serial: None,
            target: dialog.target.clone(),
        },
    );
    let (orders_tx, orders) = mpsc::channel::<AnswerOrder>(4);
    let (cancelled, is_cancelled) = watch::channel(false);
    let event = SipEvent::Incoming(IncomingCall {
        from: asked.from,
        to: dialled(&request),
        replaces: asked.replaces,
        source: flow.peer(),
        orders: orders_tx,
        cancelled: is_cancelled,
    });
    if !core.event(event) {
        core.refused_full.fetch_add(1, Ordering::Relaxed);
        let after = RETRY_AFTER_S.to_string();
        tx.respond(request.reply(503).with(name::RETRY_AFTER, after));
        return;
    }
    tx.respond(request.reply(100));
    let incoming = Incoming {
        core: core.clone(),
        request,
        tx,
        dialog,
        offer: asked.offer,
        timer: asked.timer,
        inbox,
        inbox_tx,
        orders,
        cancelled,
        guard,
        place: Arc::new(asked.place),
        reliable: None,
    };
    tokio::spawn(incoming.run());
}

/// The offer, if there is one; the outer `None`: it was refused.
#[allow(clippy::option_option, reason = "refused, none, some are three things")]
fn read_offer(core: &Core, request: &Request, flow: &Flow) -> Option<Option<Sdp>> {
    let headers = &request.headers;
    let kind = headers.get(name::CONTENT_TYPE).unwrap_or("application/sdp");
    let kind = kind.split(';').next().unwrap_or("").trim();
    let encoding = headers.get(name::CONTENT_ENCODING).unwrap_or("identity");
    if !request.body.is_empty()
        && (!kind.eq_ignore_ascii_case("application/sdp")
            || !encoding.eq_ignore_ascii_case("identity"))
    {
        core.refuse(request, flow, 415, |r| {
            r.with(name::ACCEPT, "application/sdp")
                .with(name::ACCEPT_ENCODING, "identity")
        });
        return None;
    }
    let accepts = |one: &str| {
        let kind = one
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
    };
    if headers
        .get(name::ACCEPT)
        .is_some_and(|line| !line.is_empty())
        && !headers.list(name::ACCEPT).any(accepts)
    {
        core.refuse(request, flow, 406, |r| r);
        return None;
    }
    if request.body.is_empty() {
        return Some(None);
    }
    match Sdp::read(&request.body) {
        Err(why) => {
            core.refuse(request, flow, 400, |r| r.phrased(why));
            None
        }
        Ok(sdp) => match super::agree::Local::can_answer(&sdp, &core.wishes()) {
            Ok(()) => Some(Some(sdp)),
            Err(why) => {
                core.refuse(request, flow, 488, |r| unacceptable(r, why));
                None
            }
        },
    }
}

/// 488 with a warning that says why (RFC 3261 section 20.43).
pub(crate) fn unacceptable(
    response: super::message::Response,
    why: super::agree::Unacceptable,
) -> super::message::Response {
    response.with(name::WARNING, format!("305 sidetone \"{}\"", why.0))
}

fn read_timer(core: &Core, request: &Request, flow: &Flow) -> Option<SessionTimer> {
    let wanted_s = core.config.session_expires_s;
    let timer = SessionTimer::of_request(&request.headers, wanted_s, Instant::now());
    if timer.is_err() {
        core.refuse(request, flow, 422, |r| {
            r.with(name::MIN_SE, MIN_S.to_string())
        });
    }
    timer.ok()
}

/// The leg that a Replaces header means (RFC 3891 section 3).
pub(crate) fn replaced(core: &Core, line: &str) -> Option<u64> {
    let mut parts = line.split(';').map(str::trim);
    let call_id = parts.next()?.to_owned();
    let (mut to_tag, mut from_tag) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("to-tag", tag)) => to_tag = Some(tag.to_owned()),
            Some(("from-tag", tag)) => from_tag = Some(tag.to_owned()),
            _ => {}
        }
    }
    let dialogs = core.dialogs();
    // Its to-tag is that of whoever gets the header: ours.
    let known = dialogs.by_key.get(&(call_id, to_tag?))?;
    (known.remote_tag == from_tag).then_some(known.serial)?
}

fn dialled(request: &Request) -> String {
    let uri = Uri::read(&request.uri).unwrap_or_default();
    uri.user_name().unwrap_or_default()
}

fn party(caller: &Caller<'_>, request: &Request) -> SipParty {
    let headers = &request.headers;
    let from = headers
        .get(name::FROM)
        .and_then(NameAddr::read)
        .unwrap_or_default();
    let user = |of: &NameAddr| of.uri.user_name().filter(|user| !user.is_empty());
    let withheld = headers
        .all(name::PRIVACY)
        .flat_map(|line| line.split(';'))
        .any(|one| matches!(one.trim(), "id" | "user" | "full"));
    match caller {
        Caller::Account(account) => SipParty {
            agent: Some(account.agent.clone()),
            number: Some(account.user.clone()),
            name: from.display,
            ..SipParty::default()
        },
        Caller::Trunk(trunk) => {
            let asserted = headers
                .list(name::P_ASSERTED_IDENTITY)
                .filter_map(NameAddr::read)
                .find(|_| trunk.trust_identity);
            let shown = asserted.as_ref().unwrap_or(&from);
            SipParty {
                trunk: Some(trunk.name.clone()),
                number: user(shown).filter(|user| user != "anonymous"),
                name: shown.display.clone(),
                withheld: withheld || from.uri.user.as_deref() == Some("anonymous"),
                ..SipParty::default()
            }
        }
    }
}
