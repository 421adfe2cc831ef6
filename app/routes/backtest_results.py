"""The result of a backtest as its page shows it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from app.auth import now
from app.database import db
from app.desk import backtests, explanations
from app.models import vocabulary
from app.models.backtest import Backtest
from app.models.rule import Rule
from app.models.ticket import Ticket
from rules import query
from rules.hours import day_of
from rules.moments import never_changes

MOST_LINKED = 500  # characters of a query in an address
SOON = timedelta(hours=1)  # so long the list is asked for the same days, at most


class Bar(NamedTuple):
    """A day of the chart. `height` is of 100, `name` with the weekday, `short` without it."""

    day: date
    times: int
    height: float

    @property
    def name(self) -> str:
        return explanations.day_name(self.day)

    @property
    def short(self) -> str:
        return explanations.day_name(self.day, weekday=False)


def told(
    backtest: Backtest, asked: backtests.Asked, then: list[str], boards: Sequence[int]
) -> dict[str, Any]:
    """What backtests/_result.html takes of a result; tickets on other boards than these are not named."""
    result: Mapping[str, Any] = backtest.result
    numbers = [number for number, *_ in result["newest"]]
    missed = [number for one in result["actions"] for number in one["missed"]]
    subjects = dict(
        db.session.execute(
            select(Ticket.id, Ticket.subject).where(
                Ticket.id.in_([*numbers, *missed]), Ticket.board_id.in_(boards)
            )
        ).all()
    )
    bars = _bars(backtest)
    most = max(bars, key=lambda bar: bar.times)
    return {
        "result": result,
        "bars": bars,
        "most": most,
        "scale": _scale(most.times),
        "tickets": [
            (number, subjects[number], datetime.fromisoformat(at), so)
            for number, at, so in result["newest"]
            if number in subjects
        ],
        "subjects": subjects,
        "agreement": [
            _agreement(said, one, result["tickets"])
            for said, one in zip(then, result["actions"], strict=True)
        ],
        "others": _others(backtest, result["others"]),
        "stops": _others(backtest, result["stops"]),
        "list_query": _list_query(backtest, asked),
    }


def _agreement(said: str, one: Mapping[str, Any], tickets: int) -> dict[str, Any]:
    """What an action would have changed, and how that goes with what people did; percentages of what there is any of."""
    would = tickets - one["ruled"]
    agreed = one["agreed"] if isinstance(one["agreed"], int) else len(one["agreed"])
    return {
        "said": said,
        "new": tickets - one["already"],
        "already": one["already"],
        "would": would,
        "ruled": one["ruled"],
        "agreed": agreed,
        "people": one["people"],
        "missed": one["missed"],
        "misses": max(one["people"] - agreed, 0),
        "precision": round(100 * agreed / would) if would else None,
        "recall": round(100 * agreed / one["people"]) if one["people"] else None,
        "told": one.get("told", True),
    }


def _bars(backtest: Backtest) -> list[Bar]:
    first, last = day_of(backtest.zone, backtest.since_at), day_of(backtest.zone, backtest.until_at)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    times = [backtest.result["days"].get(day.isoformat(), 0) for day in days]
    top = _scale(max(times))[-1]
    return [Bar(day, count, round(100 * count / top, 1)) for day, count in zip(days, times, strict=True)]


def _scale(most: int) -> list[int]:
    """The numbers beside the chart: nothing, the half, and at least the most; whole ones."""
    half = max(-(-most // 2), 1)
    return [0, 1] if most <= 1 else [0, half, 2 * half]


def _others(backtest: Backtest, counts: Mapping[str, int]) -> list[tuple[Rule, int, bool]]:
    """(rule, tickets, whether it stands behind this one and so wins), most first."""
    own = db.session.get(Rule, backtest.rule_id) if backtest.rule_id is not None else None
    found = []
    for rule_id, tickets in sorted(counts.items(), key=lambda one: -one[1]):
        rule = db.session.get(Rule, int(rule_id))
        if rule is not None:
            behind = own is not None and (rule.position, rule.id) > (own.position, own.id)
            found.append((rule, tickets, behind))
    return found


def _list_query(backtest: Backtest, asked: backtests.Asked) -> str | None:
    """The query that finds the same tickets in the list, when a query can: of a rule that looks at nothing that changes."""
    if not never_changes(asked.tree) or day_of(backtest.zone, now()) != day_of(
        backtest.zone, backtest.until_at
    ):
        return None
    created = query.Term("created", ":", (f"last {backtest.days} days",))
    text = query.to_text(query.And((asked.tree, created)), names=vocabulary.names())
    return text if len(text) <= MOST_LINKED else None
