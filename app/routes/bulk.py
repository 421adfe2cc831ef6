"""Many tickets at once: the bar of what can be done to them, and doing it, in steps that a script may stop between."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, redirect, request
from sqlalchemy import select, true
from werkzeug.wrappers import Response as AnyResponse

from app import filters
from app.auth import acting, login_required, now, signed_in_person
from app.database import db, within
from app.desk import access, bulk, removals, snoozes, undo
from app.desk.refused import Refused
from app.html import READ_FOR, page, wants_part
from app.models import conversation
from app.models.board import STATES, Board
from app.models.ticket import PRIORITIES, Ticket
from app.models.vocabulary import binding
from app.routes import steps, told
from app.routes.undo import page_before
from app.words import N_, ngettext
from rules.compile import condition
from rules.query import QueryError

bp = Blueprint("bulk", __name__)


@bp.get("/tickets/bulk")
@login_required
def show() -> Response:
    """The bar below a board or list; without script a page of its own, with the tickets that were chosen."""
    person, at = signed_in_person(), now()
    numbers = list(access.boards_of_tickets(person, _chosen(request.args.getlist("ids")), at))
    rows = db.session.scalars(select(Ticket).where(Ticket.id.in_(numbers)).order_by(Ticket.id.desc()))
    boards = _boards()
    choices = [conversation.choices(board, None, at) for board in boards]
    people = {one for choice in choices for one in choice.people}
    matching = _matching()
    return page(
        "tickets/bulk.html",
        part="tickets/_bulk.html",
        chosen=rows.all() if numbers else [],
        matching=len(matching),
        most=bulk.MOST,
        board=boards[0] if len(boards) == 1 else None,
        states=STATES,
        people=sorted(people, key=lambda one: (one.name.casefold(), one.id)),
        others=[one for one in access.boards_seen_by(person, at) if [one] != boards],
        choices=choices[0] if choices else conversation.Choices([], [], [], []),
        priorities=PRIORITIES,
        snoozes=snoozes.choices(at, person.zone),
        may_delete=any(access.can(person, "delete_tickets", board, at) for board in boards),
        outcome=None,
    )


@bp.post("/tickets/bulk")
@login_required
def create() -> AnyResponse:
    """`do` is an action with its value, which for tags is written in `tag`. `ids` are numbers of tickets;
    with `all` it is whatever the query `q` finds, on `board` when that is given. What cannot be meant by a slip of the hand
    is asked about first; `really` says that it is meant, and `anyway` that tickets of several customers are merged.

    A script is answered after a hundred, with what is `left` for the next request; it hands on `undo` and how many are
    `done`, so that all of it is one change to take back.
    """
    try:
        return _done()
    except Refused as error:
        if not told.by_script() or error.status not in (409, 422):
            raise
        return told.answer_on(told.board_asking(), error.said(), status=error.status)


def _done() -> AnyResponse:
    at, by, wanted = now(), acting(), request.form.get("do", "")
    name, action = bulk.named(wanted)
    if ":" not in wanted:
        wanted += ":" + request.form.get("tag", "")
    wanted += ":anyway" if "anyway" in request.form else ""
    numbers = _matching() if "all" in request.form else _chosen(request.form.getlist("ids"))
    if not numbers:
        raise Refused(N_("Choose at least one ticket."))
    _refuse_more_than(action.most, numbers)
    if action.asks and not request.form.get("really"):
        return _question(name, numbers)
    value = bulk.read(wanted, signed_in_person(), at)
    beside = [value.number] if isinstance(value, bulk.Into) else []
    into = [value] if name == "board" else []
    numbers = [number for number in numbers if number not in beside]
    before = undo.read(request.form["undo"]) if request.form.get("undo") else []
    numbers, left = (
        (numbers[: steps.AT_ONCE], numbers[steps.AT_ONCE :]) if told.by_script() else (numbers, [])
    )
    outcome = steps.each(
        numbers,
        lambda board, ticket: bulk.do(action, board, ticket, value, by=by, now=at),
        beside=beside,
        into=into,
    )
    count = len(outcome.done) + request.form.get("done", 0, type=int)
    text = _said(name, count, value)
    found = [*before, *outcome.stretches]
    back = f"/undo/{undo.token(found)}" if found else None
    if told.by_script():
        failed = [{"number": number, "text": reason.said()} for number, reason in outcome.failed]
        more: dict[str, Any] = {"done": count, "failed": failed, "left": left, "token": undo.token(found)}
        return told.answer_on(told.board_asking(), text, undo=back, **more)
    if not outcome.failed:
        return told.tell(redirect(page_before(), code=303), text, back)
    status = 200 if outcome.done else 409
    return page("tickets/bulk.html", status=status, outcome=outcome, text=text, undo=back, back=page_before())


def _question(name: str, numbers: Sequence[int]) -> AnyResponse:
    """Asks whether that is meant: how many tickets it is about, and what happens to them."""
    person, at = signed_in_person(), now()
    if told.by_script():
        raise Refused(N_("Say that this is meant."))
    seen = list(access.boards_of_tickets(person, numbers, at))
    if not seen:
        raise access.not_found()
    rows: Sequence[Ticket] = ()
    if name == "merge":
        if len(seen) < 2:
            raise Refused(N_("Choose at least two tickets to merge."))
        rows = db.session.scalars(select(Ticket).where(Ticket.id.in_(seen)).order_by(Ticket.id)).all()
    return page(
        "tickets/bulk_question.html",
        part="tickets/_bulk_question.html",
        name=name,
        count=len(seen),
        tickets=rows,
        ids="" if "all" in request.form else ",".join(map(str, seen)),
        days=removals.KEPT_FOR.days,
        dialog=wants_part(),
        back=page_before(),
    )


def _said(name: str, count: int, value: Any) -> str:
    if name == "merge":
        return ngettext(
            "%(num)s ticket was merged into #%(into)s.",
            "%(num)s tickets were merged into #%(into)s.",
            count,
            into=value.number,
        )
    if name == "delete":
        return ngettext("%(num)s ticket is deleted.", "%(num)s tickets are deleted.", count)
    if name == "spam":
        return ngettext("%(num)s ticket is put away as spam.", "%(num)s tickets are put away as spam.", count)
    return ngettext("%(num)s ticket changed.", "%(num)s tickets changed.", count)


def _refuse_more_than(most: int, numbers: Sequence[int]) -> None:
    if len(numbers) > most:
        raise Refused(N_("At most %(most)s tickets can be changed at once."), most=most)


def _chosen(texts: Sequence[str]) -> list[int]:
    """Numbers, each in a field of its own or several with commas. Refused when one is none, or when they are too many."""
    found = [text.strip() for text in ",".join(texts).split(",") if text.strip()]
    if not all(text.isascii() and text.isdecimal() and len(text) < 10 for text in found):
        raise Refused(N_("That is not one of the choices."))
    numbers = list(dict.fromkeys(map(int, found)))
    _refuse_more_than(bulk.MOST, numbers)
    return numbers


def _matching() -> list[int]:
    """The newest tickets that the query finds; on a board what it shows, so none that is archived."""
    person, at = signed_in_person(), now()
    try:
        asked = filters.parsed(request.values.get("q", ""), person)
    except QueryError as wrong:
        fault = filters.said(wrong)
        raise Refused(
            N_("Column %(column)s: %(mistake)s"), column=fault["column"], mistake=fault["message"]
        ) from None
    matches = true() if asked.all else condition(asked.query, binding(at, asked.me, asked.zone), at)
    boards = [board.id for board in _boards()]
    wanted = select(Ticket.id).where(Ticket.board_id.in_(boards), matches).order_by(Ticket.id.desc())
    if request.values.get("board"):
        wanted = wanted.where(Ticket.state != "archived")
    with within(READ_FOR):
        return list(db.session.scalars(wanted.limit(bulk.MOST)))


def _boards() -> Sequence[Board]:
    """The board that is asked on, else all that the person sees."""
    person, board_id = signed_in_person(), request.values.get("board", type=int)
    if board_id is not None:
        return [access.board_seen_by(person, board_id, now())]
    return access.boards_seen_by(person, now())
