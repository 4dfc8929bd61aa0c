// When a recorded caller speaks. Pure: time comes in with every call, in ms since the call began.

import type { Cue } from '../api/types';

/** The assistant may follow one prompt by the next at once; only a quiet this long is an end of turn. */
export const QUIET_MS = 700;

export interface Slice {
  index: number;
  from_ms: number;
  to_ms: number;
  text: string;
}

/**
 * Walks through the cues of one recorded caller. `next` says when the cue that is due is to be
 * played, as far as is known; `play` takes it. A `prompt` cue waits for a prompt that ended after
 * the caller's previous words, so that a prompt which was cut off by them does not count.
 */
export class CueWalk {
  #index = 0;
  #spokeAt = 0;
  #spokenUntil = 0;
  #promptsOpen = new Set<number>();
  #promptStarted: number | undefined;
  #promptEnded: number | undefined;

  constructor(private readonly cues: readonly Cue[]) {}

  get done(): boolean {
    return this.#index >= this.cues.length;
  }
  get waitingFor(): Cue | undefined {
    return this.cues[this.#index];
  }

  promptStarted(prompt: number, at: number): void {
    this.#promptsOpen.add(prompt);
    this.#promptStarted = at;
  }

  promptEnded(prompt: number, at: number): void {
    this.#promptsOpen.delete(prompt);
    if (at >= this.#spokenUntil) this.#promptEnded = at;
  }

  /** When the next cue is due, `undefined` while that depends on the assistant. */
  next(): number | undefined {
    const cue = this.cues[this.#index];
    if (!cue) return undefined;
    const earliest = this.#spokenUntil;
    if (cue.barge_after_ms !== undefined && cue.barge_after_ms !== null) {
      // A quick answer may begin while the last slice's trailing silence is still playing.
      if (this.#promptStarted === undefined || this.#promptStarted < this.#spokeAt) return undefined;
      return Math.max(earliest, this.#promptStarted + cue.barge_after_ms);
    }
    if (cue.after === 'start') return earliest;
    if (typeof cue.after === 'number') return Math.max(earliest, cue.after);
    if (this.#promptEnded === undefined || this.#promptEnded < earliest || this.#promptsOpen.size) return undefined;
    return this.#promptEnded + QUIET_MS;
  }

  /** Takes the cue if it is due at `now`. */
  take(now: number): Slice | undefined {
    const due = this.next();
    const cue = this.cues[this.#index];
    if (due === undefined || !cue || now < due) return undefined;
    const slice = { index: this.#index, from_ms: cue.from_ms, to_ms: cue.to_ms, text: cue.text };
    this.#index += 1;
    this.#spokeAt = now;
    this.#spokenUntil = now + Math.max(0, cue.to_ms - cue.from_ms);
    return slice;
  }
}
