// The caller's side of a call: the voice leg, the captions and, where chosen, a recorded caller.

import { client, Problem } from '../api/client';
import type { CallEvent, Lang, WaitRange } from '../api/event';
import { api } from '../api/paths';
import { LiveSocket } from '../api/socket';
import type { CallView, RecordedCaller } from '../api/types';
import { audioContext, RecordedVoice } from './audio';
import { CueWalk } from './cues';
import { CallFold, emptyView } from './fold';
import { names } from './names.svelte';
import { microphone, VoiceError, VoiceLeg, type VoiceTrouble } from './webrtc';

export type CallerPhase = 'idle' | 'connecting' | 'live' | 'over';
/** Who has the word, for the status line. */
export type Doing = 'connecting' | 'speaking' | 'hearing' | 'listening' | 'thinking' | 'waiting' | 'talking' | 'held';
export type CallerTrouble = VoiceTrouble | 'full' | 'offline' | 'audio_file' | 'refused';

/** One caption; the name of whoever answered comes with it. */
interface Caption {
  type: string;
  event?: CallEvent;
  agent_zh?: string;
  agent_en?: string;
}

const CUE_TICK_MS = 50;

export class CallerCall {
  phase = $state<CallerPhase>('idle');
  view = $state<CallView>(emptyView(''));
  trouble = $state<{ kind: CallerTrouble; retry_s?: number; detail?: string } | null>(null);
  captionsConnected = $state(true);
  muted = $state(false);
  keys = $state('');
  wait = $state<WaitRange | null>(null);
  seconds = $state(0);
  recorded = $state<RecordedCaller | null>(null);
  /** What the recorded caller is saying right now. */
  cueText = $state('');

  #token = '';
  #leg: VoiceLeg | undefined;
  #voice: RecordedVoice | undefined;
  #fold: CallFold | undefined;
  #captions: LiveSocket<Caption> | undefined;
  #walk: CueWalk | undefined;
  #startedAt = 0;
  #timers: ReturnType<typeof setInterval>[] = [];

  get doing(): Doing {
    if (this.phase === 'connecting') return 'connecting';
    const { state, turns } = this.view;
    if (state === 'held') return 'held';
    if (state === 'talking') return 'talking';
    const last = turns.at(-1);
    if (last && !last.final) return last.speaker === 'assistant' ? 'speaking' : 'hearing';
    if (state === 'waiting' || state === 'ringing') return 'waiting';
    if (!last) return 'connecting';
    return last.speaker === 'caller' ? 'thinking' : 'listening';
  }

  levels(): { mine: number; theirs: number } {
    return this.#leg?.levels() ?? { mine: 0, theirs: 0 };
  }

  async start(lang: Lang, customer: string | undefined, recorded: RecordedCaller | null): Promise<void> {
    if (this.phase === 'connecting' || this.phase === 'live') return;
    audioContext(); // From the click, so that the browser lets the page sound.
    this.#reset(recorded);
    try {
      const voice = recorded ? await this.#recordedVoice(recorded) : await microphone();
      this.#leg = await VoiceLeg.open(voice, (sdp) => this.#signal(sdp, lang, customer), {
        lost: () => this.#fail('line_lost'),
      });
      if (!this.#stillConnecting()) return this.#release();
      this.#begin();
    } catch (cause) {
      this.#explain(cause);
    }
  }

  hangUp(): void {
    if (this.phase !== 'live' && this.phase !== 'connecting') return;
    if (this.#token) void client.callerHangup(this.view.call, this.#token).catch(() => undefined);
    this.#finish();
  }

  toggleMute(): void {
    this.muted = !this.muted;
    this.#leg?.setMuted(this.muted);
  }

  press(key: string): void {
    if (this.phase !== 'live') return;
    this.keys = (this.keys + key).slice(-24);
    if (!this.#leg?.key(key)) void client.callerKey(this.view.call, this.#token, key).catch(() => undefined);
  }

  /** Back to the first screen. */
  dismiss(): void {
    this.#release();
    this.phase = 'idle';
    this.trouble = null;
    this.recorded = null;
  }

  #reset(recorded: RecordedCaller | null): void {
    this.#release();
    this.phase = 'connecting';
    this.view = emptyView('');
    this.trouble = null;
    this.muted = false;
    this.keys = '';
    this.wait = null;
    this.seconds = 0;
    this.recorded = recorded;
    this.cueText = '';
    this.#token = '';
  }

  async #recordedVoice(recorded: RecordedCaller): Promise<MediaStream> {
    try {
      this.#voice = await RecordedVoice.load(recorded.audio);
    } catch {
      throw new CallerFailure('audio_file');
    }
    this.#walk = new CueWalk(recorded.cues);
    return this.#voice.stream;
  }

  async #signal(sdp: string, lang: Lang, customer: string | undefined): Promise<string> {
    const answer = await client.startCall(sdp, lang, customer);
    this.#token = answer.token;
    if (!this.#stillConnecting()) void client.callerHangup(answer.call, answer.token).catch(() => undefined);
    this.view = { ...emptyView(answer.call), lang };
    this.#fold = new CallFold(this.view);
    return answer.sdp;
  }

  /** False once the caller hung up while the call was being set up. */
  #stillConnecting(): boolean {
    return this.phase === 'connecting';
  }

  #begin(): void {
    this.phase = 'live';
    this.#startedAt = performance.now();
    this.#captions = new LiveSocket(api.captions(this.view.call, this.#token), {
      message: (message) => {
        if (message.type !== 'event' || !message.event) return;
        const { event } = message;
        if (event.type === 'answered' && message.agent_zh) names.learnAgent(event.agent, message.agent_zh, message.agent_en ?? message.agent_zh);
        this.#take(event);
      },
      state: (connected) => (this.captionsConnected = connected),
    });
    this.#timers.push(setInterval(() => (this.seconds = this.#now() / 1000), 250));
    if (this.#walk) this.#timers.push(setInterval(() => this.#speakIfDue(), CUE_TICK_MS));
  }

  #now(): number {
    return performance.now() - this.#startedAt;
  }

  #take(event: CallEvent): void {
    if (!this.#fold?.apply(event)) return;
    if (event.type === 'prompt_started') this.#walk?.promptStarted(event.prompt, this.#now());
    if (event.type === 'prompt_ended') this.#walk?.promptEnded(event.prompt, this.#now());
    if (event.type === 'wait_announced') this.wait = event.wait ?? null;
    if (event.type === 'call_ended') this.#finish();
  }

  #speakIfDue(): void {
    const slice = this.#walk?.take(this.#now());
    if (!slice) return;
    this.cueText = slice.text;
    this.#voice?.play(slice.from_ms, slice.to_ms);
    setTimeout(() => (this.cueText = ''), slice.to_ms - slice.from_ms);
  }

  #finish(): void {
    this.#release();
    this.phase = 'over';
  }

  #fail(kind: CallerTrouble, retry_s?: number, detail?: string): void {
    if (this.phase === 'over' || this.phase === 'idle') return;
    this.trouble = { kind, retry_s, detail };
    this.#finish();
  }

  #explain(cause: unknown): void {
    if (cause instanceof VoiceError) return this.#fail(cause.trouble);
    if (cause instanceof CallerFailure) return this.#fail(cause.kind);
    if (cause instanceof Problem) {
      if (cause.status === 503) return this.#fail('full', cause.retry_after_s);
      if (cause.offline) return this.#fail('offline');
      return this.#fail('refused', undefined, [cause.detail || cause.title, cause.what_to_do].filter(Boolean).join(' '));
    }
    this.#fail('refused', undefined, String(cause));
  }

  #release(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#captions?.close();
    this.#leg?.close();
    this.#voice?.close();
    this.#captions = undefined;
    this.#leg = undefined;
    this.#voice = undefined;
    this.#walk = undefined;
  }
}

class CallerFailure extends Error {
  constructor(readonly kind: CallerTrouble) {
    super(kind);
  }
}
