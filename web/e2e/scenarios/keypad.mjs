// A caller who says nothing presses 0, as telephone-events within the sound, and rings at an agent, and leaves
// before anybody answers.

import { check, microphone } from '../engine.mjs';
import { agentState, event, placeCall } from '../people.mjs';

export default async function keypad({ engine, browser, person }) {
  const sun = await person('sun');
  const mei = await person('mei');
  const opened = await browser({ wav: microphone(`${engine.folder}/silence.wav`, [120_000]) });
  const desk = await opened.newPage({ cookies: mei.cookies });
  await desk.goto(`${engine.url}/agent`);
  await desk.click('button.available');
  await agentState(mei, 'available');
  const page = await opened.newPage();
  const posted = [];
  page.on('request', (one) => one.url().includes('/keys') && posted.push(one.url()));
  await page.goto(engine.url);
  const call = await placeCall(page, () => page.click('button.call'));
  await event(sun, call, 'the greeting', 15_000, (one) => one.type === 'prompt_started');
  await page.locator('.controls .round').last().click();
  await page.locator('.keypad .keys button').nth(10).click();
  const key = await event(sun, call, 'the key at the engine', 10_000, (one) => one.type === 'key_pressed');
  check(posted.length === 0, 'the key went by HTTP and not within the sound');
  const queued = await event(sun, call, 'the queue', 20_000, (one) => one.type === 'queue_entered');
  await desk.locator('.ring').waitFor({ timeout: 20_000 });
  check((await page.locator('.what').innerText()).length > 0, 'the page does not say where the call stands');
  await page.locator('.controls .end').click();
  await page.locator('.status.over').waitFor({ timeout: 5000 });
  const ended = await event(sun, call, 'the end of the call', 10_000, (one) => one.type === 'call_ended');
  await desk.locator('.ring').waitFor({ state: 'hidden', timeout: 5000 });
  await agentState(mei, 'available');
  check(ended.reason === 'abandoned', `hanging up in the queue counts as ${ended.reason}`);
  return `queue ${((queued.at - key.at) / 1e6).toFixed(1)} s after the key`;
}
