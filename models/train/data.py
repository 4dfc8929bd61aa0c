"""Shards -> batches: token times, normalisation as whisper.cpp does it, light augmentation, decoder and frame targets."""
import glob
import json
import math
import os

import numpy as np
import torch

import vocab as VO

MAX_PHONES = 420
IGNORE = -100


class Item:
    """One utterance: log-mel, text, language, voice, phoneme a frame (or None), token classes, token times, times exact."""
    __slots__ = ('mel', 'text', 'lang', 'voice', 'lab', 'ids', 'times', 'exact')


def token_times(tok, text, lang, spans, frames, lab):
    """(start, end) encoder frames of every decoder token; guessed from the letters where the word times are not known."""
    ids, out = tok.encode(text, lang), []
    if not spans:
        s0, s1 = 15, max(20, frames - 25)
        if lab is not None and (lab > 0).any():
            z = np.flatnonzero(lab > 0)
            s0, s1 = z[0], z[-1] + 1
        letters = len(text) + (lang == 'en')
        guess = lambda i: s0 + (s1 - s0) * i / letters
    if lang == 'zh':
        for i, c in enumerate(text):
            k = len(tok.enc.encode(c))
            s, e = spans[i] if spans else (guess(i), guess(i + 1))
            out += [(s + (e - s) * j / k, s + (e - s) * (j + 1) / k) for j in range(k)]
    else:
        pos, word, start, word_at = 0, -1, {}, []
        for i, c in enumerate(' ' + text):
            if c == ' ':
                word += 1
                start[word] = i
            word_at.append(word)
        size = [len(x) + 1 for x in text.split(' ')]
        for d in ids:
            k = len(tok.bytes_of[d].decode('utf8', 'replace'))
            w = word_at[pos]
            if spans:
                s, e = spans[w]
                o = pos - start[w]
                out.append((s + (e - s) * o / size[w], s + (e - s) * min(size[w], o + k) / size[w]))
            else:
                out.append((guess(pos), guess(pos + k)))
            pos += k
    return [(int(s / 2), max(int(s / 2) + 1, int(math.ceil(e / 2)))) for s, e in out]


def load_shard(path, tok, names, train=True):
    """Read one shard; `names` collects the phoneme names over all shards."""
    base, mel, o, out = path[:-4], np.load(path), 0, []
    mapping = np.array([names.setdefault(x, len(names)) for x in json.load(open(base + '.names'))] + [-1])
    mapping[mapping >= MAX_PHONES] = 0
    lab = mapping[np.load(base + '.lab')]
    for text, lang, voice, n, spans in json.load(open(base + '.json')):
        u = Item()
        u.mel, u.text, u.lang, u.voice = mel[o:o + n], text, lang, voice
        u.lab = lab[o:o + n] if lab[o] >= 0 else None
        ids = tok.encode(text, lang)
        ok = all(x in tok.cls for x in ids)
        u.ids = [tok.cls[x] for x in ids] if ok else []
        u.exact = spans is not None
        u.times = token_times(tok, text, lang, spans if text else None, n, u.lab) if train and text else []
        if not train or ok and len(u.ids) < 56 and (not text or len(u.times) == len(ids)):
            out.append(u)
        o += n
    return out


def new_shards(folders, seen):
    """Finished shards that were not read yet."""
    return [f for d in folders for f in sorted(glob.glob(d + '/*.npy')) if '.tmp' not in f and f not in seen]


def augment(m, r):
    """Noise floor, formant shift and level, on the log-mel."""
    if r.random() < .25:
        floor = 10 ** (r.uniform(-7, -2) + np.float32(r.uniform(-1.2, 1.2)) * np.linspace(-1, 1, 80, dtype=np.float32))
        m = np.log10(10 ** m + floor * np.random.exponential(1, m.shape).astype(np.float32))
    if r.random() < .4:
        idx = np.clip(np.arange(80) * r.uniform(.88, 1.12), 0, 79)
        i0 = idx.astype(int)
        fr = (idx - i0).astype(np.float32)
        m = m[:, i0] * (1 - fr) + m[:, np.minimum(i0 + 1, 79)] * fr
    return m + r.uniform(-.6, .4)


def mask(m, r):
    """Blank some bands and a short time, in the normalised log-mel."""
    mean = m.mean()
    for _ in range(2):
        if r.random() < .3:
            f = r.randint(1, 10)
            o = r.randrange(80 - f)
            m[:, o:o + f] = mean
    if r.random() < .25:
        f = r.randint(1, max(2, min(10, len(m) // 10)))
        o = r.randrange(max(1, len(m) - f))
        m[o:o + f] = mean
    return m


def prepare(items, r=None):
    """Batch of inputs: clip at max-8 and scale as whisper.cpp does; pad with the floor. r: augment for training."""
    X = []
    for u in items:
        m = u.mel.astype(np.float32)
        if r:
            m = augment(m, r)
        m = (np.maximum(m, m.max() - 8) + 4) / 4
        X.append(mask(m, r) if r else m)
    T = max(len(m) for m in X) + (r.randint(0, 40) if r else 20)
    T = min(T + T % 2, 1200)
    B = np.empty((len(X), T, 80), np.float32)
    for i, m in enumerate(X):
        m = m[:T]
        B[i, :len(m)] = m
        B[i, len(m):] = m.min()
    return torch.from_numpy(B).transpose(1, 2).contiguous()


class Targets:
    """What the decoder, its cross-attention and the encoder frames must give for a batch."""

    def __init__(self, items, T2, C):
        L = max(len(u.ids) for u in items) + 4
        n = len(items)
        self.inputs = torch.full((n, L), C[VO.EOT])
        self.tokens = torch.full((n, L), IGNORE)
        self.guide, self.guided = torch.zeros(n, L, T2), torch.zeros(n, L)
        self.phones, self.frame_tokens = torch.full((n, T2), IGNORE), torch.full((n, T2), IGNORE)
        for i, u in enumerate(items):
            self._sequence(i, u, C)
            self._times(i, u, T2, C)

    def _sequence(self, i, u, C):
        lang = C[VO.EN if u.lang == 'en' else VO.ZH]
        x = [C[VO.SOT], lang, C[VO.TRANSCRIBE], C[VO.NOT]] + u.ids
        y = [lang if u.text else C[VO.NOSP], IGNORE, IGNORE] + u.ids + [C[VO.EOT]]
        self.inputs[i, :len(x)] = torch.tensor(x)
        self.tokens[i, :len(y)] = torch.tensor(y)

    def _times(self, i, u, T2, C):
        margin = 4 if u.exact else 14
        for j, (s, e) in enumerate(u.times):
            if s < T2:
                self.guide[i, 3 + j, max(0, s - margin):e + margin] = 1
                self.guided[i, 3 + j] = 1
        if u.lab is not None:
            z = torch.from_numpy(u.lab[:2 * T2:2].astype(np.int64))
            self.phones[i, :len(z)] = z
        if u.exact:
            n = min(T2, len(u.mel) // 2)
            self.frame_tokens[i, :n] = C[VO.EOT]
            for d, (s, e) in zip(u.ids, u.times):
                self.frame_tokens[i, s:e] = d
            if u.lab is not None:
                self.frame_tokens[i, :n][self.phones[i, :n] == 0] = C[VO.EOT]


def batches(items, frames, r):
    """Batches of like length with about `frames` 10 ms frames each."""
    idx = list(range(len(items)))
    r.shuffle(idx)
    for k in range(0, len(idx), 800):
        chunk, out, cur = sorted(idx[k:k + 800], key=lambda i: len(items[i].mel)), [], []
        for i in chunk:
            if cur and (len(cur) + 1) * len(items[i].mel) > frames:
                out.append(cur)
                cur = []
            cur.append(i)
        out.append(cur)
        r.shuffle(out)
        for b in out:
            yield [items[i] for i in b]
