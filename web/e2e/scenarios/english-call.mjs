// A recorded caller from the gallery asks in English for the bill and gets what the books say.

import { readFileSync } from 'node:fs';
import { clock, secondsHeard } from '../browser.mjs';
import { check, until } from '../engine.mjs';
import { event, placeCall, said } from '../people.mjs';

export default async function englishCall({ engine, browser, person, calls }) {
  const sun = await person('sun');
  const page = await (await browser()).newPage({ lang: 'en-US' });
  await page.goto(engine.url);
  const { title_en, customer } = (await (await fetch(`${engine.url}/api/recorded-callers`)).json()).find((one) => one.id === 'en-bill');
  const call = (calls.english = await placeCall(page, () => page.locator('section li button', { hasText: title_en }).first().click()));
  const from = await clock(page);

  await event(sun, call, 'the bill flow', 60_000, (one) => one.type === 'flow_entered' && one.flow === 'bill');
  const { yuan, due } = bill(engine.folder, customer);
  const answer = await event(sun, call, `a prompt with ${yuan} yuan`, 20_000, (one) => one.type === 'prompt_started' && plain(one.text).includes(yuan));
  await until('the amount in the captions', 10_000, async () => plain(await said(page, 'assistant')).includes(yuan));
  check((await said(page, 'caller')).toLowerCase().includes('bill'), 'the captions lack what the caller said');
  await event(sun, call, 'the answer to be heard whole', 30_000, (one) => one.type === 'prompt_ended' && one.prompt === answer.prompt && !one.interrupted);
  const heard = await secondsHeard(page, from);
  check(heard > 5, `of the greeting and the answer ${heard.toFixed(1)} s were heard`);

  await event(sun, call, 'the end of the call', 60_000, (one) => one.type === 'call_ended');
  await page.locator('.status.over').waitFor({ timeout: 5000 });
  const { row } = await sun.json(`/api/calls/${call}`);
  check(row.lang === 'en' && row.intent === 'bill-query', `the row says ${row.lang}, ${row.intent}`);
  return `“${answer.text}” (books: ${yuan}, due ${due}); outcome ${row.outcome}; ${heard.toFixed(0)} s heard`;
}

const plain = (text) => text.replaceAll(',', '');

/** The latest bill in the books: its whole yuan and its day. */
function bill(folder, customer) {
  const all = readFileSync(`${folder}/knowledge/company/bills.toml`, 'utf8').split('[[bill]]');
  const field = (text, name) => new RegExp(`^${name} = "?([^"\\n]+)"?`, 'm').exec(text)?.[1];
  const latest = all.filter((one) => field(one, 'customer') === customer).sort((a, b) => field(b, 'month').localeCompare(field(a, 'month')))[0];
  return { yuan: String(Math.floor(Number(field(latest, 'total_cents')) / 100)), due: field(latest, 'due') };
}
