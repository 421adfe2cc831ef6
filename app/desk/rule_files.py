"""Rules written into a file and read out of one, with names for ids. Reading shows what each would be; nothing is made."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.desk import rule_names, rules, tickets
from app.desk.refused import Refused
from app.mail.headers import as_name
from app.models.desk import Desk
from app.models.event import By
from app.models.rule import Rule
from app.words import N_, gettext
from rules import actions, exchange, query
from rules.exchange import Entry, File, FileError
from rules.query import QueryError, Term
from rules.rule import USUAL_CAP
from rules.rule import Rule as RuleOf
from rules.vocabulary import DID_YOU_MEAN, VOCABULARY, Names, Value, read_value


@dataclass(frozen=True)
class Read:
    """A rule of a file: what it would be, or what is wrong with it. `new_tags` are not there yet."""

    name: str
    text: str
    tree: query.Query | None
    then: list[dict[str, Any]]
    once_per: str
    stop_after: bool
    hourly_cap: int
    new_tags: tuple[str, ...]
    mistake: FileError | None = None

    @property
    def everything(self) -> bool:
        """Whether it holds for every ticket."""
        return self.tree == query.And(())


def written(found: Sequence[Rule], names: Names) -> str:
    """The file of these rules, in their order."""
    return exchange.write(
        [
            {
                "name": rule.name,
                "when": query.to_text(query.from_json(rule.query), names=names),
                "then": rule_names.named(rule.actions, names),
                "once_per": rule.once_per,
                "stop_after": rule.stop_after,
                "hourly_cap": rule.hourly_cap,
            }
            for rule in found
        ]
    )


def read(text: str, names: Names, working: Collection[int]) -> list[Read]:
    """The rules of a file, each with its mistake. `working` are the ids of those who work here. Raises FileError for a
    text that is no file of rules."""
    file = exchange.read(text)
    if not file.entries:
        raise FileError(N_("there is no `[[rule]]` in it"), 1, 1)
    if len(file.entries) > rules.MOST_RULES:
        raise FileError(N_("more than {limit} rules"), 1, 1, limit=rules.MOST_RULES)
    return [_read(file, entry, names, working) for entry in file.entries]


def add(desk: Desk, found: Sequence[Read], *, by: By, now: datetime) -> list[Rule]:
    """Adds rules that were read without a mistake, switched off, behind those that are there. Their tags are made."""
    added = []
    for one in found:
        for tag in one.new_tags:
            tickets.tag_named(tag)
        added.append(
            rules.save(
                desk,
                None,
                name=one.name,
                text=one.text,
                then=one.then,
                once_per=one.once_per,
                stop_after=one.stop_after,
                hourly_cap=one.hourly_cap,
                everything=one.everything,
                by=by,
                now=now,
            )
        )
    return added


def holding(found: Sequence[Read], now: datetime) -> dict[int, int]:
    """place -> for how many tickets the rule at that place of the file would hold now, counted as in the list of rules. Of
    those that were read without a mistake."""
    those = [
        RuleOf(place, place, one.name, _without_new(one.tree), ())
        for place, one in enumerate(found)
        if one.tree is not None and one.mistake is None
    ]
    return rules.holding(those, now)


def there(found: Sequence[Read], known: Sequence[Rule]) -> dict[int, str]:
    """place -> what `known` rules have of the rule at that place: "same" all that it says, whatever it is called, or only
    the "name"."""
    names = {rule.name for rule in known}
    kept = [(rule.query, rule.actions, rule.once_per, rule.stop_after) for rule in known]
    told = {}
    for place, one in enumerate(found):
        if one.tree is None or one.mistake is not None:
            continue
        if (query.to_json(one.tree), one.then, one.once_per, one.stop_after) in kept:
            told[place] = "same"
        elif one.name in names:
            told[place] = "name"
    return told


def said(mistake: FileError) -> str:
    """What is wrong and where, in the language being spoken."""
    text = gettext(mistake.message).format(**mistake.values)
    if mistake.values.get("suggestion"):
        text += ", " + gettext(DID_YOU_MEAN).format(suggestion=mistake.values["suggestion"])
    place = N_("Line %(line)s, column %(column)s: %(mistake)s")
    return gettext(place, line=mistake.line, column=mistake.column, mistake=text)


def _without_new(tree: query.Query) -> query.Query:
    """The query as the tickets that there are answer it: a tag that the file is going to make is on none of them."""
    match tree:
        case query.And(parts):
            return query.And(tuple(map(_without_new, parts)))
        case query.Or(parts):
            return query.Or(tuple(map(_without_new, parts)))
        case query.Not(part):
            return query.Not(_without_new(part))
        case Term("tag"):
            there = tuple(value for value in tree.values if not (isinstance(value, int) and value < 0))
            return replace(tree, values=there) if there else query.Not(query.And(()))
    return tree


def _read(file: File, entry: Entry, names: Names, working: Collection[int]) -> Read:
    values, name = entry.values, str(entry.values.get("name", ""))
    tags: dict[str, None] = {}
    tree, then, mistake = None, [], None
    try:
        exchange.check(file, entry)
        name = _name(file, entry)
        tree = _tree(file, entry, names, tags)
        then = _then(file, entry, names, working, tags)
    except FileError as error:
        mistake = error
    text = str(values.get("when", ""))
    often, stop = str(values.get("once_per", "episode")), bool(values.get("stop_after", False))
    cap = values.get("hourly_cap", USUAL_CAP)
    return Read(name, text, tree, then, often, stop, cap, tuple(tags), mistake)


def _name(file: File, entry: Entry) -> str:
    name = as_name(str(entry.values["name"]))
    if not name or len(name) > rules.LONGEST_NAME:
        raise file.error(entry, "name", N_("a name has 1 to {most} characters"), most=rules.LONGEST_NAME)
    return name


def _tree(file: File, entry: Entry, names: Names, tags: dict[str, None]) -> query.Query:
    try:
        for term in query.terms(query.parse(entry.values["when"])):
            if isinstance(term, Term) and term.field == "tag":
                tags.update(dict.fromkeys(_new_tags(term, names)))
        return query.parse(entry.values["when"], names=_WithTags(names, tags))
    except QueryError as error:
        more = {**error.values, "suggestion": error.suggestion}
        raise file.error_in(entry, "when", error.column, error.message, **more) from error
    except Refused as refused:
        raise file.error(entry, "when", "{mistake}", mistake=refused.said()) from refused


def _then(
    file: File, entry: Entry, names: Names, working: Collection[int], tags: dict[str, None]
) -> list[dict[str, Any]]:
    if not entry.values["then"]:
        raise file.error(entry, "then", N_("a rule needs something to do"))
    found = []
    for written in entry.values["then"]:
        try:
            data = _with_ids(written, names, tags)
            actions.from_json(data)
        except (QueryError, actions.ActionError) as error:
            more = {**error.values, "suggestion": getattr(error, "suggestion", None)}
            raise file.error(entry, "then", error.message, **more) from error
        except Refused as refused:
            raise file.error(entry, "then", "{mistake}", mistake=refused.said()) from refused
        for person in rule_names.people_of(data):
            if person not in working:
                raise file.error(entry, "then", N_("that person does not work here any more"))
        found.append(data)
    return found


def _with_ids(written: Any, names: Names, tags: dict[str, None]) -> Any:
    """An action with the ids of what it names; a tag that is not there yet stays a name."""
    kind = actions.kinds().get(str(written.get("kind"))) if isinstance(written, dict) else None
    if kind is None:
        return written
    nouns = {detail.noun for detail in kind.details}
    data = {
        "kind": kind.name,
        **{key: one for key, one in written.items() if key not in nouns and key != "kind"},
    }
    for detail in kind.details:
        if detail.noun not in written:
            continue
        value = written[detail.noun]
        known = rule_names.FIELDS.get(detail.type)
        if detail.type in rule_names.OWN:
            data[detail.name] = rule_names.own_id(detail.type, value)
            if data[detail.name] == 0:
                raise actions.ActionError(_NOT_HERE[detail.type], name=str(value))
        elif known is None or not isinstance(value, str):
            data[detail.name] = value if known is None else 0  # an id means another thing on another desk
        elif known == "tag" and not _is_number(value) and _tag_id(value, names) is None:
            tags[tickets.tag_name(value)] = None
            data[detail.name] = tickets.tag_name(value)
        else:
            data[detail.name] = read_value(VOCABULARY[known], value, 1, names=names)
    return data


_NOT_HERE = {
    "column": N_("there is no column `{name}` here"),
    "webhook": N_("there is no webhook `{name}` here; add it under Settings first"),
}


def _new_tags(term: Term, names: Names) -> list[str]:
    return [
        tickets.tag_name(value)
        for value in map(str, term.values)
        if value != "none" and not _is_number(value) and _tag_id(value, names) is None
    ]


def _tag_id(value: str, names: Names) -> Value | None:
    return names["tag"].get(value, names["tag"].get(tickets.tag_name(value)))


def _is_number(value: str) -> bool:
    return re.fullmatch("#[0-9]+", value.strip()) is not None


class _WithTags(dict[str, Mapping[str, Value]]):
    """The names there are, and those of tags that are going to be made: with numbers that no row has."""

    def __init__(self, names: Names, tags: Collection[str]) -> None:
        new = {tag: -place for place, tag in enumerate(tags, start=1)}
        super().__init__({field: names[field] for field in names})
        self["tag"] = {**new, **names["tag"]}
