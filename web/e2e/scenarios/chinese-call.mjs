// A Chinese caller by microphone asks for a person; an agent answers with a microphone of their own.
// What each side hears is measured, and the words of both must stand on both pages.

import { clock, fallenSilent, hearFor, secondsHeard } from '../browser.mjs';
import { check, microphone, speak, until } from '../engine.mjs';
import { agentState, event, placeCall, said } from '../people.mjs';

const MEASURED_MS = 6000;

export default async function chineseCall(world) {
  const { engine, person, calls } = world;
  const mei = await person('mei');
  const sun = await person('sun');
  const [callerBrowser, deskBrowser] = await Promise.all([
    world.browser({ wav: callersVoice(engine.folder) }),
    world.browser({ wav: agentsVoice(engine.folder) }),
  ]);

  const desk = await deskBrowser.newPage({ cookies: mei.cookies });
  await desk.goto(`${engine.url}/agent`);
  await desk.click('button.available');
  await agentState(mei, 'available');

  const caller = await callerBrowser.newPage();
  await caller.goto(engine.url);
  await caller.selectOption('select', 'c-wang');
  const call = (calls.chinese = await placeCall(caller, () => caller.click('button.call')));
  await until('the agent’s page to ring', 60_000, () => desk.locator('.ring').isVisible());
  const ring = await desk.locator('.ring').innerText();
  check(ring.includes('王芳'), `it rings without the customer's name: ${ring}`);
  await world.lookOver(desk, 'agent-ringing');
  await desk.keyboard.press('a');
  await event(sun, call, 'the call to be answered', 10_000, (one) => one.type === 'answered');

  const heard = await talk(caller, desk);
  await world.lookOver(caller, 'caller-talking');
  await world.lookOver(desk, 'agent-talking');
  const quiet = await holdAndMute(caller, desk);
  await hangUp(caller, desk);
  const ticket = await wrapUp(world, desk, call, sun);
  await agentState(mei, 'available');
  // The page hears of the new state a moment after the router has it.
  await desk.locator('.idle').waitFor({ timeout: 5000 });
  return `heard by caller ${heard[0].toFixed(1)} s, by agent ${heard[1].toFixed(1)} s; on hold ${quiet}; ${ticket}`;
}

/** Asks for a person after the greeting, once more for good measure, then complains over and over. */
function callersVoice(folder) {
  const person = speak(folder, 'person', 'cmn-latn-pinyin', 'zhuan3 ren2 gong1');
  const complaint = speak(folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4');
  const parts = [13_000, person, 8000, person, 5000];
  for (let i = 0; i < 20; i++) parts.push(complaint, 2500);
  return microphone(`${folder}/caller.wav`, parts);
}

/** Greets from two seconds after the accepting on, over and over. */
function agentsVoice(folder) {
  const hello = speak(folder, 'hello', 'cmn-latn-pinyin+f3', 'nin2 hao3');
  const parts = [2000];
  for (let i = 0; i < 40; i++) parts.push(hello, 1800);
  return microphone(`${folder}/agent.wav`, parts);
}

/** Both sides hear each other; the words of both stand on both pages. */
async function talk(caller, desk) {
  const from = await Promise.all([clock(caller), clock(desk)]);
  for (const [page, whose] of [[caller, 'caller'], [desk, 'agent']]) {
    await until(`the caller's words on the ${whose}'s page`, 30_000, async () => (await said(page, 'caller')).includes('投诉'));
    await until(`the agent's words on the ${whose}'s page`, 30_000, async () => (await said(page, 'agent')).includes('您好'));
  }
  const enough = async (page, i) => ((await secondsHeard(page, from[i])) > 1.5);
  await until('the caller to hear the agent for 1.5 s', 15_000, () => enough(caller, 0));
  await until('the agent to hear the caller for 1.5 s', 15_000, () => enough(desk, 1));
  return Promise.all([secondsHeard(caller, from[0]), secondsHeard(desk, from[1])]);
}

/** On hold the caller hears music and the agent nothing; muted, the caller hears nothing of the agent. */
async function holdAndMute(caller, desk) {
  const buttons = desk.locator('.controls .btn');
  await buttons.nth(0).click();
  await caller.locator('.status.held').waitFor({ timeout: 5000 });
  await fallenSilent(desk);
  const [music, silence] = await hearFor(MEASURED_MS, caller, desk);
  check(music > 3, `on hold the caller heard ${music.toFixed(1)} s of music`);
  check(silence < 0.2, `on hold the agent still heard the caller for ${silence.toFixed(1)} s`);
  await buttons.nth(0).click();
  await caller.locator('.status.talking').waitFor({ timeout: 5000 });

  await buttons.nth(1).click();
  await fallenSilent(caller);
  const [leak, still] = await hearFor(MEASURED_MS, caller, desk);
  check(leak < 0.2, `the caller heard the muted agent for ${leak.toFixed(1)} s`);
  check(still > 0.7, `the muted agent heard the caller for ${still.toFixed(1)} s only`);
  await buttons.nth(1).click();
  return `music ${music.toFixed(1)} s, leaked ${silence.toFixed(1)} s; muted, leaked ${leak.toFixed(1)} s`;
}

async function hangUp(caller, desk) {
  await desk.click('.controls .danger');
  await caller.locator('.status.over').waitFor({ timeout: 5000 });
  check((await caller.locator('.what').innerText()).includes('已结束'), 'the caller is not told that the call has ended');
  await desk.locator('.wrapup').waitFor({ timeout: 5000 });
}

/** Summary with evidence, ticket by one click, outcome. */
async function wrapUp(world, desk, call, sun) {
  const { view } = await until('a summary', 10_000, async () => {
    const found = await sun.json(`/api/calls/${call}`);
    return found.view.summary.length && found;
  });
  const utterances = new Set(view.turns.map((turn) => turn.utterance));
  const cited = view.summary.filter((one) => one.turns.length && one.turns.every((turn) => utterances.has(turn)));
  check(cited.length > 0, `no sentence of the summary cites a turn: ${JSON.stringify(view.summary)}`);
  const first = desk.locator('.wrapup ol li').filter({ has: desk.locator('.foot', { hasText: /\d/ }) }).first();
  await first.hover();
  await desk.locator('article.lit').first().waitFor({ timeout: 3000 });

  await desk.locator('section[aria-labelledby=wrap-ticket] header button').click();
  await desk.locator('.created').waitFor({ timeout: 5000 });
  const number = (await desk.locator('.created b').innerText()).trim();
  const after = await sun.json(`/api/calls/${call}`);
  check(number.includes(after.view.ticket.number), `the page says “${number}”, the engine ${after.view.ticket.number}`);
  await world.lookOver(desk, 'agent-wrapup');
  await desk.locator('.choices label').nth(1).click();
  await desk.locator('.finish .btn').click();
  return number;
}
