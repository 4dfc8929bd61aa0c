//! Legs that come to a running call and go, and the people behind them in the router's books.
//!
//! Every request for somebody has a ticket of its own in the router, because one call may ask for
//! more than one person: the call's id for the first, `id~1` and so on after it. What the router says
//! of a ticket that is not the current one came too late and is dropped here, before the journal.

use super::CallMessage;
use super::leg::take_frame;
use super::mixer::LEGS_MAX;
use super::task::CallTask;
use crate::dispatch::{self, DispatchMessage};
use crate::line_out::{DialOut, DialRefused};
use sidetone_acd::AcdInput;
use sidetone_call::Enqueue;
use sidetone_edge::{LegHandle, Transfer, TransferOutcome as Outcome};
use sidetone_types::*;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A call's pages in the router's books.
#[derive(Default)]
pub(super) struct Tickets {
    count: u32,
    /// The one that asks for somebody now.
    asking: Option<CallId>,
    /// Under which each agent on the call is busy.
    held: BTreeMap<AgentId, CallId>,
    /// The call out that is being made.
    dialling: Option<(RequestId, AbortHandle)>,
    /// Its line, where sound came before the answer.
    early: Option<LegHandle>,
}

impl Tickets {
    pub fn is_asking(&self, ticket: &CallId) -> bool {
        self.asking.as_ref() == Some(ticket)
    }

    /// 20 ms of what a number outside sends before it answers.
    pub fn early_frame(&mut self) -> Option<Pcm> {
        self.early.as_mut().map(take_frame)
    }

    fn is_dialling(&self, request: RequestId) -> bool {
        self.dialling
            .as_ref()
            .is_some_and(|(own, _)| *own == request)
    }
}

impl CallTask {
    /// Something the router says of a ticket.
    pub(super) fn routed(&mut self, ticket: &CallId, input: CallInput) {
        if !self.tickets.is_asking(ticket) {
            return;
        }
        if matches!(input, CallInput::QueueRefused { .. }) {
            self.tickets.asking = None;
        }
        self.give(input);
    }

    pub(super) fn ask_router(&mut self, wanted: Enqueue) {
        self.leave_router();
        let ticket = dispatch::ticket(&self.handle.call, self.tickets.count);
        self.tickets.count += 1;
        self.tickets.asking = Some(ticket.clone());
        let mood = self.facts.caller_mood();
        let arrival = dispatch::arrival(ticket, wanted, mood, &self.house.clock);
        self.dispatch(AcdInput::CallArrived(arrival));
    }

    pub(super) fn leave_router(&mut self) {
        if let Some(call) = self.tickets.asking.take() {
            self.dispatch(AcdInput::CallLeft { call });
        }
    }

    /// An agent has answered.
    pub(super) fn agent_leg(&mut self, agent: AgentId, ticket: CallId, leg: LegHandle) {
        let wanted = self.tickets.is_asking(&ticket);
        if wanted {
            self.tickets.asking = None;
        }
        self.tickets.held.insert(agent.clone(), ticket);
        let party = Party::Agent {
            agent: agent.clone(),
        };
        match self.join(leg, party, wanted) {
            Some(leg) => self.give(CallInput::Accepted { agent, leg }),
            None => self.release(&agent),
        }
    }

    /// The agent of a call between two people on another system.
    pub(super) fn assist(&mut self, agent: AgentId, leg: LegHandle) {
        let party = Party::Agent {
            agent: agent.clone(),
        };
        if let Some(leg) = self.join(leg, party, true) {
            self.give(CallInput::Accepted {
                agent: agent.clone(),
                leg,
            });
            self.house
                .hub
                .follow(agent.clone(), self.handle.call.clone());
            let call = self.handle.call.clone();
            self.tell_router(DispatchMessage::Beside { agent, call });
        }
    }

    /// A device that is put on hold. An agent's hold key holds the caller, as the button on the page
    /// does; a caller who holds us plays music that is nobody's words.
    pub(super) fn far_end_holds(&mut self, id: LegId, on: bool) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        leg.held = on;
        if let Some(by) = leg.agent.clone() {
            let action = AgentAction::Hold { on };
            self.give(CallInput::Click { by, action });
        }
    }

    /// The transfer key of an agent's telephone (RFC 3515): to a colleague's telephone, a queue, a
    /// number, or to the one whom it talks with on its other line. The house takes the caller over
    /// and answers for the rest, so the phone may leave at once. A caller's phone gives nobody away.
    pub(super) fn far_end_transfers(&mut self, id: LegId, wish: &Transfer) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let control = leg.handle.control.clone();
        if wish.replaces.is_some() {
            return self.joins_lines(id, &control, wish);
        }
        let outcome = match leg.agent.clone() {
            None => Outcome::Failed(403),
            Some(by) => match self.transfer_target(&by, &wish.to) {
                Err(code) => Outcome::Failed(code),
                Ok(to) => {
                    control.transfer_outcome(Outcome::Trying);
                    let consult = false;
                    let action = AgentAction::Transfer { to, consult };
                    self.give(CallInput::Click { by, action });
                    // A transfer that the call has no use for leaves the agent where they were.
                    match self.legs.contains_key(&id) {
                        true => Outcome::Failed(491),
                        false => Outcome::Done,
                    }
                }
            },
        };
        control.transfer_outcome(outcome);
    }

    /// What a telephone named in a transfer, or the status that refuses it.
    pub(super) fn transfer_target(&mut self, by: &AgentId, to: &str) -> Result<Target, u16> {
        match self.house.target_of(to) {
            Some(Target::Number { number }) => {
                let number = number.shown.as_str();
                let line = self.house.line_out().ok_or(503_u16)?;
                match line.denies(by, number) {
                    Some(_) => Err(403),
                    None => Ok(Target::Number {
                        number: self.number_to_safe(number),
                    }),
                }
            }
            Some(to) => Ok(to),
            None => Err(404),
        }
    }

    /// A supervisor steps onto the call.
    pub(super) fn supervisor_leg(
        &mut self,
        agent: AgentId,
        ticket: CallId,
        mode: SuperviseMode,
        leg: LegHandle,
    ) {
        self.tickets.held.insert(agent.clone(), ticket);
        let party = Party::Supervisor {
            agent: agent.clone(),
        };
        match self.join(leg, party, true) {
            Some(leg) => self.give(CallInput::Supervises { agent, leg, mode }),
            None => self.release(&agent),
        }
    }

    /// An agent of this call is back. Says whether the call took them.
    pub(super) fn returned(&mut self, agent: AgentId, leg: LegHandle, done: oneshot::Sender<bool>) {
        let party = Party::Agent {
            agent: agent.clone(),
        };
        let Some(leg) = self.join(leg, party, true) else {
            let _ = done.send(false);
            return;
        };
        self.give(CallInput::Returned { agent, leg });
        // A leg that the call has no use for is hung up at once.
        let _ = done.send(self.legs.contains_key(&leg));
    }

    /// Gives a leg its number. A call with too many legs, or one that does not want it, closes it.
    fn join(&mut self, leg: LegHandle, party: Party, wanted: bool) -> Option<LegId> {
        if !wanted || self.legs.len() >= LEGS_MAX {
            leg.close();
            return None;
        }
        let id = self.next_leg();
        let wire = leg.wire;
        self.add_leg(id, leg);
        if let Some(leg) = self.legs.get_mut(&id)
            && let Party::Agent { agent } | Party::Supervisor { agent } = &party
        {
            leg.agent = Some(agent.clone());
        }
        self.give(CallInput::LegJoined {
            leg: id,
            party,
            wire,
        });
        Some(id)
    }

    /// Calls a number outside.
    pub(super) fn dial(&mut self, request: RequestId, number: &SlotValue) {
        let Some(line) = self.house.line_out() else {
            let reason = "no_line_out".to_owned();
            self.give(CallInput::Dialled {
                request,
                outcome: DialOutcome::Refused { reason },
            });
            return;
        };
        let dial = DialOut {
            call: self.handle.call.clone(),
            by: self.facts.view.transfer.as_ref().map(|one| one.by.clone()),
            number: Heard::new(self.safe.open(number)),
        };
        let number = number.shown.clone();
        let handle = self.handle.clone();
        let task = tokio::spawn(async move {
            let (early, came) = oneshot::channel();
            let mut dialling = line.dial(dial, early);
            let result = tokio::select! {
                result = &mut dialling => result,
                Ok(leg) = came => {
                    let leg = Box::new(leg);
                    handle.send(CallMessage::EarlySound { request, leg }).await;
                    dialling.await
                }
            };
            let result = result.map(|leg| leg.map(Box::new));
            let dialled = CallMessage::Dialled {
                request,
                number,
                result,
            };
            handle.send(dialled).await;
        });
        self.tickets.dialling = Some((request, task.abort_handle()));
    }

    pub(super) fn cancel_dial(&mut self, request: RequestId) {
        if let Some((_, task)) = self.tickets.dialling.take_if(|(own, _)| *own == request) {
            task.abort();
            self.tickets.early = None;
        }
    }

    pub(super) fn early_sound(&mut self, request: RequestId, mut leg: LegHandle) {
        if !self.tickets.is_dialling(request) {
            return leg.close();
        }
        while leg.frames_in.try_recv().is_ok() {}
        self.tickets.early = Some(leg);
    }

    pub(super) fn dialled(
        &mut self,
        request: RequestId,
        number: Masked,
        result: Result<Option<Box<LegHandle>>, DialRefused>,
    ) {
        let early = match self.tickets.is_dialling(request) {
            true => {
                self.tickets.dialling = None;
                self.tickets.early.take()
            }
            false => None,
        };
        let leg = result.map(|leg| leg.map(|leg| *leg).or(early));
        let outcome = match leg {
            Ok(Some(leg)) => match self.join(leg, Party::Outside { number }, true) {
                Some(leg) => DialOutcome::Answered { leg },
                None => DialOutcome::Refused {
                    reason: "too_many_legs".to_owned(),
                },
            },
            Ok(None) => DialOutcome::Refused {
                reason: "failed".to_owned(),
            },
            Err(DialRefused(reason)) => DialOutcome::Refused { reason },
        };
        self.give(CallInput::Dialled { request, outcome });
    }

    /// Whose ear the sound of a number that is being called is for, beside a caller who waits for it
    /// with music: the agent who consults.
    pub(super) fn consults_outside(&self) -> Option<AgentId> {
        let transfer = self.facts.view.transfer.as_ref();
        let consult = transfer.filter(|transfer| transfer.consult);
        consult.map(|transfer| transfer.by.clone())
    }

    /// The agent and this call have parted; wrap-up begins.
    pub(super) fn part_from(&mut self, agent: &AgentId) {
        if let Some(call) = self.tickets.held.remove(agent) {
            let agent = agent.clone();
            self.dispatch(AcdInput::CallFinished { agent, call });
        }
    }

    /// The agent is free at once.
    pub(super) fn release(&mut self, agent: &AgentId) {
        self.part_from(agent);
        let agent = agent.clone();
        self.dispatch(AcdInput::WrapUpDone { agent });
    }

    /// Nobody may stay busy with a call that is gone.
    pub(super) fn release_everybody(&mut self) {
        self.leave_router();
        if let Some((_, task)) = self.tickets.dialling.take() {
            task.abort();
        }
        self.tickets.early = None;
        for agent in self.tickets.held.keys().cloned().collect::<Vec<_>>() {
            self.release(&agent);
        }
    }

    /// What was on its way when the call ended.
    pub(super) fn turn_away(&mut self, message: CallMessage) {
        match message {
            CallMessage::AgentLeg { agent, ticket, leg }
            | CallMessage::SupervisorLeg {
                agent, ticket, leg, ..
            } => {
                leg.close();
                self.tickets.held.insert(agent, ticket);
            }
            CallMessage::Returned { leg, done, .. } => {
                leg.close();
                let _ = done.send(false);
            }
            CallMessage::Dialled {
                result: Ok(Some(leg)),
                ..
            }
            | CallMessage::EarlySound { leg, .. }
            | CallMessage::SecondLine { leg, .. }
            | CallMessage::Replaces { leg, .. } => leg.close(),
            _ => {}
        }
    }

    /// Puts a number that an agent keyed into the safe.
    pub(super) fn number_to_safe(&mut self, number: &str) -> SlotValue {
        let shown = Masked::authored(crate::line_out::shown_number(number));
        let secret = Some(self.safe.put(Heard::new(number)));
        SlotValue { shown, secret }
    }

    /// The router's inbox is a second of work long; when even that is full, the message waits in a
    /// task of its own.
    pub(super) fn dispatch(&self, input: AcdInput) {
        self.tell_router(DispatchMessage::Input(input));
    }

    fn tell_router(&self, message: DispatchMessage) {
        let dispatch = self.house.dispatch.clone();
        if let Some(message) = dispatch.try_send(message) {
            tokio::spawn(async move { dispatch.send(message).await });
        }
    }
}
