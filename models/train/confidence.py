"""How well does the recognizer know that it does not know? AUROC of a cheap confidence, and a threshold.

In domain: the held-out sentences of held-out voices (synth.py --mode wavs). Out of domain, made here: German and Spanish
sentences, several voices at once, and speech with every other 150 ms missing.
Confidences per clip, from whisper.cpp's token data: mean log probability, least probability of a token.
Run:  python confidence.py --make --assets ASSETS --out DATA/wavs-ood         (recordings and list)
      python check.py --model MODEL.bin --list DATA/wavs-ood/list.tsv --out ood.tsv
      python confidence.py --inside decoded.tsv --outside ood.tsv
"""
import argparse
import os
import random

import numpy as np

FOREIGN = {
    'de': ['guten tag ich hätte gerne eine auskunft', 'wo ist mein paket', 'ich möchte bitte meinen vertrag kündigen', 'können sie mir helfen', 'meine nummer ist vier sieben acht',
           'das wetter ist heute sehr schön', 'ich verstehe leider kein wort', 'auf wiederhören', 'wann kommt der techniker', 'ich habe die falsche ware bekommen',
           'bitte verbinden sie mich', 'der zug hat verspätung', 'nein das stimmt nicht', 'ja natürlich', 'die rechnung ist zu hoch', 'vielen dank für ihre hilfe'],
    'es': ['buenos días quisiera información', 'dónde está mi paquete', 'quiero cancelar mi contrato por favor', 'me puede ayudar', 'mi número es cuatro siete ocho',
           'hoy hace muy buen tiempo', 'no entiendo nada', 'hasta luego', 'cuándo viene el técnico', 'he recibido el producto equivocado',
           'páseme con una persona', 'el tren llega tarde', 'no eso no es correcto', 'sí claro', 'la factura es muy alta', 'muchas gracias por su ayuda'],
}


def foreign(r):
    """A sentence of another language."""
    import engines
    lang = r.choice(sorted(FOREIGN))
    x = engines.espeak(r.choice(FOREIGN[lang]), lang + r.choice(['', '+f2', '+m3', '+f3', '+klatt']), int(r.uniform(130, 190)), int(r.uniform(30, 70)), 50)
    return x, engines._rate, 'foreign-' + lang


def voice(r):
    """An in-domain sentence, as material for the other kinds."""
    import synth
    lang = r.choice(['en', 'zh'])
    x, sr, *_ = synth.synthetic('espeak-' + lang, r, 'voice')
    return x, sr


def babble(r):
    """Four people at once."""
    parts = [voice(r) for _ in range(4)]
    n = max(len(x) for x, _ in parts)
    return sum(np.resize(x, n) for x, _ in parts), parts[0][1], 'babble'


def chopped(r):
    """Speech with every other 150 ms missing, as on a line that loses packets."""
    x, sr = voice(r)
    k, x = int(sr * .15), x.copy()
    for i in range(k, len(x), 2 * k):
        x[i:i + k] = 0
    return x, sr, 'chopped'


def make(assets, out, n):
    """Write the out-of-domain recordings."""
    import channel
    import features
    import synth
    features.set_assets(assets)
    os.makedirs(out, exist_ok=True)
    r, g, rows = random.Random(700001), np.random.default_rng(700001), open(out + '/list.tsv', 'w')
    for i in range(n):
        x, sr, group = [foreign, babble, chopped][i % 3](r)
        x = x[:int(sr * 9)]
        p = f'{os.path.abspath(out)}/{group}-{i:04d}.wav'
        synth.save_wav(p, channel.line(channel.resample(x, sr, 1.), r, g, 15)[0])
        rows.write(f'{p}\t{"en" if (i // 3) % 2 else "zh"}\t{group}\t\n')


def auroc(inside, outside):
    """Probability that a clip from inside has the higher confidence."""
    a, b = np.array(inside)[:, None], np.array(outside)[None]
    return float((a > b).mean() + .5 * (a == b).mean())


def read(path, groups=None):
    """Rows of a table written by check.py: (group, text equals reference, text, mean log probability, least probability)."""
    out = []
    for l in open(path):
        c = l.rstrip('\n').split('\t')
        if groups is None or c[2] in groups:
            out.append((c[2], c[3].replace(' ', '') == c[4].replace(' ', ''), c[4], float(c[5]), float(c[6])))
    return out


def report(inside, outside):
    """Print AUROC by kind and by measure, and the threshold that keeps 95 % of the clips that were recognized rightly."""
    ins = [x for x in read(inside, {'voice-en', 'voice-zh'}) if x[2]]
    every = read(outside)
    outs = [x for x in every if x[2]]
    right = [x for x in ins if x[1]]
    print(f'inside {len(ins)} with text, right {len(right)}; outside {len(every)}, of them empty {len(every) - len(outs)}')
    for k, name in ((3, 'mean log probability'), (4, 'least probability')):
        print(name)
        for g in sorted({x[0] for x in outs}) + ['all']:
            o = [x[k] for x in outs if g in ('all', x[0])]
            print(f'  inside against {g:12s} AUROC {auroc([x[k] for x in ins], o):.3f}   right texts against it {auroc([x[k] for x in right], o) if right else 0:.3f}')
        t = np.quantile([x[k] for x in right], .05) if right else 0
        wrong = [x[k] for x in ins if not x[1]]
        print(f'  threshold {t:.3f} keeps 95 % of right texts, refuses {100 * np.mean([x[k] < t for x in outs]):.0f} % of outside texts and {100 * np.mean(np.array(wrong) < t):.0f} % of wrong ones')


def fit(inside, outside):
    """Fit 1 / (1 + exp(-(bias + mean m + low l))) on every second clip, and print how well it does on the others.

    Speech from outside weighs as much as all of the inside, so that what it gives to tell them apart is not drowned."""
    rows = [x for x in read(inside) + read(outside) if x[2] and x[0] not in ('none', 'aishell_mini')]
    out = {x[0] for x in read(outside)}
    x = np.array([(1., m, np.log(max(low, 1e-6))) for _, _, _, m, low in rows])
    y = np.array([r and g not in out for g, r, *_ in rows], float)
    strange = np.array([g in out for g, *_ in rows])
    learn = np.arange(len(rows)) % 2 == 0
    weight = np.where(strange, (learn & ~strange).sum() / max(1, (learn & strange).sum()), 1.)[learn]
    w = np.zeros(3)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x[learn] @ w))
        hessian = (x[learn].T * (p * (1 - p) * weight)) @ x[learn] + 1e-3 * np.eye(3)
        w += np.linalg.solve(hessian, x[learn].T @ ((y[learn] - p) * weight) - 1e-3 * w)
    print(f'bias {w[0]:.3f} mean {w[1]:.3f} low {w[2]:.3f}, fitted on {learn.sum()} texts, {int(y[learn].sum())} of them right')
    p = 1 / (1 + np.exp(-x @ w))
    new = p[[g in ('voice-en', 'voice-zh') for g, *_ in rows]]
    print(f'new sentences, right or wrong, against outside: AUROC {auroc(new, p[strange]):.3f}')
    p, y, strange = p[~learn], y[~learn], strange[~learn]
    print(f'the other {len(y)}: right against not right AUROC {auroc(p[y > 0], p[y < 1]):.3f}, right against outside {auroc(p[y > 0], p[strange]):.3f}')
    for t in (.02, .15, .3, .5):
        print(f'confidence at least {t}: keeps {100 * np.mean(p[y > 0] >= t):.0f} % of the right, refuses {100 * np.mean(p[(y < 1) & ~strange] < t):.0f} % of the wrong and '
              f'{100 * np.mean(p[strange] < t):.0f} % of outside; {100 * np.mean(y[p >= t]):.0f} % of what is kept is right')


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--make', action='store_true')
    ap.add_argument('--assets')
    ap.add_argument('--out')
    ap.add_argument('-n', type=int, default=180)
    ap.add_argument('--inside')
    ap.add_argument('--outside')
    a = ap.parse_args()
    if a.make:
        return make(a.assets, a.out, a.n)
    report(a.inside, a.outside)
    fit(a.inside, a.outside)


if __name__ == '__main__':
    main()
