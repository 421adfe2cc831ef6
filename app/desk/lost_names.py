"""What a rule names that is gone by now, under the name that it had: the versions of the rule read as they did then."""

import re
from collections.abc import Iterable, Iterator, Mapping

from app.desk import rule_names
from app.models.rule import Rule
from app.models.rule_version import RuleVersion, versions_of
from rules import query, stored
from rules.actions import kinds
from rules.vocabulary import Names

Lost = Mapping[str, Mapping[int, str]]  # field of the vocabulary, or type of a detail -> id -> name

_GONE = re.compile(r"#(\d+)")


def of(rule: Rule, names: Names) -> Lost:
    """The newest name of each."""
    found: dict[str, dict[int, str]] = {}
    for version in versions_of(rule.id):
        for field, id, name in (*_of_actions(version), *_of_query(version, names)):
            if id not in names.get(field, {}).values():
                found.setdefault(field, {}).setdefault(id, name)
    return found


def known(names: Names, lost: Lost) -> Names:
    """The names with the lost ones among them, to show what a query said."""
    return {
        field: {name: id for id, name in lost.get(field, {}).items()} | dict(there)
        for field, there in names.items()
    }


def said(missing: Iterable[str], lost: Lost) -> list[str]:
    """What is missing (`tag:#12`, see rule_names.missing) by its names: `tag:refund`."""
    return [_said(term, lost) for term in missing]


def _said(term: str, lost: Lost) -> str:
    field, colon, values = term.partition(":")
    there = lost.get(field, {})

    def name(found: re.Match[str]) -> str:
        return query.quoted_value(there[int(found[1])]) if int(found[1]) in there else found[0]

    return f"{field}{colon}{_GONE.sub(name, values)}"


def _of_actions(version: RuleVersion) -> Iterator[tuple[str, int, str]]:
    for action, named in zip(version.actions, version.named or (), strict=False):
        kind = kinds().get(action["kind"])
        for detail in kind.details if kind else ():
            id, name = action.get(detail.name), named.get(detail.noun)
            field = detail.type if detail.type in rule_names.OWN else rule_names.FIELDS.get(detail.type)
            if field and type(id) is int and isinstance(name, str) and not _GONE.fullmatch(name):
                yield field, id, name


def _of_query(version: RuleVersion, names: Names) -> Iterator[tuple[str, int, str]]:
    """The text of now has `#12` where that of then had a name; all else being the same, that is it."""
    try:
        tree = stored.query_of(version.query)
    except stored.UNREADABLE:
        return
    gone = _gone(tree, names)
    if not gone or version.text is None:
        return
    pattern = re.escape(query.to_text(tree, names=names))
    for _, id in gone:
        pattern = pattern.replace(re.escape(f"#{id}"), r'("(?:[^"\\]|\\.)*"|[^\s,()"]+)', 1)
    then = re.fullmatch(pattern, version.text)
    for (field, id), name in zip(gone, then.groups() if then else (), strict=False):
        if not _GONE.fullmatch(name):
            yield field, id, re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name


def _gone(tree: query.Query, names: Names) -> list[tuple[str, int]]:
    """From left to right."""
    broken = (term.partition(":") for leaf in query.terms(tree) for term in query.broken(leaf, names))
    return [(field, int(id)) for field, _, values in broken for id in _GONE.findall(values)]
