// A stand-in for the engine while one works on the pages: `npm run dev:mock`. Development only;
// nothing under `src/` imports it and the product's build does not contain it.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import { WebSocketServer, type WebSocket } from 'ws';
import { apply, emptyView } from '../src/lib/fold';
import type { CallEvent } from '../src/api/event';
import type { CallView, User } from '../src/api/types';
import * as data from './data';
import { billCall, events, parcelCall } from './script';
import { callerWav, callWav, peaks } from './sound';

type Answer = { status?: number; body?: unknown; raw?: Buffer; headers?: Record<string, string> };
type Route = [method: string, path: RegExp, handle: (match: string[], body: Record<string, unknown>, request: IncomingMessage) => Answer | Promise<Answer>];

const SAFE = new Set(['call_started', 'prompt_started', 'prompt_ended', 'partial', 'heard', 'speech_started', 'backchannel', 'barge_in', 'wait_announced', 'queue_entered', 'answered', 'hold_started', 'hold_ended', 'call_ended']);
const LIVE = 'live-call';
const problem = (status: number, title: string, detail = '', what_to_do = ''): Answer => ({ status, body: { type: 'about:blank', title, status, detail, what_to_do }, headers: { 'content-type': 'application/problem+json' } });

/** An answer that lets the page go on; there is nobody behind it, so no sound comes. */
function fakeSdp(): string {
  return ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111 110', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=ice-ufrag:mock', 'a=ice-pwd:mockmockmockmockmockmock',
    `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:active', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', 'a=rtpmap:110 telephone-event/48000', ''].join('\r\n');
}

class Mock {
  user: User | null = null;
  live = new Set<WebSocket>();
  timers = new Set<ReturnType<typeof setTimeout>>();
  state = 'offline';
  since = Date.now();
  callEvents: CallEvent[] = [];
  peer: WebSocket | undefined;
  peerWaits: ((sdp: string) => void)[] = [];

  later(ms: number, work: () => void): void {
    const timer = setTimeout(() => { this.timers.delete(timer); work(); }, ms);
    this.timers.add(timer);
  }
  tell(message: unknown): void {
    for (const one of this.live) one.send(JSON.stringify(message));
  }
  setState(state: string): void {
    this.state = state;
    this.since = Date.now();
    this.tell({ type: 'agent_state', agent: this.user?.id, state, since_ms: this.since });
    if (state === 'available') this.later(2500, () => this.ring());
  }
  ring(): void {
    if (this.state !== 'available' || !this.live.size) return;
    const lang = this.user?.id === 'ann' ? 'en' : 'zh';
    const all = events(LIVE, parcelCall(lang, Date.now() - 66_000));
    this.callEvents = all;
    this.state = 'ringing';
    this.tell({ type: 'ringing', call: LIVE, from: lang === 'zh' ? { name: '王芳', tier: 'vip', number: '170****0001' } : { name: 'Emma Smith', tier: 'gold', number: '+1555***0001' }, queue: 'service', lang, intent: 'parcel-track', waited_s: 7, expires_ms: Date.now() + 20_000 });
    const answered = all.findIndex((one) => one.type === 'answered');
    for (const event of all.slice(0, answered - 1)) this.tell({ type: 'call_event', call: LIVE, event });
  }
  /** The answer at once, then the rest as it would happen. */
  answer(): void {
    this.setState('busy');
    const start = this.callEvents.findIndex((one) => one.type === 'answered');
    const base = this.callEvents[start]?.at ?? 0;
    this.callEvents.forEach((event, i) => {
      const send = () => {
        this.tell({ type: 'call_event', call: LIVE, event });
        if (event.type === 'wrap_up_started') this.setState('wrap_up');
      };
      if (i < start - 1) return;
      if (i <= start) send();
      else this.later((event.at - base) / 1000, send);
    });
  }
  hangUp(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.callEvents.slice(this.callEvents.findIndex((one) => one.type === 'call_ended')).forEach((event, i) => this.later(i * 500, () => {
      this.tell({ type: 'call_event', call: LIVE, event });
      if (event.type === 'wrap_up_started') this.setState('wrap_up');
    }));
  }
  view(call: string): CallView {
    const view = emptyView(call);
    for (const event of this.eventsOf(call)) apply(view, event);
    if (call !== LIVE && view.agent) view.ticket = { number: 'T-20261122-014', subject: '物流延迟投诉', body: '客户投诉包裹三天没有更新，已申请优先派送，两个工作日内回复。', priority: 'high' };
    return view;
  }
  eventsOf(call: string): CallEvent[] {
    if (call === LIVE) return this.callEvents.slice(0, this.callEvents.findIndex((one) => one.type === 'offered') + 1);
    const row = data.rows.find((one) => one.call === call);
    return events(call, (row?.agent ? parcelCall : billCall)(row?.lang ?? 'zh', row?.started_ms ?? 0));
  }
  answerSdp(offer: string): Promise<string> {
    if (!this.peer) return Promise.resolve(fakeSdp());
    this.peer.send(JSON.stringify({ offer }));
    return new Promise((resolve) => this.peerWaits.push(resolve));
  }
  captions(socket: WebSocket, query: URLSearchParams, path: string): void {
    void query;
    const lang = path.includes('-en-') ? 'en' : 'zh';
    for (const event of events(path.split('/')[3] ?? '', parcelCall(lang, Date.now()))) {
      if (!SAFE.has(event.type)) continue;
      setTimeout(() => socket.readyState === socket.OPEN && socket.send(JSON.stringify({ type: 'event', event })), event.at / 1000);
    }
  }
}

function routes(mock: Mock): Route[] {
  return [
    ['GET', /^\/api\/company$/, () => ({ body: data.company })],
    ['GET', /^\/api\/me$/, () => (mock.user ? { body: { user: mock.user } } : problem(401, 'Not logged in'))],
    ['POST', /^\/api\/login$/, (_m, body) => {
      const login = data.company.logins?.find((one) => one.name === body.name && one.password === body.password);
      if (!login) return problem(401, 'Wrong name or password');
      mock.user = data.users[login.name] ?? null;
      return { body: { user: mock.user } };
    }],
    ['POST', /^\/api\/logout$/, () => { mock.user = null; return { status: 204 }; }],
    ['GET', /^\/api\/recorded-callers$/, () => ({ body: data.recorded })],
    ['GET', /^\/api\/recorded-callers\/(.+)\.wav$/, (m) => ({ raw: callerWav(data.recorded.find((one) => one.id === m[1])?.seconds ?? 1), headers: { 'content-type': 'audio/wav' } })],
    ['POST', /^\/api\/calls$/, async (_m, body) => {
      if (body.customer === 'c-jones') return { ...problem(503, 'All lines are busy'), headers: { 'content-type': 'application/problem+json', 'retry-after': '30' } };
      return { body: { call: `c-${String(body.lang)}-${Date.now()}`, token: 'mock', sdp: await mock.answerSdp(String(body.sdp)) } };
    }],
    ['POST', /^\/api\/calls\/[^/]+\/(hangup|keys)/, () => ({ status: 204 })],
    ['GET', /^\/api\/agent$/, () => ({ body: { agent: mock.user?.id, state: mock.state, since_ms: mock.since, call: null } })],
    ['POST', /^\/api\/agent\/state$/, (_m, body) => { mock.setState(String(body.state)); return { status: 204 }; }],
    ['POST', /^\/api\/calls\/[^/]+\/accept$/, async (_m, body) => { const sdp = await mock.answerSdp(String(body.sdp)); mock.answer(); return { body: { sdp } }; }],
    ['POST', /^\/api\/calls\/[^/]+\/decline$/, () => { mock.setState('available'); return { status: 204 }; }],
    ['POST', /^\/api\/calls\/[^/]+\/click$/, (_m, body) => click(mock, body)],
    ['GET', /^\/api\/calls\/[^/]+\/ticket-draft$/, () => ({ body: { number: '', subject: '物流延迟投诉：订单 20611018', body: '客户投诉包裹三天没有更新。\n已申请优先派送，并补 20 元运费券。\n两个工作日内电话回复。', priority: 'high' } })],
    ['GET', /^\/api\/customers\/(.+)$/, (m) => ({ body: data.customers[m[1] ?? ''] ?? data.customers['c-wang'] })],
    ['GET', /^\/api\/wallboard$/, () => ({ body: data.wallboard() })],
    ['GET', /^\/api\/calls\?|^\/api\/calls$/, (_m, _b, request) => calls(new URL(request.url ?? '', 'http://x').searchParams)],
    ['GET', /^\/api\/calls\/([^/]+)\/events$/, (m) => ({ body: mock.eventsOf(m[1] ?? '') })],
    ['GET', /^\/api\/calls\/([^/]+)\/peaks/, (m) => { const view = mock.view(m[1] ?? ''); return { body: peaks(view.turns, view.duration_us / 1e6, 800) }; }],
    ['GET', /^\/api\/calls\/([^/]+)\/audio$/, (m, _b, request) => { const view = mock.view(m[1] ?? ''); return ranged(callWav(view.turns, view.duration_us / 1e6), request); }],
    ['GET', /^\/api\/calls\/([^/?]+)$/, (m) => {
      const row = data.rows.find((one) => one.call === m[1]) ?? data.rows[0];
      return m[1] === LIVE || data.rows.some((one) => one.call === m[1]) ? { body: { view: mock.view(m[1] ?? ''), row } } : problem(404, 'No such call', `There is no call ${m[1]}.`, 'Look for it in the list of calls.');
    }],
    ['GET', /^\/api\/report/, () => ({ body: data.report() })],
    ['GET', /^\/api\/intents$/, () => ({ body: data.intents })],
    ['GET', /^\/api\/content$/, () => ({ body: data.content })],
    ['GET', /^\/api\/content\/file/, (_m, _b, request) => { const path = new URL(request.url ?? '', 'http://x').searchParams.get('path') ?? ''; return { body: { path, text: data.fileText(path) } }; }],
    ['PUT', /^\/api\/content\/file$/, (_m, body) => String(body.text).includes('昨天') ? { ...problem(422, 'The file was not saved', 'updated = "昨天" 不是日期', '请写成 2026-11-22 这样的日期。'), body: { title: 'The file was not saved', status: 422, detail: 'updated = "昨天" 不是日期', what_to_do: '请写成 2026-11-22 这样的日期。', line: 3 } } : { body: { ok: true } }],
    ['POST', /^\/api\/ask$/, (_m, body) => ({ body: data.answer(String(body.question)) })],
    ['GET', /^\/api\/gaps$/, () => ({ body: data.gaps })],
    ['GET', /^\/api\/models$/, () => ({ body: [{ name: 'ears-small', task: 'recognizer', ok: true, detail: 'zh, en' }] })],
  ];
}

function click(mock: Mock, body: Record<string, unknown>): Answer {
  const seq = 10_000 + Math.floor(performance.now());
  const event = (kind: object) => mock.tell({ type: 'call_event', call: LIVE, event: { seq, at: 120_000_000, call: LIVE, ...kind } });
  if (body.click === 'hang_up') mock.hangUp();
  if (body.click === 'hold') event({ type: body.on ? 'hold_started' : 'hold_ended', by: 2 });
  if (body.click === 'summary') event({ type: 'summary_edited', sentences: body.sentences, by: mock.user?.id });
  if (body.click === 'ticket') event({ type: 'ticket_created', ticket: { ...(body.ticket as object), number: 'T-20261122-015' }, by: mock.user?.id });
  if (body.click === 'wrap_up') mock.setState('available');
  return { status: 204 };
}

function calls(query: URLSearchParams): Answer {
  const want = (name: string) => query.get(name) ?? '';
  const band = (mood: number | null | undefined) => (mood === null || mood === undefined ? '' : mood < -20 ? 'low' : mood > 20 ? 'high' : 'mid');
  const found = data.rows.filter((row) => (!want('lang') || row.lang === want('lang')) && (!want('agent') || row.agent === want('agent')) && (!want('intent') || row.intent === want('intent'))
    && (!want('outcome') || row.outcome === want('outcome')) && (!want('mood') || band(row.mood) === want('mood')) && (!want('q') || `${row.summary}${row.customer_name}`.includes(want('q'))));
  const from = Number(want('cursor') || 0);
  const to = from + Number(want('limit') || 25);
  return { body: { calls: found.slice(from, to), next: to < found.length ? String(to) : null } };
}

function ranged(sound: Buffer, request: IncomingMessage): Answer {
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const headers = { 'content-type': 'audio/wav', 'accept-ranges': 'bytes' };
  if (!range) return { raw: sound, headers };
  const from = Number(range[1]);
  const to = range[2] ? Number(range[2]) : sound.length - 1;
  return { status: 206, raw: sound.subarray(from, to + 1), headers: { ...headers, 'content-range': `bytes ${from}-${to}/${sound.length}` } };
}

async function serve(table: Route[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = chunks.length ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
  const path = request.url ?? '';
  const bare = path.split('?')[0] ?? '';
  if (request.method !== 'GET' && request.headers['x-sidetone'] !== '1') {
    response.writeHead(403).end();
    return;
  }
  for (const [method, pattern, handle] of table) {
    const match = pattern.exec(bare) ?? pattern.exec(path);
    if (method !== request.method || !match) continue;
    const answer = await handle([...match], body, request);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.raw ?? (answer.body === undefined ? undefined : JSON.stringify(answer.body)));
    return;
  }
  response.writeHead(404).end();
}

function sockets(mock: Mock, server: Server): void {
  const wss = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (!url.pathname.startsWith('/api/') && url.pathname !== '/dev/peer') return;
    wss.handleUpgrade(request, socket, head, (one) => {
      if (url.pathname === '/dev/peer') {
        mock.peer = one;
        one.on('message', (text) => mock.peerWaits.shift()?.((JSON.parse(String(text)) as { answer: string }).answer));
        one.on('close', () => (mock.peer = undefined));
      } else if (url.pathname === '/api/live') {
        mock.live.add(one);
        const board = setInterval(() => mock.user && mock.user.role !== 'agent' && one.send(JSON.stringify({ type: 'wallboard', board: data.wallboard() })), 1000);
        one.on('message', (text) => {
          const message = JSON.parse(String(text)) as { type: string; call: string };
          if (message.type !== 'watch') return;
          for (const event of events(message.call, parcelCall('zh', Date.now() - 90_000)).slice(0, 60)) one.send(JSON.stringify({ type: 'call_event', call: message.call, event }));
        });
        one.on('close', () => { clearInterval(board); mock.live.delete(one); });
      } else mock.captions(one, url.searchParams, url.pathname);
    });
  });
}

export function mock(): Plugin {
  const one = new Mock();
  const table = routes(one);
  const install = (server: { httpServer: unknown; middlewares: { use: (handle: (request: IncomingMessage, response: ServerResponse, next: () => void) => void) => void } }, csp: boolean) => {
    if (server.httpServer) sockets(one, server.httpServer as Server);
    server.middlewares.use((request, response, next) => {
      if (csp) response.setHeader('content-security-policy', "default-src 'self'");
      if (request.url?.startsWith('/api/')) void serve(table, request, response);
      else next();
    });
  };
  return {
    name: 'sidetone-mock',
    configureServer: (server) => install(server, false),
    // `vite preview --mode mock` shows the built pages under the engine's content policy.
    configurePreviewServer: (server) => install(server, true),
  };
}
