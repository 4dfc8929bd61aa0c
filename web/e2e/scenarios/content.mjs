// The content team's folder: a broken article is reported and the old one goes on answering; the
// mended one answers within seconds; the editor refuses a broken flow.

import { readFileSync, writeFileSync } from 'node:fs';
import { check, until } from '../engine.mjs';

const LIVE_MS_MAX = 3000;
const QUESTION = '退款几天到账';
const SENTENCE = '长颈鹿仓库的退款当天下午五点到账。';

export default async function content(world) {
  const { engine, browser, person } = world;
  world.expected.push('status of 422');
  const wen = await person('wen');
  const file = `${engine.folder}/knowledge/zh-CN/refunds/how-long.md`;
  const flow = `${engine.folder}/prompts/flows/bill.toml`;
  const good = readFileSync(file, 'utf8');
  const answers = async (question) => (await wen.json('/api/ask', { method: 'POST', body: { question, lang: 'zh' } })).results;
  const before = (await answers(QUESTION)).filter((one) => one.document === 'refunds/how-long');
  check(before.length > 0, `“${QUESTION}” does not find refunds/how-long`);

  const page = await (await browser()).newPage({ cookies: wen.cookies });
  await page.goto(`${engine.url}/content`);
  await page.locator('.list li').first().waitFor({ timeout: 10_000 });

  let began = Date.now();
  writeFileSync(file, good.replace(/^title = .*\n/m, ''));
  const row = page.locator('.list li', { hasText: file });
  await until('the broken article on the content page', 10_000, async () => (await row.locator('.reason').count()) === 1);
  const reported = Date.now() - began;
  check(reported <= LIVE_MS_MAX, `the broken article was reported after ${reported} ms`);
  const reason = await row.locator('.reason').innerText();
  check(/第 \d+ 行/.test(reason) && reason.includes('title'), `the report names no line or field: ${reason}`);
  const still = (await answers(QUESTION)).filter((one) => one.document === 'refunds/how-long');
  check(still[0]?.text === before[0].text, 'the old article does not serve while the new one is broken');

  began = Date.now();
  writeFileSync(file, `${good.trimEnd()}\n\n## 长颈鹿仓库\n\n${SENTENCE}\n`);
  await until('the new sentence to answer', 10_000, async () => (await answers('长颈鹿仓库的退款什么时候到账')).some((one) => one.text.includes(SENTENCE)));
  const live = Date.now() - began;
  check(live <= LIVE_MS_MAX, `the new sentence answered after ${live} ms`);
  await until('the content page without the fault', 5000, async () => (await row.locator('.reason').count()) === 0);

  const refused = await brokenFlow(page, engine.url, flow);
  return `reported after ${reported} ms, live after ${live} ms; flow: ${refused}`;
}

/** The editor refuses a flow whose step leads nowhere, names the line, and leaves the file alone. */
async function brokenFlow(page, url, flow) {
  const good = readFileSync(flow, 'utf8');
  await page.goto(`${url}/content?path=${encodeURIComponent(flow)}`);
  const area = page.locator('textarea');
  await area.waitFor({ timeout: 10_000 });
  await area.fill(good.replace('then = "look-up"', 'then = "nowhere-at-all"'));
  const [answer] = await Promise.all([
    page.waitForResponse((one) => one.request().method() === 'PUT', { timeout: 10_000 }),
    page.locator('.edit header .btn.primary').click(),
  ]);
  check(answer.status() === 422, `a broken flow was answered with ${answer.status()}`);
  const problem = await answer.json();
  const line = good.split('\n').findIndex((one) => one === 'then = "look-up"') + 1;
  check(Math.abs(problem.line - line) <= 5, `the fault in line ${line} is reported in line ${problem.line}: ${problem.title}`);
  await page.locator('.edit .problem').waitFor({ timeout: 3000 });
  check((await page.locator('.gutter .bad').innerText()) === String(problem.line), 'the editor does not mark the line');
  check(readFileSync(flow, 'utf8') === good, 'the broken flow was saved');
  return `${problem.detail} (line ${problem.line})`;
}
