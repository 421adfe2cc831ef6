"""When a rule has acted, newest first, and taking back what it did to many tickets: those of an hour, or all since."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, allowed, now, signed_in_person
from app.database import db
from app.desk import access, explanations, firings, snoozes, undo
from app.desk.refused import Refused
from app.html import page
from app.models import firing
from app.models.board import Board
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Ticket
from app.routes import steps, told
from app.words import N_, gettext, ngettext

bp = Blueprint("rule_firings", __name__)

A_PAGE = 50
MOST = 500  # firings taken back at a time
STEPS = 10  # looked through for them, each of so many
EXAMPLES = 20
DAY, WEEK = timedelta(days=1), timedelta(days=7)
Found = Sequence[tuple[RuleFiring, Ticket]]


@bp.get("/rules/<int:rule_id>/firings")
@allowed("see_rules")
def index(rule_id: int) -> Response:
    rule, person, at = _found(rule_id), signed_in_person(), now()
    boards = access.visible_boards(person, at)
    found = firing.of_rule(rule_id, boards, A_PAGE + 1, before=_cursor(rule_id))
    shown = found[:A_PAGE]
    said = firings.told([row for row, _ in shown], person.zone, at, boards)
    return page(
        "rules/firings.html",
        rule=rule,
        hours=list(_hours(shown, said, person.zone, at)),
        told=said,
        older=shown[-1][0].id if len(found) > A_PAGE else None,
        newest="before" not in request.args,
        day=firing.counts(boards, at - DAY).get(rule_id, 0),
        week=firing.counts(boards, at - WEEK).get(rule_id, 0),
        may_edit=access.can(person, "edit_rules", None, at),
    )


@bp.get("/rules/<int:rule_id>/firings/undo")
@allowed("edit_rules")
def ask(rule_id: int) -> Response:
    """`since` and `until` are instants, or a day and a time in the person's zone; without `until` it is all since."""
    since, until = _instant("since"), _instant("until") if request.args.get("until") else None
    return _question(_found(rule_id), since, until, _between(rule_id, since, until))


def _question(rule: Rule, since: datetime, until: datetime | None, found: "_Between") -> Response:
    """Refused with 409 when it was answered and nothing is left (any more)."""
    standing = {ticket.id: ticket for _, ticket in found.standing}
    return page(
        "rules/undo_firings.html",
        status=200 if standing or request.method == "GET" else 409,
        rule=rule,
        since=since,
        until=until,
        span=explanations.stretch(since, until, signed_in_person().zone, now()) if until else None,
        count=len(standing),
        others=len(found.others - set(standing)),
        more=found.more,
        most=MOST,
        examples=list(standing.values())[:EXAMPLES],
        outcome=None,
    )


@bp.post("/rules/<int:rule_id>/firings/undo")
@allowed("edit_rules")
def take_back(rule_id: int) -> AnyResponse:
    """A hundred tickets in each transaction; what cannot be taken back any more is named."""
    rule = _found(rule_id)
    since, until = _instant("since"), _instant("until") if request.form.get("until") else None
    of: dict[int, list[int]] = {}
    found = _between(rule_id, since, until)
    if not found.standing:
        return _question(rule, since, until, found)
    for row, _ in found.standing:
        of.setdefault(row.ticket_id, []).append(row.id)
    rows = [row for some in of.values() for row in some]
    stays: dict[str, None] = {}
    outcome = steps.each(
        of,
        lambda board, ticket: stays.update(dict.fromkeys(_take_back(board, ticket, of))),
        into=firings.boards_of(rows),
        boards_beside=firings.boards_beside(rows),
    )
    count = len(outcome.done)
    text = ngettext("Taken back on %(num)s ticket.", "Taken back on %(num)s tickets.", count)
    if stays:
        text = f"{text} {gettext('What cannot be undone: %(deeds)s', deeds=', '.join(stays))}"
    back = f"/undo/{undo.token(outcome.stretches)}" if undo.is_whole(outcome.stretches) else None
    if outcome.done and not outcome.failed:
        return told.tell(redirect(url_for("rule_firings.index", rule_id=rule_id), code=303), text, back)
    status = 200 if outcome.done else 409
    return page("rules/undo_firings.html", status=status, rule=rule, outcome=outcome, text=text, undo=back)


def _take_back(board: Board, ticket: Ticket, of: Mapping[int, Sequence[int]]) -> list[str]:
    """Of several firings what still can be; returns what cannot. Refused when nothing can."""
    refused: list[Refused] = []
    stays: list[str] = []
    for firing_id in of[ticket.id]:
        try:
            with db.session.begin_nested():
                stays += firings.take_back(board, ticket, firing_id, by=acting(), now=now())
        except Refused as error:
            refused.append(error)
    if len(refused) == len(of[ticket.id]):
        raise refused[0]
    return stays


class _Between(NamedTuple):
    """The newest firings of which something can be taken back, at most MOST; the tickets of the `others`; whether there may be
    `more`."""

    standing: Found
    others: set[int]
    more: bool


def _between(rule_id: int, since: datetime, until: datetime | None) -> _Between:
    boards = access.visible_boards(signed_in_person(), now())
    standing: list[tuple[RuleFiring, Ticket]] = []
    others: set[int] = set()
    before = None
    for _ in range(STEPS):
        found = firing.of_rule(rule_id, boards, MOST, before=before, since=since, until=until)
        can_be = firings.undoable([row for row, _ in found])
        for row, ticket in found:
            if row.id not in can_be or ticket.merged_into_id is not None:
                others.add(ticket.id)
            elif len(standing) == MOST:
                return _Between(standing, others, more=True)
            else:
                standing.append((row, ticket))
        if len(found) < MOST:
            return _Between(standing, others, more=False)
        before = found[-1][0].at, found[-1][0].id
    return _Between(standing, others, more=True)


def _found(rule_id: int) -> Rule:
    """Also one that is gone: what it did stays."""
    rule = db.session.get(Rule, rule_id)
    if rule is None:
        raise access.not_found()
    return rule


def _cursor(rule_id: int) -> firing.Cursor | None:
    sent = request.args.get("before", "")
    number = int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 10 else 0
    row = db.session.get(RuleFiring, number) if number else None
    return (row.at, row.id) if row is not None and row.rule_id == rule_id else None


def _instant(name: str) -> datetime:
    text = request.values.get(name, "")
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        at = snoozes.read(text, signed_in_person().zone)
    if not 1970 < at.year < 2200:
        raise Refused(N_("Choose a day and a time."), field=name)
    return at.astimezone(UTC)


class _Hour(NamedTuple):
    """Of a log: `standing`, something of it can be taken back."""

    begins: datetime
    ends: datetime
    said: str
    standing: bool
    some: Found


def _hours(shown: Found, told: Mapping[int, firings.Told], zone: str, at: datetime) -> Iterator[_Hour]:
    for begins, group in groupby(shown, key=lambda pair: _hour(pair[0].at, ZoneInfo(zone))):
        some, ends = list(group), begins + timedelta(hours=1)
        standing = any(told[row.id].undo and ticket.merged_into_id is None for row, ticket in some)
        yield _Hour(begins, ends, explanations.stretch(begins, ends, zone, at), standing, some)


def _hour(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
