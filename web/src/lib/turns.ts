// What a transcript shows of a turn. Pure.

import type { Turn } from '../api/types';
import { mark } from './format';

/** A key that stays the same while the turn grows. */
export function turnKey(turn: Turn, index: number): string {
  if (turn.utterance !== null && turn.utterance !== undefined) return `u${turn.utterance}`;
  if (turn.prompt !== null && turn.prompt !== undefined) return `p${turn.prompt}`;
  return `i${index}`;
}

/** Below this the words are a guess: nothing is concluded from them, and the page says so. */
const CLEAR = 150;

export function isUnclear(turn: Turn): boolean {
  return turn.final && (turn.confidence ?? 1000) < CLEAR;
}

export interface Piece {
  text: string;
  /** Weight of a word that made the mood, below 0 or above; 0 for plain text. */
  mood: number;
}

/** The turn's text cut at the words that made its mood. */
export function pieces(turn: Turn): Piece[] {
  const because = turn.mood?.because ?? [];
  const weight = new Map(because.map((one) => [one.word.toLowerCase(), one.weight]));
  return mark(turn.text, [...weight.keys()]).map(({ text, hit }) => ({
    text,
    mood: hit ? (weight.get(text.toLowerCase()) ?? 0) : 0,
  }));
}

/** The turn that is heard at a moment: the last one that began before it and has not long ended. */
export function turnAt(turns: Turn[], at_us: number): number {
  let found = -1;
  turns.forEach((turn, index) => {
    if (turn.from_us <= at_us && (at_us < turn.to_us || found < 0 || turn.from_us >= (turns[found]?.from_us ?? 0))) found = index;
  });
  const turn = turns[found];
  return turn && at_us <= turn.to_us + 1_500_000 ? found : -1;
}
