"""Background work: rows whose `wake_at` has passed. Any number of processes may sweep; locks and claims keep it right.

Each sweep takes `now`, does everything that is due, oldest first, and returns what it did as counts.
"""

import logging
import os
import secrets
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import delete, select, update

from app.channels import imap, smtp
from app.config import settings
from app.database import bookkeeping, db, insert_new, writing
from app.desk import alerts, deadlines, deliveries, inbox, mailboxes, messages, rotas, shifts, tickets
from app.desk import rules as desk_rules
from app.desk.events import record
from app.desk.refused import Refused
from app.models import vocabulary
from app.models.alert import Alert
from app.models.board import Board, all_boards
from app.models.delivery import Delivery
from app.models.desk import Desk, the_desk
from app.models.event import CLOCK, By
from app.models.person import SignIn, Throttle
from app.models.rota import PRIMARY, Rota, Shift
from app.models.rule import RuleFiring, RuleState
from app.models.ticket import Tag, Ticket
from app.words import N_
from rules import actions
from rules import deadlines as promises
from rules.actions import Action, AddTag, Assign, AssignOnCall, SetPriority, TicketField
from rules.compile import columns, next_flip, truth
from rules.hours import is_open
from rules.plan import Owed, Settled, State, plan, settle_owed
from rules.rule import Rule
from rules.vocabulary import PRIORITIES

log = logging.getLogger(__name__)

BATCH = 100
MOST_ROUNDS = 5  # of rules that feed each other
GUARD_FOR = timedelta(seconds=60)  # a field that a person has just set is left alone
RETRY_FOR = timedelta(minutes=5)
AT_ONCE = 8  # mailboxes looked into side by side


def wake_tickets(now: datetime) -> Counter[str]:
    """Judges changed tickets by the rules, gives them to who is on call, keeps their deadlines and alerts."""
    counts: Counter[str] = Counter()
    while due := _due_tickets(now):
        for board_id, ticket_ids in due.items():
            try:
                counts += _judge(board_id, ticket_ids, now)
            except Exception:
                log.exception("a batch of tickets failed, so each is tried alone")
                for ticket_id in ticket_ids:
                    counts += _judge_alone(board_id, ticket_id, now)
    return counts


def fetch_mail(now: datetime) -> Counter[str]:
    """Looks into the mailboxes that are due, side by side: one that is broken stops no other, and one that is silent
    holds the next look of the others up for as long as a look may take at most."""
    due = mailboxes.due(now)
    db.session.rollback()
    if not due:
        return Counter()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(min(len(due), AT_ONCE), "mailbox") as threads:
        return sum(threads.map(lambda mailbox_id: _fetch(app, mailbox_id, now), due), Counter[str]())


def handle_left(now: datetime) -> Counter[str]:
    """Handles archived messages whose process died before it did."""
    counts: Counter[str] = Counter()
    for raw_id in inbox.left(now):
        counts[inbox.handle(raw_id, now=now).action] += 1
    return counts


def wake_alerts(now: datetime) -> Counter[str]:
    """Lets alerts climb their ladder."""
    counts: Counter[str] = Counter()
    for board_id, alert_id in alerts.due_alerts(now):
        try:
            with writing(_board(board_id)) as board:
                counts["told"] += alerts.climb(board, db.session.get_one(Alert, alert_id), now)
        except Exception:
            log.exception("alert %s failed and is tried again in five minutes", alert_id)
            db.session.rollback()
            bookkeeping(update(Alert).where(Alert.id == alert_id).values(wake_at=now + RETRY_FOR))
            counts["failed"] += 1
    return counts


def hand_over(now: datetime) -> Counter[str]:
    """Begins and ends shifts: open alerts pass to the next person, who is told; new weeks are published."""
    counts: Counter[str] = Counter()
    for shift_id in [shift.id for shift in shifts.due(now)]:
        with writing(_desk()) as desk:
            shift = db.session.get(Shift, shift_id)
            if shift is None or shift.wake_at is None or shift.wake_at > now:
                continue  # another process was faster, or the shift was published anew
            counts["shifts"] += 1
            if shifts.start_or_end(desk, shift, now) and shift.role == PRIMARY:
                for board in _boards_of(shift.rota_id):
                    counts["handed_over"] += _hand_over(board, shift, now)
    for rota_id in db.session.scalars(select(Rota.id)).all():
        if _lacks_weeks(rota_id, now):
            with writing(_desk()) as desk:
                counts["published"] += rotas.extend(desk, db.session.get_one(Rota, rota_id), now)
    return counts


def judge_anew(now: datetime) -> None:
    """Every unresolved ticket is looked at again, because a rule, a rota, a policy or a calendar has changed."""
    for board in all_boards():
        with writing(board) as locked:
            tickets.wake_unresolved(locked, now)


def send_due(now: datetime) -> Counter[str]:
    """Sends what is due: claims each delivery, hands it to the relay, marks it."""
    counts: Counter[str] = Counter()
    relay = smtp.relay(settings())
    for delivery_id in deliveries.due(now):
        db.session.rollback()
        if deliveries.claim(delivery_id, _process(), now):
            counts[_send(delivery_id, relay, now)] += 1
    return counts


def tidy(now: datetime) -> Counter[str]:
    """Forgets sessions and throttles that have run out."""
    signed_in = bookkeeping(delete(SignIn).where(SignIn.expires_at <= now)).count
    throttled = bookkeeping(delete(Throttle).where(Throttle.until <= now)).count
    return Counter({"sessions": signed_in, "throttles": throttled})


SWEEPS: Mapping[str, Callable[[datetime], Counter[str]]] = {
    "mailboxes": fetch_mail,
    "messages": handle_left,
    "shifts": hand_over,  # first it is settled who is on call
    "tickets": wake_tickets,
    "alerts": wake_alerts,
    "deliveries": send_due,
    "tidy": tidy,
}


def everything(now: datetime) -> dict[str, dict[str, int]]:
    """Does all that is due at `now`, also what that makes due, and counts it per sweep."""
    total = {name: Counter[str]() for name in SWEEPS}
    for _ in range(20):
        done = {name: sweep(now) for name, sweep in SWEEPS.items()}
        for name, counts in done.items():
            total[name] += counts
        if not any(counts.total() for counts in done.values()):
            break
    return {name: dict(counts) for name, counts in total.items()}


def _fetch(app: Flask, mailbox_id: int, now: datetime) -> Counter[str]:
    """One look into one mailbox, on a thread of its own. What fails unforeseen leaves its claim, which runs out."""
    owner = f"{_process()}:{secrets.token_hex(4)}"
    with app.app_context():
        try:
            return imap.look(mailbox_id, owner, now) if mailboxes.claim(mailbox_id, owner, now) else Counter()
        except Exception:
            log.exception("the look into mailbox %s failed", mailbox_id)
            return Counter(failed=1)


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


def _judge_alone(board_id: int, ticket_id: int, now: datetime) -> Counter[str]:
    try:
        return _judge(board_id, [ticket_id], now)
    except Exception:
        log.exception("ticket %s failed and is tried again in five minutes", ticket_id)
        db.session.rollback()
        bookkeeping(update(Ticket).where(Ticket.id == ticket_id).values(wake_at=now + RETRY_FOR))
        return Counter(failed=1)


def _judge(board_id: int, ticket_ids: Sequence[int], now: datetime) -> Counter[str]:
    """One batch of one board, in one transaction: rules, on call, deadlines, alerts, and when to look again."""
    counts: Counter[str] = Counter()
    with writing(_board(board_id)) as board:
        due = db.session.scalars(
            select(Ticket)
            .where(Ticket.id.in_(ticket_ids), Ticket.wake_at <= now)
            .order_by(Ticket.wake_at, Ticket.id)
        ).all()
        rules = desk_rules.enabled() if _desk().rules_on else []
        counts += _apply_rules(board, due, rules, now)
        desk_promises = deadlines.Promises(board)
        duty = rotas.on_call(board.rota_id, now)
        states = deadlines.states_of([ticket.id for ticket in due])
        for ticket in due:
            counts["tickets"] += 1
            calendar = desk_promises.calendar(ticket)
            on_call = duty.primary or duty.backup
            if on_call is not None and calendar is not None and _is_for_on_call(ticket, calendar, now):
                tickets.assign(board, ticket, on_call.id, by=CLOCK, now=now)
                counts["assigned"] += 1
            found = desk_promises.of(ticket, states[ticket.id], now)
            deadlines.keep(board, ticket, found, now)
            counts["alerts"] += _alert(board, ticket, found, now)
            ticket.wake_at = _look_again(ticket, rules, found, now)
    return counts


def _apply_rules(board: Board, due: Sequence[Ticket], rules: Sequence[Rule], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    to_judge = {ticket.id: ticket for ticket in due}
    tags = dict(db.session.execute(select(Tag.id, Tag.name)).all()) if rules else {}
    disputed: dict[int, set[int]] = {}
    for _ in range(MOST_ROUNDS):
        if not rules or not to_judge:
            return counts
        db.session.flush()
        acted: dict[int, Ticket] = {}
        states = _states(to_judge)
        owed = _owed(to_judge)
        for ticket_id, holds in _truth(to_judge, rules, now).items():
            ticket = to_judge[ticket_id]
            known = states.get(ticket_id, {})
            judged = plan(rules, holds, known, _guards(ticket), now)
            settled = settle_owed(owed.get(ticket_id, ()), judged.states, _set_again(ticket, owed), now)
            _remember(ticket_id, known, judged.states, judged.changed)
            for firing in judged.firings:
                _record_firing(ticket_id, firing.rule.id, firing.episode, firing.owed, now)
                counts["firings"] += 1
            _keep_owed(ticket_id, owed.get(ticket_id, ()), settled)
            changes = (*settled.changes, *judged.changes)
            for change in changes:
                _act(board, ticket, change.action, By("rule", change.rule_id), tags, now)
            if changes:
                acted[ticket_id] = ticket
                disputed[ticket_id] = {change.rule_id for change in changes}
        to_judge = acted
    for ticket in to_judge.values():
        names = ", ".join(rule.name for rule in rules if rule.id in disputed[ticket.id])
        tickets.changed(board, ticket, "ticket.disputed", by=CLOCK, now=now, rules=[None, names])
    return counts


def _truth(due: Collection[int], rules: Sequence[Rule], now: datetime) -> dict[int, dict[int, bool]]:
    """One statement: ticket -> rule -> whether its query holds."""
    rows = db.session.execute(
        select(Ticket.id, *columns(rules, vocabulary.binding(now), now)).where(Ticket.id.in_(due))
    )
    return {row.id: truth(rules, row._mapping) for row in rows}


def _states(due: Collection[int]) -> dict[int, dict[int, State]]:
    states: dict[int, dict[int, State]] = defaultdict(dict)
    rows = db.session.execute(
        select(RuleState.ticket_id, RuleState.rule_id, RuleState.holds, RuleState.episode).where(
            RuleState.ticket_id.in_(due)
        )
    )
    for ticket_id, rule_id, holds, episode in rows:
        states[ticket_id][rule_id] = State(holds, episode)
    return states


def _owed(due: Collection[int]) -> dict[int, list[Owed]]:
    owed: dict[int, list[Owed]] = defaultdict(list)
    rows = db.session.scalars(
        select(RuleFiring)
        .where(RuleFiring.ticket_id.in_(due), RuleFiring.owed_until.is_not(None))
        .order_by(RuleFiring.id)
    )
    for firing in rows:
        until = firing.owed_until or firing.at
        owed[firing.ticket_id].extend(
            Owed(firing.rule_id, firing.episode, actions.from_json(action), firing.at, until)
            for action in firing.owed
        )
    return owed


def _guards(ticket: Ticket) -> dict[TicketField, datetime]:
    """field -> until when a person's choice is left alone."""
    return {field: at + GUARD_FOR for field, at in _set_at(ticket).items()}


def _set_again(ticket: Ticket, owed: Mapping[int, Sequence[Owed]]) -> set[TicketField]:
    """Fields that a person has set after the last action on them was planned; of several, that one would win."""
    planned = {actions.kind_of(one.action).field: one.planned_at for one in owed.get(ticket.id, ())}
    return {field for field, at in _set_at(ticket).items() if field in planned and at > planned[field]}


def _set_at(ticket: Ticket) -> dict[TicketField, datetime]:
    set_at: dict[TicketField, datetime | None] = {
        "priority": ticket.priority_set_at,
        "assignee": ticket.assignee_set_at,
    }
    return {field: at for field, at in set_at.items() if at is not None}


def _remember(
    ticket_id: int, before: Mapping[int, State], after: Mapping[int, State], changed: Collection[int]
) -> None:
    for rule_id in changed:
        values = {"holds": after[rule_id].holds, "episode": after[rule_id].episode}
        if rule_id in before:
            db.session.execute(
                update(RuleState)
                .where(RuleState.ticket_id == ticket_id, RuleState.rule_id == rule_id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        else:
            db.session.execute(insert_new(RuleState).values(ticket_id=ticket_id, rule_id=rule_id, **values))


def _record_firing(ticket_id: int, rule_id: int, episode: int, owed: Sequence[Owed], now: datetime) -> None:
    db.session.add(
        RuleFiring(
            rule_id=rule_id,
            ticket_id=ticket_id,
            episode=episode,
            at=now,
            owed=[actions.to_json(one.action) for one in owed],
            owed_until=max((one.due_at for one in owed), default=None),
        )
    )
    db.session.flush()


def _keep_owed(ticket_id: int, owed: Sequence[Owed], settled: Settled) -> None:
    """What was done or dropped is owed no more; what waits stays on its firing."""
    over = {(one.rule_id, one.episode) for one in owed if one not in settled.waiting}
    for rule_id, episode in over:
        left = [one for one in settled.waiting if (one.rule_id, one.episode) == (rule_id, episode)]
        db.session.execute(
            update(RuleFiring)
            .where(
                RuleFiring.ticket_id == ticket_id,
                RuleFiring.rule_id == rule_id,
                RuleFiring.episode == episode,
            )
            .values(
                owed=[actions.to_json(one.action) for one in left],
                owed_until=max((one.due_at for one in left), default=None),
            )
        )


def _act(
    board: Board, ticket: Ticket, action: Action, by: By, tags: Mapping[int, str], now: datetime
) -> None:
    """Carries an action out through the verb that people use. What cannot be any more is passed over."""
    try:
        _carry_out(board, ticket, action, by, tags, now)
    except Refused as refused:
        log.info("rule %s cannot act on ticket %s: %s", by.id, ticket.id, refused)


def _carry_out(
    board: Board, ticket: Ticket, action: Action, by: By, tags: Mapping[int, str], now: datetime
) -> None:
    match action:
        case AddTag(tag) if isinstance(tag, int):
            if tag in tags:
                tickets.add_tag(board, ticket, tags[tag], by=by, now=now)
        case AddTag(tag):
            tickets.add_tag(board, ticket, str(tag), by=by, now=now)
        case SetPriority(priority):
            tickets.prioritise(board, ticket, PRIORITIES.index(priority), by=by, now=now)
        case Assign(person_id):
            tickets.assign(board, ticket, person_id, by=by, now=now)
        case AssignOnCall():
            duty = rotas.on_call(board.rota_id, now)
            person = duty.primary or duty.backup
            if person is not None:
                tickets.assign(board, ticket, person.id, by=by, now=now)


def _hand_over(board: Board, shift: Shift, now: datetime) -> int:
    """A primary shift has begun: its alerts, what nobody has, and the head of the board go by the new person. The
    board's row is locked behind the desk's, as the order of locks asks for."""
    locked = db.session.get_one(Board, board.id, with_for_update=True, populate_existing=True)
    record(locked, "duty.changed", ("board", locked.id), by=CLOCK, now=now, person=shift.person_id)
    tickets.wake_unresolved(locked, now)
    return alerts.hand_over(locked, shift.person_id, now)


def _is_for_on_call(ticket: Ticket, calendar: Any, now: datetime) -> bool:
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


def _alert(board: Board, ticket: Ticket, found: Sequence[promises.Deadline], now: datetime) -> int:
    """Opens, raises and ends alerts so that they say what the deadlines say."""
    opened = 0
    still: set[str] = set()
    for deadline in found:
        level = _level(deadline)
        if level is None or deadline.due_at is None:
            continue
        still.add(alerts.key_of(ticket, deadline.kind, deadline.due_at))
        alert = alerts.open_alert(
            board, ticket, kind=deadline.kind, level=level, deadline_at=deadline.due_at, now=now
        )
        opened += alert is not None
    alerts.close_others(board, ticket, still, now)
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
    ticket: Ticket, rules: Sequence[Rule], found: Sequence[promises.Deadline], now: datetime
) -> datetime | None:
    """The next instant at which a rule, a deadline or a guard may give another answer."""
    facts = {
        "created_at": ticket.created_at,
        "waiting_since": None if ticket.closed_at else ticket.waiting_since,
        "state_since": ticket.state_since,
    }
    instants = [next_flip(rule.query, facts, now) for rule in rules]
    instants.append(promises.look_again_at(found, now))
    instants.extend(until for until in _guards(ticket).values() if until > now)
    return min((at for at in instants if at is not None), default=None)


def _send(delivery_id: int, relay: smtp.Relay | None, now: datetime) -> str:
    """Hands one claimed delivery to the relay and marks what became of it."""
    db.session.rollback()
    delivery = db.session.get_one(Delivery, delivery_id)
    error: smtp.Temporary | smtp.Permanent | None = None
    if relay is not None:
        db.session.rollback()  # nothing is held open while the network is waited for
        try:
            relay.send(delivery)
        except (smtp.Temporary, smtp.Permanent) as failure:
            error = failure
    stream: Board | Desk = _board(delivery.board_id) if delivery.board_id else _desk()
    with writing(stream) as locked:
        delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
        if delivery.state != "claimed" or delivery.claim != _process():
            return "lost"
        if relay is None:
            deliveries.mark_held(delivery)
        elif error is None:
            deliveries.mark_sent(delivery, now)
        else:
            deliveries.mark_failed(delivery, str(error), now, permanent=isinstance(error, smtp.Permanent))
        _tell_ticket(locked, delivery, now)
        return delivery.state


def _tell_ticket(stream: Board | Desk, delivery: Delivery, now: datetime) -> None:
    if (
        not isinstance(stream, Board)
        or delivery.kind not in ("reply", "automatic")
        or delivery.message is None
    ):
        return
    if delivery.state not in ("sent", "failed", "held"):
        return
    ticket = db.session.get_one(Ticket, delivery.message.ticket_id)
    kind = "delivery.sent" if delivery.state == "sent" else "delivery.failed"
    error = delivery.error or N_("no way to send mail is set up")
    messages.told(stream, ticket, kind, by=CLOCK, now=now, message=delivery.message_id, error=error)


def _lacks_weeks(rota_id: int, now: datetime) -> bool:
    until = rotas.published_until(rota_id)
    rota = db.session.get_one(Rota, rota_id)
    return until is not None and until < now + timedelta(weeks=rota.horizon_weeks)


def _boards_of(rota_id: int) -> list[Board]:
    return [board for board in all_boards() if board.rota_id == rota_id]


def _board(board_id: int) -> Board:
    return db.session.get_one(Board, board_id)


def _desk() -> Desk:
    desk = the_desk()
    if desk is None:
        raise RuntimeError("the desk is not set up")
    return desk


def _process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
