"""Fills an empty desk with the demo, through the verbs that people and customers use, in the order in which it happened."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, update

from app.database import db
from app.demo import content
from app.demo.content import Attachment, Customer, Demo, Message, Ticket, load
from app.demo.judging import ON_FOR, SOON_FOR, Judging
from app.desk import (
    alerts,
    companies,
    customers,
    deadlines,
    messages,
    moods,
    people,
    rotas,
    setup,
    teams,
    tickets,
)
from app.models.board import Board, BoardPerson
from app.models.calendar import Calendar
from app.models.channel import Channel, channels_in_use
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import OPERATOR, By
from app.models.notification import Notification
from app.models.person import Person
from app.models.policy import Policy
from app.models.rota import Rota, RotaVersion
from app.models.team import Team
from app.models.ticket import PRIORITY_NAMES
from app.models.ticket import Ticket as TicketRow
from rules import rota as rota_rules

ADMIN = "jordan.lee@northlight.example"


@dataclass(frozen=True)
class Happening:
    """One thing somebody did, at its instant."""

    at: datetime
    do: Callable[[datetime], None]


def fill(desk: Desk, *, password: str, now: datetime) -> Board:
    """Makes the demo in the transaction of the desk; every person signs in with `password`."""
    demo = load()
    desk.name, desk.languages = demo.name, list(demo.languages)
    staff = {one.email: _person(desk, one, password, now) for one in demo.people}
    board = setup.set_up(
        desk, admin=staff[ADMIN], board_name="Support", address=demo.address, zone=demo.zone, now=now
    )
    _hours_and_policy(board, demo)
    _belong(board, staff)
    rota = db.session.get_one(Rota, board.rota_id)
    _rota(desk, rota, demo, staff, now)
    for company in demo.companies:
        companies.add(desk, **asdict(company), by=OPERATOR, now=now)
    judging = Judging(desk, board, demo, staff)
    _Story(board, demo, staff, _teams(desk, demo, staff, now), judging).tell(now)
    return board


def new_password() -> str:
    """Four groups that can be read aloud and typed."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


class _Story:
    """The conversations, told in the order of time over all tickets."""

    def __init__(
        self, board: Board, demo: Demo, staff: dict[str, Person], given: dict[str, Team], judging: Judging
    ) -> None:
        self._given = given  # tag -> the team that has its tickets
        self._judging = judging
        self._board = board
        self._demo = demo
        self._staff = staff
        self._channels = {channel.kind: channel for channel in channels_in_use()}
        self._rows: dict[int, TicketRow] = {}

    def tell(self, now: datetime) -> None:
        happenings = [
            happening
            for number, (ticket, written_at) in enumerate(
                zip(self._demo.tickets, self._demo.written_at(now), strict=True)
            )
            for happening in self._of(number, ticket, written_at)
        ]
        happenings.append(Happening(now - ON_FOR, self._judging.begin))
        for happening in sorted(happenings, key=lambda one: one.at):
            happening.do(happening.at)
        self._know(now)
        for number, ticket in enumerate(self._demo.tickets):
            self._place(number, ticket, now)
        self._judging.end(list(self._rows.values()), now)
        for row in self._rows.values():
            self._promise(row, now)
        db.session.flush()
        db.session.execute(
            update(Delivery).values(state="sent", wake_at=None, attempts=1, sent_at=Delivery.created_at)
        )
        db.session.execute(update(Notification).values(wake_at=None))
        old = Notification.at < now - timedelta(days=1)
        db.session.execute(update(Notification).where(old).values(read_at=Notification.at))

    def _of(self, number: int, ticket: Ticket, written_at: tuple[datetime, ...]) -> list[Happening]:
        """What happened to one ticket: its messages, and shortly after it came who took it and how it was marked."""

        def say(message: Message) -> Callable[[datetime], None]:
            return lambda at: self._say(number, ticket, message, at)

        told = [Happening(at, say(message)) for message, at in zip(ticket.messages, written_at, strict=True)]
        following = written_at[1] if len(written_at) > 1 else written_at[0] + timedelta(minutes=6)
        sorted_at = min(written_at[0] + timedelta(minutes=2), written_at[0] + (following - written_at[0]) / 2)
        return [told[0], Happening(sorted_at, lambda at: self._sort(number, ticket, at)), *told[1:]]

    def _say(self, number: int, ticket: Ticket, message: Message, at: datetime) -> None:
        if message.kind == "customer":
            self._receive(number, ticket, message, at)
            return
        row, person = self._rows[number], self._staff[message.by or ""]
        if message.kind == "note":
            messages.note(self._board, row, message.text, person=person, now=at)
            return
        then = "resolve" if message.resolves else "wait"
        reply = messages.reply(self._board, row, message.text, person=person, seen=None, then=then, now=at)
        reply.attachments = [messages.attachment(_file(one)) for one in message.attachments]

    def _receive(self, number: int, ticket: Ticket, message: Message, at: datetime) -> None:
        wrote = self._demo.customers[ticket.customer]
        customer = customers.find_or_make(wrote.email, wrote.name, wrote.language, now=at)
        by = By("customer", customer.id)
        if number not in self._rows:
            self._rows[number] = tickets.open_ticket(
                self._board,
                channel=self._channel(ticket),
                customer=customer,
                subject=ticket.subject,
                by=by,
                now=at,
                language=ticket.language,
                confidence=99,
            )
        messages.receive(
            self._board,
            self._rows[number],
            by=by,
            now=at,
            text=message.text,
            full_text=message.full_text,
            html=message.html,
            from_name=wrote.name,
            from_address=wrote.email,
            subject=ticket.subject,
            message_id=_message_id(wrote, number, at),
            language=ticket.language,
            files=[_file(one) for one in message.attachments],
            heard=moods.listen(message.text, ticket.language),
        )
        self._judging.judge(self._rows[number], at + SOON_FOR)

    def _sort(self, number: int, ticket: Ticket, at: datetime) -> None:
        row = self._rows[number]
        by = By("person", self._staff[ticket.assignee].id) if ticket.assignee else By("clock")
        tickets.prioritise(self._board, row, PRIORITY_NAMES.index(ticket.priority), by=by, now=at)
        for tag in ticket.tags:
            tickets.add_tag(self._board, row, tag, by=by, now=at)
        team = next((team for tag, team in self._given.items() if tag in ticket.tags), None)
        if team is not None:
            tickets.give_to_team(self._board, row, team.id, by=by, now=at)
        if ticket.assignee:
            tickets.assign(self._board, row, self._staff[ticket.assignee].id, by=by, now=at)

    def _place(self, number: int, ticket: Ticket, now: datetime) -> None:
        """Puts a ticket where the story left it."""
        row = self._rows[number]
        if row.state != ticket.state:
            by = By("person", self._staff[ticket.assignee or ADMIN].id)
            tickets.move(
                self._board,
                row,
                to=self._board.column_for(ticket.state).id,
                by=by,
                now=min(now, row.last_message_at + timedelta(minutes=4)),
            )
        row.unread = row.last_speaker == "customer" and ticket.state == "new"

    def _promise(self, row: TicketRow, now: datetime) -> None:
        """Gives a ticket its deadlines, so that the first page shows them."""
        found = deadlines.of(self._board, row, now)
        deadlines.keep(self._board, row, found, now)
        for deadline in found:
            if deadline.state == "running" and deadline.breached and deadline.due_at:
                self._alert(row, deadline.kind, deadline.due_at, now)

    def _know(self, now: datetime) -> None:
        """What was written down about customers on the day after they first wrote."""
        rows = {
            ticket.customer: self._rows[number].customer for number, ticket in enumerate(self._demo.tickets)
        }
        for key, row in rows.items():
            wrote = self._demo.customers[key]
            if wrote.vip or wrote.notes:
                customers.change(
                    self._board,
                    row,
                    name=row.name,
                    language=row.language,
                    company=row.company,
                    vip=wrote.vip,
                    notes=wrote.notes,
                    by=By("person", self._staff[ADMIN].id),
                    now=min(now, row.created_at + timedelta(days=1)),
                )

    def _alert(self, row: TicketRow, kind: str, due_at: datetime, now: datetime) -> None:
        """Who was on call was told when it broke, and has seen it unless that was only just now."""
        alert = alerts.open_alert(
            self._board, row, (), kind=kind, level="breach", deadline_at=due_at, now=due_at
        )
        if alert is None:
            return
        alerts.climb(self._board, alert, due_at)
        seen_at = due_at + timedelta(minutes=7)
        person = rotas.on_call(self._board.rota_id, due_at).primary
        if person is not None and seen_at < now:
            alerts.acknowledge(self._board, alert, person=person, now=seen_at)

    def _channel(self, ticket: Ticket) -> Channel:
        return self._channels[ticket.channel]


def _person(desk: Desk, one: content.Person, password: str, now: datetime) -> Person:
    return people.add(
        desk,
        name=one.name,
        email=one.email,
        role=one.role,
        password=password,
        languages=one.languages,
        locale=one.locale,
        zone=one.zone,
        by=OPERATOR,
        now=now,
    )


def _teams(desk: Desk, demo: Demo, staff: dict[str, Person], now: datetime) -> dict[str, Team]:
    """tag -> the team that has its tickets; the first team that has it."""
    given: dict[str, Team] = {}
    for one in demo.teams:
        people = [staff[email].id for email in one.people]
        team = teams.add(desk, name=one.name, people=people, by=OPERATOR, now=now)
        given = {**dict.fromkeys(one.tags, team), **given}
    return given


def _hours_and_policy(board: Board, demo: Demo) -> None:
    policy = db.session.get_one(Policy, board.policy_id)
    calendar = db.session.get_one(Calendar, policy.calendar_id)
    calendar.name, calendar.hours = demo.calendar_name, demo.calendar.to_json()
    policy.name, policy.warn_percent = demo.policy.name, demo.policy.warn_percent
    policy.targets = {priority: dict(kinds) for priority, kinds in demo.policy.targets.items()}
    policy.round_the_clock = dict(demo.policy.round_the_clock)


def _belong(board: Board, staff: dict[str, Person]) -> None:
    db.session.execute(
        insert(BoardPerson),
        [
            {"board_id": board.id, "person_id": person.id}
            for email, person in staff.items()
            if person.role != "member" and email != ADMIN
        ],
    )


def _rota(desk: Desk, rota: Rota, demo: Demo, staff: dict[str, Person], now: datetime) -> None:
    """Shifts since the rota began, and the published weeks to come."""
    wanted = demo.rota
    anchor = rota_rules.Version(
        effective_at=now - timedelta(weeks=wanted.began_weeks_ago + 1),
        zone=wanted.zone,
        weekday=wanted.weekday,
        time=wanted.time,
        people=tuple(staff[email].id for email in wanted.order),
    )
    began_at = rota_rules.handovers(anchor, anchor.effective_at, now)[0]
    rota.name, rota.horizon_weeks = wanted.name, wanted.horizon_weeks
    rota.versions.append(
        RotaVersion(
            effective_at=began_at,
            zone=wanted.zone,
            weekday=wanted.weekday,
            time=wanted.time,
            people=list(anchor.people),
            created_at=now,
        )
    )
    db.session.flush()
    rotas.publish_from_start(desk, rota, now)


def _file(attachment: Attachment) -> messages.File:
    sha256 = hashlib.sha256(attachment.content).hexdigest()
    messages.store_blob(attachment.content, sha256)
    return messages.File(sha256, attachment.name, attachment.media_type, len(attachment.content))


def _message_id(wrote: Customer, number: int, at: datetime) -> str:
    digest = hashlib.sha256(f"{number} {wrote.email} {at.isoformat()}".encode()).hexdigest()
    return f"{digest[:24]}@{wrote.email.partition('@')[2]}"
