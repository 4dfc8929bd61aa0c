// A colleague is asked, all three talk, a page is loaded again in mid-call, the first agent leaves, and
// the supervisor listens and takes the call over.

import { check, microphone, until } from '../engine.mjs';
import { agentState, event, placeCall } from '../people.mjs';

export default async function transfer(world) {
  const { engine, person } = world;
  const [mei, jack, sun] = [await person('mei'), await person('jack'), await person('sun')];
  const opened = await world.browser({ wav: microphone(`${engine.folder}/silence.wav`, [240_000]) });
  const [first, second, board] = [
    await opened.newPage({ cookies: mei.cookies }),
    await opened.newPage({ cookies: jack.cookies }),
    await opened.newPage({ cookies: sun.cookies }),
  ];
  await first.goto(`${engine.url}/agent`);
  await first.click('button.available');
  await agentState(mei, 'available');
  const caller = await opened.newPage();
  await caller.goto(engine.url);
  const call = await placeCall(caller, () => caller.click('button.call'));
  await event(sun, call, 'the greeting', 15_000, (one) => one.type === 'prompt_started');
  await caller.keyboard.press('0');
  await first.locator('.ring').waitFor({ timeout: 30_000 });
  await first.keyboard.press('a');
  await agentState(mei, 'busy', 10_000);

  await second.goto(`${engine.url}/agent`);
  await second.click('button.available');
  await agentState(jack, 'available');
  await ask(world, first, second);
  await event(sun, call, 'the consultation', 10_000, (one) => one.type === 'seated' && one.seat === 'consult');
  await first.locator('.parties .primary').waitFor({ timeout: 5000 });
  await world.lookOver(first, 'agent-consulting');
  await first.locator('.parties .do .btn').nth(1).click();
  await event(sun, call, 'the conference', 10_000, (one) => one.type === 'transfer_ended' && one.outcome === 'conference');

  const away_s = await reload(second, sun, call);
  await first.click('.controls .danger');
  await first.locator('.wrapup').waitFor({ timeout: 5000 });
  await agentState(jack, 'busy');
  await first.locator('.finish .btn').click();
  await agentState(mei, 'available');

  await takeOver(world, board, second, call, sun);
  await agentState(jack, 'wrap_up');
  await second.locator('.finish .btn').click();
  await agentState(jack, 'available');
  await caller.locator('.status.over').waitFor({ timeout: 5000 });
  return `back on the line ${away_s.toFixed(1)} s after the reload began`;
}

/** By keyboard to the dialog; the colleague's page says who asks. */
async function ask(world, first, second) {
  await first.keyboard.press('t');
  await first.locator('dialog li', { hasText: '杰克' }).waitFor({ timeout: 5000 });
  await world.lookOver(first, 'agent-transfer');
  await first.locator('dialog li', { hasText: '杰克' }).locator('button').nth(1).click();
  await first.locator('dialog').waitFor({ state: 'hidden', timeout: 5000 });
  await second.locator('.ring').waitFor({ timeout: 10_000 });
  const ring = await second.locator('.ring').innerText();
  check(ring.includes('想咨询您') || ring.includes('wants to ask you'), `it rings like any call: ${ring}`);
  await second.keyboard.press('a');
}

/** The page is loaded again in mid-call and takes the sound back. */
async function reload(page, sun, call) {
  page.on('dialog', (dialog) => dialog.accept());
  const began = Date.now();
  await page.reload();
  await page.locator('.sound button').click({ timeout: 10_000 });
  await event(sun, call, 'the agent to be back', 15_000, (one) => one.type === 'agent_back' && one.agent === 'jack');
  await page.locator('.sound').waitFor({ state: 'hidden', timeout: 5000 });
  return (Date.now() - began) / 1000;
}

/** From the wallboard: listen, take over, hang up. */
async function takeOver(world, board, second, call, sun) {
  await board.goto(`${world.engine.url}/supervisor`);
  await board.locator('.agents li.busy button').first().click({ timeout: 10_000 });
  await board.locator('.supervise .seg button').first().click();
  await event(sun, call, 'the supervisor', 10_000, (one) => one.type === 'seated' && one.seat === 'monitor');
  await board.locator('.supervise .line').waitFor({ timeout: 5000 });
  await world.lookOver(board, 'supervisor-listening');
  await board.locator('.supervise > .btn').first().click();
  await event(sun, call, 'the take-over', 10_000, (one) => one.type === 'taken_over' && one.by === 'sun');
  await second.locator('.wrapup').waitFor({ timeout: 5000 });
  await board.locator('.supervise .danger').click();
  await event(sun, call, 'the end', 10_000, (one) => one.type === 'call_ended');
  await until('the wrap-up of the supervisor', 10_000, () => board.locator('.supervise .primary').isVisible());
  await board.locator('.supervise .primary').click();
}
