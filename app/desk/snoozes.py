"""Putting a ticket off until later. It stays where it is, promises go on, and when its time has come it is open again."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.desk import tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import CLOCK, By, Event
from app.models.ticket import Ticket
from app.words import N_

MORNING = time(9)
LATER_FOR = timedelta(hours=3)
LAST_TODAY = time(22)  # what ends after it is no use today
LONGEST = timedelta(days=366)
UNSEEN = "unseen"  # whoever snoozes does not say what they saw


@dataclass(frozen=True)
class Choice:
    """A time that people name by a word; `label` is a msgid."""

    key: str
    label: str
    until: datetime


def choices(now: datetime, zone: str) -> list[Choice]:
    """What is offered to somebody in `zone` now, soonest first, no instant twice."""
    found = _choices(now, zone)
    if found[0].until.date() != now.astimezone(ZoneInfo(zone)).date() or found[0].until.time() > LAST_TODAY:
        del found[0]
    return list({one.until: one for one in reversed(found)}.values())[::-1]


def chosen(key: str, now: datetime, zone: str) -> datetime:
    """The instant that a choice means now. Refused for a word that is none."""
    for one in _choices(now, zone):
        if one.key == key:
            return one.until
    raise _no_time()


def read(text: str, zone: str) -> datetime:
    """The instant of a day and a time as a browser writes them, in `zone`. Refused when it is none."""
    try:
        written = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _no_time() from None
    if written.tzinfo is not None or len(text.strip()) < len("2026-11-01T09:00"):
        raise _no_time()
    return written.replace(tzinfo=ZoneInfo(zone))


def snooze(
    board: Board,
    ticket: Ticket,
    until: datetime,
    *,
    expected: datetime | str | None = UNSEEN,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Puts a ticket off. Refused with 409 when somebody has put it off differently since it was `expected` so."""
    if ticket.closed_at is not None:
        raise Refused(N_("This ticket is resolved already, so there is nothing to put off."), field="until")
    if until <= now:
        raise Refused(N_("Choose a time that is still to come."), field="until")
    if until > now + LONGEST:
        raise Refused(N_("Choose a time within the next year."), field="until")
    if expected != UNSEEN and expected != ticket.snoozed_until:
        raise _changed_meanwhile()
    if until != ticket.snoozed_until:
        _set(board, ticket, until, "ticket.snoozed", by=by, now=now, undoes=undoes)
    return ticket


def put_back(board: Board, ticket: Ticket, *, by: By, now: datetime, undoes: Event) -> Ticket:
    """Takes back what an event did to the snooze. Refused with 409 when it is not so any more."""
    old, new = (datetime.fromisoformat(at) if at else None for at in undoes.changes["snoozed"])
    if old is not None:
        return snooze(board, ticket, old, expected=new, by=by, now=now, undoes=undoes)
    if ticket.snoozed_until != new:
        raise _changed_meanwhile()
    _set(board, ticket, None, "ticket.unsnoozed", by=by, now=now, undoes=undoes)
    return ticket


def end(board: Board, ticket: Ticket, *, by: By, now: datetime) -> Ticket:
    """Somebody wants it back now; it stays where it is. Refused with 409 when it is not snoozed any more."""
    if ticket.snoozed_until is None:
        raise Refused(N_("This ticket is not snoozed any more."), status=409)
    _set(board, ticket, None, "ticket.unsnoozed", by=by, now=now)
    return ticket


def end_for_message(board: Board, ticket: Ticket, *, now: datetime) -> None:
    """The customer has written: nothing is put off any more."""
    if ticket.snoozed_until is not None:
        _set(board, ticket, None, "ticket.woken", by=CLOCK, now=now)


def end_if_over(board: Board, ticket: Ticket, now: datetime) -> bool:
    """The time has come: it is open again. True when it was so."""
    if ticket.snoozed_until is None or ticket.snoozed_until > now:
        return False
    _set(board, ticket, None, "ticket.woken", by=CLOCK, now=now)
    if ticket.state != "open":
        tickets.move(board, ticket, to=board.column_for("open").id, by=CLOCK, now=now)
    return True


def _set(
    board: Board,
    ticket: Ticket,
    until: datetime | None,
    kind: str,
    *,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> None:
    old, ticket.snoozed_until = ticket.snoozed_until, until
    changes = [at.isoformat() if at else None for at in (old, until)]
    tickets.changed(board, ticket, kind, by=by, now=now, undoes=undoes, snoozed=changes)


def _choices(now: datetime, zone: str) -> list[Choice]:
    later = (now + LATER_FOR).astimezone(ZoneInfo(zone))
    today = now.astimezone(ZoneInfo(zone)).date()
    return [
        Choice(
            "later", N_("Later today"), later.replace(minute=later.minute // 15 * 15, second=0, microsecond=0)
        ),
        Choice("tomorrow", N_("Tomorrow"), _morning(today + timedelta(days=1), zone)),
        Choice("monday", N_("Monday"), _morning(today + timedelta(days=7 - today.weekday()), zone)),
        Choice("week", N_("In a week"), _morning(today + timedelta(days=7), zone)),
    ]


def _morning(day: date, zone: str) -> datetime:
    return datetime.combine(day, MORNING, ZoneInfo(zone))


def _changed_meanwhile() -> Refused:
    return Refused(N_("Somebody has snoozed this or ended its snooze meanwhile."), status=409)


def _no_time() -> Refused:
    return Refused(N_("Choose a day and a time."), field="until")
