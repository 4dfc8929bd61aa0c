//! Telephones and trunks: SIP calls become calls of the house, agents' telephones ring with their
//! pages, and calls out take the trunk.

use crate::call::{self, CallHandle, CallMessage, Caller, NewCall};
use crate::dispatch::{Bell, DispatchMessage};
use crate::house::House;
use crate::line_out::{DialOut, DialRefused, Dialling, Early, LineOut};
use sidetone_acd::AcdInput;
use sidetone_edge::EdgeError;
use sidetone_edge::sip::{
    CallRequest, IncomingCall, OutgoingEvent, Refusal, SipEdge, SipEvent, SipParty,
};
use sidetone_types::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What a refused caller is told to wait before the next try.
const RETRY_AFTER_S: u32 = 10;

/// Opens the sockets and serves them. Telephones that can't be served are a sentence in the log and
/// on the console, and pages go on without them.
pub async fn open(house: &Arc<House>) {
    let Some(config) = house.config.sip.clone() else {
        return;
    };
    let (edge, events) = match SipEdge::start(config).await {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "telephones are off");
            println!("Telephones are off: {error}");
            return;
        }
    };
    let addresses = edge.addresses();
    let listed: Vec<String> = addresses
        .iter()
        .map(|(transport, address)| format!("{transport:?} {address}").to_lowercase())
        .collect();
    println!("Telephones and trunks (SIP): {}", listed.join(", "));
    if let Some(trunk) = house.config.telephony.trunk_out.clone() {
        let line: Arc<dyn LineOut> = Arc::new(Trunk {
            edge: edge.clone(),
            trunk,
            house: Arc::downgrade(house),
        });
        let _ = house.lines_out.set(line);
    }
    let _ = house.phones.set(edge.clone());
    if let Some(bells) = house.dispatch.bells() {
        tokio::spawn(ring(house.clone(), edge.clone(), bells));
    }
    tokio::spawn(serve(house.clone(), events));
}

async fn serve(house: Arc<House>, mut events: mpsc::Receiver<SipEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            SipEvent::Incoming(call) => {
                tokio::spawn(take(house.clone(), call));
            }
            SipEvent::Registered { agent, contacts } => {
                tracing::info!(%agent, contacts, "telephones of an agent");
            }
            SipEvent::Trunk { name, up, why } => match up {
                true => tracing::info!(trunk = name, "logged in at a trunk"),
                false => tracing::warn!(trunk = name, why, "not logged in at a trunk"),
            },
        }
    }
}

/// A call from outside, or from a telephone of the house that dials one of the house's numbers.
async fn take(house: Arc<House>, call: IncomingCall) {
    if let Some(line) = call.replaces {
        return take_place(&house, call, line).await;
    }
    if let Some(agent) = call.from.agent.clone()
        && let Some(talk) = talk_of(&house, &agent)
        && !house.config.telephony.lists(&call.to)
    {
        return second_line(&house, call, agent, &talk).await;
    }
    let Some((lang, entry)) = house.config.telephony.entry(Some(&call.to)) else {
        return call.refuse(Refusal::UnknownNumber);
    };
    if house.full() {
        let retry_after_s = RETRY_AFTER_S;
        return call.refuse(Refusal::Full { retry_after_s });
    }
    let caller = caller(&house, &call.from);
    let ani = (!caller.number.is_empty()).then(|| Masked::authored(&caller.number));
    let dnis = Some(call.to.clone());
    call.ring();
    let leg = match call.answer().await {
        Ok(leg) => leg,
        Err(error) => {
            tracing::info!(%error, "a call did not come about");
            return;
        }
    };
    let new = NewCall {
        leg,
        lang,
        caller,
        ani,
        dnis,
        entry,
        assist: None,
    };
    if let Err(new) = call::start(&house, new) {
        new.leg.close();
    }
}

/// A call that takes the place of a line of a running call: an attended transfer on another system,
/// or an agent who picks up at another telephone.
async fn take_place(house: &House, call: IncomingCall, line: u64) {
    let Some(running) = house.calls.of_line(line) else {
        return call.refuse(Refusal::Gone);
    };
    if let Ok(leg) = call.answer().await {
        let leg = Box::new(leg);
        running.send(CallMessage::Replaces { line, leg }).await;
    }
}

/// The call that an agent talks on.
fn talk_of(house: &House, agent: &AgentId) -> Option<Arc<CallHandle>> {
    let board = house.dispatch.board();
    house.calls.get(&board.call_of(agent)?)
}

/// An agent's telephone that is on a call calls somebody else: a consultation.
async fn second_line(house: &House, call: IncomingCall, agent: AgentId, talk: &CallHandle) {
    let to = call.to.clone();
    match house.target_of(&to) {
        None => return call.refuse(Refusal::UnknownNumber),
        Some(Target::Number { .. }) => {
            let Some(line) = house.line_out() else {
                return call.refuse(Refusal::UnknownNumber);
            };
            if let Some(why) = line.denies(&agent, &to) {
                tracing::info!(%agent, why, "a call out is refused");
                return call.refuse(Refusal::Forbidden);
            }
        }
        Some(_) => {}
    }
    call.ring();
    if let Ok(leg) = call.answer().await {
        let leg = Box::new(leg);
        talk.send(CallMessage::SecondLine { agent, to, leg }).await;
    }
}

/// Who calls. A number makes a customer only where the trunk's word for it is believed.
fn caller(house: &House, from: &SipParty) -> Caller {
    let Some(number) = from.number.as_deref().filter(|_| !from.withheld) else {
        return Caller::default();
    };
    let trunks = house.config.sip.iter().flat_map(|sip| &sip.trunks);
    let believed = trunks
        .into_iter()
        .any(|trunk| Some(&trunk.name) == from.trunk.as_ref() && trunk.trust_identity);
    if believed {
        return house.caller_by_number(number);
    }
    Caller {
        number: crate::line_out::shown_number(number),
        ..Caller::default()
    }
}

/// Rings agents' telephones beside their pages.
async fn ring(house: Arc<House>, edge: SipEdge, mut bells: mpsc::Receiver<Bell>) {
    let mut ringing: BTreeMap<(AgentId, CallId), watch::Sender<bool>> = BTreeMap::new();
    while let Some(bell) = bells.recv().await {
        ringing.retain(|_, stop| !stop.is_closed());
        match bell {
            Bell::Ring { agent, call, from } => {
                if !edge.registrations().iter().any(|one| one.agent == agent) {
                    continue;
                }
                let (stop, stopped) = watch::channel(false);
                ringing.insert((agent.clone(), call.clone()), stop);
                let mut request = CallRequest::to_agent(agent.clone());
                request.caller_name = Some(from.name).filter(|name| !name.is_empty());
                request.caller_number = Some(from.number).filter(|number| !number.is_empty());
                let edge = edge.clone();
                tokio::spawn(ring_one(house.clone(), edge, request, agent, call, stopped));
            }
            Bell::Stop { agent, call } => {
                if let Some(stop) = ringing.remove(&(agent, call)) {
                    stop.send_replace(true);
                }
            }
        }
    }
}

/// One agent's telephones, until somebody answers or nobody is wanted any more.
async fn ring_one(
    house: Arc<House>,
    edge: SipEdge,
    request: CallRequest,
    agent: AgentId,
    call: CallId,
    mut stopped: watch::Receiver<bool>,
) {
    let mut out = match edge.call(request) {
        Ok(out) => out,
        Err(error) => {
            tracing::warn!(%agent, %error, "an agent's telephone can't be rung");
            return;
        }
    };
    let mut early = None;
    loop {
        let event = tokio::select! {
            event = out.next() => event,
            // An answer that crosses this is hung up by the edge, since nobody takes its leg.
            _ = stopped.wait_for(|stop| *stop) => return out.cancel(),
        };
        match event {
            Some(OutgoingEvent::Ringing) => {}
            Some(OutgoingEvent::EarlyMedia(leg)) => early = Some(leg),
            Some(OutgoingEvent::Answered(leg)) => {
                let Some(leg) = leg.or(early) else {
                    return;
                };
                return accept(&house, agent, call, leg).await;
            }
            Some(OutgoingEvent::Failed { code, .. }) => {
                // 486 and 603 are the person's word; no answer and no telephone are not.
                if matches!(code, 486 | 603) {
                    let declined = AcdInput::Decline { agent, call };
                    house.dispatch.input(declined).await;
                }
                return;
            }
            None => return,
        }
    }
}

async fn accept(house: &House, agent: AgentId, call: CallId, leg: sidetone_edge::LegHandle) {
    let control = leg.control.clone();
    let (done, heard) = oneshot::channel();
    let accept = DispatchMessage::Accept {
        agent,
        call,
        leg: Box::new(leg),
        done,
    };
    house.dispatch.send(accept).await;
    if !heard.await.unwrap_or(false) {
        control.close();
    }
}

/// The trunk for calls out.
struct Trunk {
    edge: SipEdge,
    trunk: String,
    house: std::sync::Weak<House>,
}

impl LineOut for Trunk {
    fn denies(&self, by: &AgentId, number: &str) -> Option<String> {
        let house = self.house.upgrade()?;
        self.edge.denies(number, house.may_call_out(Some(by)))
    }

    fn dial(&self, dial: DialOut, early: Early) -> Dialling {
        let mut request = CallRequest::to_number(dial.number.reveal(), self.trunk.clone());
        if let Some(house) = self.house.upgrade() {
            request.authorized = house.may_call_out(dial.by.as_ref());
            request.caller_number = house.config.telephony.number_out.clone();
        }
        let edge = self.edge.clone();
        Box::pin(async move {
            let mut out = edge.call(request).map_err(|error| refused(&error))?;
            let mut early = Some(early);
            while let Some(event) = out.next().await {
                match event {
                    OutgoingEvent::Ringing => {}
                    OutgoingEvent::EarlyMedia(leg) => {
                        let _ = early.take().map(|early| early.send(leg));
                    }
                    OutgoingEvent::Answered(leg) => return Ok(leg),
                    OutgoingEvent::Failed { code, phrase } => {
                        return Err(refused(&EdgeError::Refused { code, phrase }));
                    }
                }
            }
            Err(DialRefused("failed".to_owned()))
        })
    }
}

/// A status code (RFC 3261 section 21) in the words of the page.
fn refused(error: &EdgeError) -> DialRefused {
    let word = match error {
        EdgeError::Refused { code, .. } => match code {
            486 | 600 => "busy",
            408 | 480 | 487 => "no_answer",
            603 => "declined",
            403 => "not_allowed",
            404 | 410 | 484 | 604 => "unreachable",
            _ => "failed",
        },
        _ => "failed",
    };
    DialRefused(word.to_owned())
}
