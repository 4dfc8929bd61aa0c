import { describe, expect, it } from 'vitest';
import { fitting, linePath, peakPath, ticks } from './chart';

describe('chart', () => {
  it('rounds the axis up', () => {
    expect(ticks(418)).toEqual([0, 200, 400, 600]);
    expect(ticks(400)).toEqual([0, 100, 200, 300, 400]);
    expect(ticks(0.95)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(ticks(0)).toEqual([0, 1]);
    expect(ticks(Number.NaN)).toEqual([0, 1]);
  });
  it('breaks a line where a value is missing', () => {
    expect(linePath([1, null, 3, 4], (i) => i * 10, (v) => 10 - v)).toBe('M0.0 9.0M20.0 7.0L30.0 6.0');
  });
  it('draws peaks within their half', () => {
    expect(peakPath([50, 200], 10, 20, 10, -1)).toBe('M0 20L0.0 15.0L4.0 15.0L5.0 10.0L9.0 10.0L10 20Z');
    expect(peakPath([], 10, 20, 10, 1)).toBe('');
  });
  it('thins labels and keeps the last', () => {
    expect(fitting(10, 200, 40)).toEqual([1, 3, 5, 7, 9]);
    expect(fitting(3, 500, 40)).toEqual([0, 1, 2]);
  });
});
