// Language and colours of the page: the browser's by default, the person's choice once made.

import type { Lang } from '../api/event';
import { messages, type MessageKey } from '../i18n';

export type Theme = 'light' | 'dark';

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // Storage may be forbidden; the page then forgets the choice.
  }
}
function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // See above.
  }
}

function firstLang(): Lang {
  const chosen = stored('sidetone.lang');
  if (chosen === 'zh' || chosen === 'en') return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}
function firstTheme(): Theme {
  const chosen = stored('sidetone.theme');
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

class Prefs {
  lang = $state<Lang>(firstLang());
  theme = $state<Theme>(firstTheme());

  constructor() {
    this.#show();
  }
  setLang(lang: Lang): void {
    this.lang = lang;
    store('sidetone.lang', lang);
    this.#show();
  }
  setTheme(theme: Theme): void {
    this.theme = theme;
    store('sidetone.theme', theme);
    this.#show();
  }
  #show(): void {
    document.documentElement.lang = this.lang === 'zh' ? 'zh-CN' : 'en';
    document.documentElement.dataset.theme = this.theme;
  }
}
export const prefs = new Prefs();

type Values = Record<string, string | number>;

/** A message in the page's language, `{name}` replaced by the value of that name. */
export function t(key: MessageKey, values: Values = {}): string {
  return messages[key][prefs.lang].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A message whose key is made at run time; `fallback` where the table has none. */
export function tMaybe(key: string, fallback: string): string {
  return key in messages ? t(key as MessageKey) : fallback;
}

/** The one of `thing_zh` and `thing_en` that the reader wants; the other where that is missing. */
export function pick(zh: string | null | undefined, en: string | null | undefined): string {
  return (prefs.lang === 'zh' ? zh || en : en || zh) ?? '';
}
