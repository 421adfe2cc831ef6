"""Tells people of what concerns them: written with its cause, shown in the page, mailed later if nobody has read it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from app.config import settings
from app.database import bookkeeping, db, insert_new
from app.desk import access, notices
from app.models.customer import Customer
from app.models.event import CLOCK, By
from app.models.follower import TicketFollower
from app.models.message import Message
from app.models.notification import USUAL, Notification, NotificationChoice, wanted_by
from app.models.person import Person, people_working
from app.models.rule import Rule
from app.models.ticket import URGENT, Ticket
from app.words import N_, gettext, ngettext, speaking

MAIL_AFTER = timedelta(
    seconds=30
)  # time to be read in the page, and for what belongs together to come together
MAIL_EVERY = timedelta(minutes=10)  # about one ticket, unless it is urgent
KEEP_FOR = timedelta(days=90)
MOST_TOLD = 50  # tickets that a mail names

DID = {
    "assigned": N_("%(who)s assigned it to you"),
    "mentioned": N_("%(who)s mentioned you"),
    "answered": N_("%(who)s wrote"),
    "rule": N_("The rule “%(who)s” tells you of it"),
    "broken": N_("It names what is not there any more and is switched off: %(about)s"),
    "paused": N_("The rule “%(who)s” fired too often and has paused by itself"),
    "quarrel": N_("These rules disagree about a ticket and rest on it: %(who)s"),
}
NOBODY = {
    "rule": N_("A rule"),
    "customer": N_("The customer"),
    "person": N_("Somebody"),
    "clock": N_("The desk"),
    "operator": N_("The desk"),
}


def assigned(ticket: Ticket, before: int | None, *, by: By, now: datetime, undone: bool = False) -> None:
    """The ticket belongs to another person now, and not to `before`, who needs not to hear of it any more. When that was
    `undone`, who has it again has known so."""
    if before is not None:
        db.session.execute(
            delete(Notification)
            .where(
                Notification.ticket_id == ticket.id,
                Notification.person_id == before,
                Notification.kind == "assigned",
                Notification.read_at.is_(None),
            )
            .execution_options(synchronize_session=False)
        )
    if ticket.assignee_id is not None and not undone:
        _tell("assigned", [ticket.assignee_id], ticket, None, by=by, now=now)


def answered(ticket: Ticket, message: Message, *, by: By, now: datetime) -> None:
    """The customer has written: who has the ticket and who follows it."""
    following = db.session.scalars(
        select(TicketFollower.person_id).where(TicketFollower.ticket_id == ticket.id)
    )
    people = {*following, *([ticket.assignee_id] if ticket.assignee_id is not None else [])}
    _tell("answered", sorted(people), ticket, message, by=by, now=now)


def mention(people: Iterable[int], ticket: Ticket, message: Message, *, by: By, now: datetime) -> None:
    """These people (ids) are mentioned in a note. Who may not see the ticket is told of it when they may."""
    _tell("mentioned", sorted(set(people)), ticket, message, by=by, now=now)


def told_by_rule(people: Iterable[int], ticket: Ticket, rule: str, *, by: By, now: datetime) -> None:
    """A rule of that name tells these people (ids) of a ticket."""
    _tell("rule", sorted(set(people)), ticket, None, by=by, now=now, name=rule)


def of_rule(people: Iterable[int], rule_id: int, about: str, *, now: datetime) -> None:
    """A rule is switched off because something is missing; who wrote it hears of it, also when they did that themselves."""
    rows = [
        {
            "person_id": person,
            "kind": "broken",
            "rule_id": rule_id,
            "by_kind": "clock",
            "by_name": "",
            "at": now,
            "shown": True,
            "about": about,
        }
        for person in people
    ]
    if rows:
        db.session.execute(insert(Notification), rows)


def rule_managers(ticket: Ticket, now: datetime) -> set[int]:
    """Who manages rules and sees the ticket."""
    return {
        person.id
        for person in people_working(now)
        if access.can(person, "edit_rules", None, now) and access.can(person, "see_board", ticket, now)
    }


def told_of_pause(people: Iterable[int], ticket: Ticket, rule: Rule, *, now: datetime) -> None:
    """A rule has paused by itself, when it would have acted on this ticket."""
    _tell("paused", sorted(set(people)), ticket, None, by=CLOCK, now=now, name=rule.name, rule_id=rule.id)


def told_of_quarrel(
    people: Iterable[int], ticket: Ticket, rule_id: int, names: str, *, now: datetime
) -> None:
    """Rules of these names disagree about the ticket; one of them is `rule_id`."""
    _tell("quarrel", sorted(set(people)), ticket, None, by=CLOCK, now=now, name=names, rule_id=rule_id)


def read(person: Person, ticket_id: int, now: datetime) -> None:
    """The person has the ticket before them. What they are told of a rule is not seen there."""
    _read(person, now, Notification.ticket_id == ticket_id, Notification.rule_id.is_(None))


def read_one(person: Person, notification_id: int, now: datetime) -> bool:
    """False when it is not theirs; what was read stays read."""
    theirs = select(Notification.id).where(
        Notification.id == notification_id, Notification.person_id == person.id
    )
    if db.session.scalar(theirs) is None:
        return False
    _read(person, now, Notification.id == notification_id)
    return True


def read_all(person: Person, now: datetime) -> None:
    _read(person, now)


def choose(person: Person, wanted: Mapping[tuple[str, str], bool]) -> None:
    """From now on they are told of each (kind, way) in `wanted`, or not."""
    rows = [
        {"person_id": person.id, "kind": kind, "way": way, "wanted": wanted.get((kind, way), False)}
        for kind, way in USUAL
    ]
    statement = insert_new(NotificationChoice).values(rows)
    bookkeeping(
        statement.on_conflict_do_update(
            index_elements=["person_id", "kind", "way"], set_={"wanted": statement.excluded.wanted}
        )
    )


def due(now: datetime) -> Sequence[int]:
    """Who has a mail to get."""
    return db.session.scalars(
        select(Notification.person_id)
        .where(Notification.wake_at <= now)
        .group_by(Notification.person_id)
        .order_by(func.min(Notification.wake_at))
        .limit(100)
    ).all()


def mail(person_id: int, now: datetime) -> int:
    """One mail of all that waits to be mailed to a person, without what they have read or may not see any more, nor a
    ticket that is not theirs any more. Under the desk's lock; returns how much it tells of."""
    person = db.session.get_one(Person, person_id)
    waiting = db.session.execute(
        select(Notification, Ticket)
        .join(Ticket, Ticket.id == Notification.ticket_id)
        .where(Notification.person_id == person_id, Notification.wake_at <= now + MAIL_AFTER)
        .order_by(Notification.id)
    ).all()
    seen = access.who_see({(person_id, ticket.board_id) for _, ticket in waiting}, now)
    told = [
        (notification, ticket)
        for notification, ticket in waiting
        if notification.read_at is None
        and (person_id, ticket.board_id) in seen
        and (notification.kind != "assigned" or ticket.assignee_id == person_id)
    ]
    db.session.execute(
        update(Notification)
        .where(Notification.id.in_([notification.id for notification, _ in waiting]))
        .values(wake_at=None)
        .execution_options(synchronize_session=False)
    )
    if not told:
        return 0
    db.session.execute(
        update(Notification)
        .where(Notification.id.in_([notification.id for notification, _ in told]))
        .values(mailed_at=now)
        .execution_options(synchronize_session=False)
    )
    with speaking(person.locale):
        subject, text = _subject(told), _text(told)
    boards = {ticket.board_id for _, ticket in told}
    notices.queue(
        f"notification-{told[-1][0].id}",
        person,
        subject=subject,
        text=text,
        now=now,
        board_id=boards.pop() if len(boards) == 1 else None,
    )
    return len(told)


def forget_old(now: datetime) -> int:
    """What is older than KEEP_FOR, read or not."""
    return bookkeeping(delete(Notification).where(Notification.at < now - KEEP_FOR)).count


def said(notification: Notification) -> str:
    """What happened, in the reader's language."""
    who = notification.by_name or gettext(NOBODY[notification.by_kind])
    return gettext(DID[notification.kind], who=who, about=notification.about)


def _tell(
    kind: str,
    people: Sequence[int],
    ticket: Ticket,
    message: Message | None,
    *,
    by: By,
    now: datetime,
    name: str | None = None,
    rule_id: int | None = None,
) -> None:
    """Nobody is told of their own doing, nor who does not work here, nor in a way that they do not want."""
    others = [person for person in people if by != By("person", person)]
    if not others:
        return
    working = db.session.scalars(
        select(Person.id).where(
            Person.id.in_(others),
            Person.deactivated_at.is_(None),
            or_(Person.ends_at.is_(None), Person.ends_at > now),
        )
    ).all()
    rows = []
    for person, wanted in wanted_by(working).items():
        if not (wanted[kind, "page"] or wanted[kind, "mail"]):
            continue
        rows.append(
            {
                "person_id": person,
                "kind": kind,
                "ticket_id": ticket.id,
                "message_id": message.id if message else None,
                "by_kind": by.kind,
                "by_name": _name(by) if name is None else name,
                "at": now,
                "shown": wanted[kind, "page"],
                "read_at": None,
                "wake_at": _mail_at(person, ticket, now) if wanted[kind, "mail"] else None,
                "mailed_at": None,
                "rule_id": rule_id,
            }
        )
    if rows:
        db.session.execute(insert(Notification), rows)


def _mail_at(person: int, ticket: Ticket, now: datetime) -> datetime:
    last = db.session.scalar(
        select(func.max(Notification.mailed_at)).where(
            Notification.person_id == person, Notification.ticket_id == ticket.id
        )
    )
    if ticket.priority == URGENT:
        return now
    return max(now + MAIL_AFTER, last + MAIL_EVERY) if last else now + MAIL_AFTER


def _name(by: By) -> str:
    if by.kind == "person":
        return db.session.get_one(Person, by.id).name
    return db.session.get_one(Customer, by.id).name if by.kind == "customer" else ""


def _read(person: Person, now: datetime, *which: ColumnElement[bool]) -> None:
    bookkeeping(
        update(Notification)
        .where(
            Notification.person_id == person.id,
            Notification.read_at.is_(None),
            *which,
        )
        .values(read_at=now, wake_at=None)
    )


def _subject(told: Sequence[tuple[Notification, Ticket]]) -> str:
    of_tickets = [(one, ticket) for one, ticket in told if one.rule_id is None]
    if not of_tickets:
        return said(told[-1][0])
    notification, ticket = of_tickets[-1]
    tickets = {ticket.id for _, ticket in of_tickets}
    if len(tickets) > 1:
        return ngettext("%(num)s ticket for you", "%(num)s tickets for you", len(tickets))
    return f"#{ticket.id} {ticket.subject or gettext('(no subject)')}: {said(notification)}"


def _text(told: Sequence[tuple[Notification, Ticket]]) -> str:
    """What happened and where, rule by rule, then ticket by ticket. Nothing of what was written: a mail is read on many screens."""
    base = settings().base_url
    of_rules = dict.fromkeys((one.rule_id, said(one)) for one, _ in told if one.rule_id is not None)
    parts = [f"{text}\n{base}/rules#rule_{rule_id}" for rule_id, text in of_rules]
    told = [(one, ticket) for one, ticket in told if one.rule_id is None]
    tickets = {ticket.id: ticket for _, ticket in told}
    for number, ticket in list(tickets.items())[:MOST_TOLD]:
        happened = dict.fromkeys(said(one) for one, about in told if about.id == number)
        parts.append(
            "\n".join(
                [
                    f"#{number} {ticket.subject or gettext('(no subject)')}",
                    *happened,
                    f"{base}/tickets/{number}",
                ]
            )
        )
    if len(tickets) > MOST_TOLD:
        more = len(tickets) - MOST_TOLD
        parts.append(
            ngettext(
                "and %(num)s more: %(address)s",
                "and %(num)s more: %(address)s",
                more,
                address=f"{base}/notifications",
            )
        )
    parts.append(
        gettext(
            "You choose what you are told of on your profile: %(address)s",
            address=f"{base}/profile#notifications",
        )
    )
    return "\n\n".join(parts)
