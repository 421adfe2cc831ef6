"""Rules that move tickets to another board: what they do there, who was faster, rules that disagree, and undoing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import sweeps
from app.database import db, writing, writing_all
from app.desk import access, afterwards, backtests, firings, tickets, transfers
from app.desk.rule_acts import NOBODY_ON_CALL
from app.models.board import Board, Column
from app.models.event import By, Event
from app.models.rule import RuleFiring
from app.models.ticket import URGENT, Ticket
from rules.actions import AssignOnCall, MoveToBoard
from rules.plan import PERSON_FASTER
from tests.desk.boards import second_board, ticket_on
from tests.desk.test_backtests import asked
from tests.duty import TUESDAY_NIGHT, publish, told
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_firings import SECOND, add_rule, firing_of, fresh, reasons
from tests.waiting import side_by_side

DAY = timedelta(days=1)
TAG = {"kind": "add_tag", "tag": "there"}


def to(board: Board) -> dict[str, Any]:
    return {"kind": "board", "board": board.id}


def kinds_of(ticket: Ticket) -> list[str]:
    rows = select(Event.kind).where(Event.subject_kind == "ticket", Event.subject_id == ticket.id)
    return list(db.session.scalars(rows.order_by(Event.id)))


@pytest.mark.parametrize("direction", ["there", "back"])
def test_it_is_moved_and_judged_there(desk: SmallDesk, now: datetime, direction: str) -> None:
    """Both ways, also to the board that is locked first: what else its rule does is done there, and so do the rules of the other
    board, who is on call and what is promised, all in the same sweep."""
    other = second_board(desk, now)
    here, there = (desk.board, other) if direction == "there" else (other, desk.board)
    publish(desk, [desk.bob], now)
    waiting = there.column_for("waiting")
    moves = add_rule(
        desk, "lamp", now, {"kind": "assign_on_call"}, {"kind": "move", "column": waiting.id}, to(there)
    )
    tags = add_rule(desk, f"board:{there.name}", now, TAG)
    lamp, bulb = (ticket_on(here, desk, subject, now) for subject in ("A lamp", "A bulb"))
    assert sweeps.wake_tickets(now)["failed"] == 0
    one = fresh(lamp)
    assert (one.board_id, one.column_id, [tag.name for tag in one.tags]) == (there.id, waiting.id, ["there"])
    assert (one.assignee_id, one.next_deadline_at is None) == (
        (None, True) if there == other else (desk.bob.id, False)
    )
    assert (fresh(bulb).board_id, fresh(bulb).tags) == (here.id, [])
    firing = firing_of(moves)
    kinds = [done["action"]["kind"] for done in firing.done]
    assert kinds == (["board", "move"] if there == other else ["board", "assign_on_call", "move"])
    assert {done["events"][0] for done in firing.done} == {there.id}
    assert firing_of(tags).ticket_id == lamp.id
    assert sweeps.wake_tickets(now)["tickets"] == 0  # nothing is left to look at


def test_what_an_alert_brings_to_another_board_is_for_who_is_on_call_there(
    desk: SmallDesk, now: datetime
) -> None:
    """The alert is known only after the first rounds; all the same the ticket has its person there, who is paged, at once."""
    other = second_board(desk, now)
    publish(desk, [desk.bob], now)
    with writing(desk.row):
        there = db.session.get_one(Board, other.id)
        there.rota_id, there.policy_id = desk.board.rota_id, desk.board.policy_id
        db.session.get_one(Board, desk.board.id).rota_id = None
    add_rule(desk, "alert:open", now, to(other))
    ticket = ticket_in(desk, "new", "All lights out", TUESDAY_NIGHT, priority=URGENT)
    sweeps.wake_tickets(TUESDAY_NIGHT)
    assert (fresh(ticket).board_id, fresh(ticket).assignee_id) == (other.id, desk.bob.id)
    sweeps.wake_alerts(TUESDAY_NIGHT)
    assert told() == ["Bob"]


@pytest.mark.parametrize("direction", ["there", "back"])
def test_tried_on_a_ticket_nothing_is_kept(desk: SmallDesk, now: datetime, direction: str) -> None:
    """What else the rule does is tried on the board that it would come to."""
    other = second_board(desk, now)
    here, there = (desk.board, other) if direction == "there" else (other, desk.board)
    publish(desk, [desk.bob], now)
    ticket = ticket_on(here, desk, "A lamp", now)
    actions = [AssignOnCall(), MoveToBoard(there.id), MoveToBoard(999)]
    outcomes = sweeps.try_out(fresh(ticket), "Lamps", actions, "UTC", now)
    on_call = ("not", NOBODY_ON_CALL) if there == other else ("acts", "assigned Bob Reyes")
    told = [(one.kind, one.said) for one in outcomes]
    assert told == [on_call, ("acts", ""), ("not", "That board is not there any more.")]
    assert (fresh(ticket).board_id, "ticket.transferred" in kinds_of(ticket)) == (here.id, False)


def test_a_board_that_it_is_on_and_one_that_is_not_there(desk: SmallDesk, now: datetime) -> None:
    same, gone = (add_rule(desk, text, now, to(desk.board)) for text in ("lamp", "bulb"))
    with writing(desk.row):
        gone.actions = [{"kind": "board", "board": 999}]
    ticket_in(desk, "new", "A lamp", now)
    ticket_in(desk, "new", "A bulb", now)
    sweeps.wake_tickets(now)
    assert [one["events"] for one in firing_of(same).done] == [None]
    assert reasons(gone) == ["That board is not there any more."]


def test_rules_that_disagree_stop_and_are_named(desk: SmallDesk, now: datetime) -> None:
    """They send it to and fro for five rounds, not for ever; later nothing goes on by itself."""
    other = second_board(desk, now)
    add_rule(desk, "board:Support", now, to(other), name="There")
    add_rule(desk, "board:Wholesale", now, to(desk.board), name="Back")
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    kinds = kinds_of(ticket)
    assert (kinds.count("ticket.transferred"), kinds.count("ticket.disputed")) == (5, 1)
    quarrel = db.session.scalars(select(Event).where(Event.kind == "ticket.disputed")).one()
    assert (quarrel.stream, quarrel.changes["rules"]) == (fresh(ticket).board_id, [None, "There, Back"])
    before = len(kinds)
    sweeps.wake_tickets(now + SECOND)
    sweeps.wake_tickets(now + DAY)
    assert kinds_of(ticket)[before:].count("ticket.transferred") == 0


def test_a_sweep_and_a_person_that_move_in_opposite_directions(
    app: Any, desk: SmallDesk, now: datetime
) -> None:
    """Neither waits for the other while it holds what that one wants, and each bulb is moved once."""
    other = second_board(desk, now)
    rule = add_rule(desk, "bulb board:Wholesale", now, to(desk.board))
    lamp = ticket_in(desk, "new", "A lamp", now)
    bulbs = [ticket_on(other, desk, f"A bulb {n}", now) for n in range(10)]
    number = lamp.id
    db.session.rollback()

    def person() -> None:
        for _ in range(20):
            with writing_all(Board, (desk.board.id, other.id)) as held:
                one = db.session.get_one(Ticket, number)
                into = held[other.id if one.board_id == desk.board.id else desk.board.id]
                transfers.transfer(held[one.board_id], one, into, by=desk.alice.by, now=now)

    def sweep() -> None:
        assert sweeps.wake_tickets(now)["failed"] == 0

    side_by_side(app, person, sweep)
    assert {fresh(one).board_id for one in (lamp, *bulbs)} == {desk.board.id}
    fired = db.session.scalars(select(RuleFiring.ticket_id).where(RuleFiring.rule_id == rule.id)).all()
    assert sorted(fired) == [one.id for one in bulbs]


@pytest.mark.parametrize("field", ["column", "assignee", "board"])
def test_a_person_was_faster(desk: SmallDesk, now: datetime, field: str) -> None:
    """Whoever has just put it into a column, given it to somebody or moved it to this board is left a minute, the tag is added
    at once; then it is moved after all, unless they do it again."""
    other = second_board(desk, now)
    ticket = ticket_on(other if field == "board" else desk.board, desk, "A lamp", now)

    def by_alice(at: datetime, *, again: bool = False) -> None:
        with writing_all(Board, (desk.board.id, other.id)) as held:
            one = fresh(ticket)
            board = held[one.board_id]
            if field == "column":
                state = "open" if again else "waiting"
                tickets.move(board, one, to=board.column_for(state).id, by=desk.alice.by, now=at)
            elif field == "assignee":
                who = desk.bob if again else desk.alice
                tickets.assign(board, one, who.id, by=desk.alice.by, now=at)
            else:
                transfers.transfer(
                    board, one, held[other.id if again else desk.board.id], by=desk.alice.by, now=at
                )

    by_alice(now)
    rule = add_rule(desk, "lamp board:Support", now, to(other), TAG)
    sweeps.wake_tickets(now + SECOND)
    assert (fresh(ticket).board_id, len(fresh(ticket).tags)) == (desk.board.id, 1)
    assert firing_of(rule).owed == [to(other)]
    if field != "board":
        by_alice(now + 30 * SECOND, again=True)
        sweeps.wake_tickets(now + 61 * SECOND)
        assert (fresh(ticket).board_id, reasons(rule)) == (desk.board.id, [PERSON_FASTER])
    else:
        sweeps.wake_tickets(now + 61 * SECOND)
        assert (fresh(ticket).board_id, firing_of(rule).owed) == (other.id, [])
        seq = db.session.get_one(Board, desk.board.id, populate_existing=True).seq
        then = afterwards.told(desk.board.id, 0, seq, "UTC", now + 61 * SECOND)[-1]
        assert (then.by, then.text.endswith("moved it to another board")) == (
            [desk.alice.id],
            True,
        )


def test_a_firing_is_taken_back(desk: SmallDesk, now: datetime) -> None:
    """At any time; the rule does not move it again while its condition goes on to hold."""
    other = second_board(desk, now)
    rule = add_rule(desk, "lamp board:Support", now, to(other), TAG)
    ticket = ticket_in(desk, "open", "A lamp", now)
    with writing(desk.board) as board:
        tickets.assign(board, fresh(ticket), desk.bob.id, by=By("clock"), now=now)
    sweeps.wake_tickets(now)
    firing, at = firing_of(rule), now + DAY
    assert (fresh(ticket).board_id, fresh(ticket).assignee_id) == (other.id, None)
    (said,) = firings.told([firing], "UTC", at, access.visible_boards(desk.alice, at)).values()
    assert said.done == (
        "moved it from the board Support to Wholesale, took it from Bob Reyes and gave it to nobody, added the tag there"
    )
    assert firings.boards_of([firing.id]) == {desk.board.id}
    with writing_all(Board, (desk.board.id, other.id)) as held:
        firings.take_back(held[other.id], fresh(ticket), firing.id, by=desk.alice.by, now=at)
    one = fresh(ticket)
    assert (one.board_id, one.assignee_id, one.tags) == (desk.board.id, desk.bob.id, [])
    for seconds in (0, 61):
        sweeps.wake_tickets(at + seconds * SECOND)
    assert fresh(ticket).board_id == desk.board.id
    assert db.session.scalar(select(func.count()).select_from(RuleFiring)) == 1


def test_what_it_would_have_moved_and_what_people_moved(desk: SmallDesk, now: datetime) -> None:
    """A backtest: three of the lamps were moved by people, one was there at the time, and a bulb it would miss; another
    rule wants them elsewhere."""
    other = second_board(desk, now)
    third = _third_board(desk, now)
    lamps = [ticket_in(desk, "open", f"A lamp {n}", now - 3 * DAY) for n in range(4)]
    bulb = ticket_in(desk, "open", "A bulb", now - 3 * DAY)
    lamps.append(ticket_on(other, desk, "A lamp there", now - 3 * DAY))
    for ticket in (*lamps[:3], bulb):
        with writing_all(Board, (desk.board.id, other.id)) as held:
            transfers.transfer(
                held[desk.board.id], fresh(ticket), held[other.id], by=desk.alice.by, now=now - DAY
            )
    against = add_rule(desk, "lamp", now, to(third), name="Elsewhere")
    db.session.rollback()
    result = asked(desk, "subject:lamp", now, [to(other)]).result
    (one,) = result["actions"]
    assert (result["tickets"], one["already"], one["agreed"], one["people"]) == (5, 1, 3, 4)
    assert (one["missed"], result["others"]) == ([bulb.id], {str(against.id): 5})
    assert backtests.of_rule(against).then == [to(third)]


def _third_board(desk: SmallDesk, now: datetime) -> Board:
    with writing(desk.row):
        board = Board(name="Repairs", created_at=now)
        db.session.add(board)
        db.session.flush()
        db.session.add(Column(board_id=board.id, name="New", state="new", is_default=True, position=1))
    return board
