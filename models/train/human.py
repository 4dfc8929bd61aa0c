"""Licensed human recordings, cut and joined into utterances with known word times.

Why: synthetic voices alone do not carry over to people. Four small sources (see README.md) are mixed in; single words, digits
and syllables are spliced, so that few recordings give many utterances. Recordings in the never-train list are left out.
"""
import csv
import glob
import os
import re
import wave
from math import gcd

import numpy as np
from scipy import signal

import engines
import text_en

LEFT_OUT = 'nicolas'            # this speaker of the digits is never trained on, to show what an unknown speaker gets
DIGIT_TAKE_FROM = 15            # takes below are test and development data


def read(path):
    """Any recording -> 8 kHz float mono, trimmed."""
    if path.endswith('.wav'):
        with wave.open(path) as w:
            sr = w.getframerate()
            x = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32).reshape(-1, w.getnchannels()).mean(1) / 32768
    else:
        import soundfile
        x, sr = soundfile.read(path, dtype='float32')
        x = x if x.ndim == 1 else x.mean(1)
    if sr != 8000:
        k = gcd(sr, 8000)
        x = signal.resample_poly(x, 8000 // k, sr // k).astype(np.float32)
    return trim(x)


def trim(x):
    """Cut the quiet ends (40 dB below the loudest 20 ms)."""
    n = len(x) // 160
    if n < 3:
        return x
    e = (x[:n * 160].reshape(n, 160) ** 2).mean(1)
    on = np.flatnonzero(e > e.max() * 1e-4)
    return x[max(0, on[0] * 160 - 160):(on[-1] + 2) * 160]


def never(path):
    """{set: names} of recordings that must stay out."""
    out = {}
    for row in csv.DictReader(open(path), delimiter='\t'):
        out.setdefault(row['set'], set()).add(row['clip'])
    return out


def spoken(text):
    """A prompt's text in spoken form, or None when that is not certain."""
    t = re.sub(r"\(.*?\)|\.\.\.", ' ', text).strip()
    if re.search(r'[\[\]<>*#&@/$%+=_]', t) or re.search('[A-Z]{2}', t.replace('PIN', 'pin')):
        return None
    t = re.sub(r'\d{1,2}', lambda m: ' ' + text_en.number(int(m.group())) + ' ', t) if not re.search(r'\d{3}', t) else t
    t = re.sub(r"[^a-z' 0-9]+", ' ', t.lower().replace('-', ' ').replace('’', "'"))
    t = ' '.join(t.split())
    return t if t and not re.search(r"\d|(^| )'|'( |$)", t) else None


def load_prompts(folder, banned):
    """[(text, path)] of the telephone prompts."""
    out = []
    for f in ('core-sounds-en.txt', 'extra-sounds-en.txt'):
        for line in open(os.path.join(folder, f), encoding='utf8', errors='replace'):
            if ':' not in line or line.startswith((';', ' ')):
                continue
            key, text = line.split(':', 1)
            p, t = os.path.join(folder, key.strip() + '.wav'), spoken(text)
            if t and key.strip() not in banned and os.path.basename(key.strip()) not in banned and os.path.exists(p):
                out.append((t, p))
    return out


class Humans:
    """The recordings, read once when first used."""

    def __init__(self, root, never_file, cache=None):
        ban = never(never_file)
        self.cache = {}
        self.digits = {}
        for p in sorted(glob.glob(root + '/Jakobovski+free-spoken-digit-dataset/recordings/*.wav')):
            d, who, take = os.path.basename(p)[:-4].split('_')
            if int(take) >= DIGIT_TAKE_FROM and who != LEFT_OUT:
                self.digits.setdefault(who, {}).setdefault(int(d), []).append(p)
        base = root + '/hugolpz+audio-cmn/64k/'
        bad = {x.removeprefix('cmn-') for x in ban.get('zh_words', ())}
        self.words = {os.path.basename(p)[4:-4]: p for p in sorted(glob.glob(base + 'hsk/cmn-*.mp3'))}
        self.words = {w: p for w, p in self.words.items() if w not in bad and re.fullmatch(r'[\u4e00-\u9fff]{1,5}', w)}
        self.wordlist = sorted(self.words)
        self.syllables = {os.path.basename(p)[4:-4]: p for p in sorted(glob.glob(base + 'syllabs/cmn-*.mp3'))}
        self.prompts = load_prompts(root + '/wehup+asterisk-sounds/en', ban.get('asterisk_prompts', ()))

    def clip(self, path):
        """One recording, kept in memory as 16-bit."""
        if path not in self.cache:
            self.cache[path] = np.clip(np.round(read(path) * 32767), -32768, 32767).astype(np.int16)
        return self.cache[path].astype(np.float32) / 32768

    def digit_string(self, r):
        """One speaker says one to eight digits: (sound, text, times of the words in samples)."""
        who = r.choice(sorted(self.digits))
        n = 1 if r.random() < .6 else r.randint(2, 8)
        ds = [r.randrange(10) for _ in range(n)]
        x, times = join([self.clip(r.choice(self.digits[who][d])) for d in ds], r)
        return x, ' '.join(text_en.ONES[d] for d in ds), times, 'h-fsdd-' + who

    def prompt(self, r):
        """A whole prompt, or two short ones after each other; word times are not known."""
        while True:
            t, p = r.choice(self.prompts)
            x = self.clip(p)
            if len(x) > 8000 * 9.3:
                continue
            if len(x) < 8000 * 2 and r.random() < .5:
                t2, p2 = r.choice(self.prompts)
                y = self.clip(p2)
                if len(y) < 8000 * 3:
                    x, times = join([x, y], r)
                    return x, t + ' ' + t2, spread(times, [t, t2]), 'h-prompt'
            return x, t, spread([(0, len(x))], [t]), 'h-prompt'

    def word(self, r):
        """One to three Mandarin words of one speaker."""
        ws = [r.choice(self.wordlist) for _ in range(r.choice([1, 1, 1, 2, 3]))]
        x, times = join([self.clip(self.words[w]) for w in ws], r)
        return x, ''.join(ws), spread(times, ws), 'h-words'

    def segment(self, text):
        """Longest-match cut of the text into recorded words; None when a character is missing."""
        out, i = [], 0
        while i < len(text):
            for n in (4, 3, 2, 1):
                if text[i:i + n] in self.words:
                    out.append(text[i:i + n])
                    i += n
                    break
            else:
                return None
        return out

    def sentence(self, text, r):
        """A sentence spliced from recorded words."""
        ws = self.segment(text)
        if not ws or len(ws) > 14:
            return None
        x, times = join([self.clip(self.words[w]) for w in ws], r, fast=True)
        return x, text, spread(times, ws), 'h-spliced'

    def syllable_sentence(self, text, r):
        """A sentence spliced from the recorded syllables of another speaker."""
        keys = [s.replace('5', '1') for s in engines.pinyin(text)]
        if len(keys) > 16 or any(k not in self.syllables for k in keys):
            return None
        x, times = join([self.clip(self.syllables[k]) for k in keys], r, fast=True)
        return x, text, times, 'h-syllables'


def join(clips, r, fast=False):
    """Put clips after each other with gaps or small overlaps: (sound, [(start, end)])."""
    gap = r.choice([0, 0, r.uniform(0, 120), r.uniform(50, 350)]) if not fast else r.choice([0, 0, 0, r.uniform(0, 60)])
    over = r.uniform(.05, .22) if fast else r.uniform(0, .06)
    out, times = np.zeros(0, np.float32), []
    for c in clips:
        c = c * 10 ** (r.uniform(-3, 3) / 20) / (np.sqrt((c ** 2).mean()) + 1e-6) * .1
        if len(out):
            k = min(int(over * min(len(c), times[-1][1] - times[-1][0])), len(c) - 1)
            g = int(8 * gap * r.uniform(.5, 1.5))
            if g or k < 8:
                out = np.concatenate([out, np.zeros(g, np.float32)])
                k = 0
            else:
                ramp = np.linspace(0, 1, k, dtype=np.float32)
                out[-k:] = out[-k:] * (1 - ramp) + c[:k] * ramp
            s = len(out) - k
            out = np.concatenate([out, c[k:]])
        else:
            s, out = 0, c.astype(np.float32)
        times.append((s, s + len(c)))
    return out, times


def spread(times, texts):
    """Times of every word (en) or character (zh) inside the joined parts, in proportion to their letters."""
    out = []
    for (s, e), t in zip(times, texts):
        units = t.split(' ') if re.search('[a-z]', t) else list(t)
        total = sum(len(u) for u in units)
        at = 0
        for u in units:
            out.append((s + (e - s) * at / total, s + (e - s) * (at + len(u)) / total))
            at += len(u)
    return out
