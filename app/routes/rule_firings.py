"""When a rule has acted, newest first, and taking back what it did to many tickets: those of an hour, or all since."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, allowed, now, signed_in_person
from app.database import db
from app.desk import access, firings, snoozes, undo
from app.desk.refused import Refused
from app.html import page
from app.models import firing
from app.models.board import Board
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Ticket
from app.routes import steps, told
from app.words import N_, ngettext

bp = Blueprint("rule_firings", __name__)

A_PAGE = 50
MOST = 500  # firings taken back at a time
EXAMPLES = 20
DAY, WEEK = timedelta(days=1), timedelta(days=7)
Found = Sequence[tuple[RuleFiring, Ticket]]


@bp.get("/rules/<int:rule_id>/firings")
@allowed("see_rules")
def index(rule_id: int) -> Response:
    rule, person, at = _found(rule_id), signed_in_person(), now()
    boards = access.visible_boards(person, at)
    found = firing.of_rule(rule_id, boards, A_PAGE + 1, before=_cursor(rule_id))
    shown, zone = found[:A_PAGE], ZoneInfo(person.zone)
    hours = groupby(shown, key=lambda pair: _hour(pair[0].at, zone))
    return page(
        "rules/firings.html",
        rule=rule,
        hours=[(begins, begins + timedelta(hours=1), list(some)) for begins, some in hours],
        told=firings.told([row for row, _ in shown], person.zone, at, boards),
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
    rule = _found(rule_id)
    since, until = _instant("since"), _instant("until") if request.args.get("until") else None
    found = _between(rule_id, since, until)
    return page(
        "rules/undo_firings.html",
        rule=rule,
        since=since,
        until=until,
        count=len({row.ticket_id for row, _ in found[:MOST]}),
        more=len(found) > MOST,
        most=MOST,
        examples=list({ticket.id: ticket for _, ticket in found[:MOST]}.values())[:EXAMPLES],
        outcome=None,
    )


@bp.post("/rules/<int:rule_id>/firings/undo")
@allowed("edit_rules")
def take_back(rule_id: int) -> AnyResponse:
    """A hundred tickets in each transaction; what cannot be taken back any more is named."""
    rule = _found(rule_id)
    since, until = _instant("since"), _instant("until") if request.form.get("until") else None
    of: dict[int, list[int]] = {}
    for row, _ in _between(rule_id, since, until)[:MOST]:
        of.setdefault(row.ticket_id, []).append(row.id)
    into = firings.boards_of(row for some in of.values() for row in some)
    outcome = steps.each(of, lambda board, ticket: _take_back(board, ticket, of), into=into)
    count = len(outcome.done)
    text = ngettext("Taken back on %(num)s ticket.", "Taken back on %(num)s tickets.", count)
    back = f"/undo/{undo.token(outcome.stretches)}" if outcome.stretches else None
    if not outcome.failed:
        return told.tell(redirect(url_for("rule_firings.index", rule_id=rule_id), code=303), text, back)
    status = 200 if outcome.done else 409
    return page("rules/undo_firings.html", status=status, rule=rule, outcome=outcome, text=text, undo=back)


def _take_back(board: Board, ticket: Ticket, of: Mapping[int, Sequence[int]]) -> None:
    """Of several firings what still can be; Refused when that is none."""
    refused: list[Refused] = []
    for firing_id in of[ticket.id]:
        try:
            with db.session.begin_nested():
                firings.take_back(board, ticket, firing_id, by=acting(), now=now())
        except Refused as error:
            refused.append(error)
    if len(refused) == len(of[ticket.id]):
        raise refused[0]


def _between(rule_id: int, since: datetime, until: datetime | None) -> Found:
    boards = access.visible_boards(signed_in_person(), now())
    return firing.of_rule(rule_id, boards, MOST + 1, since=since, until=until)


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


def _hour(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
