// QA looks at the Chinese call: found by language and by a word that was said, played, followed.

import { check, until } from '../engine.mjs';

export default async function review({ engine, browser, person, calls }) {
  const call = calls.chinese;
  check(call, 'there is no Chinese call to look at');
  const qiao = await person('qiao');
  const sound = await channels(qiao, call);

  const page = await (await browser()).newPage({ cookies: qiao.cookies });
  await page.goto(`${engine.url}/calls`);
  const link = page.locator(`a[href="/calls/${call}"]`);
  await link.waitFor({ timeout: 10_000 });
  await search(page, link);
  await link.click();
  await page.locator('.player').waitFor({ timeout: 10_000 });
  await evidence(page);
  await play(page);
  return `${sound.seconds.toFixed(1)} s recorded, RMS ${sound.rms.map((one) => one.toFixed(0)).join(' / ')}`;
}

/** The recording, fetched like a player does: both channels must have sound, of different people. */
async function channels(qiao, call) {
  const answer = await qiao.ask(`/api/calls/${call}/audio`);
  check(answer.status === 200, `the recording gave ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  check(bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.readUInt16LE(22) === 2, 'the recording is no WAV of two channels');
  const rate_hz = bytes.readUInt32LE(24);
  const start = bytes.indexOf('data') + 8;
  const power = [0, 0];
  let cross = 0;
  const frames = Math.floor((bytes.length - start) / 4);
  for (let i = 0; i < frames; i++) {
    const left = bytes.readInt16LE(start + i * 4);
    const right = bytes.readInt16LE(start + i * 4 + 2);
    power[0] += left * left;
    power[1] += right * right;
    cross += left * right;
  }
  const rms = power.map((sum) => Math.sqrt(sum / frames));
  check(rms.every((one) => one > 50), `a channel is silent: RMS ${rms}`);
  const alike = cross / Math.sqrt(power[0] * power[1]);
  check(alike < 0.5, `both channels carry the same sound (correlation ${alike.toFixed(2)})`);
  const part = await qiao.ask(`/api/calls/${call}/audio`, { headers: { range: 'bytes=100-199' } });
  check(part.status === 206 && (await part.arrayBuffer()).byteLength === 100, `100 bytes of the recording gave ${part.status}`);
  return { rms, seconds: frames / rate_hz };
}

/** The list by language and by a word that was said. */
async function search(page, link) {
  await page.goto(`${new URL(page.url()).origin}/calls?lang=en`);
  await page.locator('.filters').waitFor();
  await until('the list without Chinese calls', 5000, async () => (await page.locator('section[aria-busy=false]').count()) && !(await link.count()));
  await page.goto(`${new URL(page.url()).origin}/calls?lang=zh`);
  await link.waitFor({ timeout: 5000 });
  await page.locator('input[type=search]').fill('投诉');
  await page.waitForURL('**q=**', { timeout: 5000 });
  await link.waitFor({ timeout: 5000 });
  await page.locator('input[type=search]').fill('从没说过的话');
  await until('the list without the call', 5000, async () => !(await link.count()));
  await page.locator('input[type=search]').fill('投诉');
  await link.waitFor({ timeout: 5000 });
}

/** Everything that stands beside the transcript. */
async function evidence(page) {
  await until('the waveform', 10_000, async () => ((await page.locator('.wave path.left').first().getAttribute('d')) ?? '').length > 100);
  check(((await page.locator('.wave path.right').first().getAttribute('d')) ?? '').length > 100, 'the lower half of the waveform is empty');
  check((await page.locator('section[aria-labelledby=mood-curve] circle').count()) > 0, 'the mood curve has no points');
  check((await page.locator('.summary li').count()) > 0, 'the summary is empty');
  const hits = page.locator('section[aria-labelledby=compliance] li');
  check((await hits.filter({ hasText: '您好' }).count()) > 0, 'the greeting that was said is not among the keywords');
  const moment = hits.locator('button.at').first();
  check(/^\d+:\d\d$/.test((await moment.innerText()).trim()), 'a keyword without its moment');
  check((await page.locator('article.caller .said').allInnerTexts()).join().includes('投诉'), 'the transcript lacks what was said');
}

/** Plays, jumps by a click on a turn, and follows. */
async function play(page) {
  const statuses = [];
  page.on('response', (one) => one.url().endsWith('/audio') && statuses.push(one.status()));
  await page.reload();
  await page.locator('.player').waitFor({ timeout: 10_000 });
  await page.locator('.player .round').click();
  const now = () => page.evaluate(() => window.players.at(-1)?.currentTime ?? 0);
  await until('the player to play', 10_000, async () => (await now()) > 0.7);
  check(statuses.includes(206), `the player got ${statuses} instead of 206`);
  const turn = page.locator('article.caller').last();
  await turn.scrollIntoViewIfNeeded();
  const [minutes, seconds] = (await turn.locator('.at').innerText()).split(':').map(Number);
  const wanted = minutes * 60 + seconds;
  await turn.locator('.said').click();
  await until(`the player to jump to ${wanted} s`, 5000, async () => Math.abs((await now()) - wanted) < 2.5);
  const from = await now();
  await until('the player to play on after the jump', 5000, async () => (await now()) > from + 0.4);
  await page.locator('article.current').waitFor({ timeout: 3000 });
}
