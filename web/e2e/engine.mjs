// Starts the engine on a free port with a data folder and copies of the content of its own, and makes
// the callers' WAV files.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(import.meta.url), '../../..');
const binary = join(root, 'target/release/sidetone');

/** A TCP port that nobody uses now. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Starts the engine; gives its address, its folder, and ways to kill, restart and stop it. */
export async function startEngine() {
  const folder = mkdtempSync(join(tmpdir(), 'sidetone-e2e-'));
  const port = await freePort();
  const config = join(folder, 'sidetone.toml');
  const example = readFileSync(join(root, 'sidetone.example.toml'), 'utf8');
  let text = example.replace('127.0.0.1:8080', `127.0.0.1:${port}`).replace('data = "data"', `data = "${folder}/data"`);
  const [sip, sipWs, audiosocket, outside] = [await freePort(), await freePort(), await freePort(), await freePort()];
  text = text.replaceAll(':5060"', `:${sip}"`).replace(':5066"', `:${sipWs}"`).replace(':9092"', `:${audiosocket}"`);
  text = text.replace('# trunk_out = "provider"', 'trunk_out = "outside"').replace('# may_call_out', 'may_call_out');
  text += trunkOut(outside);
  for (const content of ['knowledge', 'prompts']) {
    cpSync(join(root, content), join(folder, content), { recursive: true });
    text = text.replace(`${content} = "${content}"`, `${content} = "${folder}/${content}"`);
  }
  writeFileSync(config, text);
  const url = `http://localhost:${port}`;
  let log = '';
  let child;
  const start = async () => {
    const began = Date.now();
    child = spawn(binary, ['serve', '--config', config], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text) => (log += text));
    child.stderr.on('data', (text) => (log += text));
    const alive = () => {
      if (child.exitCode !== null) throw new Error(`the engine ended:\n${log}`);
    };
    const health = async () => (await fetch(`${url}/health`).catch(() => null))?.json();
    await until(`the engine at ${url}`, 120_000, health, alive);
    const took_ms = Date.now() - began;
    // The first start learns the intents while it serves; what is measured here begins after it.
    await until('the intents to be learnt', 240_000, async () => !(await health()).learning, alive);
    return took_ms;
  };
  await start();
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    url,
    folder,
    config,
    sip,
    audiosocket,
    outside,
    start,
    log: () => log,
    kill: () => end(child, 'SIGKILL'),
    stop: async () => {
      await end(child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A trunk whose other end is a phone of the tests. */
const trunkOut = (port) => `
[[sip.trunks]]
name = "outside"
proxy = "sip:127.0.0.1:${port}"
outbound = true

[sip.outbound]
allowed_prefixes = ["95"]
`;

function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once('exit', done);
    child.kill(signal);
    setTimeout(() => child.kill('SIGKILL'), 15_000).unref();
  });
}

/** Waits until `check` gives something true; says what was waited for when it never does. */
export async function until(what, limit_ms, check, watch = () => {}) {
  const end = Date.now() + limit_ms;
  for (;;) {
    watch();
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${limit_ms} ms in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Throws `what` unless it holds. */
export function check(holds, what) {
  if (!holds) throw new Error(what);
}

/** Runs a command of the binary and gives what it prints. */
export function sidetone(...args) {
  return execFileSync(binary, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A microphone's WAV: silences in ms and recorded callers' sentences, one after the other. */
export function microphone(path, parts, rate_hz = 48_000) {
  const pieces = parts.map((part) =>
    typeof part === 'number' ? new Int16Array((part * rate_hz) / 1000) : resample(part.pcm, part.rate_hz, rate_hz));
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = Buffer.alloc(44 + count * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + count * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate_hz, 24);
  bytes.writeUInt32LE(rate_hz * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(count * 2, 40);
  let at = 44;
  for (const piece of pieces) for (const sample of piece) at = bytes.writeInt16LE(sample, at);
  writeFileSync(path, bytes);
  return path;
}

/** Linear interpolation is enough: telephone speech has next to nothing above 4 kHz. */
function resample(pcm, from_hz, to_hz) {
  const out = new Int16Array(Math.floor((pcm.length * to_hz) / from_hz));
  for (let i = 0; i < out.length; i++) {
    const at = (i * from_hz) / to_hz;
    const left = Math.floor(at);
    const right = Math.min(left + 1, pcm.length - 1);
    out[i] = pcm[left] + (pcm[right] - pcm[left]) * (at - left);
  }
  return out;
}

/** Samples of a mono WAV of 16 bits, or of one part of it. */
export function readWav(path, from_ms = 0, to_ms = Infinity) {
  const bytes = readFileSync(path);
  const rate_hz = bytes.readUInt32LE(24);
  const start = bytes.indexOf('data') + 8;
  const all = new Int16Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length - ((bytes.length - start) % 2)));
  return { rate_hz, pcm: all.slice((from_ms * rate_hz) / 1000, Math.min(all.length, (to_ms * rate_hz) / 1000)) };
}

/** Makes a sentence with espeak-ng, as the recorded callers were made. */
export function speak(folder, name, voice, text, rate = 150) {
  const path = join(folder, `${name}.wav`);
  execFileSync('espeak-ng', ['-v', voice, '-s', String(rate), '-w', path, text]);
  return readWav(path);
}
