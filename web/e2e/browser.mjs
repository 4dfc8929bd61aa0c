// Chromium with a WAV as its microphone, and an ear on what the page plays.

import { chromium } from 'playwright-core';

import { until } from './engine.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
];

/**
 * Opens a browser of its own whose microphone plays `wav` once, from the moment a page asks for it.
 * `people` of one browser share the microphone and nothing else.
 */
export async function openBrowser({ wav, deny = false } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      ...FLAGS,
      `--use-fake-ui-for-media-stream${deny ? '=deny' : ''}`,
      ...(wav ? [`--use-file-for-fake-audio-capture=${wav}%noloop`] : []),
    ],
  });
  const pages = [];
  const errors = [];
  return {
    pages,
    errors,
    /** A page of a new person: their language, their window, their log-in's cookie. */
    async newPage({ lang = 'zh-CN', width = 1440, height = 900, cookies = [] } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, locale: lang, permissions: deny ? [] : ['microphone'] });
      await context.addCookies(cookies);
      await context.addInitScript(listen);
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (line) => {
        // The browser itself writes a line for each answer over 399; the log-in page asks who is there.
        if (line.type() === 'error' && !line.text().includes('401')) errors.push(`${line.text()} (${line.location().url})`);
      });
      pages.push(page);
      return page;
    },
    close: () => browser.close(),
  };
}

/** Runs in the page: measures the level of every remote track, 20 times a second; keeps the players. */
function listen() {
  window.heard = [];
  window.players = [];
  window.Audio = new Proxy(window.Audio, {
    construct(Original, args) {
      const player = new Original(...args);
      window.players.push(player);
      return player;
    },
  });
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      window.peer = this;
      this.addEventListener('track', ({ track }) => {
        const context = new AudioContext();
        const meter = context.createAnalyser();
        meter.fftSize = 2048;
        context.createMediaStreamSource(new MediaStream([track])).connect(meter);
        const samples = new Float32Array(meter.fftSize);
        const timer = setInterval(() => {
          meter.getFloatTimeDomainData(samples);
          const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
          window.heard.push({ at_ms: performance.now(), level_db: 10 * Math.log10(power + 1e-12) });
          if (track.readyState === 'ended') clearInterval(timer);
        }, 50);
      });
    }
  };
}

/** Seconds of sound above −45 dB that the page has heard since `from_ms` (its own clock). */
export async function secondsHeard(page, from_ms = 0) {
  return page.evaluate((from) => window.heard.filter((one) => one.at_ms >= from && one.level_db > -45).length * 0.05, from_ms);
}

/** Seconds heard on each page while both are listened to for `ms`. */
export async function hearFor(ms, ...pages) {
  const from = await Promise.all(pages.map(clock));
  await new Promise((done) => setTimeout(done, ms));
  return Promise.all(pages.map((page, i) => secondsHeard(page, from[i])));
}

/**
 * Waits until nothing has been heard on the page for a second. What was under way when a sound was switched off still
 * plays out; on a busy machine the browser's buffer holds more than half a second of it.
 */
export async function fallenSilent(page, within_ms = 4000) {
  await until('the sound to stop', within_ms, async () => {
    const now = await clock(page);
    await page.waitForTimeout(1000);
    return (await secondsHeard(page, now)) === 0;
  });
}

/** The page's clock. */
export const clock = (page) => page.evaluate(() => performance.now());

/** Roles that a person operates; each must have a name to be called by. */
const NAMELESS = /^ *- (button|link|textbox|searchbox|combobox|checkbox|radio|slider|tab)(:|\s\[|$).*(\n +- \/url.*)?/gm;

/** What is wrong with a page as it stands: sideways scrolling, controls without a name. */
export async function faults(page) {
  const found = [];
  const [wide, seen] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  if (wide > seen) found.push(`scrolls sideways: ${wide} px in a window of ${seen} px`);
  const tree = await page.locator('body').ariaSnapshot();
  for (const [line] of tree.matchAll(NAMELESS)) found.push(`without a name: ${line.trim().replace(/\s+/g, ' ')}`);
  return found;
}
