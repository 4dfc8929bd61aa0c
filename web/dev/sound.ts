// Sound for the mock: a WAV with a murmur where somebody speaks, and its peaks.

import type { Turn } from '../src/api/types';

const RATE_HZ = 8000;

function wav(channels: Int16Array[]): Buffer {
  const frames = channels[0]?.length ?? 0;
  const bytes = frames * channels.length * 2;
  const out = Buffer.alloc(44 + bytes);
  out.write('RIFF', 0);
  out.writeUInt32LE(36 + bytes, 4);
  out.write('WAVEfmt ', 8);
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(channels.length, 22);
  out.writeUInt32LE(RATE_HZ, 24);
  out.writeUInt32LE(RATE_HZ * channels.length * 2, 28);
  out.writeUInt16LE(channels.length * 2, 32);
  out.writeUInt16LE(16, 34);
  out.write('data', 36);
  out.writeUInt32LE(bytes, 40);
  let at = 44;
  for (let i = 0; i < frames; i += 1) for (const one of channels) at = out.writeInt16LE(one[i] ?? 0, at);
  return out;
}

function murmur(out: Int16Array, from_s: number, to_s: number, hertz: number): void {
  for (let i = Math.floor(from_s * RATE_HZ); i < Math.min(out.length, to_s * RATE_HZ); i += 1) {
    const s = i / RATE_HZ;
    const syllable = Math.abs(Math.sin(s * Math.PI * 3.7)) * (0.6 + 0.4 * Math.sin(s * 1.9));
    out[i] = 9000 * syllable * Math.sin(2 * Math.PI * hertz * s + 2 * Math.sin(2 * Math.PI * hertz * 0.5 * s));
  }
}

export function callWav(turns: Turn[], seconds: number): Buffer {
  const left = new Int16Array(Math.ceil(seconds * RATE_HZ));
  const right = new Int16Array(left.length);
  for (const turn of turns) murmur(turn.speaker === 'caller' ? left : right, turn.from_us / 1e6, turn.to_us / 1e6, turn.speaker === 'caller' ? 210 : turn.speaker === 'agent' ? 130 : 165);
  return wav([left, right]);
}
export function callerWav(seconds: number): Buffer {
  const mono = new Int16Array(Math.max(1, seconds) * RATE_HZ);
  murmur(mono, 0, seconds, 190);
  return wav([mono]);
}
export function peaks(turns: Turn[], seconds: number, n: number): { seconds: number; left: number[]; right: number[] } {
  const side = (caller: boolean) => Array.from({ length: n }, (_, i) => {
    const us = (i / n) * seconds * 1e6;
    const on = turns.some((one) => (one.speaker === 'caller') === caller && one.from_us <= us && us < one.to_us);
    return on ? Math.round(25 + 60 * Math.abs(Math.sin(i * 1.3) * Math.cos(i * 0.37))) : 1;
  });
  return { seconds, left: side(true), right: side(false) };
}
