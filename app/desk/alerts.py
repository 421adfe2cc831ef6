"""Alerts: one row per ticket, kind and deadline value, unique for good, climbing a ladder until somebody acknowledges."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select

from app.config import settings
from app.database import db
from app.desk import access, deliveries, notices
from app.desk.events import record
from app.desk.refused import MOVED_MEANWHILE, Refused
from app.desk.rotas import OnCall, on_call
from app.models.alert import Alert
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.event import CLOCK, By
from app.models.person import Person, people_working
from app.models.rule import Rule
from app.models.ticket import Ticket
from app.words import N_, gettext, speaking

STEP_FOR = timedelta(minutes=10)  # without an acknowledgement the next step of the ladder is told
LINK_FOR = timedelta(days=7)
LEVELS = ("warning", "arrival", "breach")  # each raises the alert that one before it opened
TITLES = {
    ("first_response", "arrival"): N_("An urgent ticket has arrived"),
    ("first_response", "warning"): N_("A first answer is due soon"),
    ("first_response", "breach"): N_("A first answer is late"),
    ("next_response", "warning"): N_("An answer is due soon"),
    ("next_response", "breach"): N_("An answer is late"),
    ("resolution", "warning"): N_("A solution is due soon"),
    ("resolution", "breach"): N_("A solution is late"),
    ("rule", "arrival"): N_("A rule raises an alert"),
}
OF_RULE = N_("The rule “%(name)s” raises an alert")


def of_tickets(ticket_ids: Collection[int]) -> dict[int, list[Alert]]:
    """ticket -> every alert it has had. One statement."""
    found: dict[int, list[Alert]] = {ticket_id: [] for ticket_id in ticket_ids}
    for alert in db.session.scalars(select(Alert).where(Alert.ticket_id.in_(found)).order_by(Alert.id)):
        found[alert.ticket_id].append(alert)
    return found


def titles(some: Iterable[Alert]) -> dict[int, str]:
    """alert -> what it is about, in words. One statement for the rules that have raised some."""
    found = list(some)
    by_rule = {alert.id: int(alert.key.rpartition(":")[2]) for alert in found if alert.kind == "rule"}
    asked = select(Rule.id, Rule.name).where(Rule.id.in_(set(by_rule.values())))
    names = dict(db.session.execute(asked).all()) if by_rule else {}
    return {
        alert.id: gettext(OF_RULE, name=names[by_rule[alert.id]])
        if by_rule.get(alert.id) in names
        else gettext(TITLES[alert.kind, alert.level])
        for alert in found
    }


def open_alert(
    board: Board,
    ticket: Ticket,
    known: Collection[Alert],
    *,
    kind: str,
    level: str,
    deadline_at: datetime,
    now: datetime,
) -> Alert | None:
    """Opens the alert of a deadline, or raises it to a later one of LEVELS; None when neither is new. `known` are all
    alerts of the ticket, read under the board's lock, which is why nobody else can open the same one.

    One whose cause was gone for a while goes on where it was: nobody is told the same thing twice.
    """
    key = key_of(ticket, kind, deadline_at)
    alert = next((one for one in known if one.key == key), None)
    if alert is None:
        alert = Alert(
            key=key,
            ticket=ticket,
            board_id=board.id,
            kind=kind,
            level=level,
            deadline_at=deadline_at,
            state="open",
            step=0,
            wake_at=now,
            opened_at=now,
        )
        db.session.add(alert)
        db.session.flush()
        _told(board, alert, "alert.opened", CLOCK, now, new=level, alert_kind=kind)
        return alert
    if LEVELS.index(level) > LEVELS.index(alert.level):
        alert.level, alert.state, alert.step, alert.wake_at = level, "open", 0, now
        alert.acknowledged_at = alert.acknowledged_by_id = None
        _told(board, alert, "alert.raised", CLOCK, now, new=level, alert_kind=kind)
        return alert
    if alert.state == "closed":
        _return(alert, now)
        _told(board, alert, "alert.opened", CLOCK, now, new=alert.level, alert_kind=kind)
    return None


def open_of_rule(board: Board, ticket: Ticket, *, by: By, now: datetime) -> Alert:
    """A rule opens an alert, one per rule and ticket; again when it has ended or was acknowledged. Its ladder climbs as any
    other, and it ends when the ticket is closed."""
    key = f"{ticket.id}:rule:{by.id}"
    alert = db.session.scalars(select(Alert).where(Alert.key == key)).one_or_none()
    if alert is not None and alert.state == "open":
        return alert
    if alert is None:
        alert = Alert(
            key=key,
            ticket=ticket,
            board_id=board.id,
            kind="rule",
            level="arrival",
            opened_at=now,
        )
        db.session.add(alert)
    alert.deadline_at, alert.state, alert.step, alert.wake_at = now, "open", 0, now
    alert.acknowledged_at = alert.acknowledged_by_id = None
    db.session.flush()
    _told(board, alert, "alert.opened", by, now, new=alert.level, alert_kind=alert.kind)
    return alert


def key_of(ticket: Ticket, kind: str, deadline_at: datetime) -> str:
    return f"{ticket.id}:{kind}:{deadline_at.isoformat()}"


def due_alerts(now: datetime) -> Sequence[tuple[int, int]]:
    """(board, alert) of the alerts whose next step is due, oldest first."""
    rows = db.session.execute(
        select(Alert.board_id, Alert.id)
        .where(Alert.wake_at <= now)
        .order_by(Alert.wake_at, Alert.id)
        .limit(200)
    )
    return [(board_id, alert_id) for board_id, alert_id in rows]


def climb(board: Board, alert: Alert, now: datetime) -> int:
    """Tells the next step of the ladder that has somebody on it; returns how many people are told."""
    due_at = alert.wake_at
    if due_at is None or due_at > now or alert.state != "open" or alert.board_id != board.id:
        return 0
    ladder = ladder_of(alert)
    duty = on_call(board.rota_id, now)
    while alert.step < len(ladder):
        told = ladder[alert.step](board, alert.ticket, duty, now)
        alert.step += 1
        if told:
            further = alert.step < len(ladder)
            for person in told:
                _page(board, alert, person, due_at, now, further=further)
            alert.wake_at = now + STEP_FOR if further else None
            return len(told)
    alert.wake_at = None
    return 0


def acknowledge(board: Board, alert: Alert, *, person: Person, now: datetime) -> Alert:
    """Somebody has seen it: the ladder stops. A second acknowledgement changes nothing."""
    if alert.state == "closed":
        raise Refused(N_("This alert has ended already: nothing is left to do."), status=409)
    if alert.board_id != board.id:
        raise Refused(MOVED_MEANWHILE, status=409)
    if alert.state == "open":
        alert.state, alert.wake_at = "acknowledged", None
        alert.acknowledged_at, alert.acknowledged_by_id = now, person.id
        alert.ticket.wake_at = now  # rules may ask for it
        deliveries.cancel_pages(alert.id)
        _told(board, alert, "alert.acknowledged", By("person", person.id), now)
    return alert


def close_others(board: Board, known: Collection[Alert], still: set[str], now: datetime) -> int:
    """Ends those of a ticket's alerts whose key is not in `still`: their cause is gone. Returns how many."""
    ended = [alert for alert in known if alert.state != "closed" and alert.key not in still]
    for alert in ended:
        end(board, alert, by=CLOCK, now=now)
    return len(ended)


def end(board: Board, alert: Alert, *, by: By, now: datetime) -> None:
    """Nobody is told of it any more."""
    alert.state, alert.wake_at = "closed", None
    deliveries.cancel_pages(alert.id)
    _told(board, alert, "alert.closed", by, now)


def hand_over(board: Board, to: int, now: datetime) -> int:
    """A shift has begun: what is still open and late climbs from the first step again, with the new person on it, but
    for what that person has only just been told."""
    just_told = select(Delivery.alert_id).where(
        Delivery.alert_id.is_not(None),
        Delivery.person_id == to,
        Delivery.state != "cancelled",
        Delivery.created_at > now - STEP_FOR,
    )
    moved = db.session.scalars(
        select(Alert).where(
            Alert.board_id == board.id,
            Alert.state != "closed",
            Alert.level != "warning",
            Alert.id.not_in(just_told),
        )
    ).all()
    for alert in moved:
        _climb_again(alert, now)
        _told(board, alert, "alert.handed_over", CLOCK, now)
    return len(moved)


def take_along(ticket: Ticket, board: Board, into: Board, now: datetime) -> None:
    """The ticket has moved to another board, and its alerts with it: where others are on call, what is open and late climbs
    from the first step again."""
    for alert in of_tickets([ticket.id])[ticket.id]:
        alert.board_id = into.id
        if alert.state != "closed" and alert.level != "warning" and board.rota_id != into.rota_id:
            _climb_again(alert, now)


def sign(alert: Alert, person: Person) -> str:
    """The token of the link by which one person acknowledges one alert."""
    return _signer().dumps([alert.id, person.id])


def read(token: str, now: datetime) -> tuple[Alert, Person]:
    """The alert of a link and whose link it is. Refused with 404 when it is forged or cut short, with 410 when it is too
    old or its person does not work here any more."""
    try:
        (alert_id, person_id), signed_at = _signer().loads(token, return_timestamp=True)
    except BadData as error:
        raise Refused(
            N_("This link is not complete. Open it from the message again, or copy all of it."), status=404
        ) from error
    alert, person = db.session.get(Alert, alert_id), db.session.get(Person, person_id)
    if alert is None or person is None or not person.works_here(now) or now - signed_at > LINK_FOR:
        raise Refused(N_("This link is too old. Sign in to see what is open."), status=410)
    return alert, person


Step = Callable[[Board, Ticket, OnCall, datetime], list[Person]]


def ladder_of(alert: Alert) -> tuple[Step, ...]:
    """Whom to tell, one after the other. A warning is told once, to whoever works on it."""
    return (_worker,) if alert.level == "warning" else (_primary, _backup, _managers, _everyone)


def _worker(board: Board, ticket: Ticket, duty: OnCall, now: datetime) -> list[Person]:
    if ticket.assignee and ticket.assignee.works_here(now):
        return [ticket.assignee]
    return _primary(board, ticket, duty, now)


def _primary(_board: Board, _ticket: Ticket, duty: OnCall, _now: datetime) -> list[Person]:
    return [duty.primary] if duty.primary else []


def _backup(_board: Board, _ticket: Ticket, duty: OnCall, _now: datetime) -> list[Person]:
    return [duty.backup] if duty.backup and duty.backup != duty.primary else []


def _managers(board: Board, _ticket: Ticket, _duty: OnCall, now: datetime) -> list[Person]:
    return [person for person in _seeing(board, now) if person.role in ("manager", "admin")]


def _everyone(board: Board, ticket: Ticket, duty: OnCall, now: datetime) -> list[Person]:
    return [] if _managers(board, ticket, duty, now) else _seeing(board, now) or list(people_working(now))


def _seeing(board: Board, now: datetime) -> list[Person]:
    """Who may see the board: an alert names a customer, so others are told only when there is nobody else at all."""
    return [person for person in people_working(now) if access.can(person, "see_board", board, now)]


def _climb_again(alert: Alert, now: datetime) -> None:
    alert.state, alert.step, alert.wake_at = "open", 0, now
    alert.acknowledged_at = alert.acknowledged_by_id = None
    deliveries.cancel_pages(alert.id)


def _return(alert: Alert, now: datetime) -> None:
    """Its ladder goes on behind the step that was told last, unless somebody had acknowledged it."""
    if alert.acknowledged_at is not None:
        alert.state = "acknowledged"
    else:
        alert.state, alert.wake_at = "open", now + STEP_FOR if alert.step else now


def _page(
    board: Board, alert: Alert, person: Person, due_at: datetime, now: datetime, *, further: bool
) -> None:
    """Queues one message to one person. Each step of each climb is due at an instant of its own, which keeps a page from
    being queued twice, and lets the same person be told again after a hand-over."""
    cause = f"alert.{alert.id}.{alert.level}.{due_at:%Y%m%dT%H%M%S%f}"
    ticket = alert.ticket
    link = f"{settings().base_url}/a/{sign(alert, person)}"
    with speaking(person.locale):
        title = titles([alert])[alert.id]
        text = gettext(
            N_(
                "%(title)s: #%(number)s %(subject)s\nCustomer: %(customer)s\n\n"
                "Acknowledge: %(link)s\nThe ticket: %(ticket)s"
            ),
            title=title,
            number=ticket.id,
            subject=ticket.subject,
            customer=ticket.customer.name,
            link=link,
            ticket=f"{settings().base_url}/tickets/{ticket.id}",
        )
        if further:
            minutes = int(STEP_FOR.total_seconds() // 60)
            next_step = N_("Without an acknowledgement somebody else is told in %(minutes)s minutes.")
            text += "\n\n" + gettext(next_step, minutes=minutes)
    queued = notices.queue(
        cause,
        person,
        subject=f"{title}: #{ticket.id} {ticket.subject}",
        text=text,
        now=now,
        kind="page",
        alert_id=alert.id,
        board_id=board.id,
    )
    if queued is not None:
        _told(board, alert, "alert.paged", CLOCK, now, new=person.id)


def _told(board: Board, alert: Alert, kind: str, by: By, now: datetime, **changes: object) -> None:
    alert.ticket.version += 1
    record(board, kind, ("ticket", alert.ticket_id), by=by, now=now, alert=alert.id, **changes)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_key, salt="alert")
