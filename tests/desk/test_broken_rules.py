"""A rule that names what is gone is switched off at once, and whoever wrote it is told what is missing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import (
    columns,
    companies,
    lost_names,
    notifications,
    people,
    rule_versions,
    rules,
    tags,
    teams,
    tickets,
    uses,
    webhooks,
)
from app.models import vocabulary
from app.models.board import Column
from app.models.delivery import Delivery
from app.models.event import CLOCK, By
from app.models.notification import Notification
from app.models.person import Person
from app.models.rule import Rule
from app.models.ticket import Tag, Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in


def save(desk: SmallDesk, text: str, now: datetime, then: dict[str, Any], by: By) -> Rule:
    with writing(desk.row) as row:
        rule = rules.save(row, None, name=text, text=text, then=[then], by=by, now=now)
        return rules.switch(row, rule, True, by=CLOCK, now=now)


def told() -> list[tuple[str, str]]:
    """Who is told what in the page; the mails say the same."""
    rows = db.session.execute(
        select(Person.name, Notification)
        .join(Notification, Notification.person_id == Person.id)
        .where(Notification.kind == "broken")
        .order_by(Person.name)
    )
    return [(name, notifications.said(notification)) for name, notification in rows]


def mailed() -> list[tuple[str | None, str]]:
    rows = select(Delivery.to_name, Delivery.text).where(Delivery.subject.contains("is switched off"))
    return [(name, text) for name, text in db.session.execute(rows.order_by(Delivery.to_name))]


def remove(desk: SmallDesk, what: str, now: datetime) -> None:
    with writing(desk.row) as row:
        if what == "team":
            teams.remove(row, 1, by=desk.dana.by, now=now)
        elif what == "person":
            people.deactivate(row, desk.bob.id, by=desk.dana.by, now=now)
        elif what == "webhook":
            webhooks.remove(row, 1, by=desk.dana.by, now=now)
        elif what == "column":
            later = db.session.scalars(select(Column).where(Column.name == "Later")).one()
            columns.remove(row, later.id, by=desk.dana.by, now=now)
        elif what == "company":
            companies.remove(row, 1, by=desk.dana.by, now=now)
        else:
            tag = db.session.scalars(select(Tag).where(Tag.name == "really bad")).one()
            tags.remove(row, tag.id, by=desk.dana.by, now=now)


@pytest.mark.parametrize(
    ("text", "then", "what", "missing"),
    [
        ('tag:"really bad"', {"kind": "assign_on_call"}, "tag", 'tag:"really bad"'),
        ('-tag:"really bad"', {"kind": "assign_on_call"}, "tag", 'tag:"really bad"'),
        ("lang:de", {"kind": "add_tag", "tag": "really bad"}, "tag", 'tag:"really bad"'),
        ("lang:de OR team:Returns", {"kind": "assign_on_call"}, "team", "team:Returns"),
        ("lang:de", {"kind": "assign"}, "person", "Bob Reyes"),
        ("lang:de", {"kind": "call_webhook", "webhook": 1}, "webhook", "webhook:Shop"),
        ("lang:de", {"kind": "move"}, "column", 'column:"Support: Later"'),
        ("company:ACME", {"kind": "assign_on_call"}, "company", "company:ACME"),
    ],
)
def test_what_names_it_is_off_and_who_wrote_it_is_told(
    desk: SmallDesk, now: datetime, text: str, then: dict[str, Any], what: str, missing: str
) -> None:
    with writing(desk.row) as row:
        tickets.tag_named("really bad")
        teams.add(row, name="Returns", by=desk.dana.by, now=now)
        secret = "x" * webhooks.SHORTEST_SECRET
        webhooks.add(row, name="Shop", url="https://shop.example", secret=secret, by=desk.dana.by, now=now)
        companies.add(row, name="ACME", by=desk.dana.by, now=now)
    with writing(desk.board) as board:
        later = columns.add(board, name="Later", state="waiting", by=desk.dana.by, now=now)
    if then["kind"] == "assign":
        then = {**then, "person_id": desk.bob.id}
    elif then["kind"] == "move":
        then = {**then, "column": later.id}
    other = save(desk, "lang:ko", now, {"kind": "add_tag", "tag": "korean"}, desk.alice.by)
    rule = save(desk, text, now, then, desk.alice.by)
    ticket = ticket_in(desk, "open", "The lamp is broken", now)
    remove(desk, what, now)
    assert [(one.id, one.enabled) for one in rules.in_order()] == [(other.id, True), (rule.id, False)]
    assert told() == [("Alice Moor", f"It names what is not there any more and is switched off: {missing}")]
    (to, words), *more = mailed()
    assert (to, more) == ("Alice Moor", [])
    names = vocabulary.names()  # and whoever mends it sees what was there
    assert lost_names.said(rules.broken([rule], names, now)[rule.id], lost_names.of(rule, names)) == [missing]
    assert f"names what is not there any more: {missing}." in words
    assert f"/rules/{rule.id}" in words
    _, cause, differences = rule_versions.told(rule)[0]
    assert cause == f"Switched off by the desk: {missing} is missing"
    assert differences == []
    sweeps.everything(now + timedelta(minutes=1))
    assert db.session.get_one(Ticket, ticket.id).tags == []
    assert len(told()) == 1


def test_of_who_has_left_the_managers_are_told(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        tickets.tag_named("really bad")
    save(desk, 'tag:"really bad"', now, {"kind": "assign_on_call"}, desk.alice.by)
    with writing(desk.row) as row:
        people.deactivate(row, desk.alice.id, by=desk.dana.by, now=now)
    remove(desk, "tag", now)
    assert [name for name, _ in told()] == ["Dana Wolf"]  # an admin; nobody else may change rules now
    assert [to for to, _ in mailed()] == ["Dana Wolf"]


def test_what_they_do_not_want_they_are_not_told(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        tickets.tag_named("really bad")
    save(desk, 'tag:"really bad"', now, {"kind": "assign_on_call"}, desk.alice.by)
    notifications.choose(desk.alice, {("broken", "mail"): True})
    remove(desk, "tag", now)
    assert (told(), [to for to, _ in mailed()]) == ([], ["Alice Moor"])


def test_a_helper_whose_last_day_is_over(desk: SmallDesk, now: datetime) -> None:
    save(desk, "lang:de", now, {"kind": "assign", "person_id": desk.bob.id}, desk.alice.by)
    with writing(desk.row):
        db.session.get_one(Person, desk.bob.id).ends_at = now + timedelta(hours=1)
    sweeps.tidy(now)
    assert rules.in_order()[0].enabled
    assert sweeps.tidy(now + timedelta(hours=2))["rules"] == 1
    assert not rules.in_order()[0].enabled
    assert sweeps.tidy(now + timedelta(hours=2))["rules"] == 0


@pytest.mark.parametrize("part", ["query", "actions"])
def test_a_board_that_is_gone(desk: SmallDesk, now: datetime, part: str) -> None:
    """Boards stay; somebody has taken this one out of the database."""
    move = {"kind": "board", "board": desk.board.id}
    rule = save(desk, f"board:{desk.board.name}", now, move, desk.alice.by)
    with writing(desk.row):
        if part == "query":
            rule.query = uses.exchanged(rule.query, "board", desk.board.id, 99)
        else:
            rule.actions = [{**move, "board": 99}]
    assert sweeps.tidy(now)["rules"] == 1
    assert not rules.in_order()[0].enabled
    assert told() == [("Alice Moor", "It names what is not there any more and is switched off: board:#99")]
