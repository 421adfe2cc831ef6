"""The tags of the desk: renamed, merged and removed, with all that names them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import rules, tags, tickets
from app.models.event import CLOCK, Event
from app.models.interval import TicketInterval
from app.models.rule import Rule, RuleFiring
from app.models.saved_view import SavedView
from app.models.ticket import Tag, Ticket
from tests.routes.test_tickets import ticket, words
from tests.small import SmallDesk
from tests.stories import ticket_in

Open = Callable[..., Any]


@pytest.fixture
def refund(desk: SmallDesk, now: datetime) -> Ticket:
    """A ticket with the tags refund and money back."""
    opened = ticket_in(desk, "new", "Lamp", now)
    return tagged(desk, opened, now, "refund", "money back")


def tagged(desk: SmallDesk, opened: Ticket, now: datetime, *names: str) -> Ticket:
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, opened.id)
        for name in names:
            tickets.add_tag(board, row, name, by=CLOCK, now=now)
    return row


def rule_on(desk: SmallDesk, text: str, add: str, now: datetime) -> Rule:
    with writing(desk.row) as row:
        then = [{"kind": "add_tag", "tag": add}]
        rule = rules.save(row, None, name=text, text=text, then=then, by=CLOCK, now=now)
        return rules.switch(row, rule, True, by=CLOCK, now=now)


def tag_id(name: str) -> int:
    return db.session.scalars(select(Tag.id).where(Tag.name == name)).one()


def held(number: int) -> set[str]:
    return {tag.name for tag in ticket(number).tags}


def test_a_new_name_changes_no_query(
    desk: SmallDesk, refund: Ticket, now: datetime, browser_as: Open
) -> None:
    rule = rule_on(desk, "tag:refund", "seen", now)
    before = rule.query
    alice, id = browser_as(desk.alice), tag_id("refund")
    assert alice.post(f"/settings/tags/{id}", data={"name": " Rückgabe "}).status_code == 303
    db.session.rollback()
    assert held(refund.id) == {"rückgabe", "money back"}
    kept = db.session.get_one(Rule, rule.id, populate_existing=True)
    assert (kept.query, rules.text_of(kept)) == (before, "tag:rückgabe")
    told = db.session.scalars(select(Event).order_by(Event.id.desc()).limit(2)).all()
    assert [(event.stream, event.kind) for event in told] == [
        (0, "tag.changed"),
        (desk.board.id, "board.tag"),
    ]
    assert "rückgabe" in words(alice.get(f"/boards/{desk.board.id}"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Money  BACK", "There is a tag of this name already. Merge the two instead."),
        ("a,b", "A tag has 1 to 40 characters, without commas and quotes."),
    ],
)
def test_names_no_tag_can_get(
    name: str, said: str, desk: SmallDesk, refund: Ticket, browser_as: Open
) -> None:
    answer = browser_as(desk.alice).post(f"/settings/tags/{tag_id('refund')}", data={"name": name})
    assert (answer.status_code, said in words(answer)) == (422, True)
    assert held(refund.id) == {"refund", "money back"}


def test_two_tags_become_one(desk: SmallDesk, refund: Ticket, now: datetime, browser_as: Open) -> None:
    """Rules and views follow; nothing acts again because of it."""
    other = tagged(desk, ticket_in(desk, "resolved", "Other", now), now, "money back")
    asking = rule_on(desk, 'tag:refund,"money back"', "seen", now)
    fresh = rule_on(desk, 'tag:"money back"', "counted", now)
    adding = rule_on(desk, "subject:nothing", "money back", now)
    old, new = tag_id("money back"), tag_id("refund")
    with writing(desk.row):
        view = {"not": {"field": "tag", "operator": ":", "values": [old]}}
        db.session.add(SavedView(name="Rest", owner_id=desk.bob.id, query=view, created_at=now))
    sweeps.wake_tickets(now)
    later = now + timedelta(minutes=5)
    with writing(desk.row) as row:
        tags.merge(row, old, new, by=CLOCK, now=later)
    sweeps.wake_tickets(later)
    db.session.rollback()
    assert held(refund.id) == {"refund"}
    assert held(other.id) == {"refund"}
    texts = {rule.id: rules.text_of(rule) for rule in db.session.scalars(select(Rule))}
    assert texts == {asking.id: "tag:refund", fresh.id: "tag:refund", adding.id: "subject:nothing"}
    assert [
        row.actions[0]["tag"] for row in db.session.scalars(select(Rule).where(Rule.id == adding.id))
    ] == [new]
    assert db.session.scalars(select(SavedView)).one().query["not"]["values"] == [new]
    assert db.session.scalars(select(RuleFiring)).all() == []
    past = {
        (row.ticket_id, row.value, row.until_at)
        for row in db.session.scalars(select(TicketInterval).where(TicketInterval.field == "tag"))
    }
    assert past == {
        (refund.id, str(new), None),
        (refund.id, str(old), later),
        (other.id, str(old), later),
        (other.id, str(new), None),
    }


def test_a_tag_is_not_merged_into_nothing(desk: SmallDesk, refund: Ticket, browser_as: Open) -> None:
    alice, id = browser_as(desk.alice), tag_id("refund")
    for into, said in ((0, "Choose the tag that stays."), (id, "Not a valid choice.")):
        answer = alice.post(f"/settings/tags/{id}/merging", data={"into": into})
        assert (answer.status_code, said in words(answer)) == (422, True)


def test_what_a_removed_tag_was_on(desk: SmallDesk, refund: Ticket, now: datetime, browser_as: Open) -> None:
    """It is said before, and put right after."""
    rule_on(desk, "tag:refund", "seen", now)
    rule_on(desk, "subject:nothing", "refund", now)
    alice, id = browser_as(desk.alice), tag_id("refund")
    page = words(alice.get(f"/settings/tags/{id}"))
    assert "On 1 ticket, 1 of them unresolved." in page
    assert "In the rules: tag:refund Added by: subject:nothing" in page
    assert (
        "It is taken off 1 ticket. Rules that name it are switched off then, and whoever wrote them is told."
        in page
    )
    assert "refund 1 1" in words(alice.get("/settings/tags"))
    with writing(desk.board):
        db.session.get_one(Ticket, refund.id).wake_at = None
    assert alice.post(f"/settings/tags/{id}/removal").status_code == 303
    assert held(refund.id) == {"money back"}
    assert ticket(refund.id).wake_at is not None
    ends = db.session.scalars(select(TicketInterval.until_at).where(TicketInterval.value == str(id)))
    assert [end is not None for end in ends if end] == [True]
    assert alice.get("/rules").status_code == 200
    assert sweeps.wake_tickets(now + timedelta(minutes=1))["tickets"] == 1
    assert alice.get(f"/settings/tags/{id}").status_code == 404
