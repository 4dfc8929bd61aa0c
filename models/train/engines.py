"""Speech synthesizers: espeak-ng inside the process and a festival beside it (word and phoneme times), the flite program (phoneme times).

Why: their labels tell the trainer which word is where, which is what made so small a model learn at all.
"""
import ctypes as C
import os
import subprocess
import tempfile
import time
import wave

import numpy as np
from pypinyin import Style, lazy_pinyin


class _Event(C.Structure):
    _fields_ = [('type', C.c_int), ('uid', C.c_uint), ('tp', C.c_int), ('len', C.c_int), ('ap', C.c_int), ('sample', C.c_int), ('ud', C.c_void_p), ('s', C.c_char * 8)]


_buf, events, words = [], [], []
_CB = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))


def _callback(wave_, n, e):
    if n > 0 and wave_:
        _buf.append(np.ctypeslib.as_array(wave_, (n,)).copy())
    i = 0
    while e and e[i].type:
        if e[i].type == 1:
            words.append((e[i].sample, e[i].tp - 1))
        elif e[i].type == 7:
            events.append((e[i].sample, e[i].s.decode('latin1')))
        i += 1
    return 0


_keep = _CB(_callback)
_lib, _rate = None, 0


def _espeak_open():
    global _lib, _rate
    _lib = C.CDLL('libespeak-ng.so.1')
    _rate = _lib.espeak_Initialize(1, 0, None, 1)
    _lib.espeak_SetSynthCallback(_keep)


def espeak(text, voice, rate, pitch, spread):
    """Return the sound (or None); `events` and `words` hold the phoneme and word times in samples."""
    if _lib is None:
        _espeak_open()
    _buf.clear(), events.clear(), words.clear()
    if _lib.espeak_SetVoiceByName(voice.encode()) != 0:
        return None
    for parameter, value in ((1, rate), (3, pitch), (4, spread)):
        _lib.espeak_SetParameter(parameter, value, 0)
    b = text.encode()
    _lib.espeak_Synth(b, len(b) + 1, 0, 1, 0, 1, None, None)
    _lib.espeak_Synchronize()
    return np.concatenate(_buf).astype(np.float32) / 32768 if _buf else None


_BASE = os.path.join(tempfile.gettempdir() if not os.path.isdir('/dev/shm') else '/dev/shm', f'synth-{os.getpid()}')
_WAV = _BASE + '.wav'


def flite(text, voice, slow, f0):
    """Return sound and rate; only phoneme times are known."""
    args = ['flite', '-voice', voice, '--setf', f'duration_stretch={slow:.2f}']
    if f0:
        args += ['--setf', f'int_f0_target_mean={f0:.0f}']
    out = subprocess.run(args + ['-psdur', '-t', text, '-o', _WAV], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    with wave.open(_WAV) as w:
        x, sr = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768, w.getframerate()
    events.clear(), words.clear()
    start = 0.
    for z in out.split():
        n, e = z.rsplit(':', 1)
        events.append((int(start * sr), '_' if n == 'pau' else 'f:' + n))
        start = float(e)
    return x, sr


_festival = None


def festival(text, voice, slow, f0):
    """Return sound and rate; `events` and `words` hold phoneme and word times. The program stays up: loading a voice takes a second."""
    global _festival
    _festival = _festival or subprocess.Popen(['festival', '--pipe'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    done = _BASE + '.done'
    if os.path.exists(done):
        os.unlink(done)
    pitch = f"(set! int_lr_params '((target_f0_mean {f0:.0f}) (target_f0_std 14) (model_f0_mean 170) (model_f0_std 34)))" if f0 else ''
    _festival.stdin.write(f"""(voice_{voice}) (Parameter.set 'Duration_Stretch {slow:.2f}) {pitch} (set! utt (utt.synth (Utterance Text "{text}")))
        (utt.save.wave utt "{_WAV}" 'riff) (utt.save.segs utt "{_BASE}.segs") (utt.save.words utt "{_BASE}.words") (utt.save.segs utt "{done}")\n""")
    _festival.stdin.flush()
    until = time.time() + 20
    while not os.path.exists(done):
        if time.time() > until:
            _festival.kill()
            _festival = None
            return None, 0
        time.sleep(.001)
    with wave.open(_WAV) as w:
        x, sr = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768, w.getframerate()
    events.clear(), words.clear()
    at = 0.
    for end, n in _festival_labels(_BASE + '.segs'):
        events.append((int(at * sr), '_' if n == 'pau' else 'f:' + n))
        at = end
    for start, n in _festival_words(text):
        words.append((int(start * sr), n))
    return x, sr


def _festival_labels(path):
    """(end in seconds, name) of every line of a label file."""
    rows = [z.split() for z in open(path).read().split('#', 1)[1].strip().splitlines()]
    return [(float(z[0]), z[2]) for z in rows if len(z) > 2]


def _festival_words(text):
    """(start in seconds, letter position) of every word; nothing when festival read the text as other words."""
    rows, at, out = _festival_labels(_BASE + '.words'), 0, []
    if [n for _, n in rows] != text.split(' '):
        return []
    begin = _festival_labels(_BASE + '.segs')[0]
    last = begin[0] if begin[1] == 'pau' else 0.
    for end, n in rows:
        out.append((last, at))
        at, last = at + len(n) + 1, end
    return out


ACCENTS = ['en-us'] * 4 + ['en'] * 3 + ['en-gb-x-rp', 'en-gb-scotland', 'en-gb-x-gbclan', 'en-gb-x-gbcwmd', 'en-us-nyc', 'en-029', 'en-gb-x-rp', 'en-us']
VARIANTS = (' m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f4 f5 klatt klatt2 klatt3 adam Alex Alicia Andrea Annie antonio belinda benjamin boris caleb david Denis ed Gene Hugo '
            'john Lee linda Marco max Michael michel Mike pablo paul pedro quincy rob robert steph travis victor anika Diogo grandma grandpa Jacky Mario zac '
            'shelby sandro miguel marcelo norbert Henrique edward2 announcer kaukovalta').split(' ')
HELD = ['f3', 'klatt4', 'Andy', 'edward', 'aunty', 'steph3']   # espeak variants that are never trained on; flite's rms neither


def pinyin(text):
    """Numbered pinyin, one syllable a character, with third-tone sandhi."""
    out = ['yao1' if c == '幺' else s for c, s in zip(text, lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False))]
    for i in range(len(out) - 1):
        if out[i].endswith('3') and out[i + 1].endswith('3'):
            out[i] = out[i][:-1] + '2'
    return out


def _tone_labels(syllables):
    """Write the tone beside the vowel labels, so that the frame targets tell tones apart."""
    tones, k, out = [s[-1] for s in syllables], 0, []
    for a, n in events:
        if n == '_|':
            k += 1
        else:
            out.append((a, n, n + (tones[min(k, len(tones) - 1)] if n[0] in 'aAeEiIoOuUyV@0123' else '')))
    good = k in (len(tones) - 1, len(tones))
    events[:] = [(a, n if n[0] == '_' else 'z:' + (t if good else n)) for a, n, t in out]


def espeak_voice(text, lang, r, held):
    """A random espeak voice says the text: sound, rate, voice name."""
    variant = r.choice(HELD if held else VARIANTS)
    base = r.choice(ACCENTS) if lang == 'en' else 'cmn-latn-pinyin'
    syllables = None if lang == 'en' else pinyin(text)
    rate = r.uniform(125, 205) if lang == 'en' else r.uniform(130, 215)
    x = espeak(text if lang == 'en' else ' '.join(syllables), base + ('+' + variant if variant else ''), int(rate), int(r.uniform(25, 80)), int(r.uniform(30, 80)))
    if lang == 'zh':
        _tone_labels(syllables)
    return x, _rate, base + '+' + variant


def flite_voice(text, r, held):
    """A random flite voice (held: rms, which is never trained on) says the English text."""
    v = 'rms' if held else r.choice(['slt', 'slt', 'awb', 'awb', 'kal16'])
    f0 = r.choice([0, 0, r.uniform(140, 230) if v == 'slt' else r.uniform(80, 140)])
    x, sr = flite(text, v, r.uniform(.8, 1.2), f0)
    return x, sr, 'flite-' + v


def festival_voice(text, r):
    """A random festival voice says the English text."""
    v = r.choice(['ked_diphone'] * 4 + ['kal_diphone'] * 2 + ['cmu_us_slt_arctic_hts'] * 2)
    x, sr = festival(text, v, r.uniform(.8, 1.25), 0 if 'hts' in v else r.uniform(75, 190))
    return x, sr, 'festival-' + v


def word_starts(text, lang):
    """Start sample of every word (en) or character (zh) from the engine's word events; None when they do not fit."""
    if not words:
        return None
    if lang == 'zh':
        return [a for a, _ in words] if len(words) == len(text) else None
    first = {}
    for a, p in words:
        first.setdefault(p, a)
    st = [first.get(p) for p in [0] + [i + 1 for i, c in enumerate(text) if c == ' ']]
    if st[0] is None or sum(x is None for x in st) > len(st) // 2:
        return None
    for i in range(len(st)):
        if st[i] is None:
            st[i] = st[i - 1]
    return st
