"""What became of what rules did to tickets: what still stands and can be taken back, who has taken it back, and what nobody
can take back any more. What changes no field of the ticket is taken back here, the rest by desk.undo."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, false, or_, select

from app.database import db, locked
from app.desk import access, alerts, customers, messages, undo
from app.desk.events import KINDS
from app.models.alert import Alert
from app.models.board import Board
from app.models.customer import Customer
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_, gettext

ANSWERED, NOTED, ALERTED, MARKED = "message.automatic", "message.noted", "alert.opened", "customer.changed"
TOLD = N_("told %(person)s")
LEFT = N_("sent an automatic answer")


@dataclass(frozen=True)
class Fate:
    """Of a deed: it `stands` and can be taken back; it is `gone`, taken back by a person (`by_id`, `at`) or by what came
    after; what of it `stays` for good is said in words."""

    stands: bool = False
    gone: bool = False
    by_id: int | None = None
    at: datetime | None = None
    stays: tuple[str, ...] = ()


def fates(events: Sequence[Event]) -> dict[int, Fate]:
    """event -> what became of it. At most four statements, however many they are."""
    since = _Since(events)
    answers, alarms = _answers(events), _alarms(events)
    return {event.id: _fate(event, since, answers, alarms) for event in events}


def take_back(board: Board, ticket: Ticket, events: Iterable[Event], *, by: By, now: datetime) -> int:
    """Undoes what these events, newest first, did and what stands of it; returns how many could not be any more, because
    an answer has just left. Refused with 409 when something else was faster."""
    late = 0
    for event in events:
        if event.kind in _BACK:
            here = locked(Board, ticket.board_id) if ticket.board_id is not None else None
            late += not _BACK[event.kind](here or board, ticket, event, by, now)
        else:
            undo.take_back(board, ticket, [event], by=by, now=now)
    return late


def boards_beside(events: Iterable[Event]) -> set[int]:
    """The boards that must be locked, too, whoever sees them: those that show a customer as VIP."""
    marked = {event.subject_id for event in events if event.kind == MARKED}
    if not marked:
        return set()
    theirs = select(Ticket.board_id).where(Ticket.customer_id.in_(marked), Ticket.board_id.is_not(None))
    return set(db.session.scalars(theirs.distinct()))


class _Since:
    """What was recorded on the tickets and customers of some events since: what has touched them, and who took them back."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._wanted = {event.id: event for event in events}
        self._touched: dict[tuple[str, int], set[str]] = {}
        self._undone: set[int] = set()
        self.untouched: set[int] = set()
        self.taken: dict[object, tuple[int | None, datetime]] = {}
        subjects: dict[str, set[int]] = {}
        for event in events:
            subjects.setdefault(event.subject_kind, set()).add(event.subject_id)
        asked = [
            and_(Event.subject_kind == kind, Event.subject_id.in_(ids)) for kind, ids in subjects.items()
        ]
        later = select(Event).where(or_(false(), *asked), Event.id >= min(self._wanted, default=0))
        for event in db.session.scalars(later.order_by(Event.id.desc())) if asked else ():
            self._read(event)

    def _read(self, event: Event) -> None:
        """The newest is read first."""
        touched = self._touched.setdefault((event.subject_kind, event.subject_id), set())
        if event.id in self._wanted and not _sets(event) & touched:
            self.untouched.add(event.id)
        touched |= _touches(event)
        if event.id in self._undone:
            return
        if event.by_kind == "person":
            self.taken.setdefault(_takes_back(event), (event.by_id, event.at))
        if "undoes" in event.changes:
            self._undone.add(event.changes["undoes"])


def _sets(event: Event) -> set[str]:
    """A customer's mark is recorded on each board that shows it, and is the same one on all of them."""
    if event.kind == MARKED:
        return {f"vip {event.changes['vip'][1]}"}
    return {f"alert {event.changes['alert']}"} if event.kind == ALERTED else undo.changed(event.changes)


def _touches(event: Event) -> set[str]:
    if event.kind == MARKED:
        return {f"vip {event.changes['vip'][0]}"} if "vip" in event.changes else set()
    return _sets(event)


def _takes_back(event: Event) -> object:
    """What it takes back, as _deed() names it."""
    if event.kind == "message.spared":
        return "message", event.changes["message"]
    if event.kind == "alert.closed":
        return "alert", event.changes["alert"]
    return event.changes.get("undoes")


def _deed(event: Event) -> object:
    field = {ANSWERED: "message", ALERTED: "alert"}.get(event.kind)
    return (field, event.changes[field]) if field else event.id


def _fate(event: Event, since: _Since, answers: dict[int, str], alarms: dict[int, "_Alarm"]) -> Fate:
    stays: tuple[str, ...] = ()
    stands = event.id in since.untouched
    if event.kind == NOTED:
        return Fate(stays=(gettext(KINDS[NOTED].wording),))
    if event.kind == ANSWERED:
        answer = answers.get(event.changes["message"], "stopped")
        if answer == "left":
            return Fate(stays=(gettext(LEFT),))
        stands = answer == "waits"
    elif event.kind == ALERTED:
        alarm = alarms.get(event.changes["alert"], _Alarm(open=False))
        stands = stands and alarm.open
        stays = tuple(gettext(TOLD, person=name) for name in alarm.told)
    elif event.kind not in _BACK and not KINDS[event.kind].undo:
        return Fate()
    if stands:
        return Fate(stands=True, stays=stays)
    by_id, at = since.taken.get(_deed(event), (None, None))
    return Fate(gone=True, by_id=by_id, at=at, stays=stays)


def _answers(events: Sequence[Event]) -> dict[int, str]:
    """message -> it waits to leave, has left, or neither."""
    wanted = [event.changes["message"] for event in events if event.kind == ANSWERED]
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Message.id, Message.withdrawn_at, Delivery.state)
        .join(Delivery, Delivery.message_id == Message.id)
        .where(Message.id.in_(wanted))
    )
    said = {"queued": "waits", "held": "waits", "claimed": "left", "sent": "left"}
    return {id: said.get(state, "stopped") for id, withdrawn_at, state in rows if withdrawn_at is None}


@dataclass
class _Alarm:
    """An alert that has not ended, and who has been told of it."""

    open: bool
    told: tuple[str, ...] = ()


def _alarms(events: Sequence[Event]) -> dict[int, _Alarm]:
    wanted = [event.changes["alert"] for event in events if event.kind == ALERTED]
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Alert.id, Alert.state, Person.name)
        .outerjoin(Delivery, and_(Delivery.alert_id == Alert.id, Delivery.state.in_(("claimed", "sent"))))
        .outerjoin(Person, Person.id == Delivery.person_id)
        .where(Alert.id.in_(wanted))
        .order_by(Delivery.id)
    )
    found: dict[int, _Alarm] = {}
    for id, state, name in rows:
        alarm = found.setdefault(id, _Alarm(open=state != "closed"))
        alarm.told = tuple(dict.fromkeys((*alarm.told, *([name] if name else ()))))
    return found


def _stop(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> bool:
    return messages.stop_automatic(board, ticket, event.changes["message"], by=by, now=now)


def _unmark(board: Board, _ticket: Ticket, event: Event, by: By, now: datetime) -> bool:
    customer = db.session.get_one(Customer, event.subject_id)
    access.demand(by, "work_customer", customer, now)
    customers.set_vip(board, customer, event.changes["vip"][0], by=by, now=now, undoes=event)
    return True


def _end(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> bool:
    alerts.end(board, db.session.get_one(Alert, event.changes["alert"]), by=by, now=now)
    ticket.wake_at = now  # rules may ask for it
    return True


# How what is no change of a ticket's fields is taken back; False where that is too late.
_BACK: dict[str, Callable[[Board, Ticket, Event, By, datetime], bool]] = {
    ANSWERED: _stop,
    MARKED: _unmark,
    ALERTED: _end,
}
