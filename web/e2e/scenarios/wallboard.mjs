// The supervisor's wallboard follows an agent from offline to a call and back, each change within 2 s.

import { check, microphone, until } from '../engine.mjs';
import { agentState, event, placeCall } from '../people.mjs';

const SHOWN_MS_MAX = 2000;

export default async function wallboard({ engine, browser, person }) {
  const sun = await person('sun');
  const mei = await person('mei');
  const opened = await browser({ wav: microphone(`${engine.folder}/silence.wav`, [120_000]) });
  const board = await opened.newPage({ cookies: sun.cookies });
  const desk = await opened.newPage({ cookies: mei.cookies });
  const caller = await opened.newPage();
  await board.goto(`${engine.url}/supervisor`);
  await board.locator('.agents li').first().waitFor({ timeout: 10_000 });
  await definitions(board, sun);

  const { agents } = await sun.json('/api/wallboard');
  const name = agents.find((one) => one.agent === 'mei').display_zh;
  const took = {};
  const shown = async (state) => {
    const began = Date.now();
    await until(`${name} as ${state} on the wallboard`, 10_000, async () => (await board.locator(`.agents li.${state}`, { hasText: name }).count()) === 1);
    took[state] = Date.now() - began;
    check(took[state] <= SHOWN_MS_MAX, `the wallboard showed ${state} after ${took[state]} ms`);
  };

  await desk.goto(`${engine.url}/agent`);
  await desk.click('button.available');
  await agentState(mei, 'available');
  await shown('available');

  await caller.goto(engine.url);
  const call = await placeCall(caller, () => caller.click('button.call'));
  await event(sun, call, 'the greeting', 15_000, (one) => one.type === 'prompt_started');
  await caller.keyboard.press('0');
  await desk.locator('.ring').waitFor({ timeout: 30_000 });
  await desk.keyboard.press('a');
  await agentState(mei, 'busy', 10_000);
  await shown('busy');
  await board.locator('.agents li.busy button').click();
  await board.locator('.watch article').first().waitFor({ timeout: 5000 });

  await desk.click('.controls .danger');
  await agentState(mei, 'wrap_up');
  await shown('wrap_up');
  await desk.locator('.finish .btn').click();
  await agentState(mei, 'available');
  await shown('available');
  const { today } = await sun.json('/api/wallboard');
  check(today.answered >= 1, 'the answered call is not counted');
  return Object.entries(took).map(([state, ms]) => `${state} ${ms} ms`).join(', ');
}

/** Each number has a definition in both languages, and the page shows it. */
async function definitions(board, sun) {
  const answer = await sun.json('/api/wallboard');
  for (const field of Object.keys(answer.today)) {
    const found = answer.definitions[field];
    check(found?.zh && found?.en, `today.${field} has no definition`);
  }
  const texts = await board.locator('.stat .definition').allInnerTexts();
  const own = await board.locator('.stat .definition').evaluateAll((all) => all.map((one) => one.textContent.trim()));
  check(own.length >= 8 && own.every((text) => text.length > 5), `a number without a definition: ${JSON.stringify(texts)}`);
  check(new Set(own).size === own.length, 'two numbers have the same definition');
}
