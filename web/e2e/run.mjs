// `node e2e/run.mjs [scenario …]`: the product end to end. Chromium calls the engine, the sound of
// both sides is measured, and what the pages show is compared with what was said.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faults, openBrowser } from './browser.mjs';
import { root, startEngine, until } from './engine.mjs';
import { logIn } from './people.mjs';

// In this order: the later ones look at what the earlier ones left behind.
const SCENARIOS = ['refusals', 'chinese-call', 'review', 'keypad', 'wallboard', 'transfer', 'phones', 'pbx', 'outside', 'english-call', 'content', 'crash', 'pages'];
const out = join(root, 'web/e2e/out');

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'pages'), { recursive: true });
const wanted = process.argv.slice(2);
for (const name of wanted) if (!SCENARIOS.includes(name)) throw new Error(`no scenario “${name}”; there are ${SCENARIOS.join(', ')}`);

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const engine = await startEngine();
let browsers = [];
const people = new Map();
const world = {
  engine,
  out,
  /** What scenarios leave for each other: calls by name. */
  calls: {},
  /** Parts of lines that this scenario makes pages write to their consoles. */
  expected: [],
  /** What was wrong with the looks of a page, in this scenario. */
  faults: [],
  /** A picture of the page as it stands, in both widths, and what is wrong with it. */
  async lookOver(page, name) {
    for (const [width, height] of [[390, 844], [1440, 900]]) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      world.faults.push(...(await faults(page)).map((one) => `${name} at ${width} px: ${one}`));
      await page.screenshot({ path: join(out, 'pages', `${name}-${width}.png`) });
    }
  },
  async browser(options) {
    const browser = await openBrowser(options);
    browsers.push(browser);
    return browser;
  },
  async person(name) {
    if (!people.has(name)) people.set(name, await logIn(engine.url, name));
    return people.get(name);
  },
};

let passed = 0;
let failed = 0;
try {
  for (const name of SCENARIOS) {
    if (wanted.length && !wanted.includes(name)) continue;
    const began = Date.now();
    const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
    try {
      const scenario = await import(`./scenarios/${name}.mjs`);
      const note = await scenario.default(world);
      check();
      passed += 1;
      console.log(`ok    ${name.padEnd(13)} ${seconds().padStart(7)}  ${note ?? ''}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name.padEnd(13)} ${seconds().padStart(7)}  ${error.stack ?? error}`);
      await keep(name);
    }
    await tidy();
  }
} finally {
  await tidy();
  await engine.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

/** No page may have written an error to its console, nor looked wrong. */
function check() {
  const errors = browsers.flatMap((browser) => browser.errors);
  const wrong = [...errors.filter((line) => !world.expected.some((part) => line.includes(part))), ...world.faults];
  if (wrong.length) throw new Error(`${wrong.length} faults of the pages:\n  ${wrong.join('\n  ')}`);
}

/** Pictures of the open pages and the end of the engine's log. */
async function keep(name) {
  let number = 0;
  for (const page of browsers.flatMap((browser) => browser.pages)) {
    number += 1;
    await page.screenshot({ path: join(out, `${name}-${number}.png`) }).catch(() => undefined);
  }
  writeFileSync(join(out, `${name}.log`), engine.log().split('\n').slice(-200).join('\n'));
}

/** Closes the browsers and sends the agents home, so that no scenario is called by another's caller. */
async function tidy() {
  await Promise.all(browsers.map((browser) => browser.close().catch(() => undefined)));
  browsers = [];
  world.faults = [];
  world.expected = [];
  for (const [name, person] of people) {
    if (['mei', 'jack', 'lin'].includes(name)) await goHome(person).catch((error) => console.log(`      ${name} could not go home: ${error.message}`));
  }
}

async function goHome(agent) {
  const { call } = await agent.json('/api/agent');
  if (call) {
    const click = (body) => agent.json(`/api/calls/${call.call}/click`, { method: 'POST', body });
    if (call.state !== 'wrap_up' && call.state !== 'ended') await click({ click: 'hang_up' });
    await until('the wrap-up', 5000, async () => (await agent.json('/api/agent')).state !== 'busy');
    await click({ click: 'wrap_up', disposition: 'other' });
  }
  await agent.ask('/api/agent/state', { method: 'POST', body: { state: 'offline' } });
}
