"""The machine's clock is set back an hour, or forward: nothing is told twice, and nothing stands still."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from time_machine import Traveller

from app import clock, sweeps
from app.database import bookkeeping, db, writing
from app.desk import acknowledgements, alerts, deliveries, mailboxes, messages, throttle
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.clock import Lease
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.mailbox import Mailbox
from app.models.notification import Notification
from app.models.rule import RuleFiring
from app.models.ticket import URGENT, Ticket
from tests.channels.accounts import set_up
from tests.duty import TUESDAY_NIGHT, publish, told
from tests.sink import Sink
from tests.small import PASSWORD, SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, tag
from tests.waiting import until

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("step", [-HOUR, -10 * MINUTE, HOUR, 26 * HOUR])
def test_nobody_is_told_twice(desk: SmallDesk, now: datetime, smtp_sink: Sink, step: timedelta) -> None:
    """An alert at night, its page, an answer and an automatic answer; then the clock jumps, and comes back by itself."""
    publish(desk, [desk.bob, desk.erin], now)
    sweeps.everything(now)
    ticket = ticket_in(desk, "new", "All lights are out", TUESDAY_NIGHT, priority=URGENT)
    answered = ticket_in(desk, "new", "One light is out", TUESDAY_NIGHT)
    with writing(desk.board) as board:
        messages.reply(board, answered, "Which one?", person=desk.bob, seen=None, now=TUESDAY_NIGHT)
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    told_before, sent_before = told(), len(smtp_sink.delivered)
    assert (told_before, sent_before > 0) == (["Bob"], True)

    at = TUESDAY_NIGHT + 2 * MINUTE + step
    if step < timedelta():
        sweeps.set_back(at)
    for minutes in (0, 1, 2):
        sweeps.everything(at + minutes * MINUTE)
    for minutes in (3, 4, 5):
        sweeps.everything(TUESDAY_NIGHT + minutes * MINUTE)

    opened = [alert.key for alert in db.session.scalars(select(Alert))]
    assert len(opened) == len(set(opened))
    keys = db.session.scalars(select(Delivery.key).where(Delivery.kind == "page", Delivery.state == "sent"))
    pages = [(alert, level, person) for _, alert, level, _, person in (key.split(".") for key in keys)]
    assert set(Counter(pages).values()) == {1}
    came = Counter(str(one.message["Message-ID"]) for one in smtp_sink.delivered)
    assert set(came.values()) == {1}
    numbers = db.session.scalars(select(Event.seq).where(Event.stream == desk.board.id).order_by(Event.seq))
    assert list(numbers) == list(range(1, db.session.get_one(type(desk.board), desk.board.id).seq + 1))
    assert db.session.get_one(Ticket, ticket.id).assignee_id == desk.bob.id


@pytest.mark.parametrize("step", [-HOUR, -10 * MINUTE, HOUR])
def test_an_episode_does_not_come_twice(desk: SmallDesk, now: datetime, step: timedelta) -> None:
    """Of a rule that time makes true: after an hour back the customer has waited for less again."""
    rule = add_rule(desk, "waiting>2h", now, tag("slow"), {"kind": "tell_person", "person_id": desk.bob.id})
    ticket = ticket_in(desk, "open", "A lamp", now)
    at = now + 2 * HOUR + MINUTE
    sweeps.everything(at)
    if step < timedelta():
        sweeps.set_back(at + step)
    for minutes in (0, 5, 30, 60, 61, 70):
        sweeps.everything(at + step + minutes * MINUTE)
    assert [(one.rule_id, one.ticket_id, one.episode) for one in db.session.scalars(select(RuleFiring))] == [
        (rule.id, ticket.id, 1)
    ]
    told_of = select(Notification).where(Notification.ticket_id == ticket.id)
    assert len(db.session.scalars(told_of).all()) == 1


def test_waits_become_as_long_as_they_can_be_at_most(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob], now)
    ticket = ticket_in(desk, "new", "All lights are out", TUESDAY_NIGHT, priority=URGENT)
    sweeps.wake_tickets(TUESDAY_NIGHT)
    sweeps.wake_alerts(TUESDAY_NIGHT)
    with writing(desk.board) as board:
        reply = messages.reply(board, ticket, "We come.", person=desk.bob, seen=None, now=TUESDAY_NIGHT)
    mailbox = set_up(desk, TUESDAY_NIGHT, 1143, "support")
    mailboxes.claim(mailbox.id, "a dead process", TUESDAY_NIGHT)
    page = db.session.scalars(select(Delivery).where(Delivery.kind == "page")).one()
    claimed_until = TUESDAY_NIGHT + deliveries.CLAIM_FOR
    claim = {"state": "claimed", "claim": "a dead process", "wake_at": claimed_until}
    bookkeeping(update(Delivery).where(Delivery.id == page.id).values(claim))

    before = TUESDAY_NIGHT - HOUR
    for _ in range(2):
        sweeps.set_back(before)
        db.session.expire_all()
        waits = {
            "alert": db.session.scalars(select(Alert.wake_at)).one(),
            "claim": db.session.get_one(Delivery, page.id).wake_at,
            "reply": db.session.scalars(
                select(Delivery.wake_at).where(Delivery.message_id == reply.id)
            ).one(),
            "look": db.session.scalars(select(Mailbox.wake_at)).one(),
            "mailbox": db.session.scalars(select(Mailbox.claimed_until)).one(),
            "ticket": db.session.get_one(Ticket, ticket.id).wake_at,
        }
        assert waits == {
            "alert": before + alerts.STEP_FOR,
            "claim": before + deliveries.CLAIM_FOR,
            "reply": before + acknowledgements.DELAY_FOR,
            "look": before + mailboxes.EVERY,
            "mailbox": before + mailboxes.CLAIM_FOR,
            "ticket": before,
        }
    sweeps.set_back(TUESDAY_NIGHT + HOUR)  # nothing is put off
    db.session.expire_all()
    assert db.session.scalars(select(Alert.wake_at)).one() == waits["alert"]


def test_the_lease_of_another_time_holds_nobody_up(app: Any, travel: Traveller) -> None:
    length = timedelta(seconds=15)
    assert clock.hold("clock", "first", length) == 1
    assert clock.hold("clock", "second", length) is None
    bookkeeping(update(Lease).values(until=datetime.now(UTC) + HOUR if on_sqlite() else far_away()))
    assert clock.hold("clock", "first", length) == 1  # whose it is goes on
    assert clock.hold("clock", "second", length) is None
    bookkeeping(update(Lease).values(until=datetime.now(UTC) + HOUR if on_sqlite() else far_away()))
    assert clock.hold("clock", "second", length) == 2
    assert clock.hold("clock", "first", length) is None


def on_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def far_away() -> datetime:
    """An hour after what PostgreSQL takes for now."""
    return db.session.scalar(select(db.func.now())) + HOUR


def test_a_heartbeat_of_the_future_shows_no_life(desk: SmallDesk, now: datetime) -> None:
    clock.beat("tickets", now + HOUR)
    clock.beat("alerts", now + 30 * SECOND)  # of a machine whose clock is a little ahead
    found = clock.health(now)
    assert (found["tickets"]["alive"], found["alerts"]["alive"]) == (False, True)


def test_a_throttle_lasts_as_long_as_it_can_at_most(app: Any, now: datetime) -> None:
    throttle.count("a key", 1, now + HOUR)
    for minutes in (0, 14):
        with pytest.raises(Refused):
            throttle.count("a key", 1, now + minutes * MINUTE)
    throttle.count("a key", 1, now + throttle.WINDOW_FOR)


def test_whoever_is_signed_in_stays_so(
    desk: SmallDesk, browser_as: Callable[..., Any], travel: Traveller
) -> None:
    browser = browser_as()
    assert browser.post("/sign-in", data={"email": desk.bob.email, "password": PASSWORD}).status_code == 303
    for step in (-HOUR, 2 * HOUR, -HOUR):
        travel.shift(step)
        assert browser.get("/profile").status_code == 200


@pytest.mark.parametrize("running", [True, False])
def test_the_clock_does_not_stand_still(
    app: Any, desk: SmallDesk, travel: Traveller, running: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Set back under a running clock, or while none runs: then the heartbeats tell."""
    stop = clock.start(app)
    judged(ticket_in(desk, "new", "Before", datetime.now(UTC)))
    if not running:
        stop()
    travel.shift(-HOUR)
    ticket = ticket_in(desk, "new", "After", datetime.now(UTC))
    if not running:
        stop = clock.start(app)
    judged(ticket)
    stop()
    assert "the machine's clock was set back" in caplog.text


def judged(ticket: Ticket) -> None:
    """Returns as soon as a sweep has looked at a new ticket."""
    until(lambda: db.session.get_one(Ticket, ticket.id).wake_at != ticket.created_at)
