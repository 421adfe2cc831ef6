"""Both databases give every query the answer that a slow reading of it in plain Python gives, now and in the past.

What bare words mean is held against the texts in test_search.py.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.database import AS_MANY_ASK, MAPPED, db, writing
from app.desk import calendars, messages, moods, tickets
from app.mail.mood import Heard
from app.models import card, filtered, vocabulary
from app.models.alert import Alert
from app.models.board import Board
from app.models.calendar import Calendar
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.event import CLOCK, By
from app.models.message import Attachment, Blob, Message
from app.models.order import ORDERS
from app.models.past import as_of
from app.models.rota import Shift
from app.models.team import Team
from app.models.ticket import Tag, Ticket, TicketTag
from rules import hours
from rules.compile import columns, condition, next_flip, possible_states, truth
from rules.query import Not, Query, Term, Words, broken, fold, parse, terms, to_text
from rules.reference import BASICS, REFERENCE
from rules.rule import Rule
from tests.desk.facts import facts_of, world_at
from tests.rules.reference import Facts, World, holds
from tests.rules.trees import GONE, TEXTS, trees
from tests.small import SmallDesk
from tests.stories import ticket_in

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "Asia/Seoul", "America/Los_Angeles")
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
IDS: dict[str, Sequence[int]] = {
    "tag": (1, 2),
    "assignee": (1, 2),
    "channel": (1, 2),
    "team": (1, 2),
    "company": (1, 2),
    "board": (1, 2),
    "during": (1, 2),
}


@dataclass(frozen=True)
class Filled:
    facts: dict[int, Facts]
    me: int
    now: datetime

    def expected(self, tree: Query, world: World) -> list[int]:
        return [number for number, facts in self.facts.items() if holds(tree, facts, world)]


@pytest.fixture
def filled(desk: SmallDesk, now: datetime) -> Filled:
    """Forty tickets of every kind, and something of everything that they may refer to."""
    chance = random.Random(4)
    with writing(desk.board):
        _furnish(desk, now)
        for _ in range(40):
            _make_ticket(desk, chance, now)
    found = db.session.scalars(select(Ticket).order_by(Ticket.id)).all()
    return Filled({ticket.id: facts_of(ticket, now) for ticket in found}, desk.bob.id, now)


@given(tree=trees(IDS, words=False), zone=st.sampled_from(ZONES))
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
def test_the_database_answers_as_the_reference_does(filled: Filled, tree: Query, zone: str) -> None:
    world = world_at(filled.now, filled.me, zone)
    expected = filled.expected(tree, world)
    bound = vocabulary.binding(filled.now, filled.me, zone)
    assert _found(condition(tree, bound, filled.now)) == expected
    for whole in (False, True):
        assert _found(vocabulary.matches(tree, filled.now, filled.me, zone, whole=whole)) == expected
    assert {filled.facts[number].state for number in expected} <= possible_states(tree)
    if not broken(tree, vocabulary.names()):
        others = [number for number in filled.facts if number not in expected]
        assert _found(condition(Not(tree), bound, filled.now)) == others
    rule = Rule(1, 1, "", tree, ())
    rows = db.session.execute(
        select(Ticket.id, *columns([rule], bound, filled.now, reasons=True)).order_by(Ticket.id)
    )
    assert [row.id for row in rows if truth([rule], row._mapping)[1]] == expected
    db.session.rollback()


@given(
    tree=trees(IDS, words=False),
    few=st.sampled_from((0, 4, 20, 4_000)),
    most=st.sampled_from((3, 12, 1_000)),
    per_column=st.sampled_from((2, 40)),
    sort=st.sampled_from(sorted(ORDERS)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_a_filtered_board_says_the_same_whichever_way_it_looks(
    filled: Filled,
    desk: SmallDesk,
    monkeypatch: pytest.MonkeyPatch,
    tree: Query,
    few: int,
    most: int,
    per_column: int,
    sort: str,
) -> None:
    """Few matches are gathered, many are met one by one; what counts as few decides how, never what."""
    monkeypatch.setattr(filtered, "FEW", few)
    monkeypatch.setattr(card, "MOST_COUNTED", most)
    monkeypatch.setattr(card, "PER_COLUMN", per_column)
    matching = set(filled.expected(tree, world_at(filled.now, filled.me, "Asia/Seoul")))
    view = card.View(desk.board.id, "en", tree, me=filled.me, zone="Asia/Seoul", sort=sort)
    seen = card.overview(view, filled.now)
    tickets = db.session.scalars(select(Ticket).order_by(*view.order.by(Ticket))).all()
    shown = {head.id for head in seen.heads if head.state != "archived"}
    known = {column: seen.first[column] for column in shown} if seen.first is not None else None
    assert (known is not None) == (len(matching) <= few)
    found = card.first_cards(view, sorted(shown), filled.now, known)
    for head in seen.heads:
        here = [ticket for ticket in tickets if ticket.column_id == head.id and ticket.id in matching]
        millisecond = filled.now + timedelta(milliseconds=1)  # to which an order is kept
        late = [one for one in here if one.next_deadline_at and one.next_deadline_at < millisecond]
        assert (head.count, head.late) == (min(most, len(here)), min(most, len(late)))
        if head.id in shown:
            assert [one.id for one in found[head.id]] == [one.id for one in here][: per_column + 1]
    left_out = [one for one in tickets if one.column_id in shown and one.id not in matching]
    assert seen.hidden == (min(most, len(left_out)) if tree != card.EVERYTHING else 0)
    db.session.rollback()


@given(tree=trees(IDS, most=3, words=False), zone=st.sampled_from(ZONES), number=st.integers(0, 39))
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_answers_change_at_the_next_flip_and_not_before(
    filled: Filled, tree: Query, zone: str, number: int
) -> None:
    leaves = [leaf for leaf in terms(tree) if not _on_call(leaf)]
    facts = list(filled.facts.values())[number]
    world = replace(world_at(filled.now, filled.me, zone), now=filled.now)
    named = {
        "due_at": facts.due_at,
        "snoozed_until": facts.snoozed_until,
        **{name: getattr(facts, name) for name in _NAMED},
    }
    flip = next_flip(tree, named, filled.now, zone)

    def answers(at: datetime) -> list[bool]:
        return [holds(leaf, facts, replace(world, now=at)) for leaf in leaves]

    before = answers(filled.now)
    if flip is None:
        assert answers(filled.now + 5000 * DAY) == before
    else:
        assert answers(filled.now + (flip - filled.now) / 2) == before
        assert answers(flip - timedelta(microseconds=1)) == before
        if not any(len(leaf.values) > 1 for leaf in leaves if isinstance(leaf, Term)):
            assert answers(flip) != before
    db.session.rollback()


@pytest.mark.parametrize("name", vocabulary.ROWS)
def test_what_is_gone_finds_nothing_in_either_way(filled: Filled, name: str) -> None:
    """And the rest of the query is what it was."""
    gone = Term(name, ":", (GONE,))
    bound = vocabulary.binding(filled.now, filled.me, "UTC")
    past = as_of(filled.now, filled.me, "UTC")
    for tree in (gone, Not(gone), Not(Not(gone))):
        for binding in (bound, past):
            assert _found(condition(tree, binding, filled.now)) == []
    either = parse("is:open OR " + "NOT tag:x", names={"tag": {"x": GONE}})
    assert _found(condition(either, bound, filled.now)) == _found(
        condition(parse("is:open"), bound, filled.now)
    )
    assert broken(either, vocabulary.names()) == (f"tag:#{GONE}",)
    assert to_text(either, names=vocabulary.names()) == f"is:open OR -tag:#{GONE}"


def test_a_query_is_read_as_many_ask(desk: SmallDesk) -> None:
    """From the mapped file on SQLite; on PostgreSQL by one process, as it is written."""
    on_sqlite = db.engine.dialect.name == "sqlite"
    wanted = (
        {"PRAGMA mmap_size": MAPPED} if on_sqlite else {f"SHOW {name}": v for name, v in AS_MANY_ASK.items()}
    )
    for asked, value in wanted.items():
        assert str(db.session.connection().exec_driver_sql(asked).scalar()) == str(value)
    db.session.rollback()


def test_every_example_of_the_reference_runs(filled: Filled, desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        db.session.add_all(Tag(name=name) for name in ("return", "spam", "urgent"))
    world = world_at(now, filled.me, "Asia/Seoul")
    bound = vocabulary.binding(now, filled.me, "Asia/Seoul")
    names = vocabulary.names()
    found = {}
    for example in (*BASICS, *(one for entry in REFERENCE.values() for one in entry.examples)):
        tree = parse(example.text, me=True, names=names)
        found[example.text] = _found(condition(tree, bound, now))
        if not any(isinstance(leaf, Words) for leaf in terms(tree)):
            assert (example.text, found[example.text]) == (example.text, filled.expected(tree, world))
    assert sum(map(bool, found.values())) > len(found) / 2


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(["new", "open", "waiting", "resolved", "archived"])),
        st.tuples(st.just("assign"), st.sampled_from(["alice", "bob", None])),
        st.tuples(st.just("team"), st.sampled_from([1, 2, None])),
        st.tuples(st.just("prioritise"), st.integers(0, 3)),
        st.tuples(st.just("tag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("untag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("language"), st.sampled_from(["en", "ko", None])),
        st.tuples(st.just("mood"), st.sampled_from(["angry", "pleased", "unknown", "found"])),
        st.tuples(st.just("receive"), st.sampled_from(["order", "refund", "환불"])),
        st.tuples(st.just("receive automatic"), st.just("away")),
        st.tuples(st.just("reply"), st.just("Here it is")),
        st.tuples(st.just("withdraw"), st.none()),
        st.tuples(st.just("note"), st.just("order")),
    ),
    min_size=3,
    max_size=12,
)


@given(steps=STEPS, asked=st.lists(trees(IDS, words=False), min_size=6, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_a_query_as_of_an_instant_is_what_it_was_then(
    desk: SmallDesk, now: datetime, steps: list[tuple[str, Any]], asked: list[Query]
) -> None:
    """After each step the reference is asked of the ticket as it stands; at the end the past is asked for the same."""
    with writing(desk.board):
        if db.session.get(Team, 1) is None:
            _furnish(desk, now)
    ticket = ticket_in(desk, "new", "Lamp", now, automatic=steps[0][0] == "receive automatic")
    told: list[tuple[datetime, Facts]] = [(now, facts_of(db.session.get_one(Ticket, ticket.id), now))]
    for place, (verb, value) in enumerate(steps, 1):
        at = now + place * 20 * HOUR
        _do(desk, ticket.id, verb, value, at)
        told.append((at, facts_of(db.session.get_one(Ticket, ticket.id), at)))
        db.session.rollback()
    untold = frozenset({"due", "late", "unread", "alert", "snoozed"})
    for at, facts in told:
        then = at + HOUR
        world = replace(world_at(then, desk.bob.id, "Asia/Seoul"), untold=untold)
        bound = as_of(then, desk.bob.id, "Asia/Seoul")
        facts = replace(facts, on_call=_on_duty(then))
        for tree in asked:
            where = condition(tree, bound, then)
            found = db.session.scalars(select(Ticket.id).where(Ticket.id == ticket.id, where)).all()
            assert (to_text(tree), bool(found)) == (to_text(tree), holds(tree, facts, world))
    before = condition(parse(""), as_of(now - HOUR), now - HOUR)
    assert ticket.id not in db.session.scalars(select(Ticket.id).where(before)).all()
    db.session.rollback()


_NAMED = ("created_at", "updated_at", "closed_at", "waiting_since", "state_since")


def _found(where: Any) -> list[int]:
    return list(db.session.scalars(select(Ticket.id).where(where).order_by(Ticket.id)))


def _on_call(leaf: Any) -> bool:
    return isinstance(leaf, Term) and "oncall" in leaf.values


def _on_duty(at: datetime) -> int | None:
    return db.session.scalars(
        select(Shift.person_id).where(Shift.starts_at <= at, Shift.ends_at > at)
    ).first()


def _furnish(desk: SmallDesk, now: datetime) -> None:
    """What IDS names, where there is not enough of it."""
    db.session.add_all(Tag(name=name) for name in ("refund", "angry"))
    db.session.add_all(Team(name=name, created_at=now) for name in ("Returns", "Warehouse"))
    db.session.add_all(Company(name=name, created_at=now) for name in ("Acme", "Ärger AG"))
    db.session.add(Board(name="Wholesale", created_at=now, rota_id=desk.board.rota_id))
    night = hours.Calendar("Asia/Seoul", dict.fromkeys(range(7), (("22:00", "24:00"), ("00:00", "06:00"))))
    calendar = Calendar(name="Nights", hours=night.to_json())
    db.session.add(calendar)
    db.session.flush()
    calendars.keep_windows(calendar, now)
    db.session.add(
        Shift(
            rota_id=desk.board.rota_id,
            role="primary",
            person_id=desk.alice.id,
            origin_person_id=desk.alice.id,
            reason={},
            starts_at=now - DAY,
            ends_at=now + 2 * DAY,
        )
    )


def _make_ticket(desk: SmallDesk, chance: random.Random, now: datetime) -> None:
    def maybe(values: Sequence[Any]) -> Any:
        return chance.choice([None, *values])

    def ago() -> datetime:
        exact = timedelta(seconds=chance.choice((0, 60, 3_600, 7_200, 86_400, 604_800)))
        near = timedelta(microseconds=chance.choice((-1, 0, 1)))
        far = timedelta(hours=chance.randrange(0, 1_200))
        return now - (exact + near if chance.random() < 0.5 else far)

    def text() -> str:
        return " ".join(chance.choices(TEXTS, k=chance.randrange(1, 4)))

    number = chance.randrange(10**9)
    customer = Customer(
        name=f"{text()} Kim", vip=chance.random() < 0.3, company_id=maybe((1, 2)), created_at=now
    )
    db.session.add(customer)
    db.session.flush()
    address = chance.choice(("anna{}@acme.com", "bob{}@acme.com.evil.example", "order{}@shop.example"))
    db.session.add(CustomerAddress(customer_id=customer.id, address=address.format(number)))
    state, subject = chance.choice(("new", "open", "waiting", "resolved", "archived")), text()
    closed = state in ("resolved", "archived")
    ticket = Ticket(
        board_id=desk.board.id,
        column_id=desk.columns[state].id,
        state=state,
        state_since=ago(),
        subject=subject,
        subject_search=fold(subject),
        customer_id=customer.id,
        channel_id=chance.choice((desk.email.id, desk.form.id)),
        language=maybe(("de", "ko")),
        mood=maybe((-80, -50, -49, -20, -5, 20, 60)),
        priority=chance.randrange(4),
        assignee_id=maybe((desk.alice.id, desk.bob.id)),
        team_id=maybe((1, 2)),
        automatic=chance.random() < 0.2,
        created_at=ago(),
        updated_at=ago(),
        closed_at=ago() if closed else None,
        waiting_since=maybe((ago(), ago())),
        customer_wrote_at=maybe((ago(), ago(), ago())),
        last_message_at=now,
        last_speaker=chance.choice(("customer", "us")),
        message_count=chance.randrange(4),
        reopened=chance.randrange(3),
        unread=chance.random() < 0.5,
        snoozed_until=None if closed else maybe((now + (now - ago()), now + DAY)),
        next_deadline_at=None if closed else maybe((now + (now - ago()), ago(), now + DAY)),
    )
    ticket.sort_key = ticket.order()
    db.session.add(ticket)
    db.session.flush()
    for tag in chance.sample((1, 2), k=chance.randrange(3)):
        db.session.add(TicketTag(ticket_id=ticket.id, tag_id=tag))
    for kind in chance.choices(("customer", "reply", "note"), k=chance.randrange(3)):
        said = text()
        message = Message(ticket_id=ticket.id, kind=kind, text=said, search_text=fold(f"\n{said}"), at=now)
        db.session.add(message)
        if chance.random() < 0.4:
            sha = f"{number}{kind}{chance.random()}"
            db.session.add(Blob(sha256=sha, size=0, data=b""))
            db.session.flush()
            name, type = chance.choice((("Order.PDF", "application/pdf"), ("환불.png", "image/png")))
            message.attachments.append(Attachment(token=sha, sha256=sha, name=name, media_type=type, size=0))
    for level in chance.choices(("arrival", "warning", "breach"), k=chance.randrange(3)):
        state = chance.choice(("open", "acknowledged", "closed"))
        db.session.add(
            Alert(
                key=f"{ticket.id}{level}{chance.random()}",
                ticket_id=ticket.id,
                board_id=desk.board.id,
                kind="resolution",
                level=level,
                state=state,
                deadline_at=now,
                opened_at=now,
            )
        )


def _do(desk: SmallDesk, number: int, verb: str, value: Any, at: datetime) -> None:
    by = By("person", desk.bob.id)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, number)
        match verb:
            case "move":
                tickets.move(board, row, to=board.column_for(value).id, by=by, now=at)
            case "assign":
                tickets.assign(board, row, getattr(desk, value).id if value else None, by=by, now=at)
            case "team":
                tickets.give_to_team(board, row, value, by=CLOCK, now=at)
            case "prioritise":
                tickets.prioritise(board, row, value, by=CLOCK, now=at)
            case "tag":
                tickets.add_tag(board, row, value, by=by, now=at)
            case "untag" if value in {tag.name for tag in row.tags}:
                tickets.remove_tag(board, row, value, by=by, now=at)
            case "language":
                tickets.set_language(board, row, value, by=by, now=at)
            case "mood":
                moods.set_mood(board, row, value, by=by, now=at)
            case "receive" | "receive automatic":
                messages.receive(
                    board,
                    row,
                    by=By("customer", row.customer_id),
                    now=at,
                    text=value,
                    from_name="Kim",
                    from_address="kim@example.org",
                    automatic="auto-replied" if verb == "receive automatic" else None,
                    heard=Heard(angry=70 if value == "refund" else 0, long=True),
                )
            case "reply":
                messages.reply(board, row, value, person=desk.bob, seen=None, now=at)
            case "withdraw":
                answer = db.session.scalars(
                    select(Message)
                    .where(
                        Message.ticket_id == number, Message.kind == "reply", Message.withdrawn_at.is_(None)
                    )
                    .order_by(Message.id.desc())
                ).first()
                if answer is not None:
                    messages.withdraw(board, row, answer.id, person=desk.bob, now=at)
            case "note":
                messages.note(board, row, value, person=desk.bob, now=at)
