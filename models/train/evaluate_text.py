"""Counting errors: words for English, characters for Mandarin."""


def edit(a, b):
    """Edit distance of two sequences."""
    p = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        q = [i]
        for j, y in enumerate(b, 1):
            q.append(min(p[j] + 1, q[-1] + 1, p[j - 1] + (x != y)))
        p = q
    return p[-1]


def units(text, lang):
    """What is counted: words or characters."""
    return text.split() if lang == 'en' else list(text.replace(' ', ''))
