// Every address of the engine, in one place. Tested in `paths.test.ts`.

import type { CallFilter } from './types';

const id = encodeURIComponent;

/** `?a=1&b=2` of what is set; nothing for an empty object. */
export function query(values: Record<string, string | number | undefined | null>): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== '') parts.set(name, String(value));
  }
  const text = parts.toString();
  return text ? `?${text}` : '';
}

export const api = {
  company: () => '/api/company',
  login: () => '/api/login',
  logout: () => '/api/logout',
  me: () => '/api/me',

  calls: (filter: CallFilter = {}) => `/api/calls${query({ ...filter })}`,
  startCall: () => '/api/calls',
  call: (call: string) => `/api/calls/${id(call)}`,
  callEvents: (call: string) => `/api/calls/${id(call)}/events`,
  callAudio: (call: string) => `/api/calls/${id(call)}/audio`,
  callPeaks: (call: string, n: number) => `/api/calls/${id(call)}/peaks${query({ n })}`,
  callAccept: (call: string) => `/api/calls/${id(call)}/accept`,
  callDecline: (call: string) => `/api/calls/${id(call)}/decline`,
  callClick: (call: string) => `/api/calls/${id(call)}/click`,
  transferOut: (call: string) => `/api/calls/${id(call)}/transfer-out`,
  supervise: (call: string) => `/api/calls/${id(call)}/supervise`,
  transferTargets: () => '/api/transfer-targets',
  ticketDraft: (call: string) => `/api/calls/${id(call)}/ticket-draft`,

  captions: (call: string, token: string) => `/api/calls/${id(call)}/captions${query({ token })}`,
  callerHangup: (call: string, token: string) => `/api/calls/${id(call)}/hangup${query({ token })}`,
  callerKeys: (call: string, token: string) => `/api/calls/${id(call)}/keys${query({ token })}`,
  recordedCallers: () => '/api/recorded-callers',

  live: () => '/api/live',
  agent: () => '/api/agent',
  agentState: () => '/api/agent/state',
  customer: (customer: string) => `/api/customers/${id(customer)}`,

  wallboard: () => '/api/wallboard',
  report: (from: string, to: string) => `/api/report${query({ from, to })}`,
  intents: () => '/api/intents',

  content: () => '/api/content',
  contentFile: (path?: string) => `/api/content/file${query({ path })}`,
  ask: () => '/api/ask',
  gaps: () => '/api/gaps',
  models: () => '/api/models',
} as const;

/** The WebSocket address of a path on the page's own host. */
export function socketUrl(path: string, page: { protocol: string; host: string }): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}${path}`;
}

/** The pages' own addresses. */
export const page = {
  caller: () => '/',
  login: () => '/login',
  agent: () => '/agent',
  supervisor: () => '/supervisor',
  calls: (filter: CallFilter = {}) => `/calls${query({ ...filter })}`,
  call: (call: string, at_s?: number) => `/calls/${id(call)}${query({ t: at_s })}`,
  report: () => '/report',
  content: (path?: string) => `/content${query({ path })}`,
  ask: (q?: string) => `/ask${query({ q })}`,
} as const;
