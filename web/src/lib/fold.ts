// `CallView` is a fold over the call's events. The engine folds stored calls with the same rules;
// this one folds live calls in the page, event by event.

import type { CallEvent, EventKind } from '../api/event';
import type { CallParty, CallView, MoodPoint, Speaker, Turn } from '../api/types';

const CALLER_LEG = 0;
const ASSISTANT_LEG = 1;

export function emptyView(call: string): CallView {
  return {
    call,
    lang: 'zh',
    wire: 'web_rtc',
    started_ms: 0,
    state: 'assistant',
    duration_us: 0,
    turns: [],
    intents: [],
    slots: [],
    cards: [],
    compliance: [],
    mood: { points: [] },
    summary: [],
    summary_edited: false,
    parties: [],
    events: [],
  };
}

export function speakerOf(leg: number): Speaker {
  if (leg === CALLER_LEG) return 'caller';
  return leg === ASSISTANT_LEG ? 'assistant' : 'agent';
}

/** Events that the timeline of a call marks. */
const MARKED = new Set<EventKind['type']>([
  'call_started',
  'flow_entered',
  'barge_in',
  'no_input',
  'no_match',
  'degraded',
  'queue_entered',
  'answered',
  'transfer_started',
  'transfer_ended',
  'agent_away',
  'agent_back',
  'taken_over',
  'hold_started',
  'hold_ended',
  'compliance_hit',
  'ticket_created',
  'recording_failed',
  'call_ended',
]);

/** Takes one event into the view. Events must come in order; the caller drops repeats by `seq`. */
export function apply(view: CallView, event: CallEvent): void {
  if (view.state !== 'ended' && view.state !== 'wrap_up') {
    view.duration_us = Math.max(view.duration_us, event.at);
  }
  if (MARKED.has(event.type)) view.events.push({ at_us: event.at, label: event.type });
  applyProgress(view, event);
  applyParties(view, event);
  applySpeech(view, event);
  applyUnderstanding(view, event);
  applyAssist(view, event);
}

function applyProgress(view: CallView, event: CallEvent): void {
  switch (event.type) {
    case 'call_started':
      view.started_ms = event.wall_ms;
      view.lang = event.lang;
      view.wire = event.wire;
      view.ani = event.ani ?? null;
      view.customer = event.customer ? { id: event.customer } : null;
      break;
    case 'language_changed':
      view.lang = event.lang;
      break;
    case 'queue_entered':
      view.state = 'waiting';
      view.queue = event.queue;
      break;
    case 'wait_announced':
      view.position = event.position;
      break;
    case 'offered':
      // While somebody to consult rings, the caller has an agent.
      if (view.state === 'waiting') view.state = 'ringing';
      break;
    case 'offer_ended':
      if (event.outcome !== 'accepted' && view.state === 'ringing') view.state = 'waiting';
      break;
    case 'answered':
      view.state = 'talking';
      view.agent = event.agent;
      view.position = null;
      break;
    case 'hold_started':
      view.state = 'held';
      break;
    case 'hold_ended':
      view.state = 'talking';
      break;
    case 'call_ended':
      view.ended = { reason: event.reason, at_us: event.at };
      if (view.state !== 'wrap_up') view.state = 'ended';
      closeOpenTurns(view, event.at);
      break;
    case 'wrap_up_started':
      // An agent who gave the call away wraps up while it goes on.
      if (view.ended) view.state = 'wrap_up';
      break;
    case 'wrap_up_ended':
      if (!view.ended) break;
      view.state = 'ended';
      view.disposition = event.disposition;
      break;
  }
}

/** Who is on the call, and who is being fetched. */
function applyParties(view: CallView, event: CallEvent): void {
  const parties = (view.parties ??= []);
  const without = (goes: (one: CallParty) => boolean) => (view.parties = parties.filter((one) => !goes(one)));
  switch (event.type) {
    case 'leg_joined':
      (view.wires ??= {})[event.leg] = event.wire;
      break;
    case 'seated': {
      const muted = parties.some((one) => one.leg === event.leg && one.muted);
      without((one) => one.leg === event.leg);
      const wire = view.wires?.[event.leg];
      view.parties.push({ ...event.party, leg: event.leg, seat: event.seat, muted, ...(wire && { wire }) });
      if (event.seat === 'main' && (view.state === 'waiting' || view.state === 'ringing')) view.state = 'talking';
      break;
    }
    case 'leg_left':
      without((one) => one.leg === event.leg && one.seat !== 'away');
      break;
    case 'muted':
      for (const one of parties) if (one.leg === event.leg) one.muted = event.on;
      break;
    case 'agent_back':
      without((one) => one.role === 'agent' && one.agent === event.agent);
      break;
    case 'wrap_up_started':
      without((one) => one.role === 'agent' && one.agent === event.agent);
      if (!view.ended && view.transfer?.by === event.agent && (view.state === 'talking' || view.state === 'held')) view.state = 'waiting';
      break;
    case 'transfer_started':
      view.transfer = { ...event.to, by: event.by, consult: event.consult };
      view.transferEnded = null;
      if (!event.consult) view.state = 'waiting';
      break;
    case 'transfer_ended':
      view.transfer = null;
      view.transferEnded = { outcome: event.outcome, reason: event.reason };
      break;
    case 'call_ended':
      view.parties = [];
      break;
  }
}

function applySpeech(view: CallView, event: CallEvent): void {
  switch (event.type) {
    case 'speech_started':
      utteranceTurn(view, event.utterance, event.leg, event.at);
      break;
    case 'speech_ended': {
      const turn = utteranceTurn(view, event.utterance, event.leg, event.span.from);
      turn.from_us = event.span.from;
      turn.to_us = event.span.to;
      break;
    }
    case 'partial': {
      const turn = utteranceTurn(view, event.utterance, event.leg, event.at);
      if (!turn.final) turn.text = event.text;
      turn.to_us = Math.max(turn.to_us, event.at);
      break;
    }
    case 'heard':
      hear(view, event);
      break;
    case 'prompt_started':
      view.turns.push(newTurn({ prompt: event.prompt, speaker: 'assistant', at: event.at, text: event.text }));
      break;
    case 'prompt_ended': {
      const turn = view.turns.findLast((one) => one.prompt === event.prompt);
      if (!turn) break;
      turn.text = event.played;
      turn.to_us = event.at;
      turn.final = true;
      turn.interrupted = event.interrupted;
      if (!event.played) view.turns.splice(view.turns.indexOf(turn), 1);
      break;
    }
  }
}

function applyUnderstanding(view: CallView, event: CallEvent): void {
  switch (event.type) {
    case 'intent_found': {
      view.intents.push({ utterance: event.utterance, intent: event.best.intent, score: event.best.score });
      const turn = findUtterance(view, event.utterance);
      if (turn) turn.intent = event.best.intent;
      break;
    }
    case 'flow_entered':
      view.flow = event.flow;
      break;
    case 'slot_filled': {
      const known = view.slots.find((one) => one.flow === event.flow && one.slot === event.slot);
      if (known) Object.assign(known, { shown: event.value.shown, confirmed: false });
      else view.slots.push({ flow: event.flow, slot: event.slot, shown: event.value.shown, confirmed: false });
      break;
    }
    case 'slot_confirmed': {
      const known = view.slots.find((one) => one.flow === event.flow && one.slot === event.slot);
      if (known) known.confirmed = true;
      break;
    }
    case 'slot_rejected':
      view.slots = view.slots.filter((one) => one.flow !== event.flow || one.slot !== event.slot);
      break;
    case 'mood_scored': {
      const turn = findUtterance(view, event.utterance);
      if (turn) turn.mood = event.mood;
      view.mood.points.push({ at_us: event.at, score: event.mood.score, speaker: speakerOf(event.leg) });
      Object.assign(view.mood, callerMood(view));
      break;
    }
  }
}

function applyAssist(view: CallView, event: CallEvent): void {
  switch (event.type) {
    case 'cards_shown':
      for (const card of event.cards) {
        if (!view.cards.some((one) => one.card === card.card)) view.cards.push({ ...card });
      }
      break;
    case 'card_taken': {
      const card = view.cards.find((one) => one.card === event.card);
      if (card) card.taken = event.action;
      break;
    }
    case 'compliance_hit': {
      const { rule, severity, phrase, hint, broken, utterance } = event;
      view.compliance.push({ rule, severity, phrase, hint, broken, utterance, at_us: event.at });
      break;
    }
    case 'summary_drafted':
      if (!view.summary_edited) view.summary = event.sentences;
      break;
    case 'summary_edited':
      view.summary = event.sentences;
      view.summary_edited = true;
      break;
    case 'ticket_created':
      view.ticket = event.ticket;
      break;
  }
}

function hear(view: CallView, event: Extract<CallEvent, { type: 'heard' }>): void {
  const { transcript } = event;
  const turn = utteranceTurn(view, transcript.utterance, event.leg, transcript.words[0]?.from ?? event.at);
  if (!transcript.text.trim()) {
    // Nothing was said, or the recognizer rejected it: not a turn of the conversation.
    view.turns.splice(view.turns.indexOf(turn), 1);
    return;
  }
  turn.text = transcript.text;
  turn.words = transcript.words;
  turn.confidence = transcript.confidence;
  turn.final = true;
  turn.to_us = Math.max(turn.to_us, transcript.words.at(-1)?.to ?? turn.to_us);
}

function newTurn(of: { utterance?: number; prompt?: number; speaker: Speaker; at: number; text?: string }): Turn {
  return {
    utterance: of.utterance ?? null,
    prompt: of.prompt ?? null,
    speaker: of.speaker,
    from_us: of.at,
    to_us: of.at,
    text: of.text ?? '',
    final: false,
    interrupted: false,
    words: [],
  };
}

function findUtterance(view: CallView, utterance: number): Turn | undefined {
  return view.turns.findLast((one) => one.utterance === utterance);
}

function utteranceTurn(view: CallView, utterance: number, leg: number, at: number): Turn {
  const known = findUtterance(view, utterance);
  if (known) return known;
  view.turns.push(newTurn({ utterance, speaker: speakerOf(leg), at }));
  // Read back, so that a reactive view hands out its own reactive turn.
  return view.turns.at(-1) as Turn;
}

function closeOpenTurns(view: CallView, at: number): void {
  view.turns = view.turns.filter((one) => one.final || one.text.trim());
  for (const turn of view.turns) {
    if (turn.final) continue;
    turn.final = true;
    turn.to_us = Math.max(turn.to_us, at);
  }
}

/** The caller's mood: the last turn's score, and the mean weighted by how long each turn was spoken. */
function callerMood(view: CallView): { now: number | null; mean: number | null } {
  const last = view.mood.points.findLast((one: MoodPoint) => one.speaker === 'caller');
  let sum = 0;
  let weight = 0;
  for (const turn of view.turns) {
    if (turn.speaker !== 'caller' || !turn.mood) continue;
    const length = Math.max(1, turn.to_us - turn.from_us);
    sum += turn.mood.score * length;
    weight += length;
  }
  return { now: last?.score ?? null, mean: weight ? Math.round(sum / weight) : null };
}

/** Folds events in order, dropping what a reconnected socket sends again. */
export class CallFold {
  #next = 0;
  constructor(readonly view: CallView) {}

  apply(event: CallEvent): boolean {
    if (event.seq < this.#next) return false;
    this.#next = event.seq + 1;
    apply(this.view, event);
    return true;
  }
}

/** The cards an agent still has to decide on: three at most, what was asked last first, then the best. */
export function openCards(view: CallView): CallView['cards'] {
  return view.cards
    .filter((one) => !one.taken)
    .sort((a, b) => b.utterance - a.utterance || b.passage.score - a.passage.score)
    .slice(0, 3);
}

/** What the call is about: the latest intent that is neither "none of these" nor "a person, please". */
export function mainIntent(view: CallView): string | undefined {
  const meant = view.intents.filter((one) => one.intent !== 'none');
  return (meant.findLast((one) => one.intent !== 'agent-request') ?? meant.at(-1))?.intent;
}
