"""Rules into a file and out of it: the same rules again, tags made, what is unknown named with its place."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.database import db, writing
from app.desk import rule_files, rules, tickets, webhooks
from app.desk.rules import Written
from app.mail.headers import as_name
from app.models import vocabulary
from app.models.rule import Rule
from app.models.rule_version import RuleVersion
from app.models.ticket import Tag
from app.routes.rules import RuleForm
from rules.exchange import KEYS
from rules.query import LONGEST, from_json, parse, to_json, to_text
from rules.vocabulary import QueryError
from tests.rules.trees import GONE, trees
from tests.small import SmallDesk

# Names as people give them: two who are called the same, one like a word of the language, one that looks like a number.
NAMES = {
    "tag": {"refund": 1, "really bad": 2, "환불": 3, "none": 4, "#1": 5},
    "assignee": {"Bob": 1, "me": 2, 'Kim "K" Lee': 3, "bob@example.com": 1, "kim@example.com": 3},
    "channel": {"support@example.com": 1, "email": 2},
    "team": {"Returns": 1},
    "company": {"ACME, Inc.": 1},
    "board": {"Support": 1},
    "during": {"Opening hours": 1},
}
IDS = {field: sorted(set(known.values())) for field, known in NAMES.items()}


def storable(tree: Any) -> bool:
    """What a rule can have been saved with: nothing that is gone, nor longer than a query may be."""
    text = to_text(tree, names=NAMES)
    try:
        return len(text) <= LONGEST and str(GONE) not in text and parse(text, names=NAMES) == tree
    except QueryError:
        return False


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00{}"), min_size=1, max_size=20
).filter(str.strip)
TAGS, PEOPLE = st.sampled_from(IDS["tag"]), st.sampled_from([1, 3])
ACTIONS = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(["add_tag", "remove_tag"]), "tag": TAGS}),
    st.fixed_dictionaries({"kind": st.just("set_priority"), "priority": st.sampled_from(["low", "urgent"])}),
    st.fixed_dictionaries({"kind": st.just("set_language"), "language": st.sampled_from(["de", "ko"])}),
    st.fixed_dictionaries({"kind": st.just("move"), "column": st.sampled_from(["open", "resolved"])}),
    st.fixed_dictionaries({"kind": st.just("board"), "board": st.sampled_from(IDS["board"])}),
    st.fixed_dictionaries({"kind": st.just("set_vip"), "vip": st.booleans()}),
    st.fixed_dictionaries({"kind": st.sampled_from(["assign", "tell_person"]), "person_id": PEOPLE}),
    st.fixed_dictionaries({"kind": st.sampled_from(["set_team", "tell_team"]), "team": st.just(1)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("assign_from_team"),
            "team": st.just(1),
            "way": st.sampled_from(["turn", "load"]),
            "speaking": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("assign_on_call"), "speaking": st.booleans()}),
    st.fixed_dictionaries({"kind": st.just("snooze"), "length": st.just("1d12h")}),
    st.fixed_dictionaries({"kind": st.just("add_note"), "text": TEXTS}),
    st.fixed_dictionaries(
        {
            "kind": st.just("reply"),
            "text": TEXTS,
            "texts": st.dictionaries(st.sampled_from(["de", "ko"]), TEXTS),
        }
    ),
    st.sampled_from([{"kind": "assign_nobody"}, {"kind": "raise_alert"}, {"kind": "tell_on_call"}]),
)
RULES = st.builds(
    Rule,
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(
        lambda name: as_name(name) or "A"
    ),
    query=trees(IDS, me=False).filter(storable).map(to_json),
    actions=st.lists(ACTIONS, min_size=1, max_size=3),
    once_per=st.sampled_from(["episode", "ticket"]),
    stop_after=st.booleans(),
    hourly_cap=st.sampled_from([1, 500, 100_000]),
)
SAID = ("name", "once_per", "stop_after", "hourly_cap")


@given(st.lists(RULES, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_what_was_written_is_the_same_rules_again(found: list[Rule]) -> None:
    again = rule_files.read(rule_files.written(found, NAMES), NAMES, {1, 2, 3})
    assert [one.mistake for one in again] == [None] * len(found)
    assert [(one.tree, one.then, one.new_tags) for one in again] == [
        (from_json(rule.query), rule.actions, ()) for rule in found
    ]
    assert [[getattr(one, key) for key in SAID] for one in again] == [
        [getattr(rule, key) for key in SAID] for rule in found
    ]


def test_all_that_the_editor_sets_is_kept_in_versions_and_files() -> None:
    called = {"query": "when", "actions": "then"}
    sets = {field for field in Written._fields if field != "actions"}
    assert {name for name, value in vars(RuleForm).items() if hasattr(value, "field_class")} == sets
    assert {*sets, "actions"} <= set(RuleVersion.__table__.columns.keys())
    assert {called.get(field, field) for field in Written._fields} == set(KEYS)


FILE = """\
[[rule]]
name = "Money back"
when = "refund tag:VIP,customer_x"
then = [{ kind = "add_tag", tag = "Refund" }, { kind = "assign", person = "bob@example.com" }]
once_per = "ticket"
"""


def test_rules_are_added_off_with_their_tags(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        tickets.tag_named("vip")
    (read,) = rule_files.read(FILE, vocabulary.names(), {desk.bob.id})
    assert (read.mistake, read.new_tags) == (None, ("customer_x", "refund"))
    assert db.session.scalars(select(Tag.name)).all() == ["vip"]  # nothing is made by looking
    with writing(desk.row) as row:
        (rule,) = rule_files.add(row, [read], by=desk.alice.by, now=now)
    tags = dict(db.session.execute(select(Tag.name, Tag.id)).all())
    assert rules.text_of(rule) == "refund tag:vip,customer_x"
    assert rule.actions == [
        {"kind": "add_tag", "tag": tags["refund"]},
        {"kind": "assign", "person_id": desk.bob.id},
    ]
    assert (rule.enabled, rule.once_per) == (False, "ticket")
    written = rule_files.written([rule], vocabulary.names())
    assert rule_files.read(written, vocabulary.names(), {desk.bob.id})[0].tree == from_json(rule.query)


def test_columns_and_webhooks_are_found_again_by_their_names(desk: SmallDesk, now: datetime) -> None:
    """Also a column beside one that is called the same."""
    with writing(desk.row) as row:
        webhook = webhooks.add(
            row, name="Shop", url="https://shop.example", secret="x" * 16, by=desk.dana.by, now=now
        )
    with writing(desk.board):
        first, second = desk.board.columns[:2]
        second.name = first.name
    then = [{"kind": "call_webhook", "webhook": webhook.id}]
    then += [{"kind": "move", "column": column.id} for column in (first, second)]
    with writing(desk.row) as row:
        rule = rules.save(row, None, name="A", text="lamp", then=then, by=desk.alice.by, now=now)
    assert rules.broken([rule], vocabulary.names(), now) == {}
    file = rule_files.written([rule], vocabulary.names())
    assert 'webhook = "Shop"' in file
    assert rule_files.read(file, vocabulary.names(), set())[0].then == then


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "refund tag:",
            "langauge:de tag:",
            "Line 3, column 9: unknown field `langauge`, did you mean `lang`?",
        ),
        ('"refund tag', '"refund team:Returns tag', "Line 3, column 21: `team` has no value `Returns`"),
        ("VIP,customer_x", "VIP,#99", "Line 3, column 24: `tag` has no value `#99`"),
        ("bob@", "bbo@", "Line 4, column 8: `assignee` has no value `bbo@example.com`, did you mean"),
        ('person = "bob@example.com"', "person = 1", "Line 4, column 8: a person to assign to is missing"),
        (
            'person = "bob@example.com"',
            'team = "x"',
            "Line 4, column 8: the action `assign` has other details",
        ),
        (
            '"assign", person',
            '"call_webhook", webhook',
            "Line 4, column 8: there is no webhook `bob@example.com` here",
        ),
        ('"assign", person', '"move", column', "Line 4, column 8: there is no column `bob@example.com` here"),
        (
            '"ticket"',
            '"ticket"\nhourly_cap = 0',
            "Line 6, column 14: `hourly_cap` is a number from 1 to 100000",
        ),
        ('"add_tag"', '"fly"', "Line 4, column 8: an action of an unknown kind"),
        ('tag = "Refund"', 'tag = "a,b"', "Line 4, column 8: A tag has 1 to 40 characters"),
        ("bob@example.com", "Dana Wolf", "Line 4, column 8: that person does not work here any more"),
        ("then = [{", "then = 7 #", "Line 4, column 8: `then` is of another kind"),
        ('"Money back"', '" "', "Line 2, column 8: a name has 1 to 100 characters"),
    ],
)
def test_a_mistake_is_named_with_its_place(desk: SmallDesk, old: str, new: str, said: str) -> None:
    assert old in FILE
    (read,) = rule_files.read(FILE.replace(old, new), vocabulary.names(), {desk.bob.id})
    assert read.mistake is not None
    assert rule_files.said(read.mistake).startswith(said)
