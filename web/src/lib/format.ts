// Numbers, times and names as people read them. Pure: language and clock come in as arguments.

import type { Lang } from '../api/event';

const LOCALE: Record<Lang, string> = { zh: 'zh-CN', en: 'en-GB' };

/** `0:07`, `12:40`, `1:02:09` */
export function clock(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const h = Math.floor(all / 3600);
  const m = Math.floor((all % 3600) / 60);
  const s = String(all % 60).padStart(2, '0');
  return h ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** `45 s`, `3 min 05 s`, `1 h 02 min`; a dash where there is nothing to say. */
export function duration(seconds: number | null | undefined, lang: Lang): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const all = Math.max(0, Math.round(seconds));
  const [hour, minute, second] = lang === 'zh' ? ['小时', '分', '秒'] : [' h', ' min', ' s'];
  const gap = lang === 'zh' ? '' : ' ';
  const two = (n: number) => String(n).padStart(2, '0');
  if (all < 60) return `${all}${second}`;
  if (all < 3600) return `${Math.floor(all / 60)}${minute}${gap}${two(all % 60)}${second}`;
  return `${Math.floor(all / 3600)}${hour}${gap}${two(Math.floor((all % 3600) / 60))}${minute}`;
}

/** A share 0..1 as a percentage; a dash where there is too little to say. */
export function percent(share: number | null | undefined, lang: Lang): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  return new Intl.NumberFormat(LOCALE[lang], { style: 'percent', maximumFractionDigits: share < 0.1 && share > 0 ? 1 : 0 }).format(share);
}

export function number(value: number | null | undefined, lang: Lang): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return new Intl.NumberFormat(LOCALE[lang], { maximumFractionDigits: 1 }).format(value);
}

/** `+12`, `−40`, `0`, with a real minus sign. */
export function signed(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const whole = Math.round(value);
  return whole > 0 ? `+${whole}` : whole < 0 ? `−${-whole}` : '0';
}

export function money(cents: number | undefined, lang: Lang): string {
  if (cents === undefined) return '–';
  return new Intl.NumberFormat(LOCALE[lang], { style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol' }).format(cents / 100);
}

export function dateTime(ms: number, lang: Lang, timeZone?: string): string {
  return new Intl.DateTimeFormat(LOCALE[lang], {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZone,
  }).format(ms);
}

export function timeOfDay(ms: number, lang: Lang, timeZone?: string): string {
  return new Intl.DateTimeFormat(LOCALE[lang], { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone }).format(ms);
}

export function date(value: string | number, lang: Lang): string {
  const ms = typeof value === 'number' ? value : Date.parse(value.length === 10 ? `${value}T12:00:00` : value);
  if (!Number.isFinite(ms)) return String(value);
  return new Intl.DateTimeFormat(LOCALE[lang], { year: 'numeric', month: 'short', day: 'numeric' }).format(ms);
}

/** `2026-11-22` in the reader's own zone. */
export function isoDay(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** An id nobody gave a title: `refund-how-long` reads as `refund how long`. */
export function plain(id: string): string {
  return id.replace(/[-_]+/g, ' ').trim();
}

/** The same bands as the engine's filter: below −20, up to 20, above. */
export type MoodBand = 'low' | 'mid' | 'high';
export function moodBand(score: number): MoodBand {
  return score < -20 ? 'low' : score > 20 ? 'high' : 'mid';
}

/** The letters of a name for a badge: 王芳 → 芳, Emma Smith → ES. */
export function initials(name: string): string {
  const trimmed = name.trim();
  if (!trimmed) return '?';
  if (/\p{Script=Han}/u.test(trimmed)) return [...trimmed].at(-1) ?? '?';
  const words = trimmed.split(/\s+/);
  return ((words[0]?.[0] ?? '') + (words.length > 1 ? (words.at(-1)?.[0] ?? '') : '')).toUpperCase();
}

export interface Marked {
  text: string;
  hit: boolean;
}
/** Cuts a text at the places where one of `terms` occurs, whatever its case. */
export function mark(text: string, terms: string[]): Marked[] {
  const wanted = [...new Set(terms.map((one) => one.trim()).filter(Boolean))].sort((a, b) => b.length - a.length);
  if (!wanted.length) return [{ text, hit: false }];
  const escaped = wanted.map((one) => {
    const safe = one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    // Latin terms match whole words' beginnings only, so that "in" does not light up "think".
    return /^[\p{Script=Latin}\d]/u.test(one) ? `(?<![\\p{L}\\d])${safe}` : safe;
  });
  const parts: Marked[] = [];
  let from = 0;
  for (const found of text.matchAll(new RegExp(escaped.join('|'), 'giu'))) {
    if (found.index > from) parts.push({ text: text.slice(from, found.index), hit: false });
    parts.push({ text: found[0], hit: true });
    from = found.index + found[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), hit: false });
  return parts;
}
