// The people of the demo company at the HTTP API, and what they do on their pages in every scenario.

import { check, until } from './engine.mjs';

/** A logged-in person: requests with their cookie, and that cookie for a page. */
export async function logIn(url, name) {
  const answer = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sidetone': '1' },
    body: JSON.stringify({ name, password: `${name}-demo` }),
  });
  check(answer.ok, `${name} could not log in: ${answer.status} ${await answer.clone().text()}`);
  const cookie = answer.headers.get('set-cookie').split(';')[0];
  const [key, value] = cookie.split('=');
  const ask = (path, { method = 'GET', body, headers = {} } = {}) =>
    fetch(url + path, {
      method,
      headers: { cookie, 'x-sidetone': '1', ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
      body: body && JSON.stringify(body),
    });
  return {
    name,
    cookie,
    cookies: [{ name: key, value, url }],
    ask,
    async json(path, options) {
      const reply = await ask(path, options);
      const text = await reply.text();
      check(reply.ok, `${name}: ${options?.method ?? 'GET'} ${path} gave ${reply.status} ${text}`);
      return JSON.parse(text || 'null');
    },
  };
}

/** Places a call on an open caller's page by `click`; gives the call's id. */
export async function placeCall(page, click) {
  const [answer] = await Promise.all([
    page.waitForResponse((one) => one.url().endsWith('/api/calls') && one.request().method() === 'POST', { timeout: 20_000 }),
    click(),
  ]);
  check(answer.status() === 200, `the call was refused: ${answer.status()} ${await answer.text()}`);
  return (await answer.json()).call;
}

/** Waits for an event of a call; gives it. */
export function event(person, call, what, limit_ms, wanted) {
  return until(what, limit_ms, async () => (await person.json(`/api/calls/${call}/events`)).find(wanted));
}

/** Waits for the agent's state at the engine. */
export function agentState(agent, state, limit_ms = 5000) {
  return until(`${agent.name} to be ${state}`, limit_ms, async () => (await agent.json('/api/agent')).state === state);
}

/** The words of one speaker on a page, as shown. */
export async function said(page, speaker) {
  return (await page.locator(`article.${speaker} .said`).allInnerTexts()).join('\n');
}
