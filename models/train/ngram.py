"""Counts which tokens follow each other in the texts, so that the engine can weigh the recognizer's best texts again.

Why: the decoder is small and hears homophones as what no word is ("实间"); word order learned from the texts alone costs no
sound. Witten-Bell smoothing (Witten, Bell 1991), interpolated, stored in back-off form: what is found is its logarithm, what
is not is the back-off of its context plus the shorter context's; both in thousandths. Held-out sentences
(`textgen.held_out`) and everything below `knowledge/eval` but the mood's training part stay out.
Needs: `pip install safetensors` beside the recognizer's own.
Run:  python ngram.py --assets ASSETS --out ../sidetone-zh-en-ngram.safetensors
"""
import argparse
import collections
import math
import random

import numpy as np
from safetensors.numpy import save_file

import text_free
import textgen
import vocab as VO

ORDER = 4
FLOOR = -12.


class Counts:
    """Continuations of every context of up to ORDER - 1 tokens."""
    def __init__(self):
        self.after = [collections.defaultdict(collections.Counter) for _ in range(ORDER)]

    def add(self, ids, weight=1.):
        ids = [VO.SOT] + ids + [VO.EOT]
        for i in range(1, len(ids)):
            for k in range(min(ORDER, i + 1)):
                self.after[k][tuple(ids[i - k:i])][ids[i]] += weight

    def table(self, least):
        """Per order: {tokens: [log p, back-off]}. Longer runs that weigh less than `least` are left out."""
        share = {}
        out = [{} for _ in range(ORDER)]
        p = {}
        for k in range(ORDER):
            for h, next_ in self.after[k].items():
                total, kinds = sum(next_.values()), len(next_)
                share[h] = kinds / (total + kinds)
                for w, n in next_.items():
                    lower = p.get(h[1:] + (w,), 1e-7) if k else 1e-7
                    p[h + (w,)] = n / (total + kinds) + share[h] * lower if k else n / total
        for k in range(ORDER):
            for h, next_ in self.after[k].items():
                for w, n in next_.items():
                    if k >= 2 and n < least:
                        continue
                    run = h + (w,)
                    out[k][run] = [max(FLOOR, math.log(p[run])), math.log(share[run]) if run in share else 0.]
        return out


def counts(tok, lang, grammar, public):
    """The language's texts: written freely once, other lines' and the grammar's a little, single words for Mandarin."""
    c, r = Counts(), random.Random(1)
    weighed = [(t, 1.) for t in text_free.sentences(lang)]
    weighed += [(t, public) for t in text_free.public_sentences(lang)]
    weighed += [(textgen.gen(lang, r, True), .3) for _ in range(grammar)]
    for t, weight in weighed:
        if not textgen.held_out(t):
            c.add(tok.encode(t, lang), weight)
    if lang == 'zh':
        for t in textgen.wordlist(lang):
            c.add(tok.encode(t, lang))
    return c


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--assets', required=True)
    ap.add_argument('--out', required=True)
    ap.add_argument('--grammar', type=int, default=15000, help='sentences of the grammar a language')
    ap.add_argument('--public', type=float, default=.5, help='weight of the other lines\' sentences (folder TEXTS)')
    ap.add_argument('--least', type=float, default=.9, help='weight below which runs of three and four are left out')
    a = ap.parse_args()
    tok = VO.Vocab(a.assets, None)
    tensors = {}
    for lang in ('en', 'zh'):
        for k, runs in enumerate(counts(tok, lang, a.grammar, a.public).table(a.least)):
            keys = sorted(runs)
            tensors[f'{lang}.{k + 1}.tokens'] = np.array(keys, np.uint16).reshape(-1, k + 1)
            values = np.array([runs[key] for key in keys], np.float32)
            tensors[f'{lang}.{k + 1}.log_p'] = np.round(values[:, 0] * 1000).astype(np.int16)
            if k < ORDER - 1:
                tensors[f'{lang}.{k + 1}.back_off'] = np.round(values[:, 1] * 1000).astype(np.int16)
            print(lang, k + 1, len(keys))
    save_file(tensors, a.out)


if __name__ == '__main__':
    main()
