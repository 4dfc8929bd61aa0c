import { describe, expect, it } from 'vitest';
import type { Cue } from '../api/types';
import { CueWalk, QUIET_MS } from './cues';

const prompt = (from_ms: number, to_ms: number, more: Partial<Cue> = {}): Cue => ({ after: 'prompt', from_ms, to_ms, text: 'x', ...more });

describe('cue walk', () => {
  it('speaks after the assistant has finished, not between two prompts of one turn', () => {
    const walk = new CueWalk([prompt(0, 1000)]);
    expect(walk.next()).toBeUndefined();
    walk.promptStarted(1, 100);
    walk.promptEnded(1, 3000);
    expect(walk.next()).toBe(3000 + QUIET_MS);
    walk.promptStarted(2, 3100);
    expect(walk.take(5000)).toBeUndefined();
    walk.promptEnded(2, 6000);
    expect(walk.take(6000)).toBeUndefined();
    expect(walk.take(6000 + QUIET_MS)).toMatchObject({ index: 0, from_ms: 0, to_ms: 1000 });
    expect(walk.done).toBe(true);
  });

  it('waits for a new prompt after each cue', () => {
    const walk = new CueWalk([prompt(0, 1000), prompt(1000, 2500)]);
    walk.promptStarted(1, 0);
    walk.promptEnded(1, 2000);
    expect(walk.take(2700)?.index).toBe(0);
    expect(walk.next()).toBeUndefined();
    walk.promptStarted(2, 4000);
    walk.promptEnded(2, 5000);
    expect(walk.take(5700)).toMatchObject({ index: 1, from_ms: 1000, to_ms: 2500 });
  });

  it('barges in, and does not take the prompt it cut off for an answer', () => {
    const walk = new CueWalk([prompt(0, 1200, { barge_after_ms: 1500 }), prompt(1200, 2000)]);
    walk.promptStarted(1, 200);
    expect(walk.next()).toBe(1700);
    expect(walk.take(1699)).toBeUndefined();
    expect(walk.take(1700)?.index).toBe(0);
    walk.promptEnded(1, 2100);
    expect(walk.next()).toBeUndefined();
    walk.promptStarted(2, 3500);
    walk.promptEnded(2, 5000);
    expect(walk.next()).toBe(5000 + QUIET_MS);
  });

  it('takes the rest of a prompt that a backchannel did not stop', () => {
    const walk = new CueWalk([prompt(0, 300, { barge_after_ms: 1000 }), prompt(300, 900)]);
    walk.promptStarted(1, 0);
    expect(walk.take(1000)?.index).toBe(0);
    walk.promptEnded(1, 4000);
    expect(walk.next()).toBe(4000 + QUIET_MS);
  });

  it('knows cues by the clock and at the start', () => {
    const walk = new CueWalk([prompt(0, 500, { after: 'start' }), prompt(500, 900, { after: 8000 })]);
    expect(walk.take(0)?.index).toBe(0);
    expect(walk.next()).toBe(8000);
    expect(walk.take(7999)).toBeUndefined();
    expect(walk.take(8000)?.index).toBe(1);
  });

  it('never speaks for a caller who says nothing', () => {
    const walk = new CueWalk([]);
    walk.promptStarted(1, 0);
    walk.promptEnded(1, 1000);
    expect(walk.next()).toBeUndefined();
    expect(walk.done).toBe(true);
  });
});
