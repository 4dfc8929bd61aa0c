"""Tiny template language for sentence generation.

Why: several thousand natural sentences per language have to come from text short enough to read and to extend.
A template is plain text with (a|b|c) for a choice (an empty part makes it optional) and {name} for a category.
A category is a list of templates or a function of the random generator.
"""


def _split(body):
    """Split the inside of a choice at its top-level bars."""
    parts, depth, cur = [], 0, ''
    for c in body:
        depth += (c == '(') - (c == ')')
        if c == '|' and depth == 0:
            parts.append(cur)
            cur = ''
        else:
            cur += c
    return parts + [cur]


def expand(template, rng, table):
    """Return one random sentence of the template."""
    out, i = [], 0
    while i < len(template):
        c = template[i]
        if c == '(':
            depth, j = 1, i + 1
            while depth:
                depth += (template[j] == '(') - (template[j] == ')')
                j += 1
            out.append(expand(rng.choice(_split(template[i + 1:j - 1])), rng, table))
            i = j
        elif c == '{':
            j = template.index('}', i)
            cat = table[template[i + 1:j]]
            out.append(cat(rng) if callable(cat) else expand(rng.choice(cat), rng, table))
            i = j + 1
        else:
            out.append(c)
            i += 1
    return ''.join(out)


def lines(text):
    """Lines of a block of text, without blank ones."""
    return [x.strip() for x in text.strip().split('\n') if x.strip()]
