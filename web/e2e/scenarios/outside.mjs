// The agent asks a number outside, through a trunk to a real soft phone, and gives the caller to it; a number
// that the toll rules do not allow is refused, and the caller stays.

import { hearFor } from '../browser.mjs';
import { check, microphone, sidetone, speak, until } from '../engine.mjs';
import { agentState, event, placeCall } from '../people.mjs';
import { openPhone } from '../phone.mjs';

const NUMBER = '95001';
const MEASURED_MS = 8000; // two of each sentence at the least, wherever it begins

export default async function outside(world) {
  const { engine, person } = world;
  const [mei, sun] = [await person('mei'), await person('sun')];
  const complaint = speak(engine.folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4');
  const hello = speak(engine.folder, 'hello', 'cmn-latn-pinyin+f3', 'nin2 hao3');
  const loop = (first, again, gap_ms) => [first, ...Array.from({ length: 40 }, () => [again, gap_ms]).flat()];
  const wav = microphone(`${engine.folder}/outside.wav`, loop(1000, hello, 1800), 8000);
  const phone = await openPhone({ engine, user: NUMBER, wav, answer: 'auto', codec: 'PCMA', port: engine.outside });
  try {
    const browser = await world.browser({ wav: microphone(`${engine.folder}/caller.wav`, loop(9000, complaint, 2500)) });
    const desk = await browser.newPage({ cookies: mei.cookies });
    await desk.goto(`${engine.url}/agent`);
    await desk.click('button.available');
    await agentState(mei, 'available');
    const caller = await browser.newPage();
    await caller.goto(engine.url);
    const call = await placeCall(caller, () => caller.click('button.call'));
    await event(sun, call, 'the greeting', 15_000, (one) => one.type === 'prompt_started');
    await caller.keyboard.press('0');
    await desk.locator('.ring').waitFor({ timeout: 30_000 });
    await desk.keyboard.press('a');
    await agentState(mei, 'busy', 10_000);

    world.expected.push('403');
    await desk.locator('.controls [aria-haspopup=dialog]:enabled').waitFor({ timeout: 5000 });
    await desk.keyboard.press('t');
    await give(desk, '0019005550100', 0);
    await desk.locator('dialog [role=alert]').waitFor({ timeout: 5000 });
    await world.lookOver(desk, 'agent-number-refused');
    await give(desk, NUMBER, 1);
    await desk.locator('dialog').waitFor({ state: 'hidden', timeout: 5000 });
    await phone.happened('CALL_ESTABLISHED', 15_000);
    const [asked] = await hearFor(MEASURED_MS, desk);
    check(asked > 0.5, `the agent heard ${asked.toFixed(1)} s of the number outside in ${MEASURED_MS / 1000} s`);
    await desk.locator('.parties .primary').click({ timeout: 10_000 });
    await until('the phone on the call', 10_000, async () => (await sun.json(`/api/calls/${call}/events`))
      .some((one) => one.type === 'seated' && one.party.role === 'outside' && one.seat === 'main'));
    await desk.locator('.wrapup').waitFor({ timeout: 5000 });
    await desk.locator('.finish .btn').click();
    await agentState(mei, 'available');
    const [seconds] = await hearFor(MEASURED_MS, caller);
    check(seconds > 0.5, `the caller heard ${seconds.toFixed(1)} s of the number outside in ${MEASURED_MS / 1000} s`);
    await caller.locator('.controls .end').click();
    await phone.happened('CALL_CLOSED', 5000);
    const text = sidetone('transcribe', '--lang', 'zh', phone.heard());
    check(text.includes('投诉'), `the number outside has not heard the caller, but: ${text}`);
    return `${NUMBER} heard ${asked.toFixed(1)} s by the agent, ${seconds.toFixed(1)} s by the caller; a number abroad refused`;
  } finally {
    await phone.close();
  }
}

/** A number in the transfer dialog: `way` 0 gives the caller away at once, 1 asks first. */
async function give(desk, number, way) {
  await desk.locator('#transfer-number').fill(number);
  await desk.locator('dialog form.number button').nth(way).click();
}
