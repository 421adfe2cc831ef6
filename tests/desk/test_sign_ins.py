from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app.database import db, writing
from app.desk import people, sign_ins, throttle
from app.desk.refused import Refused
from app.models.event import CLOCK
from app.models.person import SignIn, Throttle
from tests.small import PASSWORD, SmallDesk

HERE, BROWSER = "203.0.113.7", "Mozilla/5.0 (X11; Linux) Firefox/140.0"
WRONG = "not the password"


def enter(email: str, now: datetime, password: str = PASSWORD, address: str = HERE) -> str | None:
    return sign_ins.sign_in(email, password, address, BROWSER, now)


def tries_left(email: str, now: datetime, address: str = HERE) -> bool:
    try:
        enter(email, now, WRONG, address)
    except Refused as refused:
        return refused.status != 429
    return True


@pytest.mark.parametrize("typed", ["bob@example.com", "  BOB@Example.com "])
def test_address_and_password_open_a_sign_in(desk: SmallDesk, now: datetime, typed: str) -> None:
    token = enter(typed, now)
    assert token is not None
    found = sign_ins.find(token, now)
    assert found is desk.bob
    assert found.get_id() == token
    (row,) = sign_ins.of(desk.bob, now)
    assert (row.address, row.browser, row.created_at) == (HERE, BROWSER, now)
    assert token not in (row.id, row.browser, row.address)  # the database alone lets nobody in
    assert sign_ins.is_of(row, token)
    assert not sign_ins.is_of(row, None)


def test_every_sign_in_has_a_token_of_its_own(desk: SmallDesk, now: datetime) -> None:
    first, second = enter("bob@example.com", now), enter("bob@example.com", now)
    assert first != second
    assert first is not None
    assert len(first) >= 43  # 256 bits
    assert len(sign_ins.of(desk.bob, now)) == 2


def test_strangers_the_invited_and_those_who_left_get_the_same_answer(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        people.deactivate(row, desk.charlie.id, by=CLOCK, now=now)
        people.add(row, name="New", email="new@example.com", role="agent", by=CLOCK, now=now)
        desk.erin.ends_at = now
    for email in (
        "nobody@example.com",
        "charlie@example.com",
        "new@example.com",
        "erin@example.com",
        "",
        "'; --",
    ):
        assert enter(email, now) is None
    assert enter("bob@example.com", now, WRONG) is None
    assert db.session.scalars(select(SignIn)).all() == []


def test_strangers_cost_the_same_work(desk: SmallDesk, now: datetime, app: Any) -> None:
    """The same statements, whoever is asked for; the hash is computed in each case (see test_passwords)."""

    def statements(email: str) -> list[str]:
        seen: list[str] = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        try:
            assert enter(email, now, WRONG) is None
        finally:
            event.remove(db.engine, "before_cursor_execute", listener)
            db.session.rollback()
        return seen

    assert statements("nobody@example.com") == statements("bob@example.com")


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 5000, "\ud800", "가나다"])
def test_an_unknown_token_is_nobody(desk: SmallDesk, now: datetime, token: str) -> None:
    assert sign_ins.find(token, now) is None
    assert not sign_ins.still_valid([token], now)


def test_a_sign_in_ends_unused_or_after_its_longest_time(desk: SmallDesk, now: datetime) -> None:
    token = enter("bob@example.com", now)
    assert token is not None
    second = timedelta(seconds=1)
    assert sign_ins.find(token, now + sign_ins.IDLE_FOR - second)
    db.session.rollback()
    later = now + sign_ins.IDLE_FOR - second
    assert sign_ins.find(token, later + sign_ins.IDLE_FOR - second)  # it was used, so it goes on
    db.session.rollback()
    for _ in range(20):
        later += sign_ins.IDLE_FOR - second
        sign_ins.find(token, later)
        db.session.rollback()
    assert later > now + sign_ins.LASTS_FOR
    assert sign_ins.find(token, now + sign_ins.LASTS_FOR) is None


def test_unused_it_ends(desk: SmallDesk, now: datetime) -> None:
    token = enter("bob@example.com", now)
    assert token is not None
    assert sign_ins.still_valid([token], now)
    at = now + sign_ins.IDLE_FOR
    assert sign_ins.find(token, at) is None
    assert not sign_ins.still_valid([token], at)
    assert sign_ins.of(desk.bob, at) == []


def test_being_here_is_noted_at_most_once_a_minute(desk: SmallDesk, now: datetime) -> None:
    token = enter("bob@example.com", now)
    assert token is not None
    seen = []
    for seconds in (0, 30, 59, 60, 61, 119, 120):
        sign_ins.find(token, now + timedelta(seconds=seconds))
        db.session.rollback()
        db.session.expire_all()
        seen.append(int((sign_ins.of(desk.bob, now)[0].seen_at - now).total_seconds()))
    assert seen == [0, 0, 0, 60, 60, 60, 120]


def test_the_end_of_somebodys_access_ends_their_sign_ins_at_once(desk: SmallDesk, now: datetime) -> None:
    token = enter("bob@example.com", now)
    assert token is not None
    with writing(desk.row):
        desk.bob.ends_at = now + timedelta(hours=1)
    assert sign_ins.still_valid([token], now)
    assert not sign_ins.still_valid([token], now + timedelta(hours=1))
    assert sign_ins.find(token, now + timedelta(hours=1)) is None


def test_a_stream_that_reads_as_of_long_ago_learns_of_the_end(desk: SmallDesk, now: datetime) -> None:
    token = enter("bob@example.com", now)
    assert token is not None
    assert sign_ins.find(token, now)  # the session goes on reading as of now
    sign_ins.sign_out(token)
    assert not sign_ins.still_valid([token], now)


def test_signing_out_ends_this_one_and_no_other(desk: SmallDesk, now: datetime) -> None:
    here, there = enter("bob@example.com", now), enter("bob@example.com", now)
    alice = enter("alice@example.com", now)
    assert here and there and alice  # noqa: PT018
    sign_ins.sign_out(here)
    assert sign_ins.find(here, now) is None
    assert sign_ins.find(there, now)
    assert sign_ins.find(alice, now)


def test_a_person_ends_only_their_own(desk: SmallDesk, now: datetime) -> None:
    alice = enter("alice@example.com", now)
    assert alice
    ident = sign_ins.of(desk.alice, now)[0].id
    assert not sign_ins.end(desk.bob, ident)
    assert sign_ins.find(alice, now)
    assert sign_ins.end(desk.alice, ident)
    assert not sign_ins.end(desk.alice, ident)
    db.session.rollback()
    assert sign_ins.find(alice, now) is None


def test_what_has_ended_is_cleared_away(desk: SmallDesk, now: datetime) -> None:
    enter("bob@example.com", now)
    enter("alice@example.com", now, WRONG)
    later = now + sign_ins.LASTS_FOR
    enter("bob@example.com", later)
    assert [row.created_at for row in db.session.scalars(select(SignIn))] == [later]
    assert all(row.until > later for row in db.session.scalars(select(Throttle)))


@pytest.mark.parametrize("email", ["bob@example.com", "nobody@example.com"])
def test_an_account_is_throttled_from_everywhere(desk: SmallDesk, now: datetime, email: str) -> None:
    for n in range(sign_ins.MOST_PER_ACCOUNT):
        assert tries_left(email, now, f"198.51.100.{n}")
    assert not tries_left(email, now, "198.51.100.200")
    assert not tries_left(email.upper(), now, "198.51.100.201")
    with pytest.raises(Refused, match="15 min"):
        enter(email, now, PASSWORD)  # the right password does not help
    assert tries_left(email, now + throttle.WINDOW_FOR)


def test_a_network_is_throttled_over_accounts(
    desk: SmallDesk, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MOST_PER_ADDRESS", 3)
    household = [f"2001:db8:1:2::{n}" for n in range(1, 4)]
    for n, address in enumerate(household):
        assert tries_left(f"person{n}@example.com", now, address)
    assert not tries_left("another@example.com", now, "2001:db8:1:2:ffff::1")
    assert tries_left("another@example.com", now, "2001:db8:1:3::1")
    assert tries_left("another@example.com", now, HERE)


def test_who_gets_in_is_not_counted(desk: SmallDesk, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MOST_PER_ADDRESS", 2)
    monkeypatch.setattr(sign_ins, "MOST_PER_ACCOUNT", 2)
    for _ in range(4):
        assert enter("bob@example.com", now, WRONG) is None
        assert enter("bob@example.com", now) is not None
        db.session.rollback()
        monkeypatch.setattr(sign_ins, "MOST_PER_ADDRESS", sign_ins.MOST_PER_ADDRESS + 1)


def test_tries_at_the_same_instant_are_all_counted(desk: SmallDesk, now: datetime, app: Any) -> None:
    def attempt(n: int) -> bool:
        with app.app_context():
            try:
                return tries_left("bob@example.com", now, f"198.51.100.{n}")
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as pool:
        looked_at = list(pool.map(attempt, range(24)))
    assert sum(looked_at) == sign_ins.MOST_PER_ACCOUNT


def test_proving_a_password_is_throttled_too(desk: SmallDesk, now: datetime) -> None:
    assert sign_ins.prove(desk.bob, PASSWORD, HERE, now)
    for _ in range(sign_ins.MOST_PER_ACCOUNT):
        assert not sign_ins.prove(desk.bob, WRONG, HERE, now)
    with pytest.raises(Refused):
        sign_ins.prove(desk.bob, PASSWORD, HERE, now)
