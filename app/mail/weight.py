"""Would building the tree of this HTML take unreasonably long?

A tree builder visits every open element at most tags, and opens every unclosed <b> again in each paragraph: a few
hundred kilobytes of unclosed tags keep nh3 busy for hours. This walks the tags once and adds up that work. It errs
towards "heavy": a closing tag counts only where it certainly closes.
"""

import html
import re
from collections import Counter

_MAX_VISITS = 20_000_000
_MAX_COPIES = 300_000

# nh3 takes quadratic time on these.
_MAX_REFERENCES = 200_000

_TOKEN = re.compile(
    r"""(?x)
      <!--(?:-?>|.*?(?:--!?>|\Z))
    | <(?P<close>/?)(?P<name>[A-Za-z][^\s/>]*+)
      (?:[\s/]++ | =?[^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^\s>"'][^\s>]*+ | (?=>)))?+ (?<![\s/<]) )*+
      (?:>|\Z)
    | <[!?/][^>]*+(?:>|\Z)
    """,
    re.DOTALL,
)
_OPENED = re.compile(r"<[A-Za-z]")
_ANY_TAG = re.compile(r"<[^<>]*>")
_COPIED = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
# Closed by their own kind, or never open: they do not pile up.
_FLAT = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dd",
        "dt",
        "td",
        "th",
        "tr",
        "tbody",
        "thead",
        "tfoot",
        "colgroup",
        "option",
        "optgroup",
        "html",
        "head",
        "body",
        "o:p",
    ]
)
_RAW = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "title", "textarea"])
# Inside these a closing tag may be ignored, or "<" may mean something else.
_STRANGE = frozenset(
    ["svg", "math", "template", "select", "object", "applet", "marquee", "frameset", "plaintext"]
)


def heavy(markup: str) -> bool:
    """Whether `markup` must not be given to a tree builder."""
    if markup.count("&") > _MAX_REFERENCES:
        return True
    visits = copies = depth = tables = at = 0
    trusted = True
    opened: Counter[tuple[int, str]] = Counter()
    copied: Counter[tuple[int, str]] = Counter()
    active = 0
    while (token := _TOKEN.search(markup, at)) is not None:
        at = token.end()
        name = (token["name"] or "").lower()
        if not name:
            continue
        visits += depth
        copies += active
        if visits > _MAX_VISITS or copies > _MAX_COPIES * (1 + len(markup) / 200_000):
            return True
        if token["close"]:
            if name == "table" and tables and trusted:
                tables, depth = tables - 1, depth - 1
            elif trusted and opened[tables, name]:
                opened[tables, name] -= 1
                depth -= 1
                if copied[tables, name]:
                    copied[tables, name] -= 1
                    active -= 1
            continue
        trusted = trusted and name not in _STRANGE
        if name in _RAW:
            end = re.compile(rf"(?i)</{name}(?=[\s/>])").search(markup, at)
            stop = end.start() if end else len(markup)
            hidden = len(_OPENED.findall(markup, at, stop))
            # Within <svg> this would be markup after all.
            depth, active, at = depth + hidden, active + hidden, stop
        elif name == "table":
            tables, depth = tables + 1, depth + 1
        elif name not in _FLAT:
            opened[tables, name] += 1
            depth += 1
            if name in _COPIED:
                copied[tables, name] += 1
                active += 1
    return False


def without_tags(markup: str) -> str:
    """The words of HTML that is too heavy to be read properly."""
    return html.unescape(_ANY_TAG.sub(" ", markup))
