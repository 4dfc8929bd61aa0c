"""The telephone line: noise, echo, band edges, clipping, G.711, and lines with no speech on them.

Why: the recognizer hears 8 kHz A-law or mu-law sound from bad lines; clean synthetic speech would teach it nothing about that.
"""
import numpy as np
from scipy import signal

RATE = 8000


def mulaw(x):
    """G.711 mu-law there and back."""
    m = 255.
    y = np.sign(x) * np.log1p(m * np.abs(x)) / np.log1p(m)
    q = np.round((y + 1) * 127.5) / 127.5 - 1
    return np.sign(q) * np.expm1(np.abs(q) * np.log1p(m)) / m


def alaw(x):
    """G.711 A-law there and back."""
    A = 87.6
    a, l = np.abs(x), 1 + np.log(87.6)
    y = np.sign(x) * np.where(a < 1 / A, A * a / l, (1 + np.log(np.maximum(A * a, 1e-9))) / l)
    q = np.round((y + 1) * 127.5) / 127.5 - 1
    b = np.abs(q)
    return np.sign(q) * np.where(b < 1 / l, b * l / A, np.exp(b * l - 1) / A)


def noise(n, r, g, pool):
    """Unit-variance noise: white, coloured, hum, babble of earlier speech, with clicks now and then."""
    k = r.random()
    if k < .7:
        z = g.standard_normal(n)
        if k > .35:
            f = np.fft.rfft(z)
            z = np.fft.irfft(f * (np.arange(len(f)) + 1.) ** (-r.uniform(.3, 1.)), n)
    elif k < .8:
        t, f0 = np.arange(n) / RATE, r.choice([50, 60])
        z = sum(np.sin(2 * np.pi * f0 * h * t + r.random() * 6) / h for h in range(1, 12)) + .3 * g.standard_normal(n)
    elif pool:
        z = np.zeros(n)
        for _ in range(r.randint(2, 5)):
            p = pool[r.randrange(len(pool))]
            z += np.resize(np.roll(p, r.randrange(len(p))), n)
    else:
        z = g.standard_normal(n)
    if r.random() < .15:
        for _ in range(r.randint(1, 6)):
            z[r.randrange(n)] += r.choice([-1, 1]) * r.uniform(5, 25)
    return (z / (z.std() + 1e-9)).astype(np.float32)


def _tones(r, t):
    f, on, off = r.choice([((440, 480), 2, 4), ((400, 450), .4, .2), ((425,), 1, 4), ((480, 620), .5, .5), ((425,), .35, .35), ((350, 440), 99, 0),
                           ((450,), 1, 4), ((450,), .35, .35), ((950, 1400, 1800), .33, .03)])
    ph = (t + r.uniform(0, on + off)) % (on + off)
    return sum(np.sin(2 * np.pi * q * t) for q in f) * (ph < on)


def _dtmf(r, n):
    x, o = np.zeros(n), 0
    while o < n - 1600:
        a, b, L = r.choice([697, 770, 852, 941]), r.choice([1209, 1336, 1477]), r.randint(600, 2000)
        q = np.arange(min(L, n - o)) / RATE
        x[o:o + L] += np.sin(2 * np.pi * a * q) + np.sin(2 * np.pi * b * q)
        o += L + r.randint(400, 4000)
    return x


def _music(r, n):
    x, beat, root = np.zeros(n), r.uniform(.12, .6), r.choice([130, 147, 165, 175, 196, 220, 262])
    scale = r.choice([[0, 2, 4, 7, 9], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 5, 7, 9, 11]])
    H, o = [r.random() ** 2 for _ in range(5)], 0.
    vib = r.choice([0, 0, r.uniform(.002, .01)])
    while o < n / RATE:
        for _ in range(r.choice([1, 1, 2, 3])):
            f = root * 2 ** ((r.choice(scale) + 12 * r.choice([0, 0, 1, 1, 2])) / 12)
            L, i = int(RATE * beat * r.uniform(.8, 3)), int(o * RATE)
            q = np.arange(min(L, n - i)) / RATE
            if len(q):
                w = q + vib * np.sin(2 * np.pi * 5.5 * q) / 5.5
                x[i:i + len(q)] += sum(h * np.sin(2 * np.pi * f * (j + 1) * w + r.random()) for j, h in enumerate(H) if f * (j + 1) < 3900) \
                    * np.exp(-q * r.uniform(.3, 6)) * np.minimum(1, q * 100)
        o += beat * r.choice([1, 1, 2])
    return x


def _bursts(r, g, n):
    x = np.zeros(n)
    for _ in range(r.randint(1, 5)):
        L, lo = r.randint(80, 4000), r.uniform(60, 1500)
        o = r.randrange(max(1, n - L))
        b = signal.sosfilt(signal.butter(2, [lo, min(3900, lo * r.uniform(1.5, 4))], 'band', fs=RATE, output='sos'), g.standard_normal(L) * np.hanning(L))
        x[o:o + L] += b[:len(x[o:o + L])]
    return x


def _garble(r, pool, n):
    """Unintelligible voices: several at once, backwards. Callers' surroundings must not become words."""
    x = np.zeros(n)
    for _ in range(r.randint(3, 6)):
        p = pool[r.randrange(len(pool))][::-1]
        x += np.resize(np.roll(p, r.randrange(len(p))), n) * r.uniform(.3, 1)
    return x


def nospeech(r, g, pool):
    """A stretch with no words: silence, call tones, keys, music, breath and thumps, far babble."""
    n, k = int(RATE * r.uniform(.5, 8)), r.random()
    if k < .40:
        x = np.zeros(n)
    elif k < .56:
        x = _tones(r, np.arange(n) / RATE)
    elif k < .63:
        x = _dtmf(r, n)
    elif k < .83:
        x = _music(r, n)
    elif k < .90 and pool:
        x = _garble(r, pool, n)
    else:
        x = _bursts(r, g, n)
    x = x.astype(np.float32)
    top = np.abs(x).max()
    return x / (top + 1e-6) * 10 ** (r.uniform(-40, -3) / 20) if top > 0 else x


POOL = []


def _remember(x, r):
    POOL.append(x)
    if len(POOL) > 60:
        POOL.pop(r.randrange(60))


def line(x8, r, g, fixed_snr=None):
    """8 kHz speech (None: nothing said) -> 16 kHz signal off the telephone line, and the lead-in in samples.

    fixed_snr gives the plain test condition: mu-law, white or coloured noise at that level, no other harm.
    """
    lead, tail = int(RATE * r.uniform(.02, .4)), int(RATE * r.uniform(.05, .6))
    if fixed_snr is None and r.random() < .2:
        lead, tail = int(RATE * r.uniform(0, .03)), int(RATE * r.uniform(0, .08))     # a clip cut close
    if x8 is None:
        x, lead = nospeech(r, g, POOL), 0
    else:
        x8 = x8 / (np.abs(x8).max() + 1e-6)
        x = np.concatenate([np.zeros(lead), x8, np.zeros(tail)]).astype(np.float32)
    if fixed_snr is not None:
        level = np.sqrt((x ** 2).mean()) if x8 is not None else 10 ** (r.uniform(-60, -25) / 20)
        x = x + noise(len(x), r, g, None) * level * 10 ** (-(fixed_snr if x8 is not None else 0) / 20)
        x = mulaw(np.clip(x * 10 ** (r.uniform(-15, -2) / 20) / max(1., np.abs(x).max()), -1, 1))
        return signal.resample_poly(x, 2, 1).astype(np.float32), lead
    if x8 is not None:
        _remember(x8, r)
        if r.random() < .3:
            L = int(RATE * r.uniform(.05, .3))
            h = g.standard_normal(L) * np.exp(-np.arange(L) / (L / r.uniform(3, 7)))
            h[0] = 0
            h *= r.uniform(.1, .6) / np.sqrt((h ** 2).sum() + 1e-9)
            h[0] = 1
            x = signal.fftconvolve(x, h)[:len(x)].astype(np.float32)
    if r.random() < .6:
        x = signal.sosfilt(signal.butter(2, [r.uniform(80, 320), r.uniform(3000, 3900)], 'band', fs=RATE, output='sos'), x)
    rms = np.sqrt((x ** 2).mean()) if x8 is not None else r.choice([.0001, .0003, .003, .01, .03])
    if r.random() < (.8 if x8 is not None else .75):
        snr = r.choice([r.uniform(6, 40), r.uniform(8, 20)]) if x8 is not None else 0
        x = x + noise(len(x), r, g, POOL) * rms * 10 ** (-snr / 20)
    x = x * 10 ** (r.uniform(-22, 0) / 20) / max(1., np.abs(x).max())
    if r.random() < .05:
        x = np.clip(x * r.uniform(1, 2.5), -.5, .5)
    x = np.clip(x, -1, 1)
    x = r.choice([mulaw, mulaw, alaw, alaw, lambda y: y])(x)
    return signal.resample_poly(x, 2, 1).astype(np.float32), lead


def resample(x, sr, speed):
    """Any rate -> 8 kHz, played `speed` times as fast (pitch and formants move with it)."""
    n = int(len(x) * RATE / sr / speed)
    return signal.resample(np.pad(x, (0, (-len(x)) % 64)), max(n, 16)).astype(np.float32)


def stretch(x, factor):
    """Time stretch without moving the pitch (overlap-add with the best-matching shift); factor 2 is twice as long."""
    W, H, S = 240, 120, 60
    win = np.hanning(W).astype(np.float32)
    n = int(len(x) * factor)
    if len(x) < 3 * W or abs(factor - 1) < .02:
        return x
    pad = np.pad(x, (S, W + 2 * S))
    out, norm, prev = np.zeros(n + W, np.float32), np.zeros(n + W, np.float32), None
    for o in range(0, n, H):
        a = min(int(o / factor), len(x))
        if prev is not None:
            want = pad[prev + H:prev + H + W]
            seg = pad[a:a + W + 2 * S]
            if len(want) == W and len(seg) == W + 2 * S:
                a += int(np.argmax(np.correlate(seg, want, 'valid'))) - S
        a += S
        seg = pad[a:a + W]
        if len(seg) < W:
            break
        out[o:o + W] += seg * win
        norm[o:o + W] += win
        prev = a
    return (out / np.maximum(norm, .1))[:n]
