// The agent's desk: state, the ringing call, the voice leg and the call as it unfolds.

import { client, Problem } from '../api/client';
import type { AgentAction, CardAction, SummarySentence, Target, Ticket } from '../api/event';
import { api } from '../api/paths';
import { LiveSocket } from '../api/socket';
import type { AgentState, CallView, ChosenState, Customer, LiveMessage, Ringing } from '../api/types';
import { audioContext, Ring } from './audio';
import { CallFold, emptyView } from './fold';
import { microphone, VoiceError, VoiceLeg, type VoiceTrouble } from './webrtc';

const LATE_VIEW_MS = 500;
const OWN_RETURN_MS = 2000;

export class Desk {
  state = $state<AgentState>('offline');
  since_ms = $state(Date.now());
  ring = $state<Ringing | null>(null);
  /** The call on the desk; already there while it rings, so that it is understood before the hello. */
  view = $state<CallView | null>(null);
  customer = $state<Customer | null>(null);
  problem = $state<unknown>(null);
  voiceTrouble = $state<VoiceTrouble | null>(null);
  connected = $state(true);
  loaded = $state(false);
  accepting = $state(false);
  hasVoice = $state(false);
  muted = $state(false);
  held = $derived(this.view?.state === 'held');
  /** This agent's own place in the call. */
  #self = $derived(this.view?.parties?.find((one) => one.role === 'agent' && one.agent === this.#me));
  seat = $derived(this.#self?.seat);
  /** The sound of this agent is on their telephone. */
  byPhone = $derived(this.#self?.wire === 'sip' && this.seat !== 'away');
  /** The call runs on another telephone system, and the page only helps. */
  beside = $derived(this.#self?.wire === 'audio_socket' || this.#self?.wire === 'web_socket');
  /** Why a ring stopped on this page without its doing. */
  ringNote = $state<'answered_elsewhere' | 'caller_gone' | 'timed_out' | null>(null);
  /** The text of the accepted card, for reading aloud. */
  script = $state<{ text: string; source: string } | null>(null);

  #me = $state('');
  #leg: VoiceLeg | undefined;
  #backAt = 0;
  #fold: CallFold | undefined;
  #fromSnapshot = false;
  #sound: Ring | undefined;
  #socket: LiveSocket<LiveMessage> | undefined;

  async open(agent: string): Promise<void> {
    this.#me = agent;
    this.#socket = new LiveSocket<LiveMessage>(api.live(), {
      message: (message) => this.#take(message),
      state: (connected) => {
        if (connected && !this.connected) void this.#load();
        this.connected = connected;
      },
    });
    await this.#load();
  }

  close(): void {
    this.#socket?.close();
    this.#stopRing();
    this.#dropVoice();
  }

  levels(): { mine: number; theirs: number } {
    const level = this.#leg?.levels() ?? { mine: 0, theirs: 0 };
    // On this page the upper line is the caller, whose sound comes in.
    return { mine: level.theirs, theirs: level.mine };
  }

  async setState(state: ChosenState): Promise<void> {
    audioContext(); // From the click, so that the ring may sound later.
    await this.#guard(async () => {
      const now = await client.setAgentState(state);
      const next = now?.state ?? state;
      if (next !== this.state) this.since_ms = Date.now();
      this.state = next;
    });
  }

  async accept(): Promise<void> {
    const ring = this.ring;
    if (!ring || this.accepting) return;
    await this.#connect(ring.call);
    if (this.hasVoice) {
      this.ring = null;
      this.#stopRing();
    }
  }

  async decline(): Promise<void> {
    const ring = this.ring;
    if (!ring) return;
    this.#ringOver();
    await this.#guard(() => client.decline(ring.call));
  }

  hold(on: boolean): Promise<boolean> {
    return this.#click({ click: 'hold', on });
  }
  async mute(on: boolean): Promise<void> {
    this.muted = on;
    this.#leg?.setMuted(on);
    await this.#click({ click: 'mute', on });
  }
  key(key: string): Promise<boolean> {
    return this.#click({ click: 'key', key });
  }
  hangUp(): Promise<boolean> {
    return this.#click({ click: 'hang_up' });
  }

  transfer(to: Target, consult: boolean): Promise<boolean> {
    return this.#click({ click: 'transfer', to, consult });
  }
  async transferOut(number: string, consult: boolean): Promise<boolean> {
    const call = this.view?.call;
    if (!call) return false;
    return this.#guard(() => client.transferOut(call, number, consult));
  }
  complete(): Promise<boolean> {
    return this.#click({ click: 'complete' });
  }
  cancelTransfer(): Promise<boolean> {
    return this.#click({ click: 'cancel' });
  }
  conference(): Promise<boolean> {
    return this.#click({ click: 'conference' });
  }
  drop(leg: number): Promise<boolean> {
    return this.#click({ click: 'drop', leg });
  }
  /** Takes the sound of the running call to this page. */
  async takeSound(): Promise<void> {
    const call = this.view?.call;
    if (call && !this.accepting) await this.#connect(call, true);
  }

  async card(card: number, action: CardAction, text: string | null = null): Promise<void> {
    const shown = this.view?.cards.find((one) => one.card === card);
    if (!shown) return;
    if (action !== 'dismiss') {
      this.script = { text: text ?? shown.passage.text, source: `${shown.passage.title} › ${shown.passage.section}` };
    }
    shown.taken = action;
    await this.#click({ click: 'card', card, action, text });
  }
  saveSummary(sentences: SummarySentence[]): Promise<boolean> {
    return this.#click({ click: 'summary', sentences });
  }
  createTicket(ticket: Ticket): Promise<boolean> {
    return this.#click({ click: 'ticket', ticket });
  }
  async finish(disposition: string): Promise<void> {
    if (await this.#click({ click: 'wrap_up', disposition })) this.#clearCall();
  }

  async #connect(call: string, back = false): Promise<void> {
    this.accepting = true;
    this.problem = null;
    this.voiceTrouble = null;
    let begun = false;
    try {
      audioContext();
      const voice = await microphone();
      this.#dropVoice();
      if (this.view?.call !== call) this.#begin(call);
      begun = !back;
      this.#leg = await VoiceLeg.open(voice, async (sdp) => (await client.accept(call, sdp, back)).sdp, {
        lost: () => (this.voiceTrouble = 'line_lost'),
      });
      this.hasVoice = true;
      if (back) this.#backAt = Date.now();
      this.ringNote = null;
    } catch (cause) {
      if (cause instanceof VoiceError) this.voiceTrouble = cause.trouble;
      else this.problem = cause;
      // Not answered after all: nothing of the call may stay on the desk.
      if (begun) this.#clearCall();
      if (cause instanceof Problem && cause.status === 409) {
        this.ring = null;
        this.#stopRing();
      }
    } finally {
      this.accepting = false;
    }
  }

  async #load(): Promise<void> {
    await this.#guard(async () => {
      const now = await client.agent();
      this.state = now.state;
      this.since_ms = now.since_ms;
      if (now.call && now.call.state !== 'ended' && this.view?.call !== now.call.call) {
        this.view = now.call;
        this.#fold = new CallFold(this.view);
        this.#fromSnapshot = true;
        void this.#loadCustomer();
      }
    });
    this.loaded = true;
  }

  #take(message: LiveMessage): void {
    switch (message.type) {
      case 'agent_state':
        if (message.agent !== this.#me) return;
        this.state = message.state;
        this.since_ms = message.since_ms;
        if (message.state === 'wrap_up') this.#dropVoice();
        if (message.state === 'available' || message.state === 'break' || message.state === 'offline') this.#clearCall();
        return;
      case 'ringing':
        this.#ringing(message);
        return;
      case 'ring_ended':
        if (this.ring?.call !== message.call) return;
        this.#ringEnded(message.outcome);
        return;
      case 'reload':
        // Events were missed: fold the call anew from what the next connection sends.
        this.#fromSnapshot = true;
        this.#socket?.reconnect();
        return;
      case 'call_event':
        this.#event(message);
    }
  }

  #ringing(ring: Ringing): void {
    if (this.ring?.call === ring.call) return;
    if (this.view?.call !== ring.call) this.#clearCall();
    this.ring = ring;
    this.ringNote = null;
    this.#stopRing();
    this.#sound = new Ring();
    // The call's events come with the ring the first time; a call that rings here again is asked for.
    setTimeout(() => {
      if (this.ring?.call === ring.call && !this.view) void this.#load();
    }, LATE_VIEW_MS);
  }

  /** Answered here the page goes on by itself; answered on another page or phone it only looks on. */
  #ringEnded(outcome: string): void {
    if (outcome === 'accepted') {
      this.#stopRing();
      if (this.accepting) return;
      this.ring = null;
      this.ringNote = 'answered_elsewhere';
      return;
    }
    if (outcome === 'revoked') this.ringNote = 'caller_gone';
    if (outcome === 'timed_out') this.ringNote = 'timed_out';
    this.#ringOver();
  }

  /** The ring ended without an answer: nothing of the call stays on the desk. */
  #ringOver(): void {
    this.ring = null;
    this.#stopRing();
    this.#clearCall();
  }

  #event(message: Extract<LiveMessage, { type: 'call_event' }>): void {
    if (this.view?.call !== message.call) {
      if (this.ring?.call !== message.call && message.event.seq !== 0) return;
      this.#begin(message.call);
    }
    if (message.event.seq === 0 && this.#fromSnapshot) this.#begin(message.call);
    if (!this.#fold?.apply(message.event)) return;
    if (message.event.type === 'call_started') void this.#loadCustomer();
    if (message.event.type === 'call_ended') this.#dropVoice();
    // The sound went to another page of this agent, or the call to somebody else.
    if (message.event.type === 'agent_back' && message.event.agent === this.#me && this.hasVoice && !this.accepting) this.#elsewhere();
  }

  /** Our own return is told after the answer; only a later one is another page's. */
  #elsewhere(): void {
    if (Date.now() - this.#backAt < OWN_RETURN_MS) return;
    this.#dropVoice();
  }

  #begin(call: string): void {
    this.view = emptyView(call);
    this.#fold = new CallFold(this.view);
    this.#fromSnapshot = false;
  }

  async #loadCustomer(): Promise<void> {
    const id = this.view?.customer?.id;
    if (!id || this.customer?.id === id) return;
    try {
      this.customer = await client.customer(id);
    } catch (problem) {
      this.problem = problem;
    }
  }

  async #click(action: AgentAction): Promise<boolean> {
    const call = this.view?.call;
    if (!call) return false;
    return this.#guard(() => client.click(call, action));
  }

  async #guard(work: () => Promise<unknown>): Promise<boolean> {
    this.problem = null;
    try {
      await work();
      return true;
    } catch (problem) {
      this.problem = problem;
      return false;
    }
  }

  #clearCall(): void {
    if (this.ringNote === 'answered_elsewhere') this.ringNote = null;
    this.#dropVoice();
    this.view = null;
    this.customer = null;
    this.script = null;
    this.#fold = undefined;
    this.#fromSnapshot = false;
  }

  #dropVoice(): void {
    this.#leg?.close();
    this.#leg = undefined;
    this.hasVoice = false;
    this.muted = false;
  }

  #stopRing(): void {
    this.#sound?.stop();
    this.#sound = undefined;
  }
}
