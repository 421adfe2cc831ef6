"""Tickets that have changed, or whose time has come: rules, who is on call, promises, alerts, and when to look again."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence, Set
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.orm import selectinload

from app.database import OutOfOrder, bookkeeping, db, trouble, words_of, writing, writing_all
from app.desk import alerts, deadlines, rotas, snoozes, tickets, waking
from app.desk import rules as desk_rules
from app.desk.rule_acts import Acts, board_of
from app.models import vocabulary
from app.models.alert import Alert
from app.models.board import UNRESOLVED, Board, all_boards
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.person import Person
from app.models.rule import Rule as RuleRow
from app.models.ticket import Ticket
from app.sweeps.firings import next_owed
from app.sweeps.hourly import Hourly
from app.sweeps.rules import RuleFailed, apply_rules, failing
from rules import deadlines as promises
from rules.compile import changes_by_itself, next_flip, possible_states
from rules.hours import Calendar, is_open
from rules.query import Term, from_json, terms
from rules.rule import Rule

log = logging.getLogger(__name__)

BATCH = 100
RETRY_FOR = timedelta(minutes=5)
LONGEST_FAILURE = 500


def wake_tickets(now: datetime) -> Counter[str]:
    """Judges changed tickets by the rules, gives them to who is on call, keeps their deadlines and alerts."""
    counts: Counter[str] = Counter()
    without: set[int] = set()  # rules that cannot be asked; the others go on
    while due := _due_tickets(now):
        for board_id, ticket_ids in due.items():
            try:
                counts += _judge(board_id, ticket_ids, now, without)
            except Exception as error:
                if trouble(error):
                    raise
                log.exception("a batch of tickets failed, so each is tried alone")
                without |= _failing(ticket_ids, now, without)
                for ticket_id in ticket_ids:
                    counts += _judge_alone(board_id, ticket_id, now, without)
    return counts


def judge_anew(now: datetime, rule: RuleRow | None = None) -> None:
    """Every unresolved ticket is looked at again, because a rule, a rota, a policy or a calendar has changed; when it is a
    `rule` that time alone makes true for others, these too."""
    states = set(UNRESOLVED)
    if (
        rule is not None
        and desk_rules.fault(rule) is None
        and changes_by_itself(tree := from_json(rule.query))
    ):
        states |= possible_states(tree)
    for board in all_boards():
        with writing(board) as locked:
            waking.wake(locked, now, states)


def _due_tickets(now: datetime) -> dict[int, list[int]]:
    rows = db.session.execute(
        select(Ticket.board_id, Ticket.id)
        .where(Ticket.wake_at <= now)
        .order_by(Ticket.wake_at, Ticket.id)
        .limit(BATCH)
    )
    due: dict[int, list[int]] = defaultdict(list)
    for board_id, ticket_id in rows:
        due[board_id].append(ticket_id)
    db.session.rollback()
    return due


def _judge_alone(board_id: int, ticket_id: int, now: datetime, without: Set[int]) -> Counter[str]:
    """A rule that fails on it is left out, and tried again later as a ticket is that fails by itself."""
    failed: set[int] = set()
    while True:
        try:
            counts = _judge(board_id, [ticket_id], now, without | failed)
        except RuleFailed as error:
            log.exception("rule %s failed on ticket %s, which is judged without it", error.rule_id, ticket_id)
            failed.add(error.rule_id)
            _keep_failure(error.rule_id, error.error, now)
        except Exception as error:
            if trouble(error):
                raise
            log.exception("ticket %s failed and is tried again in five minutes", ticket_id)
            _look_again_in(RETRY_FOR, ticket_id, now)
            return Counter(failed=1)
        else:
            if failed:
                _look_again_in(RETRY_FOR, ticket_id, now)
            return counts


def _look_again_in(length: timedelta, ticket_id: int, now: datetime) -> None:
    """At the latest; what is due already shall not hold up the others."""
    db.session.rollback()
    retry = now + length
    at = case(((Ticket.wake_at > now) & (Ticket.wake_at < retry), Ticket.wake_at), else_=retry)
    bookkeeping(update(Ticket).where(Ticket.id == ticket_id).values(wake_at=at))


def _failing(ticket_ids: Sequence[int], now: datetime, known: Set[int]) -> set[int]:
    """The rules that the database refuses to ask about these tickets. They are told to whoever manages them."""
    db.session.rollback()
    found = failing(ticket_ids, [rule for rule in desk_rules.enabled() if rule.id not in known], now)
    for rule_id, error in found.items():
        log.error("rule %s cannot be asked and is passed over", rule_id, exc_info=error)
        _keep_failure(rule_id, error, now)
    return set(found)


def _keep_failure(rule_id: int, error: Exception, now: datetime) -> None:
    db.session.rollback()
    said = f"{type(error).__name__}: {words_of(error)}"[:LONGEST_FAILURE]
    bookkeeping(update(RuleRow).where(RuleRow.id == rule_id).values(failed_at=now, failure=said))


def _judge(board_id: int, ticket_ids: Sequence[int], now: datetime, without: Set[int]) -> Counter[str]:
    """One batch of one board. Where a rule moves a ticket to a board that has to be locked before this one, all of it is done
    again under both locks: that is rare, and holds nobody else up."""
    boards = {board_id}
    while True:
        try:
            return _judge_under(boards, board_id, ticket_ids, now, without)
        except OutOfOrder as wanted:
            boards.add(wanted.ident)


def _judge_under(
    boards: Collection[int], board_id: int, ticket_ids: Sequence[int], now: datetime, without: Set[int]
) -> Counter[str]:
    """The batch in one transaction: rules, on call, deadlines, alerts, and when to look again. What has come to another board
    meanwhile is judged there."""
    counts: Counter[str] = Counter()
    with writing_all(Board, boards) as held:
        board, acts, hourly = held[board_id], Acts(now), Hourly(now)
        due = db.session.scalars(
            select(Ticket)
            .where(Ticket.id.in_(ticket_ids), Ticket.wake_at <= now, Ticket.board_id == board_id)
            .options(selectinload(Ticket.tags))
            .order_by(Ticket.wake_at, Ticket.id)
        ).all()
        counts["woken"] += sum(snoozes.end_if_over(board, ticket, now) for ticket in due)
        on = db.session.get_one(Desk, 1).rules_on
        rules = [rule for rule in desk_rules.enabled() if rule.id not in without] if on else []
        counts += apply_rules(due, rules, acts, hourly, now)
        counts["tickets"] += len(due)
        zone = vocabulary.desk_zone()
        desk_promises = _OfBoards()
        counts["assigned"] += _give_to_on_call(due, desk_promises, now)
        found, moved = _promised(due, desk_promises, counts, now)
        watching = [rule for rule in rules if _watches_promises(rule)]
        if moved and watching:
            # Rules may ask for deadlines and alerts, which are known only now. Once: what they change in turn, they see
            # when the tickets are looked at next.
            were_on = {ticket.id: ticket.board_id for ticket in moved}
            counts += apply_rules(moved, rules, acts, hourly, now)
            came = [ticket for ticket in moved if ticket.board_id != were_on[ticket.id]]
            counts["assigned"] += _give_to_on_call(came, desk_promises, now)
            found |= _promised(moved, desk_promises, counts, now)[0]
        db.session.flush()
        owed = next_owed([ticket.id for ticket in due], now)
        for ticket in due:
            ticket.wake_at = _look_again(ticket, rules, found[ticket.id], owed.get(ticket.id), zone, now)
    acts.turns.keep()
    hourly.settle()
    return counts


class _OfBoards:
    """What is promised on each of the boards whose locks are held: those that rules have moved are on another one."""

    def __init__(self) -> None:
        self._known: dict[int, deadlines.Promises] = {}

    def of(self, board: Board) -> deadlines.Promises:
        if board.id not in self._known:
            self._known[board.id] = deadlines.Promises(board)
        return self._known[board.id]


def _give_to_on_call(due: Iterable[Ticket], desk_promises: _OfBoards, now: datetime) -> int:
    """What is for whoever is on call for its board; returns how many."""
    on_call: dict[int, Person | None] = {}
    assigned = 0
    for ticket in due:
        board = board_of(ticket)
        if board.id not in on_call:
            duty = rotas.on_call(board.rota_id, now)
            on_call[board.id] = duty.primary or duty.backup
        person, calendar = on_call[board.id], desk_promises.of(board).calendar(ticket)
        if person is not None and calendar is not None and _is_for_on_call(ticket, calendar, now):
            tickets.assign(board, ticket, person.id, by=CLOCK, now=now)
            assigned += 1
    return assigned


def _promised(
    due: Sequence[Ticket],
    desk_promises: _OfBoards,
    counts: Counter[str],
    now: datetime,
) -> tuple[dict[int, Sequence[promises.Deadline]], list[Ticket]]:
    """Keeps the deadlines and alerts of these tickets: ticket -> deadlines, and the tickets of which any has changed."""
    ids = [ticket.id for ticket in due]
    states, known = deadlines.states_of(ids), alerts.of_tickets(ids)
    found: dict[int, Sequence[promises.Deadline]] = {}
    moved: list[Ticket] = []
    for ticket in due:
        before, board = ticket.version, board_of(ticket)
        found[ticket.id] = desk_promises.of(board).of(ticket, states[ticket.id], now)
        deadlines.keep(board, ticket, found[ticket.id], now)
        counts["alerts"] += _alert(board, ticket, known[ticket.id], found[ticket.id], now)
        if ticket.version != before:
            moved.append(ticket)
    return found, moved


def _watches_promises(rule: Rule) -> bool:
    return any(
        isinstance(leaf, Term)
        and (leaf.field in ("due", "alert") or (leaf.field == "is" and "late" in leaf.values))
        for leaf in terms(rule.query)
    )


def _is_for_on_call(ticket: Ticket, calendar: Calendar, now: datetime) -> bool:
    """What the customer wrote out of hours, that nobody has and nobody has put back since, while it is still closed."""
    arrived_at = ticket.waiting_since
    return (
        arrived_at is not None
        and ticket.assignee_id is None
        and ticket.state in ("new", "open")
        and not ticket.automatic
        and (ticket.assignee_set_at is None or ticket.assignee_set_at < ticket.last_message_at)
        and not is_open(calendar, arrived_at)
        and not is_open(calendar, now)
    )


def _alert(
    board: Board,
    ticket: Ticket,
    known: Sequence[Alert],
    found: Sequence[promises.Deadline],
    now: datetime,
) -> int:
    """Opens, raises and ends alerts so that they say what the deadlines say."""
    opened = 0
    # What a rule has raised stands until the ticket is closed, whatever its deadlines say.
    still = {alert.key for alert in known if alert.kind == "rule" and ticket.closed_at is None}
    for deadline in found:
        level = _level(deadline)
        if level is None or deadline.due_at is None:
            continue
        still.add(alerts.key_of(ticket, deadline.kind, deadline.due_at))
        alert = alerts.open_alert(
            board, ticket, known, kind=deadline.kind, level=level, deadline_at=deadline.due_at, now=now
        )
        opened += alert is not None
    alerts.close_others(board, known, still, now)
    return opened


def _level(deadline: promises.Deadline) -> str | None:
    """How loud a deadline is: urgent tickets page on arrival when a deadline runs round the clock for them."""
    if deadline.state != "running":
        return None
    if deadline.breached:
        return "breach"
    if deadline.around_the_clock:
        return "arrival"
    return "warning" if deadline.warned else None


def _look_again(
    ticket: Ticket,
    rules: Sequence[Rule],
    found: Sequence[promises.Deadline],
    owed_at: datetime | None,
    zone: str,
    now: datetime,
) -> datetime | None:
    """The next instant at which a rule or a deadline may give another answer, or something owed is due."""
    facts = {
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "closed_at": ticket.closed_at,
        "waiting_since": None if ticket.closed_at else ticket.waiting_since,
        "state_since": ticket.state_since,
        "due_at": ticket.next_deadline_at,
        "snoozed_until": ticket.snoozed_until,
    }
    instants = [next_flip(rule.query, facts, now, zone) for rule in rules]
    instants.append(promises.look_again_at(found, now))
    instants.extend((owed_at, ticket.snoozed_until))
    return min((at for at in instants if at is not None), default=None)
