"""What a rule has been is kept with who changed it, told in words, and can be gone back to."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import db, writing
from app.desk import people, rule_versions, rules, tags, tickets
from app.desk.refused import Refused
from app.models.event import CLOCK
from app.models.rule import Rule
from app.models.rule_version import version_of, versions_of
from app.models.ticket import Tag
from app.words import speaking
from tests.small import SmallDesk

MINUTE = timedelta(minutes=1)


def save(desk: SmallDesk, rule: Rule | None, text: str, now: datetime, then: list[Any], **other: Any) -> Rule:
    with writing(desk.row) as row:
        kept = db.session.get_one(Rule, rule.id) if rule else None
        values = {"name": "Money back", **other}
        return rules.save(row, kept, text=text, then=then, by=desk.alice.by, now=now, **values)


def tag(name: str) -> dict[str, Any]:
    return {"kind": "add_tag", "tag": name}


def differences(rule: Rule) -> list[tuple[str, list[str]]]:
    return [(cause, said) for _, cause, said in rule_versions.told(rule)]


def test_each_change_is_kept_and_told(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        tickets.tag_named("vip")
    other = save(desk, None, "lang:de", now, [tag("german")], name="German")
    rule = save(desk, None, "tag:vip refund", now, [tag("refund")])
    assign = {"kind": "assign", "person_id": desk.bob.id}
    save(desk, rule, "refund", now + MINUTE, [tag("refund"), assign], once_per="ticket", stop_after=True)
    with writing(desk.row) as row:
        rule = db.session.get_one(Rule, rule.id)
        rules.switch(row, rule, True, by=desk.dana.by, now=now)
        rules.move(row, rule, 0, by=desk.dana.by, now=now)
        rules.move(row, rule, 7, by=desk.dana.by, now=now)  # outside of the list
        rules.switch(row, rule, True, by=desk.dana.by, now=now)  # it is on
    assert [one.id for one in rules.in_order()] == [rule.id, other.id]
    assert differences(rule) == [
        ("Moved", ["Place: 2 → 1"]),
        ("Switched on", []),
        (
            "Changed",
            [
                "When: tag:vip refund → refund",
                "New: Assign to Bob Reyes",
                "How often it acts: Each time the condition becomes true → Once for each ticket",
                "Rules behind it are skipped now while its condition holds",
            ],
        ),
        ("Added", []),
    ]
    assert [version.by for version in versions_of(rule.id)] == [desk.dana.by] * 2 + [desk.alice.by] * 2
    assert [version.number for version in versions_of(rule.id)] == [4, 3, 2, 1]
    assert rule_versions.whole(versions_of(rule.id)[2:]) == {
        2: (
            "refund",
            ["Add the tag refund", "Assign to Bob Reyes"],
            "Once for each ticket · rules behind it are skipped · at most 500 times an hour",
        ),
        1: (
            "tag:vip refund",
            ["Add the tag refund"],
            "Each time the condition becomes true · at most 500 times an hour",
        ),
    }
    assert rule_versions.owner(rule) == desk.alice
    with speaking("ko"):
        assert differences(rule)[1] == ("켬", [])


def test_names_are_those_of_the_time(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, None, "refund", now, [tag("refund"), tag("money")])
    with writing(desk.row) as row:
        known = {one.name: one.id for one in db.session.query(Tag)}
        tags.rename(row, known["refund"], "refunds", by=desk.dana.by, now=now)
        tags.merge(row, known["money"], known["refund"], by=desk.dana.by, now=now)
    assert differences(rule)[0] == (
        "A tag that it names was merged",
        ["No longer: Add the tag refund", "No longer: Add the tag money", "New: Add the tag refunds"],
    )


def test_going_back_makes_a_new_version(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, None, "refund", now, [tag("refund")])
    other = {"name": "Other", "once_per": "ticket", "stop_after": True, "hourly_cap": 20}
    save(desk, rule, "reimburse", now, [tag("money")], **other)
    with writing(desk.row) as row:
        rule = db.session.get_one(Rule, rule.id)
        rules.switch(row, rule, True, by=CLOCK, now=now)
        rules.go_back(row, rule, 1, by=desk.dana.by, now=now)
    first = version_of(rule.id, 1)
    assert first is not None
    assert (rule.name, rules.text_of(rule), rule.enabled) == ("Money back", "refund", True)
    said = ("name", "query", "actions", "once_per", "stop_after", "hourly_cap")
    assert [getattr(rule, key) for key in said] == [getattr(first, key) for key in said]
    assert differences(rule)[0] == (
        "Went back to version 1",
        [
            "Name: Other → Money back",
            "When: reimburse → refund",
            "No longer: Add the tag money",
            "New: Add the tag refund",
            "How often it acts: Once for each ticket → Each time the condition becomes true",
            "Rules behind it act again while its condition holds",
            "Times an hour at most: 20 → 500",
        ],
    )
    assert rule_versions.owner(rule) == desk.dana


@pytest.mark.parametrize("missing", ["tag:#1", "Bob Reyes"])
def test_what_names_something_missing_cannot_be_gone_back_to(
    desk: SmallDesk, now: datetime, missing: str
) -> None:
    assign = {"kind": "assign", "person_id": desk.bob.id}
    rule = save(desk, None, "refund", now, [tag("refund") if missing == "tag:#1" else assign])
    save(desk, rule, "refund", now, [tag("money")])
    with writing(desk.row) as row:
        if missing == "tag:#1":
            tags.remove(row, 1, by=desk.dana.by, now=now)
        else:
            people.deactivate(row, desk.bob.id, by=desk.dana.by, now=now)
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        rules.go_back(row, db.session.get_one(Rule, rule.id), 1, by=desk.dana.by, now=now)
    assert refused.value.said() == f"This version names what is missing now: {missing}."
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        rules.go_back(row, db.session.get_one(Rule, rule.id), 7, by=desk.dana.by, now=now)
    assert refused.value.said() == "The rule has no such version."
