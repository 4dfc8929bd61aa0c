//! The task that owns the router, and carries its decisions to calls and pages.

mod ring;

use crate::call::{CallMessage, Calls};
use crate::clock::Clock;
use crate::live::{Audience, Hub, LiveMessage, RingingFrom};
use sidetone_acd::{
    Acd, AcdInput, AcdOutput, AcdPolicy, AcdTime, AgentOnBoard, AgentState, Arrival, Ignored,
    QueueOnBoard,
};
use sidetone_edge::LegHandle;
use sidetone_types::*;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Messages waiting for the router: a second of its work at the very worst.
const INBOX_MESSAGES: usize = 4096;

/// What can be asked of the router.
pub enum DispatchMessage {
    Input(AcdInput),
    /// An agent's page has answered the ring; `leg` joins the call if the offer still stands.
    Accept {
        agent: AgentId,
        call: CallId,
        leg: Box<LegHandle>,
        done: oneshot::Sender<bool>,
    },
    /// A supervisor wants to step onto a call; `done` hears whether they may: not while they ring,
    /// talk or wrap up, and on one call at a time.
    Supervise {
        agent: AgentId,
        call: CallId,
        mode: SuperviseMode,
        leg: Box<LegHandle>,
        done: oneshot::Sender<bool>,
    },
    /// The agent talks on another system, and this call hears both sides.
    Beside {
        agent: AgentId,
        call: CallId,
    },
    /// A page of the agent opened or closed.
    Page {
        agent: AgentId,
        open: bool,
    },
    /// The state of everything, for the wallboard.
    Board {
        answer: oneshot::Sender<Arc<Board>>,
    },
}

/// What the telephones of agents are to do.
#[derive(Clone, Debug)]
pub enum Bell {
    Ring {
        agent: AgentId,
        call: CallId,
        /// What the telephone shows.
        from: RingingFrom,
    },
    /// Somebody answered, or nobody is to.
    Stop { agent: AgentId, call: CallId },
}

/// Bells that wait for the telephones.
const BELLS: usize = 1024;

/// Agents and queues at one moment.
#[derive(Clone, Debug, Default)]
pub struct Board {
    pub agents: Vec<AgentOnBoard>,
    pub queues: Vec<QueueOnBoard>,
    /// Supervisors on a call who are not among the agents of the router.
    pub beyond: BTreeMap<AgentId, CallId>,
}

impl Board {
    /// The call that somebody rings for, talks on, listens to or wraps up.
    pub fn call_of(&self, agent: &AgentId) -> Option<CallId> {
        let known = self.agent(agent).and_then(|now| now.call.clone());
        known.or_else(|| self.beyond.get(agent).cloned())
    }

    pub fn agent(&self, agent: &AgentId) -> Option<&AgentOnBoard> {
        self.agents.iter().find(|now| now.agent == *agent)
    }
}

/// The way to the router.
#[derive(Clone)]
pub struct Dispatch {
    inbox: mpsc::Sender<DispatchMessage>,
    board: watch::Receiver<Arc<Board>>,
    bells: Arc<OnceLock<mpsc::Sender<Bell>>>,
}

impl Dispatch {
    /// Starts the router's task.
    pub fn start(policy: AcdPolicy, clock: Clock, calls: Arc<Calls>, hub: Hub) -> Self {
        let (inbox, receiver) = mpsc::channel(INBOX_MESSAGES);
        let (publish, watch) = watch::channel(Arc::new(Board::default()));
        let bells = Arc::new(OnceLock::new());
        let task = Router {
            acd: Acd::new(policy),
            clock,
            calls,
            hub,
            bells: bells.clone(),
            publish,
            pages: BTreeMap::new(),
            legs: BTreeMap::new(),
            ringing: BTreeMap::new(),
            beyond: BTreeMap::new(),
            supervisions: 0,
            later: Vec::new(),
            waiting: BTreeMap::new(),
            wrapping: BTreeMap::new(),
            deadline: None,
        };
        task.publish();
        tokio::spawn(task.run(receiver));
        Self {
            inbox,
            board: watch,
            bells,
        }
    }

    /// The bells of telephones, for whoever has telephones; once.
    pub fn bells(&self) -> Option<mpsc::Receiver<Bell>> {
        let (bells, rung) = mpsc::channel(BELLS);
        self.bells.set(bells).ok().map(|()| rung)
    }

    /// Sends, waiting for room.
    pub async fn send(&self, message: DispatchMessage) {
        let _ = self.inbox.send(message).await;
    }
    pub async fn input(&self, input: AcdInput) {
        self.send(DispatchMessage::Input(input)).await;
    }
    /// Sends if there is room, and gives the message back if there is not.
    pub fn try_send(&self, message: DispatchMessage) -> Option<DispatchMessage> {
        match self.inbox.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(message) | TrySendError::Closed(message)) => Some(message),
        }
    }
    /// The state after the router's last decision.
    pub fn board(&self) -> Arc<Board> {
        self.board.borrow().clone()
    }
    /// The state now, with waits counted up to this moment.
    pub async fn board_now(&self) -> Arc<Board> {
        let (answer, heard) = oneshot::channel();
        self.send(DispatchMessage::Board { answer }).await;
        heard.await.unwrap_or_default()
    }
}

/// A leg on its way to a call.
struct Joining {
    leg: Box<LegHandle>,
    /// How a supervisor joins; `None` for an agent who answers.
    mode: Option<SuperviseMode>,
    done: oneshot::Sender<bool>,
}

struct Router {
    acd: Acd,
    clock: Clock,
    calls: Arc<Calls>,
    hub: Hub,
    bells: Arc<OnceLock<mpsc::Sender<Bell>>>,
    publish: watch::Sender<Arc<Board>>,
    /// Open pages of each agent.
    pages: BTreeMap<AgentId, u32>,
    /// Legs whose place is being decided, by agent and ticket.
    legs: BTreeMap<(AgentId, CallId), Joining>,
    /// The ticket that rings at each agent.
    ringing: BTreeMap<AgentId, CallId>,
    /// Supervisors on a call whom the router does not know.
    beyond: BTreeMap<AgentId, CallId>,
    /// For the tickets of supervisors.
    supervisions: u32,
    /// Inputs that follow from an output.
    later: Vec<AcdInput>,
    /// Calls in wrap-up.
    wrapping: BTreeMap<AgentId, CallId>,
    /// Since when each call waits, and where.
    waiting: BTreeMap<CallId, (QueueId, AcdTime)>,
    deadline: Option<AcdTime>,
}

impl Router {
    async fn run(mut self, mut inbox: mpsc::Receiver<DispatchMessage>) {
        loop {
            let wait = self.deadline.map(|at| at.since(self.clock.acd()));
            let sleep = tokio::time::sleep_until(
                Instant::now() + wait.unwrap_or(Duration::from_secs(3600)),
            );
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.take(message).await,
                    None => return,
                },
                () = sleep => self.feed(AcdInput::Deadline).await,
            }
            self.publish();
        }
    }

    fn publish(&self) {
        let now = self.clock.acd();
        let mut agents = self.acd.agents_on_board();
        for agent in &mut agents {
            agent.call = agent.call.as_ref().map(call_of);
        }
        let board = Board {
            agents,
            queues: self.acd.queues_on_board(now),
            beyond: self.beyond.clone(),
        };
        self.publish.send_replace(Arc::new(board));
    }

    async fn take(&mut self, message: DispatchMessage) {
        match message {
            DispatchMessage::Input(input) => {
                let input = self.with_ticket(input);
                self.note(&input);
                self.feed(input).await;
            }
            DispatchMessage::Accept {
                agent,
                call,
                leg,
                done,
            } => {
                let mode = None;
                let joining = Joining { leg, mode, done };
                match self.ringing.get(&agent).cloned() {
                    Some(ticket) if call_of(&ticket) == call => {
                        self.seat(agent.clone(), ticket.clone(), joining);
                        let accept = AcdInput::Accept {
                            agent: agent.clone(),
                            call: ticket.clone(),
                        };
                        self.feed(accept).await;
                        self.unseat(agent, ticket);
                    }
                    _ => {
                        let _ = joining.done.send(false);
                    }
                }
            }
            DispatchMessage::Supervise {
                agent,
                call,
                mode,
                leg,
                done,
            } => {
                let mode = Some(mode);
                self.supervise(agent, call, Joining { leg, mode, done })
                    .await;
            }
            DispatchMessage::Beside { agent, call } => {
                self.beyond.insert(agent, call);
            }
            DispatchMessage::Page { agent, open } => {
                let pages = self.pages.entry(agent.clone()).or_default();
                *pages = if open {
                    *pages + 1
                } else {
                    pages.saturating_sub(1)
                };
                match *pages {
                    0 => self.feed(AcdInput::AgentLost { agent }).await,
                    _ => self.feed(AcdInput::AgentSeen { agent }).await,
                }
            }
            DispatchMessage::Board { answer } => {
                self.publish();
                let _ = answer.send(self.publish.borrow().clone());
            }
        }
    }

    fn seat(&mut self, agent: AgentId, ticket: CallId, joining: Joining) {
        self.legs.insert((agent, ticket), joining);
    }

    /// What the router did not take up is refused.
    fn unseat(&mut self, agent: AgentId, ticket: CallId) {
        if let Some(joining) = self.legs.remove(&(agent, ticket)) {
            let _ = joining.done.send(false);
        }
    }

    async fn supervise(&mut self, agent: AgentId, call: CallId, joining: Joining) {
        self.supervisions = self.supervisions.wrapping_add(1);
        let ticket = CallId(format!("{call}{TICKET_MARK}s{}", self.supervisions));
        self.seat(agent.clone(), ticket.clone(), joining);
        if self.publish.borrow().agent(&agent).is_some() {
            let seize = AcdInput::Seize {
                agent: agent.clone(),
                call: ticket.clone(),
            };
            self.feed(seize).await;
        } else if !self.beyond.contains_key(&agent) {
            self.beyond.insert(agent.clone(), call);
            self.assign(agent.clone(), ticket.clone()).await;
        }
        self.unseat(agent, ticket);
    }

    /// Pages speak of calls, the router of tickets. Who is beyond the router's books is taken out
    /// of ours.
    fn with_ticket(&mut self, input: AcdInput) -> AcdInput {
        match input {
            AcdInput::Decline { agent, call } => {
                let ringing = self.ringing.get(&agent);
                let ticket = ringing.filter(|ticket| call_of(ticket) == call).cloned();
                let call = ticket.unwrap_or(call);
                AcdInput::Decline { agent, call }
            }
            AcdInput::WrapUpDone { agent } => {
                self.beyond.remove(&agent);
                AcdInput::WrapUpDone { agent }
            }
            other => other,
        }
    }

    fn note(&mut self, input: &AcdInput) {
        match input {
            AcdInput::CallArrived(arrival) => {
                let since = (arrival.queue.clone(), self.clock.acd());
                self.waiting.insert(arrival.call.clone(), since);
            }
            AcdInput::CallLeft { call } => {
                self.waiting.remove(call);
            }
            _ => {}
        }
    }

    async fn feed(&mut self, input: AcdInput) {
        let mut next = Some(input);
        while let Some(input) = next {
            self.acd.handle(self.clock.acd(), input);
            self.deadline = None;
            while let Some(output) = self.acd.poll() {
                self.carry_out(output).await;
            }
            next = self.later.pop();
        }
    }

    async fn carry_out(&mut self, output: AcdOutput) {
        match output {
            AcdOutput::Offer {
                agent,
                call,
                expires,
            } => {
                self.ringing.insert(agent.clone(), call.clone());
                self.ring(&agent, &call, expires);
                self.tell(&call, CallInput::Offered { agent }).await;
            }
            AcdOutput::OfferEnded {
                agent,
                call,
                outcome,
            } => {
                self.ringing.remove(&agent);
                self.bell(Bell::Stop {
                    agent: agent.clone(),
                    call: call_of(&call),
                });
                let ended = LiveMessage::RingEnded {
                    call: call_of(&call),
                    outcome,
                };
                self.hub.post(Audience::Agent(agent.clone()), ended);
                self.tell(&call, CallInput::OfferEnded { agent, outcome })
                    .await;
            }
            AcdOutput::Assigned { agent, call } => self.assign(agent, call).await,
            AcdOutput::Position {
                call,
                position,
                wait,
            } => {
                self.tell(&call, CallInput::Waiting { position, wait })
                    .await;
            }
            AcdOutput::Refused { call, reason } => {
                self.waiting.remove(&call);
                let reason = reason.as_str().to_owned();
                self.tell(&call, CallInput::QueueRefused { reason }).await;
            }
            AcdOutput::AgentStateChanged {
                agent,
                state,
                call,
                since,
            } => {
                self.end_wrap_up(&agent, state, call.as_ref()).await;
                let since_ms = self.clock.wall_of(since);
                let message = LiveMessage::AgentState {
                    agent: agent.clone(),
                    state: state_word(state).to_owned(),
                    since_ms,
                    call: call.as_ref().map(call_of),
                };
                self.hub.post(Audience::Agent(agent), message.clone());
                self.hub.post(Audience::Supervisors, message);
            }
            AcdOutput::Ignored { agent, call, why } => {
                if why != Ignored::OfferOver {
                    tracing::debug!(?agent, ?call, ?why, "the router had no use for an input");
                }
            }
            AcdOutput::Deadline { at } => self.deadline = Some(at),
        }
    }

    async fn assign(&mut self, agent: AgentId, ticket: CallId) {
        self.waiting.remove(&ticket);
        let Some(joining) = self.legs.remove(&(agent.clone(), ticket.clone())) else {
            return;
        };
        let call = call_of(&ticket);
        let Some(handle) = self.calls.get(&call) else {
            self.free(agent, ticket);
            let _ = joining.done.send(false);
            return;
        };
        self.hub.follow(agent.clone(), call);
        let leg = joining.leg;
        let message = match joining.mode {
            None => CallMessage::AgentLeg {
                agent: agent.clone(),
                ticket: ticket.clone(),
                leg,
            },
            Some(mode) => CallMessage::SupervisorLeg {
                agent: agent.clone(),
                ticket: ticket.clone(),
                mode,
                leg,
            },
        };
        let joined = handle.send(message).await;
        if !joined {
            self.free(agent, ticket);
        }
        let _ = joining.done.send(joined);
    }

    /// The call was over before they came.
    fn free(&mut self, agent: AgentId, ticket: CallId) {
        self.beyond.remove(&agent);
        // Taken from the back.
        self.later.push(AcdInput::WrapUpDone {
            agent: agent.clone(),
        });
        self.later.push(AcdInput::CallFinished {
            agent,
            call: ticket,
        });
    }

    /// The router ends a wrap-up that takes too long; the call hears of it as if the agent had
    /// clicked, or its journal would stay open.
    async fn end_wrap_up(&mut self, agent: &AgentId, state: AgentState, call: Option<&CallId>) {
        if let (AgentState::WrapUp, Some(call)) = (state, call) {
            self.wrapping.insert(agent.clone(), call_of(call));
        } else if let Some(call) = self.wrapping.remove(agent) {
            let action = AgentAction::WrapUp {
                disposition: "timed_out".to_owned(),
            };
            let click = CallInput::Click {
                by: agent.clone(),
                action,
            };
            if let Some(handle) = self.calls.get(&call) {
                handle.send(CallMessage::Input(click)).await;
            }
        }
    }

    async fn tell(&self, ticket: &CallId, input: CallInput) {
        if let Some(handle) = self.calls.get(&call_of(ticket)) {
            let ticket = ticket.clone();
            handle.send(CallMessage::Routed { ticket, input }).await;
        }
    }
}

/// The word for a state in the API.
pub fn state_word(state: AgentState) -> &'static str {
    match state {
        AgentState::Available => "available",
        AgentState::Ringing => "ringing",
        AgentState::Busy => "busy",
        AgentState::WrapUp => "wrap_up",
        AgentState::Break => "break",
        AgentState::Offline => "offline",
    }
}

/// Parts a call's id from the number of its request for somebody.
const TICKET_MARK: char = '~';

/// The router's name for a call's request for somebody; the first is the call's own.
pub fn ticket(call: &CallId, count: u32) -> CallId {
    match count {
        0 => call.clone(),
        _ => CallId(format!("{call}{TICKET_MARK}{count}")),
    }
}

/// The call behind a ticket.
pub fn call_of(ticket: &CallId) -> CallId {
    let call = ticket.as_str().split(TICKET_MARK).next();
    CallId::new(call.unwrap_or_default())
}

/// An arrival at the router for a call that wants a person.
pub fn arrival(
    call: CallId,
    wanted: sidetone_call::Enqueue,
    mood: Option<i8>,
    clock: &Clock,
) -> Arrival {
    let mut arrival = Arrival::new(call, wanted.queue, wanted.lang, clock.minute_of_week());
    arrival.tier = (!wanted.tier.is_empty()).then_some(wanted.tier);
    arrival.skills = wanted.skills;
    arrival.intent = wanted.intent;
    arrival.agent = wanted.agent;
    arrival.mood = mood;
    if wanted.again {
        // Cut off while talking: nobody should wait twice for the same matter.
        arrival.priority = 1000;
    }
    arrival
}
