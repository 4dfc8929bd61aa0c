// The engine is killed in mid-call. It comes back, the call is listed as lost, its recording plays up
// to the last second, and the journal says the same again.

import { check, microphone, sidetone, speak, until } from '../engine.mjs';
import { logIn, placeCall } from '../people.mjs';

/** Recording that may be missing at the end. */
const LOST_S_MAX = 1.5;

export default async function crash(world) {
  const { engine, browser, person, calls } = world;
  world.expected.push('ERR_CONNECTION_REFUSED', 'status of 404', 'Unexpected response code: 404');
  const sun = await person('sun');
  const complaint = speak(engine.folder, 'complaint', 'cmn-latn-pinyin', 'wo3 yao4 tou2 su4');
  const opened = await browser({ wav: microphone(`${engine.folder}/crash.wav`, [2000, complaint, 2000, complaint, 2000, complaint, 60_000]) });
  const page = await opened.newPage();
  await page.goto(engine.url);
  const call = (calls.lost = await placeCall(page, () => page.click('button.call')));
  const started = await until('a call of nine seconds', 30_000, async () => {
    const events = await sun.json(`/api/calls/${call}/events`);
    const first = events.find((one) => one.type === 'call_started');
    return first && Date.now() - first.wall_ms > 9000 && first;
  });
  const lasted_s = (Date.now() - started.wall_ms) / 1000;
  await engine.kill();
  const trouble = page.locator('.trouble[role=alert]').waitFor({ timeout: 40_000 });
  const restart_ms = await engine.start();

  const qiao = await logIn(engine.url, 'qiao');
  const { calls: rows } = await qiao.json('/api/calls?outcome=failed');
  check(rows.some((row) => row.call === call), 'the lost call is not listed as failed');
  const { view } = await qiao.json(`/api/calls/${call}`);
  check(view.ended?.reason === 'lost', `the call ended as ${JSON.stringify(view.ended)}`);
  const peaks = await qiao.json(`/api/calls/${call}/peaks?n=100`);
  check(Math.abs(peaks.seconds - lasted_s) <= LOST_S_MAX, `${peaks.seconds.toFixed(1)} s of ${lasted_s.toFixed(1)} s are recorded`);

  const review = await opened.newPage({ cookies: qiao.cookies });
  await review.goto(`${engine.url}/calls/${call}`);
  await review.locator('.player .round').waitFor({ timeout: 10_000 });
  const player = (what) => review.evaluate((name) => window.players.at(-1)?.[name], what);
  await until('the player to know the length', 10_000, async () => (await player('duration')) > 1);
  const seconds = await player('duration');
  check(Math.abs(seconds - peaks.seconds) < 0.2, `the player says ${seconds} s, the peaks ${peaks.seconds} s`);
  await review.evaluate(() => (window.players.at(-1).currentTime = window.players.at(-1).duration - 1.5));
  await review.locator('.player .round').click();
  await until('the player to reach the end', 10_000, () => player('ended'));
  check((await player('error')) === null, 'the recording does not play to its end');

  const replayed = sidetone('replay', call, '--config', engine.config);
  check(replayed.includes('the same again'), `the replay says: ${replayed}`);
  await trouble;
  check((await page.locator('.trouble').innerText()).length > 10, 'the caller is not told that the line is lost');
  return `/health ${restart_ms} ms after the kill; ${peaks.seconds.toFixed(1)} s of ${lasted_s.toFixed(1)} s recorded; ${replayed.trim().split(': ')[1]}`;
}
