"""A desk of any size, written in bulk: what the product would have written for tickets that came over a year."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from app import restore
from app.database import INDEX_MADE_BY, db, writing
from app.desk import people, setup
from app.desk import rules as desk_rules
from app.models.board import Board, BoardPerson, Column
from app.models.channel import Channel
from app.models.customer import Customer, CustomerAddress
from app.models.document import Document
from app.models.event import OPERATOR, Event
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Tag, Ticket, TicketTag
from rules.query import fold
from rules.tokens import document

EMAIL, PASSWORD = "bench@example.com", "a lamp on the bench"
CUSTOMERS = 500
CHUNK = 5_000
YEAR = timedelta(minutes=525_000)
TAGS = ("refund", "delivery", "broken", "invoice", "account", "payment", "device", "address")
WORDS = [
    "lamp",
    "order",
    "parcel",
    "refund",
    "broken",
    "arrived",
    "late",
    "invoice",
    "please",
    "answer",
    "since",
    "week",
    "colour",
    "screen",
    "cable",
    "delivery",
    "address",
    "change",
    "cancel",
    "payment",
    "twice",
    "charged",
    "warranty",
    "account",
    "password",
    "box",
    "support",
    "thanks",
]
# What every fifth customer writes: a stem of two syllables and what is said of it.
STEMS = "환불 배송 주문 교환 취소 결제 반품 상품 고객 문의 영수 쿠폰 회원 가입 색상 수량 포장 파손 지연 안내".split()  # noqa: SIM905
ENDINGS = [
    "은 언제 되나요",
    "을 요청합니다",
    "이 아직 오지 않았습니다",
    "에 문제가 있어요",
    "관련해서 여쭤봅니다",
]
SYLLABLES = "ba be bo da de do fa fe ga ge ka ke ki la le li lo ma me mi mo na ne no ra re ri ro sa se so ta te to va vi wa zo".split()  # noqa: SIM905
NAMES = 20_000


def desk(now: datetime) -> Board:
    """A desk with six visible columns and one agent who can sign in; no tickets yet."""
    with writing(setup.ensure_desk(now, "Bench")) as row:
        agent = people.add(
            row, name="Bench Agent", email=EMAIL, role="admin", password=PASSWORD, by=OPERATOR, now=now
        )
        board = setup.set_up(
            row, admin=agent, board_name="Bench", address="bench@example.com", zone="Europe/Berlin", now=now
        )
        for position, (name, state) in enumerate((("In review", "open"), ("At the supplier", "waiting"))):
            db.session.add(Column(board_id=board.id, name=name, state=state, position=10 + position))
        colleagues = [
            Person(
                name=f"Agent {n}",
                email=f"agent{n}@example.com",
                role="agent",
                languages=["en"],
                created_at=now,
            )
            for n in range(8)
        ]
        db.session.add_all([*colleagues, *(Tag(name=name) for name in TAGS)])
        db.session.add_all(
            Customer(id=n, name=f"Customer {n}", language="en", created_at=now)
            for n in range(1, CUSTOMERS + 1)
        )
        db.session.flush()
        db.session.add_all(
            CustomerAddress(customer_id=n, address=f"customer{n}@example.org")
            for n in range(1, CUSTOMERS + 1)
        )
        db.session.add_all(BoardPerson(board_id=board.id, person_id=one.id) for one in colleagues)
    return board


def rules(count: int, now: datetime) -> None:
    """Rules of the kinds people write; a few of them match."""
    with writing(setup.ensure_desk(now)) as row:
        for n in range(count):
            word = WORDS[n % len(WORDS)]
            text = (
                f"subject:{word}{n} OR body:{word}{n}",
                f"lang:de body:{word}{n}",
                f"is:unresolved waiting>{n + 1}d -tag:refund priority<high",
                f'from:@example{n}.com OR "{word} {n}"',
                f"channel:email age>{300 + n}d is:waiting tag:refund,delivery",
            )[n % 5]
            rule = desk_rules.save(
                row,
                None,
                name=f"Rule {n}",
                text=text,
                then=[{"kind": "add_tag", "tag": TAGS[n % len(TAGS)]}],
                by=OPERATOR,
                now=now,
            )
            desk_rules.switch(row, rule, True, also_present=True, by=OPERATOR, now=now)


def tickets(board: Board, first: int, last: int, now: datetime, came_over: timedelta = YEAR) -> None:
    """Tickets first..last with their messages, tags and events."""
    columns = [(column.id, column.state) for column in board.columns]
    people_ids = list(db.session.scalars(select(Person.id)))
    tag_ids = list(db.session.scalars(select(Tag.id)))
    channel_id = board_channel(board)
    with _indexed_afterwards(), writing(board) as locked:
        chunk: list[dict[str, Any]] = []
        for row in _tickets(first, last, columns, people_ids, channel_id, locked.id, now, came_over):
            chunk.append(row)
            if len(chunk) == CHUNK:
                _write(locked, chunk, tag_ids)
                chunk = []
        if chunk:
            _write(locked, chunk, tag_ids)


@contextmanager
def _indexed_afterwards() -> Iterator[None]:
    """Makes the full-text index of all documents at once: that is many times faster than one by one."""
    dialect = db.engine.dialect.name
    dropped = {"sqlite": ("TABLE", "search_index"), "postgresql": ("INDEX", "search_index")}[dialect]
    triggers = ("added", "removed", "changed") if dialect == "sqlite" else ()
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        for trigger in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER search_documents_{trigger}")
        connection.exec_driver_sql(" ".join(("DROP", *dropped)))
    yield
    with db.engine.connect().execution_options(writing=True) as connection, connection.begin():
        for statement in INDEX_MADE_BY[dialect]:
            connection.exec_driver_sql(statement)
        if dialect == "sqlite":
            connection.exec_driver_sql("INSERT INTO search_index (search_index) VALUES ('rebuild')")


def count_on() -> None:
    """What the product writes from now on gets numbers above those that were written here."""
    with db.engine.begin() as connection:
        for table in db.metadata.sorted_tables:
            restore.count_on(connection, table)


def name(number: int) -> str:
    """One of the NAMES words beside WORDS. Low numbers are in many messages, high ones in few, as words are."""
    return "".join(SYLLABLES[number // len(SYLLABLES) ** place % len(SYLLABLES)] for place in range(3))


def board_channel(board: Board) -> int:
    return db.session.scalars(
        select(Channel.id).where(Channel.board_id == board.id, Channel.kind == "email")
    ).one()


def _tickets(
    first: int,
    last: int,
    columns: list[tuple[int, str]],
    people_ids: list[int],
    channel_id: int,
    board_id: int,
    now: datetime,
    came_over: timedelta,
) -> Iterator[dict[str, Any]]:
    minutes = int(came_over.total_seconds() / 60)
    for number in range(first, last + 1):
        chance = random.Random(number)
        column_id, state = columns[number % len(columns)]
        came_at = now - timedelta(minutes=chance.randrange(60, minutes))
        answered = state not in ("new", "open") or chance.random() < 0.5
        closed = state in ("resolved", "archived")
        spoke_at = came_at + timedelta(minutes=chance.randrange(1, 50))
        subject = " ".join(chance.choices(WORDS, k=chance.randrange(3, 8)))
        ticket = Ticket(
            id=number,
            board_id=board_id,
            column_id=column_id,
            state=state,
            state_since=spoke_at,
            subject=subject.capitalize(),
            subject_search=fold(subject),
            customer_id=1 + number % CUSTOMERS,
            channel_id=channel_id,
            language="en",
            language_confidence=90,
            priority=chance.choice((0, 1, 1, 1, 2, 3)),
            assignee_id=chance.choice([None, *people_ids]),
            automatic=False,
            created_at=came_at,
            updated_at=spoke_at,
            closed_at=spoke_at if closed else None,
            waiting_since=None if answered or closed else came_at,
            first_answered_at=spoke_at if answered else None,
            last_message_at=spoke_at,
            last_speaker="us" if answered else "customer",
            message_count=2 if answered else 1,
            unread=not answered,
            next_deadline_at=None
            if closed or state == "waiting"
            else now + timedelta(minutes=number % 9000 - 900),
            next_deadline_kind=None if closed or state == "waiting" else "resolution",
            next_deadline_for=None if closed or state == "waiting" else 86_400,
            paused=state == "waiting",
            version=1,
            mood_by_hand=False,
        )
        ticket.sort_key = ticket.order()
        values = {key: getattr(ticket, key) for key in Ticket.__table__.columns.keys()}  # noqa: SIM118 - a collection of columns
        yield values


def _text(row: dict[str, Any]) -> str:
    chance = random.Random(-row["id"])
    names = " ".join(name(int(NAMES ** chance.random())) for _ in range(3))
    if row["id"] % 5:
        return f"Hello, {row['subject_search']} and {row['id']}, {names}. " + "Thank you for your help. " * 6
    said = " ".join(f"{chance.choice(STEMS)}{chance.choice(ENDINGS)}." for _ in range(3))
    return f"안녕하세요. {said} {names} {row['id']} 감사합니다."


def _documents(chunk: list[dict[str, Any]], texts: dict[int, str]) -> None:
    """What search looks through, as desk.search would have kept it."""
    ids = [row["id"] for row in chunk]
    messages = dict(
        db.session.execute(
            select(Message.ticket_id, Message.id).where(Message.ticket_id.between(min(ids), max(ids)))
        ).all()
    )
    rows = []
    for row in chunk:
        id, customer = row["id"], row["customer_id"]
        own = document((row["subject"], f"Customer {customer}", f"customer{customer}@example.org"))
        rows += [
            {"ticket_id": id, "message_id": None, "tokens": own},
            {"ticket_id": id, "message_id": messages[id], "tokens": document((texts[id],))},
        ]
    db.session.execute(insert(Document), rows)


def _write(board: Board, chunk: list[dict[str, Any]], tag_ids: list[int]) -> None:
    db.session.execute(insert(Ticket), chunk)
    texts = {row["id"]: _text(row) for row in chunk}
    db.session.execute(
        insert(Message),
        [
            {
                "ticket_id": row["id"],
                "kind": "customer",
                "from_name": f"Customer {row['customer_id']}",
                "from_address": f"customer{row['customer_id']}@example.org",
                "subject": row["subject"],
                "text": texts[row["id"]],
                "search_text": fold(texts[row["id"]]),
                "message_id": f"{row['id']}.bench@example.org",
                "language": "en",
                "at": row["created_at"],
            }
            for row in chunk
        ],
    )
    _documents(chunk, texts)
    db.session.execute(
        insert(TicketTag),
        [
            {"ticket_id": row["id"], "tag_id": tag_ids[(row["id"] + extra) % len(tag_ids)]}
            for row in chunk
            for extra in range(row["id"] % 3)
        ],
    )
    events = []
    for row in chunk:
        board.seq += 1
        events.append(
            {
                "stream": board.id,
                "seq": board.seq,
                "kind": "ticket.opened",
                "subject_kind": "ticket",
                "subject_id": row["id"],
                "by_kind": "customer",
                "by_id": row["customer_id"],
                "changes": {"column": [None, row["column_id"]], "state": [None, row["state"]]},
                "at": row["created_at"],
            }
        )
    db.session.execute(insert(Event), events)
    db.session.flush()
