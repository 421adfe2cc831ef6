from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import invitations, passwords, people, sign_ins
from app.desk.refused import Refused
from app.models.board import BoardPerson
from app.models.delivery import Delivery
from app.models.desk import STREAM
from app.models.event import CLOCK, By, Event
from app.models.person import Person
from tests.small import PASSWORD, SmallDesk

NEW = "seven quiet rivers"


def events(kind: str) -> list[Event]:
    return list(db.session.scalars(select(Event).where(Event.kind == kind).order_by(Event.seq)))


def by(person: Person) -> By:
    return By("person", person.id)


def as_is(person: Person, **other: Any) -> dict[str, Any]:
    """What the form of an admin sends when nothing else is changed."""
    boards = db.session.scalars(select(BoardPerson.board_id).where(BoardPerson.person_id == person.id)).all()
    return {
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "languages": person.languages,
        "locale": person.locale,
        "zone": person.zone,
        "ends_on": person.last_day,
        "boards": boards,
        **other,
    }


def test_a_person_is_added_with_one_event(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        before = row.seq
        new = people.add(
            row,
            name="  Finn   Berg ",
            email=" Finn@Example.COM ",
            role="agent",
            languages=["de", "en", "de"],
            zone="Europe/Berlin",
            boards=[desk.board.id],
            by=by(desk.dana),
            now=now,
        )
    assert (new.name, new.email, new.languages) == ("Finn Berg", "finn@example.com", ["de", "en"])
    assert new.password_hash is None
    assert row.seq == before + 1
    (event,) = events("person.added")
    assert (event.stream, event.subject_kind, event.subject_id) == (STREAM, "person", new.id)
    assert (event.by_kind, event.by_id, event.at) == ("person", desk.dana.id, now)
    assert event.changes["new"] == "Finn Berg"
    assert event.changes["boards"] == [[], [desk.board.id]]


def test_the_command_line_adds_somebody_who_can_sign_in(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        people.add(row, name="Gil", email="gil@example.com", role="admin", password=NEW, by=CLOCK, now=now)
    assert sign_ins.sign_in("gil@example.com", NEW, "", "", now)
    assert NEW not in str([event.changes for event in events("person.added")])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("email", "finn"),
        ("email", ""),
        ("email", "finn@"),
        ("email", "finn@example.com\nBcc: all@example.com"),
        ("email", "BOB@example.com"),
        ("role", "owner"),
        ("languages", ["de", "klingon"]),
        ("locale", "fr"),
        ("zone", "Mars/Olympus"),
        ("password", "short"),
        ("ends_on", date(2026, 11, 2)),
        ("boards", [999]),
    ],
)
def test_a_value_that_cannot_be_is_refused_at_its_field(
    desk: SmallDesk, now: datetime, field: str, value: Any
) -> None:
    wanted = {"name": "Finn", "email": "finn@example.com", "role": "agent", field: value}
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        people.add(row, **wanted, by=by(desk.dana), now=now)
    assert (refused.value.status, refused.value.field) == (422, field)
    assert events("person.added") == []
    assert db.session.scalars(select(Person).where(Person.name == "Finn")).all() == []


@pytest.mark.parametrize(
    ("zone", "last_instant"),
    [
        ("UTC", "2026-11-10T23:59:59"),
        ("Asia/Seoul", "2026-11-10T14:59:59"),
        ("America/New_York", "2026-11-11T04:59:59"),
        ("Australia/Lord_Howe", "2026-11-10T12:59:59"),
    ],
)
def test_a_helpers_last_day_ends_at_their_midnight(
    desk: SmallDesk, now: datetime, zone: str, last_instant: str
) -> None:
    with writing(desk.row) as row:
        helper = people.add(
            row,
            name="Hana",
            email="h@example.com",
            role="agent",
            zone=zone,
            ends_on=date(2026, 11, 10),
            by=CLOCK,
            now=now,
        )
    last = datetime.fromisoformat(last_instant).replace(tzinfo=UTC)
    assert helper.works_here(last)
    assert not helper.works_here(last + timedelta(seconds=1))
    assert helper.last_day == date(2026, 11, 10)


def test_a_change_records_what_differs_and_nothing_else(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        people.change(
            row,
            desk.bob.id,
            **as_is(desk.bob, role="manager", zone="Asia/Seoul", boards=[]),
            by=by(desk.dana),
            now=now,
        )
    (event,) = events("person.changed")
    assert event.changes == {
        "new": "Bob Reyes",
        "role": ["agent", "manager"],
        "zone": ["UTC", "Asia/Seoul"],
        "boards": [[desk.board.id], []],
    }
    with writing(desk.row) as row:
        people.change(row, desk.bob.id, **as_is(desk.bob), by=by(desk.dana), now=now)
    assert len(events("person.changed")) == 1


def test_an_ended_helper_can_still_be_changed(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        desk.charlie.ends_at = now.replace(hour=0, minute=0)
    with writing(desk.row) as row:
        people.change(row, desk.charlie.id, **as_is(desk.charlie, name="Charly"), by=by(desk.dana), now=now)
    assert desk.charlie.name == "Charly"


@pytest.mark.parametrize("values", [{"role": "manager"}, {"ends_on": date(2027, 1, 1)}])
def test_the_last_admin_remains_one(desk: SmallDesk, now: datetime, values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="admin") as refused, writing(desk.row) as row:
        people.change(row, desk.dana.id, **as_is(desk.dana, **values), by=by(desk.dana), now=now)
    assert refused.value.field in values
    with pytest.raises(Refused, match="admin"), writing(desk.row) as row:
        people.deactivate(row, desk.dana.id, by=CLOCK, now=now)
    with writing(desk.row):
        desk.alice.role = "admin"
    with writing(desk.row) as row:
        people.change(row, desk.dana.id, **as_is(desk.dana, **values), by=by(desk.dana), now=now)


def test_nobody_ends_their_own_access(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        desk.alice.role = "admin"
    with pytest.raises(Refused, match="your own"), writing(desk.row) as row:
        people.deactivate(row, desk.dana.id, by=by(desk.dana), now=now)


def test_the_end_of_access_is_at_once_and_can_be_taken_back(desk: SmallDesk, now: datetime) -> None:
    token = sign_ins.sign_in("bob@example.com", PASSWORD, "", "", now)
    assert token
    for _ in range(2):  # the second time changes nothing
        with writing(desk.row) as row:
            people.deactivate(row, desk.bob.id, by=by(desk.dana), now=now)
    assert len(events("person.changed")) == 1
    assert not sign_ins.still_valid([token], now)
    assert sign_ins.sign_in("bob@example.com", PASSWORD, "", "", now) is None
    for _ in range(2):
        with writing(desk.row) as row:
            people.reactivate(row, desk.bob.id, by=by(desk.dana), now=now)
    assert len(events("person.changed")) == 2
    assert not sign_ins.still_valid([token], now)
    assert sign_ins.sign_in("bob@example.com", PASSWORD, "", "", now)


@pytest.mark.parametrize("name", ["bob", "charlie", "erin"])
def test_only_admins_change_people(desk: SmallDesk, now: datetime, name: str) -> None:
    who = by(getattr(desk, name))
    bob = as_is(desk.bob)

    def add(row: Any) -> None:
        people.add(row, name="X", email="x@example.com", role="admin", by=who, now=now)

    def change(row: Any) -> None:
        people.change(row, desk.bob.id, **{**bob, "role": "admin"}, by=who, now=now)

    def deactivate(row: Any) -> None:
        people.deactivate(row, desk.alice.id, by=who, now=now)

    def invite(row: Any) -> None:
        invitations.invite(row, desk.dana, by=who, now=now)

    for verb in (add, change, deactivate, invite):
        with pytest.raises(Refused) as refused, writing(desk.row) as row:
            verb(row)
        assert refused.value.status == 404
    assert events("person.added") == events("person.changed") == []


def test_everybody_changes_their_own_profile(desk: SmallDesk, now: datetime) -> None:
    own = {
        "name": "Erin Park",
        "languages": ["ko", "en"],
        "locale": "ko",
        "zone": "Asia/Seoul",
        "theme": "dark",
        "single_keys": False,
    }
    for _ in range(2):
        with writing(desk.row) as row:
            people.change_own(row, desk.erin, **own, now=now)  # type: ignore[arg-type]
    assert {key: getattr(desk.erin, key) for key in own} == own
    (event,) = events("person.changed")
    assert event.by_id == desk.erin.id
    assert event.changes["theme"] == ["system", "dark"]
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        people.change_own(row, desk.erin, **{**own, "theme": "neon"}, now=now)  # type: ignore[arg-type]
    assert refused.value.field == "theme"


def test_a_new_password_ends_the_other_sign_ins(desk: SmallDesk, now: datetime) -> None:
    here, there = (sign_ins.sign_in("bob@example.com", PASSWORD, "", "", now) for _ in range(2))
    alice = sign_ins.sign_in("alice@example.com", PASSWORD, "", "", now)
    with writing(desk.row) as row:
        people.set_password(row, desk.bob, NEW, but=here, by=by(desk.bob), now=now)
    tokens = [token or "" for token in (here, there, alice)]
    assert sign_ins.still_valid(tokens, now) == {tokens[0], tokens[2]}
    assert passwords.matches(desk.bob.password_hash, NEW)
    assert "argon2" not in str(events("person.changed")[0].changes)


def invited(desk: SmallDesk, person: Person, now: datetime) -> str:
    with writing(desk.row) as row:
        link = invitations.invite(row, person, by=by(desk.dana), now=now)
    return link.rpartition("/")[2]


def test_an_invitation_is_used_once(desk: SmallDesk, now: datetime) -> None:
    token, second = invited(desk, desk.bob, now), invited(desk, desk.bob, now)
    old = sign_ins.sign_in("bob@example.com", PASSWORD, "", "", now)
    assert invitations.invited(token, now) is desk.bob
    with writing(desk.row) as row:
        assert invitations.accept(row, token, NEW, now=now) is desk.bob
    assert sign_ins.sign_in("bob@example.com", NEW, "", "", now)
    assert not sign_ins.still_valid([old or ""], now)
    for used in (token, second):
        assert invitations.invited(used, now) is None
        with pytest.raises(Refused) as refused, writing(desk.row) as row:
            invitations.accept(row, used, "another quiet river", now=now)
        assert refused.value.status == 404


def test_a_weak_password_does_not_use_it_up(desk: SmallDesk, now: datetime) -> None:
    token = invited(desk, desk.bob, now)
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        invitations.accept(row, token, "password1234", now=now)
    assert refused.value.field == "password"
    assert invitations.invited(token, now) is desk.bob


def test_an_invitation_ends_by_itself(desk: SmallDesk, now: datetime) -> None:
    token = invited(desk, desk.bob, now)
    assert invitations.invited(token, now + invitations.GOOD_FOR - timedelta(seconds=1))
    assert invitations.invited(token, now + invitations.GOOD_FOR) is None
    with writing(desk.row) as row:
        people.change(row, desk.bob.id, **as_is(desk.bob, email="rob@example.com"), by=CLOCK, now=now)
    assert invitations.invited(token, now) is None
    token = invited(desk, desk.bob, now)
    with writing(desk.row) as row:
        people.deactivate(row, desk.bob.id, by=CLOCK, now=now)
    assert invitations.invited(token, now) is None
    with pytest.raises(Refused) as refused:
        invited(desk, desk.bob, now)
    assert refused.value.status == 409


@pytest.mark.parametrize("token", ["", "x", "WzEsMV0.abc", "한국어", "a" * 10_000])
def test_a_link_that_is_not_ours_invites_nobody(desk: SmallDesk, now: datetime, token: str) -> None:
    assert invitations.invited(token, now) is None
    changed = invited(desk, desk.bob, now)
    assert invitations.invited("A" + changed[1:], now) is None


def test_an_invitation_is_mailed_where_mail_can_be_sent(
    smtp_sink: Any, desk: SmallDesk, now: datetime
) -> None:
    with writing(desk.row):
        desk.bob.locale = "ko"
    tokens = [invited(desk, desk.bob, now), invited(desk, desk.bob, now)]
    rows = db.session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert [(row.kind, row.to_address, row.state) for row in rows] == [
        ("notice", "bob@example.com", "queued")
    ] * 2
    assert all(token in row.text for token, row in zip(tokens, rows, strict=True))
    assert rows[0].language == "ko"


def test_without_a_way_to_send_a_link_is_kept_nowhere(desk: SmallDesk, now: datetime) -> None:
    invited(desk, desk.bob, now)
    assert db.session.scalars(select(Delivery)).all() == []
