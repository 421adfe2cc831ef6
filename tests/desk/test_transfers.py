"""Moving a ticket to another board: what goes along, what does not, what both boards hear, and taking it back."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import OutOfOrder, db, lock_late, writing, writing_all, written
from app.desk import access, alerts, deliveries, history, messages, teams, tickets, transfers, undo
from app.desk.refused import Refused
from app.models import conversation, vocabulary
from app.models.alert import Alert
from app.models.board import Board
from app.models.card import View, changes, overview
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.notification import Notification
from app.models.past import as_of
from app.models.person import Person
from app.models.ticket import Ticket
from rules.compile import condition
from rules.query import parse
from tests.desk.boards import second_board
from tests.duty import publish
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.waiting import side_by_side

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def transfer(ticket: Ticket, into: Board, by: Person, now: datetime, **values: Any) -> list[Event]:
    with writing_all(Board, {fresh(ticket).board_id, into.id}) as held:
        one = fresh(ticket)
        transfers.transfer(held[one.board_id], one, held[into.id], by=by.by, now=now, **values)
    return written()


def take_back(ticket: Ticket, done: list[Event], by: Person, now: datetime) -> list[Event]:
    of = undo.events_of(undo.stretches(done), now)
    with writing_all(Board, {fresh(ticket).board_id, *undo.boards_beside(of)}) as held:
        one = fresh(ticket)
        undo.take_back(held[one.board_id], one, of[one.id], by=by.by, now=now)
    return written()


def cards(board: Board, now: datetime) -> int:
    return sum(head.count for head in overview(View(board.id, "en"), now).heads)


def told(ticket: Ticket, reader: Person | None = None, now: datetime | None = None) -> list[str]:
    """The history; without a reader every board is named."""
    boards = access.visible_boards(reader, now) if reader and now else select(Board.id)
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN), boards=boards)
    return [sentence for line in lines for sentence in line.sentences]


@pytest.mark.parametrize("state", ["new", "waiting", "resolved"])
def test_it_leaves_one_board_and_comes_to_the_other(desk: SmallDesk, now: datetime, state: str) -> None:
    other = second_board(desk, now)
    ticket = ticket_in(desk, state, "Lamp", now)
    was = (ticket.state_since, ticket.closed_at, ticket.reopened)
    before = {board.id: db.session.get_one(Board, board.id).seq for board in (desk.board, other)}
    transfer(ticket, other, desk.alice, now + HOUR)
    one = fresh(ticket)
    assert (one.board_id, one.column, one.state) == (other.id, other.column_for(state), state)
    assert (one.state_since, one.closed_at, one.reopened) == was
    assert (one.wake_at, one.updated_at) == (now + HOUR, now + HOUR)
    assert (cards(desk.board, now), cards(other, now)) == (0, 1)
    for board in (desk.board, other):
        seq = db.session.get_one(Board, board.id, populate_existing=True).seq
        assert changes(board.id, before[board.id], seq).tickets == [ticket.id]
    assert told(ticket)[-1] == "Alice Moor moved it from the board Support to Wholesale"
    for text, at, found in (
        ("board:Support", now, True),
        ("board:Wholesale", now, False),
        ("board:Wholesale", now + 2 * HOUR, True),
        ("board:Support", now + 2 * HOUR, False),
    ):
        tree = parse(text, names=vocabulary.names())
        past = db.session.scalars(select(Ticket.id).where(condition(tree, as_of(at), at))).all()
        assert (past == [ticket.id]) is found, text
    sweeps.wake_tickets(now + HOUR)
    assert fresh(ticket).next_deadline_at is None  # the other board promises nothing


@pytest.mark.parametrize(
    ("who", "team", "kept"), [("alice", "alice", True), ("bob", "bob", False), (None, None, True)]
)
def test_only_who_sees_the_board_keeps_it(
    desk: SmallDesk, now: datetime, who: str | None, team: str | None, kept: bool
) -> None:
    """The person, and a team when anybody of it does; undone, both have it again."""
    other = second_board(desk, now)
    ticket = ticket_in(desk, "open", "Lamp", now)
    with writing(desk.row) as row:
        people = [getattr(desk, team).id] if team else []
        made = teams.add(row, name="Returns", people=people, by=By("clock"), now=now)
    with writing(desk.board) as board:
        one = fresh(ticket)
        if who:
            tickets.assign(board, one, getattr(desk, who).id, by=desk.dana.by, now=now)
            tickets.give_to_team(board, one, made.id, by=desk.dana.by, now=now)
    had = (fresh(ticket).assignee_id, fresh(ticket).team_id)
    done = transfer(ticket, other, desk.alice, now + SECOND)
    assert (fresh(ticket).assignee_id, fresh(ticket).team_id) == (had if kept else (None, None))
    lost = ", took it from Bob Reyes and gave it to nobody, took it from the team Returns"
    moved = "moved it from the board Support to Wholesale"
    assert told(ticket)[-1].endswith(moved + ("" if kept else lost))
    left = db.session.scalars(select(Notification.person_id).where(Notification.kind == "assigned")).all()
    assert left == ([had[0]] if who and kept else [])
    take_back(ticket, done, desk.alice, now + 2 * SECOND)
    assert (fresh(ticket).assignee_id, fresh(ticket).team_id) == had
    assert fresh(ticket).column_id == desk.columns["open"].id


def test_taken_back_it_is_as_it_never_was(desk: SmallDesk, now: datetime) -> None:
    """In its column, at its place, in the past; again, and back again."""
    other = second_board(desk, now)
    ticket, below = ticket_in(desk, "open", "Lamp", now), ticket_in(desk, "open", "Bulb", now)
    rank = fresh(ticket).rank
    done = transfer(ticket, other, desk.alice, now + SECOND)
    assert undo.just_done() == undo.stretches(done)
    undone = take_back(ticket, done, desk.alice, now + 2 * SECOND)
    one = fresh(ticket)
    assert (one.board_id, one.column_id, one.rank) == (desk.board.id, desk.columns["open"].id, rank)
    assert one.rank < fresh(below).rank
    at = now + SECOND
    past = condition(parse("board:Wholesale", names=vocabulary.names()), as_of(at), at)
    assert db.session.scalars(select(Ticket.id).where(past)).all() == []
    assert told(ticket)[-1].endswith("undid: moved it from the board Support to Wholesale")
    with pytest.raises(Refused, match="Alice Moor has undone this already"):
        take_back(ticket, done, desk.alice, now + 3 * SECOND)
    take_back(ticket, undone, desk.alice, now + 3 * SECOND)
    assert fresh(ticket).board_id == other.id


def test_what_was_changed_since_is_not_taken_back(desk: SmallDesk, now: datetime) -> None:
    other = second_board(desk, now)
    ticket = ticket_in(desk, "open", "Lamp", now)
    done = transfer(ticket, other, desk.alice, now)
    with writing(Board(id=other.id)) as board:
        tickets.move(board, fresh(ticket), to=board.column_for("waiting").id, by=desk.alice.by, now=now)
    with pytest.raises(Refused) as refused:
        take_back(ticket, done, desk.alice, now + SECOND)
    assert (refused.value.status, fresh(ticket).board_id) == (409, other.id)
    with pytest.raises(Refused, match="more than ten minutes ago"):
        take_back(ticket, done, desk.alice, now + HOUR)


def test_only_who_sees_both_boards(desk: SmallDesk, now: datetime) -> None:
    """Bob is on the one, Charlie on none, Dana is admin; and whoever was faster is named."""
    other = second_board(desk, now)
    ticket = ticket_in(desk, "open", "Lamp", now)
    for person in (desk.bob, desk.charlie, desk.erin):
        with pytest.raises(Refused) as refused:
            transfer(ticket, other, person, now)
        assert refused.value.status == 404
    done = transfer(ticket, other, desk.dana, now, expected=desk.board.id)
    with pytest.raises(Refused, match="Dana Wolf has moved this to another board meanwhile"):
        transfer(ticket, other, desk.alice, now, expected=desk.board.id)
    assert transfer(ticket, other, desk.alice, now) == []  # it is there
    of = undo.events_of(undo.stretches(done), now)
    with writing(Board(id=other.id)) as board, pytest.raises(Refused, match="board that is not for you"):
        undo.take_back(board, fresh(ticket), of[ticket.id], by=desk.alice.by, now=now)


def test_what_is_sent_and_who_is_called_go_along(desk: SmallDesk, now: datetime) -> None:
    """The alert climbs anew for who is on call there, also when somebody here had acknowledged it."""
    publish(desk, [desk.bob], now)
    other = second_board(desk, now)
    ticket = ticket_in(desk, "open", "Lamp", now)
    with writing(desk.board) as board:
        messages.reply(board, fresh(ticket), "We look.", person=desk.bob, seen=None, now=now)
        alert = Alert(
            key="1",
            ticket_id=ticket.id,
            board_id=board.id,
            kind="resolution",
            level="breach",
            deadline_at=now,
            opened_at=now,
            state="open",
            step=0,
            wake_at=now,
        )
        db.session.add(alert)
    sweeps.wake_alerts(now)
    with writing(desk.board) as board:
        alerts.acknowledge(board, db.session.get_one(Alert, alert.id), person=desk.bob, now=now)
    transfer(ticket, other, desk.alice, now + SECOND)
    moved = db.session.get_one(Alert, alert.id, populate_existing=True)
    assert (moved.board_id, moved.state, moved.step, moved.wake_at) == (other.id, "open", 0, now + SECOND)
    sent = select(Delivery.kind, Delivery.board_id).where(Delivery.kind.in_(("reply", "page"))).distinct()
    assert sorted(map(tuple, db.session.execute(sent))) == [("page", other.id), ("reply", other.id)]
    with writing(desk.board) as board, pytest.raises(Refused, match="another board meanwhile"):
        alerts.acknowledge(board, db.session.get_one(Alert, alert.id), person=desk.bob, now=now)
    reply = db.session.scalars(select(Delivery.id).where(Delivery.kind == "reply")).one()
    with writing(desk.board) as board, pytest.raises(Refused, match="another board meanwhile"):
        deliveries.try_again(board, db.session.get_one(Delivery, reply), by=desk.bob.by, now=now)
    sweeps.wake_alerts(now + SECOND)
    told_ = select(Delivery.person_id).where(Delivery.kind == "page").order_by(Delivery.id)
    assert db.session.scalars(told_).all()[-1] in (desk.alice.id, desk.dana.id)


@pytest.mark.parametrize(
    ("reader", "there", "back"),
    [
        ("alice", "from the board Support to Wholesale", "from the board Wholesale to Support"),
        ("dana", "from the board Support to Wholesale", "from the board Wholesale to Support"),
        ("bob", "from the board Support to another one", "to the board Support from another one"),
        ("charlie", "to the board Wholesale from another one", "from the board Wholesale to another one"),
        ("erin", "to another board", "to another board"),
        (None, "to another board", "to another board"),  # what all who look at a board are told
    ],
)
def test_a_board_is_named_to_who_may_see_it(
    desk: SmallDesk, now: datetime, reader: str | None, there: str, back: str
) -> None:
    """As history, as what was undone and done again, and on the board that it has left."""
    other = second_board(desk, now, desk.charlie.id)
    ticket = ticket_in(desk, "open", "Lamp", now)
    person: Person | None = getattr(desk, reader) if reader else None
    boards = access.visible_boards(person, now) if person else None
    said = partial(history.told, now=now, boards=boards)
    done = transfer(ticket, other, desk.alice, now)
    undone = take_back(ticket, done, desk.alice, now)
    again = take_back(ticket, undone, desk.alice, now)
    moved = transfer(ticket, desk.board, desk.alice, now)
    (line,) = said(
        [event for some in (done, undone, again, moved) for event in some if event.kind in history.SHOWN]
    )
    assert line.sentences == (
        f"Alice Moor moved it {there}, undid: moved it {there}, did again: moved it {there}, moved it {back}",
    )
    (left,) = (event for event in done if event.kind == "ticket.left")
    away = "to the board Wholesale" if "Wholesale" in there else "to another board"
    assert history.deeds([left], "UTC", now, boards) == f"moved it {away}"


# ---- Both boards are locked


def test_two_boards_in_opposite_directions(app: Any, desk: SmallDesk, now: datetime) -> None:
    """Nobody waits for who waits for them: each of two moves its ticket to and fro twenty times."""
    other = second_board(desk, now)
    boards = [desk.board, other]
    made = [ticket_in(desk, "open", subject, now) for subject in ("Lamp", "Bulb")]
    transfer(made[1], other, desk.alice, now)
    ids = [board.id for board in boards]

    def to_and_fro(number: int, at: int) -> None:
        for turn in range(1, 21):
            with writing_all(Board, ids[:: 1 - 2 * at]) as held:
                one, into = db.session.get_one(Ticket, number), held[ids[(at + turn) % 2]]
                transfers.transfer(held[one.board_id], one, into, by=By("clock"), now=now)

    side_by_side(app, *(partial(to_and_fro, ticket.id, at) for at, ticket in enumerate(made)))
    assert [fresh(ticket).board_id for ticket in made] == [desk.board.id, other.id]
    for board in boards:
        seqs = db.session.scalars(select(Event.seq).where(Event.stream == board.id).order_by(Event.seq)).all()
        assert list(seqs) == list(range(1, len(seqs) + 1))


def test_a_board_before_one_that_is_held_is_not_waited_for(desk: SmallDesk, now: datetime) -> None:
    other = second_board(desk, now)
    with writing(Board(id=other.id)) as held:
        with pytest.raises(OutOfOrder) as wanted:
            lock_late(Board, desk.board.id)
        assert (wanted.value.ident, lock_late(Board, other.id)) == (desk.board.id, held)
    with writing(Board(id=desk.board.id)):
        assert lock_late(Board, other.id).id == other.id
