"""Greedy decoding and error rates: words for English, characters for Mandarin.

Run:  python evaluate.py --assets ASSETS --ckpt RUN/last.pt --data DATA/test
prints what the decoder writes beside what the encoder's frames alone give (collapsed as CTC does), which is what a small
CTC model beside the recognizer could bring.
"""
import argparse
import glob
import os

import torch

import vocab as VO
from data import prepare
from evaluate_text import edit, units


@torch.no_grad()
def transcribe(model, tok, items, limit=45):
    """Greedy texts of a batch."""
    C = tok.cls
    e = model.encoder(prepare(items))
    I = torch.tensor([[C[VO.SOT], C[VO.EN if u.lang == 'en' else VO.ZH], C[VO.TRANSCRIBE], C[VO.NOT]] for u in items])
    done = torch.zeros(len(items), dtype=torch.bool)
    bad = [C[z] for z in VO.SPECIAL[1:]]
    for _ in range(limit):
        y = model.decoder(I, e)[:, -1]
        y[:, bad] = -1e9
        y = torch.where(done, torch.tensor(C[VO.EOT]), y.argmax(-1))
        I = torch.cat([I, y[:, None]], 1)
        done |= y == C[VO.EOT]
        if done.all():
            break
    out = []
    for row in I[:, 4:].tolist():
        out.append(tok.decode(row[:row.index(C[VO.EOT])] if C[VO.EOT] in row else row))
    return out


@torch.no_grad()
def transcribe_frames(model, tok, items):
    """Texts of the encoder alone: the likeliest token of every frame, repeats merged, frames without speech dropped."""
    e = model.encoder(prepare(items))
    best = (e @ model.decoder.token_embedding.weight.T).argmax(-1).tolist()
    out = []
    for row in best:
        merged = [c for i, c in enumerate(row) if i == 0 or c != row[i - 1]]
        out.append(tok.decode([c for c in merged if tok.wid[c] < VO.EOT]))
    return out


def error_rates(model, tok, sets, show=0, transcribe=transcribe):
    """{set: (error %, whole utterances right %, empty %)}; prints `show` examples a set."""
    model.eval()
    res = {}
    for name, items in sets.items():
        items = sorted(items, key=lambda u: len(u.mel))
        err = n = right = empty = 0
        shown = []
        for k in range(0, len(items), 24):
            batch = items[k:k + 24]
            for u, h in zip(batch, transcribe(model, tok, batch)):
                a, b = units(u.text, u.lang), units(h, u.lang)
                err, n, right, empty = err + edit(a, b), n + len(a), right + (a == b), empty + (not b)
                if a != b:
                    shown.append(f'    {name} | {u.text} | {h}')
        res[name] = (round(100 * err / max(1, n), 1), round(100 * right / len(items)), round(100 * empty / len(items)))
        for s in shown[::max(1, len(shown) // show)][:show] if show else ():
            print(s, flush=True)
    model.train()
    return res


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--assets', required=True)
    ap.add_argument('--ckpt', required=True)
    ap.add_argument('--data', required=True, help='folder of test shards')
    a = ap.parse_args()
    import data
    from model import Tiny
    tok = VO.Vocab(a.assets)
    state = torch.load(a.ckpt, map_location='cpu')['model']
    tok.wid = tok.wid[:len(state['decoder.token_embedding.weight'])]
    model = Tiny(len(tok.wid))
    model.load_state_dict({k: v.float() for k, v in state.items()})
    for f in sorted(glob.glob(a.data + '/*.npy')):
        name = os.path.basename(f)[:-4]
        sets = {name: data.load_shard(f, tok, {'_': 0}, False)}
        print(name, 'decoder', error_rates(model, tok, sets)[name], 'frames', error_rates(model, tok, sets, transcribe=transcribe_frames)[name], flush=True)


if __name__ == '__main__':
    main()
