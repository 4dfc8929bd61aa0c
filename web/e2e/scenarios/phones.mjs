// A real soft phone on both ends of the house: it calls as a customer and talks with an agent in the
// browser, and it is an agent's telephone that rings for a customer in the browser.

import { writeFileSync } from 'node:fs';
import { hearFor } from '../browser.mjs';
import { check, microphone, sidetone, speak, until } from '../engine.mjs';
import { agentState, event, placeCall, said } from '../people.mjs';
import { openPhone } from '../phone.mjs';

const SETTLE_MS = 700;
const MEASURED_MS = 6000; // two of the short sentence at the least, wherever it begins

export default async function phones(world) {
  const inbound = await customer(world);
  const desk = await desktop(world);
  return `${inbound}; ${desk}`;
}

const voices = (folder) => ({
  person: speak(folder, 'person', 'cmn-latn-pinyin', 'zhuan3 ren2 gong1'),
  complaint: speak(folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4'),
  hello: speak(folder, 'hello', 'cmn-latn-pinyin+f3', 'nin2 hao3'),
});

/** Something once at the beginning, then something else over and over. */
const repeating = (first, again, gap_ms) => [...first, ...Array.from({ length: 30 }, () => [again, gap_ms]).flat()];

/** Over encrypted G.722 to 4001, through the assistant to Mei's page. */
async function customer(world) {
  const { engine, person } = world;
  const { person: ask, complaint, hello } = voices(engine.folder);
  const [mei, sun] = [await person('mei'), await person('sun')];
  const browser = await world.browser({ wav: microphone(`${engine.folder}/desk.wav`, repeating([2000], hello, 1800)) });
  const desk = await browser.newPage({ cookies: mei.cookies });
  await desk.goto(`${engine.url}/agent`);
  await desk.click('button.available');
  await agentState(mei, 'available');

  const wav = microphone(`${engine.folder}/phone.wav`, repeating([11_000, ask, 6000, ask, 5000], complaint, 2500), 16_000);
  const phone = await openPhone({ engine, user: 'jack', wav, codec: 'G722/16000/1', rate_hz: 16_000, srtp: true });
  try {
    phone.press('dial', `sip:4001@127.0.0.1:${engine.sip}`);
    await phone.happened('CALL_ESTABLISHED');
    await desk.locator('.ring').waitFor({ timeout: 60_000 });
    await desk.keyboard.press('a');
    await agentState(mei, 'busy', 10_000);
    const { call } = (await mei.json('/api/agent')).call;
    await until('the words of the phone on the page', 30_000, async () => (await said(desk, 'caller')).includes('投诉'));
    await until('the words of the desk on the page', 30_000, async () => (await said(desk, 'agent')).includes('您好'));
    const [seconds] = await hearFor(MEASURED_MS, desk);
    check(seconds > 0.5, `the agent heard ${seconds.toFixed(1)} s of the phone in ${MEASURED_MS / 1000} s`);
    await desk.click('.controls .danger');
    await phone.happened('CALL_CLOSED');
    await desk.locator('.finish .btn').click();
    const { view } = await sun.json(`/api/calls/${call}`);
    check(JSON.stringify(view).includes('sip'), 'the call is not marked as one by telephone');
    const text = sidetone('transcribe', '--lang', 'zh', phone.heard());
    check(text.includes('您好'), `the phone's recording has not the agent's words, but: ${text}`);
    await recorded(engine, sun, call);
    return `phone to page heard ${seconds.toFixed(1)} s`;
  } finally {
    await phone.close();
  }
}

/** The house's own recording has the phone on the left and the desk on the right. */
async function recorded(engine, sun, call) {
  const path = `${engine.folder}/recorded.wav`;
  const answer = await sun.ask(`/api/calls/${call}/audio`);
  check(answer.ok, `the recording gave ${answer.status}`);
  writeFileSync(path, Buffer.from(await answer.arrayBuffer()));
  const lines = sidetone('transcribe', '--lang', 'zh', path).split('\n');
  const channel = (number) => lines.filter((line) => line.includes(`[${number}]`)).join('\n');
  check(channel(1).includes('投诉') && channel(2).includes('您好'), `the recording's channels are not the two people's:\n${lines.join('\n')}`);
}

/** Mei's telephone rings beside her page; she takes the call there, holds it and hangs up. */
async function desktop(world) {
  const { engine, person } = world;
  const { complaint, hello } = voices(engine.folder);
  const [mei, sun] = [await person('mei'), await person('sun')];
  const wav = microphone(`${engine.folder}/phone.wav`, repeating([1500], hello, 1800), 8000);
  const phone = await openPhone({ engine, user: 'mei', wav, answer: 'auto' });
  try {
    const browser = await world.browser({ wav: microphone(`${engine.folder}/caller.wav`, repeating([9000], complaint, 2500)) });
    const desk = await browser.newPage({ cookies: mei.cookies });
    await desk.goto(`${engine.url}/agent`);
    await desk.click('button.available');
    await agentState(mei, 'available');
    const caller = await browser.newPage();
    await caller.goto(engine.url);
    const call = await placeCall(caller, () => caller.click('button.call'));
    await event(sun, call, 'the greeting', 15_000, (one) => one.type === 'prompt_started');
    await caller.keyboard.press('0');
    await phone.happened('CALL_ESTABLISHED', 30_000);
    await event(sun, call, 'the call to be answered', 10_000, (one) => one.type === 'answered');
    await agentState(mei, 'busy');
    await until('the words of the phone on the page', 30_000, async () => (await said(desk, 'agent')).includes('您好'));
    await until('the words of the caller on the page', 30_000, async () => (await said(desk, 'caller')).includes('投诉'));
    const [talk] = await hearFor(MEASURED_MS, caller);
    check(talk > 0.5, `the caller heard ${talk.toFixed(1)} s of the phone in ${MEASURED_MS / 1000} s`);
    await world.lookOver(desk, 'agent-by-telephone');

    phone.press('hold');
    await caller.locator('.status.held').waitFor({ timeout: 5000 });
    await caller.waitForTimeout(SETTLE_MS);
    const [music] = await hearFor(MEASURED_MS, caller);
    check(music > 2, `held by the phone, the caller heard ${music.toFixed(1)} s of music`);
    phone.press('resume');
    await caller.locator('.status.talking').waitFor({ timeout: 5000 });

    phone.press('hangup');
    await caller.locator('.status.over').waitFor({ timeout: 5000 });
    await desk.locator('.wrapup').waitFor({ timeout: 5000 });
    await desk.locator('.finish .btn').click();
    await agentState(mei, 'available');
    const text = sidetone('transcribe', '--lang', 'zh', phone.heard());
    check(text.includes('投诉'), `the phone's recording has not the caller's words, but: ${text}`);
    return `page to phone heard ${talk.toFixed(1)} s, on hold ${music.toFixed(1)} s of music`;
  } finally {
    await phone.close();
  }
}
