"""Which rules hold for which tickets."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, select

from app.database import db
from app.models.document import words_in_texts
from app.models.ticket import Ticket
from app.models.vocabulary import binding
from rules.compile import columns, truth
from rules.query import Query
from rules.rule import Rule

_kept: dict[Query, ColumnElement[bool]] = {}  # the sweep asks the same again and again


def truth_of(tickets: Collection[int], rules: Sequence[Rule], now: datetime) -> dict[int, dict[int, bool]]:
    """ticket -> rule -> whether its query holds, for a few tickets by their ids. One statement."""
    asked = columns(rules, replace(binding(now, words=words_in_texts), kept=_kept), now)
    rows = db.session.execute(select(Ticket.id, *asked).where(Ticket.id.in_(tickets)))
    return {row.id: truth(rules, row._mapping) for row in rows}
