// The typed client. One function per address; every failure becomes a `Problem`.

import { api } from './paths';
import type { AgentAction, CallEvent, Lang, SuperviseMode, Ticket } from './event';
import type * as T from './types';

/** An RFC 9457 problem, or what the page makes of a failure that never reached the engine. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly what_to_do: string | undefined,
    readonly retry_after_s: number | undefined,
    /** Members beyond the standard ones, such as `line` and `reason` of a content file. */
    readonly more: Record<string, unknown> = {},
  ) {
    super(detail || title);
  }
  /** The engine could not be reached at all. */
  get offline(): boolean {
    return this.status === 0;
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  const retry = Number(answer.headers.get('retry-after'));
  const retryAfter = Number.isFinite(retry) && retry > 0 ? retry : undefined;
  const kind = answer.headers.get('content-type') ?? '';
  if (kind.includes('json')) {
    try {
      const body = (await answer.json()) as Record<string, unknown>;
      const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : '');
      return new Problem(
        answer.status,
        text('title') || answer.statusText,
        text('detail'),
        text('what_to_do') || undefined,
        retryAfter,
        body,
      );
    } catch {
      // Announced as JSON and is not: the status line is all there is to show.
    }
  }
  return new Problem(answer.status, answer.statusText || `HTTP ${answer.status}`, '', undefined, retryAfter);
}

async function request<R>(path: string, init: RequestInit = {}): Promise<R> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Problem(0, '', '', undefined, undefined);
  }
  if (!answer.ok) throw await problemOf(answer);
  if (answer.status === 204) return undefined as R;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as R;
}

const get = <R>(path: string, signal?: AbortSignal) => request<R>(path, signal ? { signal } : {});

function send<R>(method: 'POST' | 'PUT', path: string, body?: unknown, keepalive = false): Promise<R> {
  const headers: Record<string, string> = { 'X-Sidetone': '1' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  return request<R>(path, {
    method,
    headers,
    keepalive,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
const post = <R>(path: string, body?: unknown, keepalive = false) => send<R>('POST', path, body, keepalive);

export const client = {
  company: () => get<T.Company>(api.company()),
  login: (name: string, password: string) => post<{ user: T.User }>(api.login(), { name, password }),
  logout: () => post<void>(api.logout()),
  me: () => get<{ user: T.User }>(api.me()),

  startCall: (sdp: string, lang: Lang, customer?: string) =>
    post<{ call: string; token: string; sdp: string }>(api.startCall(), {
      sdp,
      lang,
      ...(customer ? { customer } : {}),
    }),
  callerHangup: (call: string, token: string) => post<void>(api.callerHangup(call, token), undefined, true),
  callerKey: (call: string, token: string, key: string) => post<void>(api.callerKeys(call, token), { key }),
  recordedCallers: async () => {
    const all = await get<(T.RecordedCaller & { cue?: T.Cue[] })[]>(api.recordedCallers());
    // The files of recorded callers call the list `cue`, and so may an engine that hands them on.
    return all.map((one): T.RecordedCaller => ({ ...one, cues: one.cues ?? one.cue ?? [] }));
  },

  agent: () => get<{ agent: string; state: T.AgentState; since_ms: number; call?: T.CallView | null }>(api.agent()),
  setAgentState: (state: T.ChosenState) => post<{ state?: T.AgentState } | undefined>(api.agentState(), { state }),
  /** `back`: the agent is on this call already and takes its sound to this page. */
  accept: (call: string, sdp: string, back = false) => post<{ sdp: string }>(api.callAccept(call), { sdp, back }),
  transferTargets: () => get<T.TransferTargets>(api.transferTargets()),
  transferOut: (call: string, number: string, consult: boolean) => post<void>(api.transferOut(call), { number, consult }),
  supervise: (call: string, sdp: string, mode: SuperviseMode) => post<{ sdp: string }>(api.supervise(call), { sdp, mode }),
  decline: (call: string) => post<void>(api.callDecline(call)),
  click: (call: string, action: AgentAction) => post<void>(api.callClick(call), action),
  ticketDraft: (call: string) => get<Ticket>(api.ticketDraft(call)),
  customer: (customer: string) => get<T.Customer>(api.customer(customer)),

  wallboard: () => get<T.Wallboard>(api.wallboard()),
  calls: (filter: T.CallFilter, signal?: AbortSignal) =>
    get<{ calls: T.CallRow[]; next?: string | null }>(api.calls(filter), signal),
  call: (call: string) => get<{ view: T.CallView; row: T.CallRow }>(api.call(call)),
  callEvents: (call: string) => get<CallEvent[]>(api.callEvents(call)),
  peaks: (call: string, n: number) => get<T.Peaks>(api.callPeaks(call, n)),
  report: (from: string, to: string) => get<T.Report>(api.report(from, to)),
  intents: () => get<T.IntentTitle[]>(api.intents()),

  content: () => get<T.ContentStatus>(api.content()),
  contentFile: (path: string) => get<{ path: string; text: string }>(api.contentFile(path)),
  saveContentFile: (path: string, text: string) => send<{ ok: boolean }>('PUT', api.contentFile(), { path, text }),
  ask: (question: string, lang: Lang) => post<T.AskAnswer>(api.ask(), { question, lang }),
  gaps: () => get<T.Gap[]>(api.gaps()),
  models: () => get<T.ModelStatus[]>(api.models()),
};
