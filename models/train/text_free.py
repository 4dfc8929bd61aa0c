"""Sentences that people wrote freely: the examples, articles and prompts of the project's own content folders.

Why: a recognizer that has heard only sentences of a grammar completes what it half hears into one of them. Whole sentences,
pieces of them, and two pieces after each other, so that it must listen on. `knowledge/eval` is for tests only.
Where the environment names a folder TEXTS, what people asked other service lines is taken from it too (`_public`).
Run:  python text_free.py        prints how many sentences there are, and examples
"""
import csv
import glob
import json
import os
import random
import re
import tomllib

_HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
_lists = {}
PUBLIC_SHARE = .4         # share of the other lines' sentences, where there are any


def spoken(text, lang):
    """The text as it is spoken, or None where it has digits, letters of the other script or nothing."""
    if lang == 'zh':
        t = re.sub(r'[^\w]', '', text)
        return t if t and not re.search(r'[^\u4e00-\u9fff]', t) else None
    t = re.sub(r"[^a-z0-9' ]", ' ', text.lower().replace('’', "'"))
    t = ' '.join(w.strip("'") for w in t.split())
    return t if t and not re.search(r'\d', t) and not re.search(r'[\u4e00-\u9fff]', text) else None


def _texts():
    """(language, text) of everything that is written in the content folders."""
    for path in sorted(glob.glob(_HOME + '/knowledge/intents/*.toml')):
        with open(path, 'rb') as f:
            table = tomllib.load(f)
        for lang in ('zh', 'en'):
            for t in table.get(lang, []) + table.get('weak_' + lang, []):
                yield lang, t
    for lang in ('zh', 'en'):
        for row in csv.DictReader(open(f'{_HOME}/knowledge/eval/mood-train.{lang}.tsv', encoding='utf8'), delimiter='\t'):
            yield lang, row['text']
    for path in sorted(glob.glob(_HOME + '/knowledge/*/**/*.md', recursive=True)):
        if '/knowledge/eval/' in path:
            continue
        lang = 'zh' if '/zh' in path else 'en'
        body = re.sub(r'^---.*?---', '', open(path, encoding='utf8').read(), flags=re.S)
        for t in re.split(r'[。！？；\n]|[.!?;](?:\s|$)', body):
            yield lang, t


def _public():
    """(language, text) of BANKING77's (CC BY 4.0) and CLINC150's (CC BY 3.0) training parts, CrossWOZ (Apache-2.0), SGD (CC BY-SA 4.0)."""
    folder = os.environ.get('TEXTS')
    if not folder:
        return
    for name in ('banking77', 'clinc150'):
        for row in csv.DictReader(open(f'{folder}/{name}/train.tsv', encoding='utf8'), delimiter='\t', quoting=csv.QUOTE_NONE):
            yield 'en', row['text']
    for line in open(f'{folder}/crosswoz/user_intents_dev.jsonl', encoding='utf8'):
        for t in re.split('[。！？；，]', json.loads(line)['text']):
            yield 'zh', t
    for line in open(f'{folder}/sgd/dev_300.jsonl', encoding='utf8'):
        for turn in json.loads(line)['turns']:
            for t in re.split(r'[.!?](?:\s|$)', turn['text']):
                yield 'en', t


def _each_once(texts):
    """{language: sentences as they are spoken}, neither too long to say in a window nor twice."""
    found = {'zh': {}, 'en': {}}
    for lang, text in texts:
        t = spoken(text, lang)
        if t and (2 <= len(t) <= 34 if lang == 'zh' else len(t.split()) <= 22):
            found[lang][t] = None
    return {lang: list(v) for lang, v in found.items()}


def sentences(lang):
    """All of a language in the project's own folders, as they are spoken, each once."""
    if 'own' not in _lists:
        _lists['own'] = _each_once(_texts())
    return _lists['own'][lang]


def public_sentences(lang):
    """What people asked other service lines; nothing where no folder TEXTS is named."""
    if 'public' not in _lists:
        _lists['public'] = _each_once(_public())
    return _lists['public'][lang]


def _one(lang, r):
    public = public_sentences(lang)
    return r.choice(public if public and r.random() < PUBLIC_SHARE else sentences(lang))


def _piece(lang, r):
    """A stretch from the middle of a sentence."""
    s = _one(lang, r)
    units = list(s) if lang == 'zh' else s.split()
    n = r.randint(1, max(1, len(units)))
    at = r.randint(0, len(units) - n)
    return ('' if lang == 'zh' else ' ').join(units[at:at + n])


def sentence(lang, r):
    """A whole sentence, a piece of one, or pieces of two."""
    k = r.random()
    if k < .6:
        return _one(lang, r)
    if k < .75:
        return _piece(lang, r)
    return ('' if lang == 'zh' else ' ').join([_piece(lang, r), _piece(lang, r)])


def written_for_tests(lang, part):
    """Freely written sentences that training never sees: the intents' dev or test part."""
    rows = csv.DictReader(open(f'{_HOME}/knowledge/eval/intents.{lang}.{part}.tsv', encoding='utf8'), delimiter='\t')
    return [t for t in (spoken(row['text'], lang) for row in rows) if t]


if __name__ == '__main__':
    rng = random.Random(1)
    for lang in ('en', 'zh'):
        print(lang, len(sentences(lang)), 'sentences,', len(public_sentences(lang)), 'of other lines,', len(written_for_tests(lang, 'dev')), 'for dev')
        for _ in range(12):
            print('  ', sentence(lang, rng))
