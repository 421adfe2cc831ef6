"""Which rules hold for which tickets, and for one ticket why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, select

from app.database import db, trouble
from app.models.document import words_in_texts
from app.models.ticket import Ticket
from app.models.vocabulary import binding
from rules.compile import columns, condition, truth
from rules.outline import Line, walk
from rules.query import Query, terms
from rules.rule import Rule

_kept: dict[Query, ColumnElement[bool]] = {}  # the sweep asks the same again and again


def truth_of(tickets: Collection[int], rules: Sequence[Rule], now: datetime) -> dict[int, dict[int, bool]]:
    """ticket -> rule -> whether its query holds, for a few tickets by their ids. One statement."""
    asked = columns(rules, replace(binding(now, words=words_in_texts), kept=_kept), now)
    rows = db.session.execute(select(Ticket.id, *asked).where(Ticket.id.in_(tickets)))
    return {row.id: truth(rules, row._mapping) for row in rows}


MOST_ASKED = 1_000  # terms in one statement: PostgreSQL gives 1,664 columns, SQLite 2,000


def lines_of(ticket_id: int, outlines: Mapping[int, Line], now: datetime) -> dict[int, list[bool]]:
    """rule -> whether each line of its outline (see rules.outline.walk) holds for a ticket. One statement, for very many
    rules some; a rule that cannot be asked is left out."""
    found: dict[int, list[bool]] = {}
    for some in _together(outlines):
        asked = {rule_id: outlines[rule_id] for rule_id in some}
        try:
            found |= _lines(ticket_id, asked, now)
        except Exception as error:
            if trouble(error):
                raise
            for rule_id, line in asked.items():
                found |= _line_alone(ticket_id, rule_id, line, now)
    return found


def _line_alone(ticket_id: int, rule_id: int, line: Line, now: datetime) -> dict[int, list[bool]]:
    try:
        return _lines(ticket_id, {rule_id: line}, now)
    except Exception as error:
        if trouble(error):
            raise
        return {}


def _together(outlines: Mapping[int, Line]) -> Iterator[list[int]]:
    """The rules that are asked in one statement."""
    some: list[int] = []
    left = MOST_ASKED
    for rule_id, line in outlines.items():
        weight = sum(1 + len(terms(one.tree)) for one in walk(line))
        if some and weight > left:
            yield some
            some, left = [], MOST_ASKED
        some.append(rule_id)
        left -= weight
    if some:
        yield some


def _lines(ticket_id: int, outlines: Mapping[int, Line], now: datetime) -> dict[int, list[bool]]:
    bound = binding(now, words=words_in_texts)
    flat = {rule_id: list(walk(line)) for rule_id, line in outlines.items()}
    asked = [
        condition(line.tree, bound, now).label(f"rule_{rule_id}_{place}")
        for rule_id, lines in flat.items()
        for place, line in enumerate(lines)
    ]
    with db.session.begin_nested():  # what is refused spoils nothing that was read before
        answers = iter(db.session.execute(select(*asked).where(Ticket.id == ticket_id)).one())
    return {rule_id: [bool(next(answers)) for _ in lines] for rule_id, lines in flat.items()}
