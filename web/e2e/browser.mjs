// Chromium with a WAV as its microphone, and an ear on what the page plays.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
];

/** Opens a browser of its own whose microphone plays `wav` once. */
export async function openBrowser(wav, { lang = 'zh-CN', width = 1440, height = 900 } = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'sidetone-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...(wav ? [`--use-file-for-fake-audio-capture=${wav}%noloop`] : [])],
    viewport: { width, height },
    locale: lang,
    permissions: ['microphone'],
  });
  await context.addInitScript(listen);
  const page = context.pages()[0] ?? (await context.newPage());
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (line) => {
    if (line.type() === 'error' && !line.text().includes('401')) errors.push(line.text());
  });
  return { page, errors, close: () => context.close() };
}

/** Runs in the page: measures the level of every remote track, 20 times a second. */
function listen() {
  window.heard = [];
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
        const spectrum = new Float32Array(meter.frequencyBinCount);
        const timer = setInterval(() => {
          meter.getFloatTimeDomainData(samples);
          meter.getFloatFrequencyData(spectrum);
          const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
          let peak = 0;
          for (let bin = 1; bin < spectrum.length; bin++) if (spectrum[bin] > spectrum[peak]) peak = bin;
          window.heard.push({
            at_ms: performance.now(),
            level_db: 10 * Math.log10(power + 1e-12),
            peak_hz: (peak * context.sampleRate) / meter.fftSize,
          });
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

/** The page's clock. */
export const clock = (page) => page.evaluate(() => performance.now());

/** Lost packets and concealed share of what the page received. */
export async function quality(page) {
  return page.evaluate(async () => {
    for (const report of (await window.peer.getStats()).values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'audio') {
        return { received: report.packetsReceived, lost: report.packetsLost, concealed: report.concealedSamples / Math.max(1, report.totalSamplesReceived) };
      }
    }
    return null;
  });
}
