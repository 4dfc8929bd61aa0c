"""Greedy decoding and error rates: words for English, characters for Mandarin."""
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


def error_rates(model, tok, sets, show=0):
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
