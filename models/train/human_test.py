"""Evaluation recordings of people -> test shards for train.py, and 16 kHz WAV files with a list for the whisper.cpp check.

Groups: fsdd-known (speakers that are trained on, other takes), fsdd-unknown (the speaker left out), zh_words, asterisk_prompts,
aishell_mini. Clips over 11.8 s are left out. Text is written in the spoken form that the model uses.
Run:  python human_test.py --assets ASSETS --data EVALUATION --out DATA/test --wavs DATA/wavs-human
"""
import argparse
import csv
import os
import re
import wave

import numpy as np
from scipy import signal

import features
import human
import synth

SETS = ['fsdd', 'zh_words', 'asterisk_prompts', 'aishell_mini']


def clips(folder):
    """(text, lang, path) of one set."""
    for row in csv.DictReader(open(os.path.join(folder, 'manifest.tsv'), encoding='utf8'), delimiter='\t', quoting=csv.QUOTE_NONE):
        lang, t = row['lang'][:2], row['text']
        if lang == 'en':
            t = human.spoken(t) or ' '.join(re.sub(r"[^a-z' ]+", ' ', t.lower().replace('-', ' ')).split())
        else:
            t = re.sub(r'[^\u4e00-\u9fff]', '', t)
        yield t, lang, os.path.join(folder, row['file'])


def load16(path):
    """16 kHz mono float."""
    with wave.open(path) as w:
        sr = w.getframerate()
        x = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32).reshape(-1, w.getnchannels()).mean(1) / 32768
    q = np.gcd(sr, 16000)
    return x if sr == 16000 else signal.resample_poly(x, 16000 // q, sr // q)


def telephone(x):
    """Cut 16 kHz recordings to the telephone band, as the line would."""
    return signal.resample_poly(signal.resample_poly(x, 1, 2), 2, 1).astype(np.float32)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--assets', required=True)
    ap.add_argument('--data', required=True)
    ap.add_argument('--out', required=True)
    ap.add_argument('--wavs', required=True)
    a = ap.parse_args()
    features.set_assets(a.assets)
    os.makedirs(a.wavs, exist_ok=True)
    rows, listing = {}, open(a.wavs + '/list.tsv', 'w')
    for s in SETS:
        for k, (t, lang, p) in enumerate(clips(os.path.join(a.data, s))):
            group = s if s != 'fsdd' else 'fsdd-unknown' if human.LEFT_OUT in p else 'fsdd-known'
            x = telephone(load16(p))
            if len(x) / 16000 > 11.8:
                continue
            o = f'{os.path.abspath(a.wavs)}/{s}-{k:04d}.wav'
            synth.save_wav(o, x)
            listing.write(f'{o}\t{lang}\t{group}\t{t}\n')
            rows.setdefault(group, []).append((features.logmel(x), t, lang, group, None, None))
    for group, rr in rows.items():
        rr = rr[::max(1, len(rr) // 100)]
        synth.write_shard(f'{a.out}/{group}', rr)


if __name__ == '__main__':
    main()
