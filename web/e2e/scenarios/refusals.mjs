// What must not work, does not, and says why.

import { request } from 'node:http';
import { check } from '../engine.mjs';

export default async function refusals({ engine, browser, person }) {
  await withoutMicrophone(await browser({ deny: true }), engine.url);

  const broken = await fetch(`${engine.url}/api/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sidetone': '1' },
    body: JSON.stringify({ sdp: 'v=0\r\nthis is no offer', lang: 'zh' }),
  });
  check(broken.status === 400, `a broken offer gave ${broken.status}`);
  check(broken.headers.get('content-type').startsWith('application/problem+json'), 'a broken offer did not give problem+json');
  const problem = await broken.json();
  check(problem.title && problem.status === 400, `a problem without title or status: ${JSON.stringify(problem)}`);

  for (const path of ['/api/me', '/api/calls', '/api/wallboard', '/api/content', '/api/report']) {
    const { status } = await fetch(engine.url + path);
    check(status === 401, `${path} without log-in gave ${status}`);
  }
  const mei = await person('mei');
  for (const path of ['/api/report', '/api/wallboard', '/api/calls', '/api/content']) {
    const { status } = await mei.ask(path);
    check(status === 403, `${path} for an agent gave ${status}`);
  }
  const bare = await fetch(`${engine.url}/api/agent/state`, {
    method: 'POST',
    headers: { cookie: mei.cookie, 'content-type': 'application/json' },
    body: '{"state":"available"}',
  });
  check(bare.status === 403, `a request that another site could forge gave ${bare.status}`);

  const own = await upgrade(engine.url, mei.cookie, engine.url);
  check(own === 101, `our own page's WebSocket gave ${own}`);
  const foreign = await upgrade(engine.url, mei.cookie, 'https://elsewhere.example');
  check(foreign === 403, `another site's WebSocket gave ${foreign}`);
}

/** The browser refuses the microphone: the page says so, and no call is started. */
async function withoutMicrophone(opened, url) {
  const page = await opened.newPage();
  let asked = 0;
  page.on('request', (one) => (asked += one.method() === 'POST' && one.url().endsWith('/api/calls') ? 1 : 0));
  await page.goto(url);
  await page.click('button.call');
  const trouble = page.locator('.trouble[role=alert]');
  await trouble.waitFor({ timeout: 10_000 });
  const text = await trouble.innerText();
  check(text.includes('麦克风'), `without a microphone the page says “${text}”`);
  check(asked === 0, 'a call was started without a microphone');
}

/** The status that a WebSocket hand-shake from `origin` gets. */
function upgrade(url, cookie, origin) {
  return new Promise((done, failed) => {
    const asked = request(`${url}/api/live`, {
      headers: {
        cookie,
        origin,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'c2lkZXRvbmUtZTJlLXRlc3Q=',
      },
    });
    asked.on('upgrade', (answer, socket) => {
      socket.destroy();
      done(answer.statusCode);
    });
    asked.on('response', (answer) => {
      answer.resume();
      done(answer.statusCode);
    });
    asked.on('error', failed);
    asked.end();
  });
}
