// Every page in both languages and both widths: no error, no sideways scrolling, every control named.

import { until } from '../engine.mjs';
import { logIn } from '../people.mjs';

export default async function pages(world) {
  const { engine, calls } = world;
  const opened = await world.browser();
  // New log-ins: an engine that was killed knows no older ones of ours for sure.
  const [mei, sun, wen] = await Promise.all(['mei', 'sun', 'wen'].map((name) => logIn(engine.url, name)));
  const call = calls.chinese ?? calls.english ?? calls.lost;
  const article = `${engine.folder}/knowledge/en/refunds/how-long.md`;
  const tour = [
    ['caller', '/', null],
    ['login', '/login', null],
    ['agent', '/agent', mei],
    ['supervisor', '/supervisor', sun],
    ['calls', '/calls', sun],
    ...(call ? [['call', `/calls/${call}`, sun]] : []),
    ['report', '/report', sun],
    ['content', '/content', wen],
    ['editor', `/content?path=${encodeURIComponent(article)}`, wen],
    ['ask', '/ask?q=how%20long%20does%20a%20refund%20take', wen],
    ['not-found', '/nowhere', sun],
    ['forbidden', '/content', mei],
  ];
  let count = 0;
  for (const lang of ['zh-CN', 'en-US']) {
    for (const who of [null, mei, sun, wen]) {
      const page = await opened.newPage({ lang, cookies: who?.cookies ?? [] });
      for (const [name, path] of tour.filter((one) => one[2] === who)) {
        await page.goto(engine.url + path);
        await until(`${path} to be loaded`, 10_000, () => loaded(page));
        await world.lookOver(page, `${name}-${lang.slice(0, 2)}`);
        count += 2;
      }
    }
  }
  return `${count} pages looked at`;
}

/** Nothing is being fetched any more, and there is something to see. */
function loaded(page) {
  return page.evaluate(() => !document.querySelector('.skeleton') && !!document.querySelector('main, h1') && document.fonts.status === 'loaded');
}
