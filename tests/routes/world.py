"""Everybody there is and one of everything they may want to see: what test_access.py asks for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select, update

from app.database import bookkeeping, db, writing
from app.desk import alerts, blocked, boards, inbox, invitations, sign_ins, tickets, undo
from app.desk.sealed import seal
from app.models.alert import Alert
from app.models.backtest import Backtest
from app.models.board import BoardPerson
from app.models.company import Company
from app.models.customer import Customer
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.mailbox import Mailbox
from app.models.message import Attachment, Message, RawMessage
from app.models.notification import Notification
from app.models.person import Person
from app.models.rota import Shift
from app.models.rule import Rule, RuleFiring
from app.models.saved_view import SavedView
from app.models.team import Team
from app.models.ticket import Tag, Ticket
from app.models.webhook import Webhook
from rules.query import parse, to_json
from tests.small import ADDRESS, SmallDesk

# from the least to the most powerful: what the last ones change disturbs nobody's answer
ACTORS = ("stranger", "member", "member on call", "agent elsewhere", "agent", "manager", "admin")

LAMPS = to_json(parse("subject:lamp"))


@dataclass(frozen=True)
class World:
    desk: SmallDesk
    people: dict[str, Person]  # actor -> who plays it; nobody plays the stranger
    rules: dict[str, Rule]  # one for each actor, who may remove it; so the teams and tags
    teams: dict[str, Team]
    tags: dict[str, Tag]
    companies: dict[str, Company]  # each with a customer who has a ticket on "Support"
    parts: dict[str, Any]
    tokens: dict[str, str]  # blueprint -> its <token>
    views: dict[str, int]  # one of each person's own
    notifications: dict[str, int]  # as well
    blocked: dict[str, int]  # a blocked sender as well
    backtests: dict[str, int]  # one of each person's own
    webhooks: dict[str, int]  # one for each actor, who may remove it
    raw: dict[str, int]  # a failed message for each actor, who may get it through
    now: datetime

    def parts_of(self, actor: str, endpoint: str) -> dict[str, Any]:
        """What stands for the variable parts of an address; all of it exists and is on the board "Support"."""
        db.session.rollback()  # SQLite reads as of the first look
        person = self.people.get(actor)
        own = sign_ins.of(person, self.now) if person else ()
        return {
            **self.parts,
            "rule_id": self.rules[actor].id,
            "team_id": self.teams[actor].id,
            "tag_id": self.tags[actor].id,
            "company_id": self.companies[actor].id,
            "sign_in_id": own[0].id if own else "0",
            "token": self.tokens.get(endpoint.partition(".")[0]),
            "blocked_id": self.blocked[actor],
            "webhook_id": self.webhooks[actor],
            "raw_id": self.raw[actor],
            "backtest_id": self.backtests.get(actor, 0),
            "view_id": self.views.get(actor, 0),
            "notification_id": self.notifications.get(actor, 0),
        }


def make_world(desk: SmallDesk, now: datetime) -> World:
    """The small desk, somebody on call for its board, an agent of a second board, and one ticket with all it can have."""
    with writing(desk.row) as row:
        on_call, shift = _on_call(desk, now)
        elsewhere = boards.add(
            row, name="Wholesale", policy_id=None, rota_id=None, owner=desk.dana, by=CLOCK, now=now
        )
        rules = {
            actor: Rule(position=n, name=actor, query=LAMPS, actions=[]) for n, actor in enumerate(ACTORS)
        }
        teams = {actor: Team(name=actor, created_at=now) for actor in ACTORS}
        tags = {actor: Tag(name=actor) for actor in ACTORS}
        db.session.add_all([*rules.values(), *teams.values(), *tags.values()])
        db.session.flush()
        db.session.add(BoardPerson(board_id=elsewhere.id, person_id=desk.charlie.id))
        link = invitations.invite(row, on_call, by=CLOCK, now=now)
    with writing(desk.row):
        db.session.add(_mailbox(desk, now))
    inbox.receive(_mail(), now=now, source="command", sent_to=ADDRESS)
    message = db.session.scalars(select(Message)).one()
    attachment = db.session.scalars(select(Attachment)).one()
    with writing(desk.board):
        alert = _alert(desk, message.ticket_id, now)
        delivery = _delivery(desk, message, now)
        firing = RuleFiring(
            rule_id=rules["manager"].id, ticket_id=message.ticket_id, episode=1, at=now, owed=[]
        )
        db.session.add_all([alert, delivery, firing])
        companies = {actor: _company(desk, actor, now) for actor in ACTORS}
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, message.ticket_id)
        tickets.prioritise(board, ticket, 2, by=desk.bob.by, now=now)
        changed = (board.id, board.seq, board.seq)
    parts = {
        "filename": "icon.svg",
        "noun": "assignee",
        "person_id": desk.bob.id,
        "board_id": desk.board.id,
        "key": "none",
        "language": "de",
        "column_id": desk.columns["open"].id,
        "number": message.ticket_id,
        "customer_id": db.session.get_one(Ticket, message.ticket_id).customer_id,
        "message_id": message.id,
        "_name": attachment.name,
        "alert_id": alert.id,
        "firing_id": firing.id,
        "signed": alerts.sign(alert, desk.bob),
        "delivery_id": delivery.id,
        "shift_id": shift.id,
        "channel_id": desk.email.id,
        "calendar_id": desk.email.calendar_id,
        "policy_id": desk.board.policy_id,
    }
    tokens = {
        "invitations": link.rpartition("/")[2],
        "attachments": attachment.token,
        "files": "of-a-file-that-is-gone",
        "forward_drafts": "of-a-file-that-is-gone",
        "undo": undo.token([changed]),
    }
    raw = {actor: _failed(actor, now) for actor in ACTORS}
    people = {
        "member": desk.erin,
        "member on call": on_call,
        "agent elsewhere": desk.charlie,
        "agent": desk.bob,
        "manager": desk.alice,
        "admin": desk.dana,
    }
    return World(
        desk,
        people,
        rules,
        teams,
        tags,
        companies,
        parts,
        tokens,
        _views(people, now),
        _told(people, message.ticket_id, now),
        _blocked(desk, now),
        _tested(people, now),
        _webhooks(now),
        raw,
        now,
    )


def _tested(people: dict[str, Person], now: datetime) -> dict[str, int]:
    with writing(db.session.get_one(Desk, 1)):
        made = {
            actor: Backtest(
                person_id=person.id,
                name="Lamps",
                query=LAMPS,
                actions=[{"kind": "assign_on_call"}],
                once_per="episode",
                days=7,
                zone="UTC",
                since_at=now - timedelta(days=7),
                until_at=now,
                asked_at=now,
            )
            for actor, person in people.items()
        }
        db.session.add_all(made.values())
        db.session.flush()
        return {actor: backtest.id for actor, backtest in made.items()}


def _webhooks(now: datetime) -> dict[str, int]:
    with writing(db.session.get_one(Desk, 1)):
        made = {
            actor: Webhook(
                name=actor, url="https://example.com/", secret=seal("a secret of letters"), created_at=now
            )
            for actor in ACTORS
        }
        db.session.add_all(made.values())
        db.session.flush()
        return {actor: webhook.id for actor, webhook in made.items()}


def _views(people: dict[str, Person], now: datetime) -> dict[str, int]:
    with writing(db.session.get_one(Desk, 1)):
        made = {
            actor: SavedView(name="Lamps", owner_id=person.id, query=LAMPS, created_at=now)
            for actor, person in people.items()
        }
        db.session.add_all(made.values())
        db.session.flush()
        return {actor: view.id for actor, view in made.items()}


def _told(people: dict[str, Person], number: int, now: datetime) -> dict[str, int]:
    with writing(db.session.get_one(Desk, 1)):
        made = {
            actor: Notification(
                person_id=person.id,
                kind="mentioned",
                ticket_id=number,
                by_kind="clock",
                by_name="",
                at=now,
                shown=True,
            )
            for actor, person in people.items()
        }
        db.session.add_all(made.values())
        db.session.flush()
        return {actor: told.id for actor, told in made.items()}


def _blocked(desk: SmallDesk, now: datetime) -> dict[str, int]:
    with writing(desk.row) as row:
        return {
            actor: blocked.block(row, f"{actor.replace(' ', '.')}@spam.example", by=CLOCK, now=now).id
            for actor in ACTORS
        }


def _on_call(desk: SmallDesk, now: datetime) -> tuple[Person, Shift]:
    person = Person(name="Gus Lind", email="gus@example.com", role="member", languages=["en"], created_at=now)
    db.session.add(person)
    db.session.flush()
    shift = Shift(
        rota_id=desk.board.rota_id,
        role="primary",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=6),
        person_id=person.id,
        origin_person_id=person.id,
        reason={},
    )
    db.session.add(shift)
    return person, shift


def _company(desk: SmallDesk, actor: str, now: datetime) -> Company:
    company = Company(name=actor, created_at=now)
    customer = Customer(name=actor, company=company, created_at=now)
    db.session.add_all([company, customer])
    db.session.flush()
    tickets.open_ticket(desk.board, channel=desk.email, customer=customer, subject=actor, by=CLOCK, now=now)
    return company


def _mailbox(desk: SmallDesk, now: datetime) -> Mailbox:
    """One that nobody has signed in to, at a port where nothing answers."""
    return Mailbox(
        channel_id=desk.email.id,
        host="127.0.0.1",
        port=1,
        encryption="none",
        user_name=ADDRESS,
        folder="INBOX",
        sign_in="oauth",
        client_id="desk",
        authorise_url="https://provider.example/authorise",
        token_url="https://provider.example/token",
        began_at=now,
        wake_at=now,
    )


def _mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Kim <kim@example.org>", ADDRESS, "The lamp flickers"
    mail["Message-ID"] = "<lamp-1@example.org>"
    mail.set_content("It flickers since yesterday. What can I do?")
    mail.add_alternative("<p>It flickers since <b>yesterday</b>. What can I do?</p>", subtype="html")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="lamp.png")
    return mail.as_bytes()


def _failed(actor: str, now: datetime) -> int:
    """The number of a message that arrived and was not understood."""
    raw_id = inbox.archive(actor.encode(), now=now, source="command")
    bookkeeping(
        update(RawMessage).where(RawMessage.id == raw_id).values(state="failed", error="Not a message.")
    )
    return raw_id


def _alert(desk: SmallDesk, number: int, now: datetime) -> Alert:
    return Alert(
        key=f"{number}:first_response:1",
        ticket_id=number,
        board_id=desk.board.id,
        kind="first_response",
        level="breach",
        deadline_at=now,
        opened_at=now,
    )


def _delivery(desk: SmallDesk, message: Message, now: datetime) -> Delivery:
    return Delivery(
        key="reply:1",
        kind="reply",
        board_id=desk.board.id,
        message_id=message.id,
        from_name="Northlight",
        from_address=ADDRESS,
        to_address="kim@example.org",
        subject="Re: The lamp flickers",
        text="Turn it off and on again.",
        header_id="reply-1@example.com",
        state="failed",
        error="The server said no.",
        created_at=now,
    )
