import { describe, expect, it } from 'vitest';
import { clock, date, dateTime, duration, initials, isoDay, mark, money, moodBand, number, percent, plain, signed } from './format';

describe('format', () => {
  it('shows a running clock', () => {
    expect([0, 7.9, 760, 3729, -3].map(clock)).toEqual(['0:00', '0:07', '12:40', '1:02:09', '0:00']);
  });
  it('says how long in both languages', () => {
    expect(duration(45, 'en')).toBe('45 s');
    expect(duration(185, 'en')).toBe('3 min 05 s');
    expect(duration(185, 'zh')).toBe('3分05秒');
    expect(duration(3720, 'zh')).toBe('1小时02分');
    expect(duration(null, 'en')).toBe('–');
    expect(duration(59.7, 'en')).toBe('1 min 00 s');
  });
  it('shows shares, and a dash where there is too little data', () => {
    expect(percent(0.923, 'en')).toBe('92%');
    expect(percent(0.042, 'en')).toBe('4.2%');
    expect(percent(0, 'en')).toBe('0%');
    expect(percent(null, 'zh')).toBe('–');
    expect(number(12345.67, 'en')).toBe('12,345.7');
  });
  it('signs a mood with a real minus', () => {
    expect([12, -40.4, 0, null].map(signed)).toEqual(['+12', '−40', '0', '–']);
    expect([-100, -21, -20, 20, 21].map(moodBand)).toEqual(['low', 'low', 'mid', 'mid', 'high']);
  });
  it('writes money and days', () => {
    expect(money(48374, 'zh')).toBe('¥483.74');
    expect(money(undefined, 'en')).toBe('–');
    expect(date('2026-11-22', 'en')).toBe('22 Nov 2026');
    expect(date('soon', 'en')).toBe('soon');
    expect(dateTime(Date.UTC(2026, 10, 22, 1, 5), 'en', 'UTC')).toBe('22 Nov, 01:05');
    expect(isoDay(new Date(2026, 0, 3, 23, 59).getTime())).toBe('2026-01-03');
  });
  it('reads ids and names', () => {
    expect(plain('refund-how_long')).toBe('refund how long');
    expect(initials('王芳')).toBe('芳');
    expect(initials('Emma Smith')).toBe('ES');
    expect(initials('Ann')).toBe('A');
    expect(initials(' ')).toBe('?');
  });
  it('marks the terms that matched', () => {
    expect(mark('退款多久到账', ['退款', '到账'])).toEqual([
      { text: '退款', hit: true },
      { text: '多久', hit: false },
      { text: '到账', hit: true },
    ]);
    expect(mark('I think in terms of Refunds', ['in', 'refund'])).toEqual([
      { text: 'I think ', hit: false },
      { text: 'in', hit: true },
      { text: ' terms of ', hit: false },
      { text: 'Refund', hit: true },
      { text: 's', hit: false },
    ]);
    expect(mark('a+b', ['+', ''])).toEqual([
      { text: 'a', hit: false },
      { text: '+', hit: true },
      { text: 'b', hit: false },
    ]);
    expect(mark('plain', [])).toEqual([{ text: 'plain', hit: false }]);
  });
});
