import { describe, expect, it } from 'vitest';
import { api, page, query, socketUrl } from './paths';

describe('paths', () => {
  it('leaves out what is not set and escapes what is', () => {
    expect(query({})).toBe('');
    expect(query({ a: undefined, b: '', c: null })).toBe('');
    expect(query({ q: '2023年10月 退款', limit: 0 })).toBe(
      '?q=2023%E5%B9%B410%E6%9C%88+%E9%80%80%E6%AC%BE&limit=0',
    );
  });

  it('escapes ids, so that an id cannot leave its place', () => {
    expect(api.call('../me')).toBe('/api/calls/..%2Fme');
    expect(api.callPeaks('c 1', 800)).toBe('/api/calls/c%201/peaks?n=800');
    expect(api.captions('c1', 'a&b')).toBe('/api/calls/c1/captions?token=a%26b');
    expect(api.callerKeys('c1', 't')).toBe('/api/calls/c1/keys?token=t');
    expect(api.contentFile('knowledge/zh-CN/a b.md')).toBe(
      '/api/content/file?path=knowledge%2Fzh-CN%2Fa+b.md',
    );
    expect(api.contentFile()).toBe('/api/content/file');
  });

  it('builds the list and the report', () => {
    expect(api.calls({ mood: 'low', lang: 'zh', limit: 50 })).toBe('/api/calls?mood=low&lang=zh&limit=50');
    expect(api.report('2026-11-01', '2026-11-22')).toBe('/api/report?from=2026-11-01&to=2026-11-22');
  });

  it('builds the addresses of pages', () => {
    expect(page.call('c1', 12.5)).toBe('/calls/c1?t=12.5');
    expect(page.call('c1')).toBe('/calls/c1');
    expect(page.calls({ intent: 'bill-query' })).toBe('/calls?intent=bill-query');
  });

  it('follows the page from http to ws and from https to wss', () => {
    expect(socketUrl('/api/live', { protocol: 'http:', host: 'localhost:8080' })).toBe('ws://localhost:8080/api/live');
    expect(socketUrl('/api/live', { protocol: 'https:', host: 'desk.example' })).toBe('wss://desk.example/api/live');
  });
});
