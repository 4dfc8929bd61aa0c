"""Draws the plots of eval/README.md from eval/results and models/train/learning-curve.tsv, as SVG, and fills in its tables, with nothing
but Python. A table stands between `<!-- figures: WHAT: FIGURE | FIGURE -->` and `<!-- end -->`: a row a set and part, a column a figure.

Run:  python3 eval/plots.py
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = HERE + '/plots'
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 56, 150, 34, 48
# Distinguishable without colour vision (Okabe and Ito), on white and on dark pages.
COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']


def figures(what):
    """The figures of one evaluation."""
    return json.load(open(f'{HERE}/results/{what}.json', encoding='utf8'))['figures']


def escape(text):
    return str(text).replace('&', '&amp;').replace('<', '&lt;')


class Plot:
    """Lines with marks over two linear axes."""

    def __init__(self, title, x, y, x_range, y_range):
        self.x_range, self.y_range, self.lines = x_range, y_range, []
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT}" y="20" font-size="14" font-weight="600" fill="#111">{escape(title)}</text>',
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle" fill="#333">{escape(x)}</text>',
            f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#333">{escape(y)}</text>']
        for k in range(6):
            v = x_range[0] + (x_range[1] - x_range[0]) * k / 5
            w = y_range[0] + (y_range[1] - y_range[0]) * k / 5
            px, py = self.at(v, w)
            self.parts.append(f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/><text x="{px:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#333">{v:g}</text>')
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py:.1f}" y2="{py:.1f}" stroke="#ddd"/><text x="{LEFT - 6}" y="{py + 4:.1f}" text-anchor="end" fill="#333">{w:g}</text>')

    def at(self, x, y):
        (a, b), (c, d) = self.x_range, self.y_range
        return LEFT + (x - a) / (b - a) * (WIDTH - RIGHT - LEFT), HEIGHT - BOTTOM - (y - c) / (d - c) * (HEIGHT - BOTTOM - TOP)

    def line(self, name, points, dashed=False, marks=True, labels=()):
        colour, row = COLOURS[len(self.lines) % len(COLOURS)], len(self.lines)
        self.lines.append(name)
        at = [self.at(min(x, self.x_range[1]), min(y, self.y_range[1])) for x, y in points]
        dash = ' stroke-dasharray="5 4"' if dashed else ''
        self.parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"/>')
        if marks:
            self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
        for (x, y), label in zip(at, labels):
            self.parts.append(f'<text x="{x + 5:.1f}" y="{y - 5:.1f}" font-size="10" fill="#444">{escape(label)}</text>')
        y = TOP + 12 + 20 * row
        self.parts.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 32}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/><text x="{WIDTH - RIGHT + 38}" y="{y + 4}" fill="#111">{escape(name)}</text>')

    def save(self, name):
        os.makedirs(OUT, exist_ok=True)
        open(f'{OUT}/{name}.svg', 'w', encoding='utf8').write('\n'.join(self.parts) + '\n</svg>\n')


def learning_curve():
    """Error against processor minutes of all runs after each other."""
    rows = [l.rstrip('\n').split('\t') for l in open(HERE + '/../models/train/learning-curve.tsv', encoding='utf8')]
    head, rows = rows[0], rows[1:]
    column = {n: i for i, n in enumerate(head)}
    number = lambda r, n: float(r[column[n]]) if r[column[n]] not in ('', '-') else None
    done, last_run, last, series = 0., None, 0., {n: [] for n in ('voice_en_wer', 'voice_zh_cer', 'rms_en_wer', 'fsdd_known_wer', 'fsdd_unknown_wer')}
    for r in rows:
        minutes = number(r, 'cpu_minutes')
        if minutes is None:
            continue
        if r[column['run']] != last_run and minutes < last:      # a run that goes on counts on
            done += last
        last_run, last = r[column['run']], minutes
        for n, points in series.items():
            v = number(r, n) if n in column else None
            if v is not None:
                points.append((done + minutes, v))
    p = Plot('Recognizer: error while it was trained', 'processor minutes of one process', 'word or character error, %', (0, 50 * (int(max(x for s in series.values() for x, _ in s)) // 50 + 1)), (0, 100))
    names = dict(zip(series, ('English', 'Mandarin', 'other engine', 'human digits', 'new speaker')))
    for n, points in series.items():
        p.line(names[n], points, marks=False)
    p.save('learning-curve')


def turns():
    """False cut-ins against delay."""
    sets = {}
    for f in figures('turns'):
        sets.setdefault(f['set'], {}).setdefault(f['part'], {})[f['figure']] = f['value']
    p = Plot('End of turn: false cut-ins against delay', 'delay after the end of speech, p50 ms', 'turns cut into, %', (200, 1700), (0, 70))
    for name, parts in sets.items():
        for kind, dashed in (('ours x', False), ('fixed', True)):
            rows = [(v['delay p50 ms'], 100 * v['false cut-ins']) for n, v in parts.items() if n.startswith(kind) and 'again' not in n]
            p.line(f'{name.split()[-1]} {"house" if kind[0] == "o" else "fixed pause"}', sorted(rows), dashed)
    p.save('turns')


def calibration():
    """Share of right answers against the score they were given."""
    p = Plot('Intents: does the score mean what it says?', 'score given', 'share right', (0, 1), (0, 1))
    p.line('perfect', [(0, 0), (1, 1)], True, False)
    sets = {}
    for f in figures('intents'):
        if f['figure'].startswith('right at ') and 'intents.' in f['set'] and f['part'] == 'test':
            low = float(f['figure'].split()[2])
            sets.setdefault(f['set'].split('.')[-1], []).append((low + .05, f['value']))
    for name, points in sets.items():
        p.line(name, sorted(points))
    p.save('calibration')


def latency():
    """Time to the final text against callers at the same time, ours and a whisper.cpp server's."""
    rows = {}
    for f in figures('asr-bench'):
        if f['figure'].startswith('final '):
            rows.setdefault((f['set'], f['figure'].split()[1]), []).append((float(f['part'].split()[0]), f['value']))
    most = 20 * -(-max(x for points in rows.values() for x, _ in points) // 20)
    p = Plot('Final text: latency against callers', 'callers at the same time, two cores', 'ms after the last word', (0, most), (0, 1000))
    for (of, share), points in rows.items():
        p.line(f"{of.split()[0].replace('.cpp', '')} {share}", sorted(points), of != 'sidetone')
    p.line('goal', [(0, 500), (most, 500)], True, False)
    p.save('latency')


def shown(f):
    """A figure with its interval, in the unit of its name."""
    if f is None:
        return ''
    if 'low' in f:
        return f"{100 * f['value']:.1f} % ({100 * f['low']:.0f}–{100 * f['high']:.0f})"
    return f"{f['value']:.0f}" if f['value'] >= 20 else f"{f['value']:.3f}"


def table(match):
    """The rows of one evaluation as Markdown."""
    what, names = match[1].strip(), [n.strip() for n in match[2].split('|')]
    try:
        given = json.load(open(f'{HERE}/results/{what}.json', encoding='utf8'))
    except FileNotFoundError:
        return match[0]
    rows = {}
    for f in given['figures']:
        if f['figure'] in names:
            rows.setdefault((f['set'], f.get('part', '')), {})[f['figure']] = f
    lines = ['| set | part | n | ' + ' | '.join(names) + ' |', '|---|---|---|' + '---|' * len(names)]
    for (of, part), found in rows.items():
        n = next((f['rows'] for f in found.values() if 'rows' in f), '')
        lines.append(f'| {of} | {part} | {n} | ' + ' | '.join(shown(found.get(x)) for x in names) + ' |')
    return f"<!-- figures: {match[1]}:{match[2]}-->\n" + '\n'.join(lines) + '\n<!-- end -->'


def tables():
    """Fill in the tables of the README."""
    path = HERE + '/README.md'
    text = open(path, encoding='utf8').read()
    open(path, 'w', encoding='utf8').write(re.sub(r'<!-- figures: ([^:]*):(.*?)-->\n.*?<!-- end -->', table, text, flags=re.S))


if __name__ == '__main__':
    tables()
    for draw in (learning_curve, turns, calibration, latency):
        try:
            draw()
        except FileNotFoundError as e:
            print(f'{draw.__name__}: {e.filename} is not there yet')
