// Two other telephone systems: Asterisk's AudioSocket brings a caller through the assistant to an agent,
// and a stream of both sides of somebody else's call fills an agent's page without a word of ours.

import { connect } from 'node:net';
import { randomUUID } from 'node:crypto';
import { hearFor } from '../browser.mjs';
import { check, microphone, readWav, speak, until } from '../engine.mjs';
import { agentState, event, said } from '../people.mjs';

const FRAME_BYTES = 320;
const MEASURED_MS = 8000; // two of each sentence at the least, wherever it begins

export default async function pbx(world) {
  const { engine, person } = world;
  const [mei, sun] = [await person('mei'), await person('sun')];
  const hello = speak(engine.folder, 'hello', 'cmn-latn-pinyin+f3', 'nin2 hao3');
  const loop = Array.from({ length: 40 }, () => [hello, 1800]).flat();
  const browser = await world.browser({ wav: microphone(`${engine.folder}/desk.wav`, [2000, ...loop]) });
  const desk = await browser.newPage({ cookies: mei.cookies });
  await desk.goto(`${engine.url}/agent`);
  const heard = await answered(world, desk, mei, sun);
  const words = await beside(world, desk, mei, browser);
  return `AudioSocket heard ${heard.toFixed(1)} s; ${words}`;
}

/** A caller over AudioSocket, announced beforehand, asks for a person and talks with Mei. */
async function answered(world, desk, mei, sun) {
  const { engine } = world;
  await desk.click('button.available');
  await agentState(mei, 'available');
  const uuid = randomUUID();
  const refused = await announce(engine, 'not-a-uuid', {});
  check(refused.status === 400, `a wrong UUID gave ${refused.status}`);
  const told = await announce(engine, uuid, { lang: 'zh', ani: '13800138000', dnis: '4001' });
  check(told.status === 204, `the announcement gave ${told.status} ${await told.text()}`);

  const person = speak(engine.folder, 'person', 'cmn-latn-pinyin', 'zhuan3 ren2 gong1');
  const complaint = speak(engine.folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4');
  const parts = [11_000, person, 6000, person, 5000, ...Array.from({ length: 30 }, () => [complaint, 2500]).flat()];
  const { pcm } = readWav(microphone(`${engine.folder}/socket.wav`, parts, 8000));
  const socket = await audioSocket(engine.audiosocket, uuid, pcm);
  try {
    await desk.locator('.ring').waitFor({ timeout: 60_000 });
    await desk.keyboard.press('a');
    await agentState(mei, 'busy', 10_000);
    const { call } = (await mei.json('/api/agent')).call;
    await until('the words of the far end', 30_000, async () => (await said(desk, 'caller')).includes('投诉'));
    await until('the words of the desk', 30_000, async () => (await said(desk, 'agent')).includes('您好'));
    const from = socket.heard();
    const [seconds] = await hearFor(MEASURED_MS, desk);
    const back = socket.heard() - from;
    check(seconds > 0.5 && back > 0.5, `in ${MEASURED_MS / 1000} s the agent heard ${seconds} s, the far end ${back} s`);
    socket.end();
    const ended = await event(sun, call, 'the end of the call', 10_000, (one) => one.type === 'call_ended');
    check(ended.reason === 'caller_hung_up', `the far end hung up, and the call ended as ${ended.reason}`);
    await desk.locator('.finish .btn').click();
    await agentState(mei, 'available');
    return back;
  } finally {
    socket.end();
  }
}

const announce = (engine, uuid, parameters) =>
  fetch(`${engine.url}/pbx/calls/${uuid}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(parameters),
  });

/** Asterisk's side of the protocol: the UUID, then 20 ms of 8 kHz sound 50 times a second. */
async function audioSocket(port, uuid, pcm) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((done) => socket.once('connect', done));
  const message = (kind, payload) => Buffer.concat([Buffer.from([kind, payload.length >> 8, payload.length & 255]), payload]);
  socket.write(message(1, Buffer.from(uuid.replaceAll('-', ''), 'hex')));
  const sound = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (; sent < (performance.now() - began) / 20; sent += 1) {
      const frame = Buffer.alloc(FRAME_BYTES);
      sound.copy(frame, 0, sent * FRAME_BYTES, (sent + 1) * FRAME_BYTES);
      socket.write(message(0x10, frame));
    }
  }, 10);
  let rest = Buffer.alloc(0);
  let loud = 0;
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 3 && rest.length >= 3 + rest.readUInt16BE(1)) {
      const length = rest.readUInt16BE(1);
      if (rest[0] === 0x10 && peak(rest.subarray(3, 3 + length)) > 300) loud += length / 16_000;
      rest = rest.subarray(3 + length);
    }
  });
  return {
    /** Seconds of sound that came back. */
    heard: () => loud,
    end: () => {
      clearInterval(timer);
      socket.end(message(0, Buffer.alloc(0)));
    },
  };
}

function peak(bytes) {
  let most = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) most = Math.max(most, Math.abs(bytes.readInt16LE(i)));
  return most;
}

/** Both tracks of a call between people: Mei's page follows it, and nothing is sent back. */
async function beside(world, desk, mei, browser) {
  const { engine } = world;
  const complaint = speak(engine.folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4');
  const hello = speak(engine.folder, 'hello', 'cmn-latn-pinyin+f3', 'nin2 hao3');
  const [inbound, outbound] = [[1000, complaint, 4000, complaint, 3000], [3500, hello, 6000]].map((parts, i) =>
    Array.from(readWav(microphone(`${engine.folder}/track-${i}.wav`, parts, 8000)).pcm, muLaw));
  const far = await browser.newPage();
  const answers = far.evaluate(stream, { url: `${engine.url.replace('http', 'ws')}/ws/twilio`, inbound, outbound });
  await until('the words of both on the page', 30_000, async () =>
    (await said(desk, 'caller')).includes('投诉') && (await said(desk, 'agent')).includes('您好'));
  check(!(await desk.locator('.controls').isVisible()), 'the page offers to hold a call that is not ours');
  check(!(await said(desk, 'assistant')), 'the assistant speaks in somebody else’s call');
  await world.lookOver(desk, 'agent-beside');
  const got = await answers;
  check(!got.includes('media'), `sound was sent into somebody else's call: ${got}`);
  await until('the end on the page', 15_000, () => desk.locator('.wrapup').isVisible());
  await desk.locator('.finish .btn').click();
  await agentState(mei, 'available');
  return 'beside a call, both sides written, nothing said';
}

/** G.711 µ-law of a sample (ITU-T G.711). */
function muLaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const level = Math.min(Math.abs(sample), 32_635) + 132;
  const exponent = Math.floor(Math.log2(level)) - 7;
  return ~(sign | (exponent << 4) | ((level >> (exponent + 3)) & 15)) & 255;
}

/** Runs in a page: Twilio's side of a stream of both tracks; gives the names of what came back. */
function stream({ url, inbound, outbound }) {
  return new Promise((done) => {
    const socket = new WebSocket(url);
    const got = new Set();
    const tell = (message) => socket.send(JSON.stringify({ streamSid: 'MZ1', ...message }));
    socket.onmessage = (message) => got.add(JSON.parse(message.data).event);
    socket.onclose = () => done([...got]);
    socket.onopen = () => {
      tell({ event: 'connected', protocol: 'Call', version: '1.0.0' });
      tell({ event: 'start', sequenceNumber: '1', start: {
        streamSid: 'MZ1', accountSid: 'AC1', callSid: 'CA1', tracks: ['inbound', 'outbound'],
        customParameters: { lang: 'zh', agent: 'mei' }, mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
      } });
      const began = performance.now();
      let frame = 0;
      const timer = setInterval(() => {
        for (; frame < (performance.now() - began) / 20; frame += 1) {
          for (const [track, sound] of [['inbound', inbound], ['outbound', outbound]]) {
            const bytes = Array.from({ length: 160 }, (_, i) => sound[frame * 160 + i] ?? 255);
            tell({ event: 'media', media: { track, chunk: String(frame), timestamp: String(frame * 20), payload: btoa(String.fromCharCode(...bytes)) } });
          }
        }
        if (frame * 160 > inbound.length + 8000) {
          clearInterval(timer);
          tell({ event: 'stop', stop: { accountSid: 'AC1', callSid: 'CA1' } });
          setTimeout(() => socket.close(), 500);
        }
      }, 10);
    };
  });
}
