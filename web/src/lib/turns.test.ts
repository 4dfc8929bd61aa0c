import { describe, expect, it } from 'vitest';
import type { Turn } from '../api/types';
import { isUnclear, pieces, turnAt, turnKey } from './turns';

const turn = (from_s: number, to_s: number, more: Partial<Turn> = {}): Turn => ({
  speaker: 'caller', from_us: from_s * 1e6, to_us: to_s * 1e6, text: 'x', final: true, interrupted: false, words: [], ...more,
});

describe('turns', () => {
  it('keeps a key while a turn grows', () => {
    expect(turnKey(turn(0, 1, { utterance: 0 }), 5)).toBe('u0');
    expect(turnKey(turn(0, 1, { prompt: 3 }), 5)).toBe('p3');
    expect(turnKey(turn(0, 1), 5)).toBe('i5');
  });
  it('marks the words that made the mood, with their weight', () => {
    const mood = { score: -60, because: [{ word: '太慢', weight: -40 }, { word: '谢谢', weight: 10 }] };
    expect(pieces(turn(0, 1, { text: '太慢了，谢谢', mood }))).toEqual([
      { text: '太慢', mood: -40 },
      { text: '了，', mood: 0 },
      { text: '谢谢', mood: 10 },
    ]);
    expect(pieces(turn(0, 1, { text: 'plain' }))).toEqual([{ text: 'plain', mood: 0 }]);
  });
  it('tells what was hardly heard, once it is final', () => {
    const sure = [40, 149, 150, 900, null].map((confidence) => isUnclear(turn(0, 1, { confidence })));
    expect(sure).toEqual([true, true, false, false, false]);
    expect(isUnclear(turn(0, 1, { confidence: 40, final: false }))).toBe(false);
  });
  it('finds the turn that is heard, the later one where two overlap, none in a long silence', () => {
    const turns = [turn(1, 4), turn(3, 5), turn(20, 22)];
    expect([0.5, 1, 3.5, 5.5, 12, 21].map((s) => turnAt(turns, s * 1e6))).toEqual([-1, 0, 1, 1, -1, 2]);
  });
});
