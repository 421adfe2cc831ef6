"""Rules over the web: the form with its mistakes in place, the question when one is switched on, order, starters."""

import re
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import people, rules, tags, teams, tickets
from app.models.event import By
from app.models.rule import Rule
from app.models.ticket import Tag, Ticket
from app.routes.rule_actions import GROUPS, Row, row_of
from rules.actions import kinds
from rules.rule import load_starters
from tests.small import SmallDesk
from tests.stories import ticket_in

Open = Callable[..., Any]


def sent(query: str, *rows: tuple[str, str], **other: str) -> dict[str, Any]:
    rows = rows or (("add_tag", "refund"),)
    detail = {"add_tag": "tag", "set_priority": "priority", "assign": "person_id"}
    return {
        "name": "Money back",
        "query": query,
        "once_per": "episode",
        "do": "save",
        **other,
        "action": [kind for kind, _ in rows],
        **{f"then_{place}_{detail.get(kind)}": value for place, (kind, value) in enumerate(rows)},
    }


def rows_in(page: Any) -> list[str]:
    return re.findall(r'name="action" value="(\w+)"', page.text)


def add(browser: Any, query: str = "refund", **other: str) -> Rule:
    assert browser.post("/rules", data=sent(query, **other)).status_code == 303
    return rules.in_order()[-1]


def test_no_rules_yet(desk: SmallDesk, browser_as: Open) -> None:
    assert "Pick from the starter pack" in browser_as(desk.alice).get("/rules").text
    page = browser_as(desk.bob).get("/rules")
    assert "No rules yet" in page.text
    assert "Pick from the starter pack" not in page.text


def test_a_new_rule(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    rows = [
        ("add_tag", "refund"),
        ("set_priority", "high"),
        ("assign", str(desk.bob.id)),
        ("assign_on_call", ""),
    ]
    answer = browser.post("/rules", data=sent("refund,reimburse lang:de", *rows, stop_after="y"))
    rule = rules.in_order()[0]
    assert (answer.status_code, answer.location) == (303, f"/rules/{rule.id}/switch")
    assert (rule.enabled, rule.stop_after) == (False, True)
    page = browser.get("/rules").text
    for said in (
        "Add the tag refund",
        "Set the priority to High",
        "Assign to Bob Reyes",
        "Assign to who is on call",
        "rules behind it are skipped",
    ):
        assert said in page
    form = browser.get(f"/rules/{rule.id}")
    assert rows_in(form) == ["add_tag", "set_priority", "assign", "assign_on_call"]
    assert 'value="refund"' in form.text


def test_a_mistake_in_the_query_is_shown_at_its_column(desk: SmallDesk, browser_as: Open) -> None:
    answer = browser_as(desk.alice).post("/rules", data=sent('refund langauge:de "<b>"'))
    assert answer.status_code == 422
    assert "Column 8: unknown field `langauge`, did you mean `lang`?" in answer.text
    assert "refund <mark>l</mark>angauge:de &#34;&lt;b&gt;&#34;" in answer.text
    assert 'value="Money back"' in answer.text
    assert rules.in_order() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (sent("refund", name=""), "This field is required."),
        (sent("refund", name="x" * 101), "Field cannot be longer than 100 characters."),
        (sent("refund", ("add_tag", "")), "a tag to add is missing"),
        (sent("refund", ("add_tag", "a,b")), "A tag has 1 to 40 characters"),
        (sent("refund", ("assign", "")), "a person to assign to is missing"),
        (sent("refund", ("assign", "999999")), "That person does not work here any more."),
        (sent("refund", ("set_priority", "extreme")), "is not a priority"),
        (sent("refund", ("fly", "")), "an action of an unknown kind"),
        (sent("refund", once_per="always"), "Not a valid choice."),
        ({**sent("refund"), "action": []}, "A rule needs something to do."),
    ],
)
def test_wrong_values_are_named(desk: SmallDesk, browser_as: Open, data: dict[str, Any], said: str) -> None:
    answer = browser_as(desk.alice).post("/rules", data=data)
    assert answer.status_code == 422
    assert said in answer.text
    assert rules.in_order() == []


def test_all_mistakes_are_shown_at_once_each_where_it_is(desk: SmallDesk, browser_as: Open) -> None:
    form = sent("refund langauge:de", ("add_tag", "fine"), ("add_tag", ""), ("assign", "999999"), name="")
    form |= {"action": [*form["action"], "reply", "fly"], "then_3_text": "Hello", "then_3_texts_ko": "{x}"}
    page = browser_as(desk.alice).post("/rules", data=form).text
    summary = re.search(r'<div class="error-summary".*?</div>', page, re.DOTALL)[0]  # type: ignore[index]
    assert re.findall(r'href="#([\w-]+)"', summary) == [
        "name",
        "condition",
        "then-1-tag",
        "then-2-person_id",
        "then-3-texts_ko",
        "then-4-drop",
    ]
    assert "Add a tag: a tag to add is missing" in summary
    marked = re.findall(r'id="([\w-]+)"[^>]* aria-invalid="true" aria-describedby="([\w-]+)"', page)
    assert [id for id, _ in marked if id.startswith("then")] == [
        "then-1-tag",
        "then-2-person_id",
        "then-3-texts_ko",
    ]
    said = dict(re.findall(r'<p class="error" id="(then[\w-]+)">(.*?)</p>', page))
    assert said == {
        "then-1-tag-error": "a tag to add is missing",
        "then-2-person_id-error": "That person does not work here any more.",
        "then-3-texts_ko-error": "nothing is known to put into `{x}`",
        "then-4-error": "an action of an unknown kind",
    }
    assert 'name="marked" value="yes"' in page
    form |= {"marked": "yes", "do": "append", "new_action": "snooze"}  # and stays so while rows come and go
    more = browser_as(desk.alice).post("/rules/actions", data=form).text
    assert re.findall(r'id="([\w-]+)"[^>]* aria-invalid="true"', more) == [
        f"then-{place}" for place in ("1-tag", "2-person_id", "3-texts_ko")
    ]
    less = browser_as(desk.alice).post("/rules", data={**form, "do": "drop-0"}).text
    assert re.findall(r'id="(then[\w-]+)"[^>]* aria-invalid="true"', less) == [
        f"then-{place}" for place in ("0-tag", "1-person_id", "2-texts_ko")
    ]
    assert [error for _, error in marked if error in said] == [
        f"{id}-error" for id, _ in marked if id != "name"
    ][-3:]
    assert rules.in_order() == []


def test_what_a_broken_rule_named_is_there_to_be_mended(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    with writing(desk.row) as row:
        team = teams.add(row, name="Returns", by=desk.dana.by, now=now)
        for name in ("really bad", "late"):
            tickets.tag_named(name)
    browser = browser_as(desk.alice)
    form = sent('lang:de tag:"really bad"', ("add_tag", "late"), ("assign", str(desk.bob.id)), name="Old")
    form |= {"action": [*form["action"], "set_team"], "then_2_team": str(team.id)}
    browser.post("/rules", data=form)
    rule = rules.in_order()[-1]
    with writing(desk.row) as row:
        teams.remove(row, team.id, by=desk.dana.by, now=now)
        people.deactivate(row, desk.bob.id, by=desk.dana.by, now=now)
        for tag in db.session.scalars(select(Tag)).all():
            tags.remove(row, tag.id, by=desk.dana.by, now=now)
    page = browser.get(f"/rules/{rule.id}").text
    assert (
        "it names what is not there any more: tag:&#34;really bad&#34;, tag:late, Bob Reyes, team:Returns."
        in page
    )
    assert "lang:de <mark>t</mark>ag:&#34;really bad&#34;" in page or "no value" in page
    assert 'value="really bad"' in page  # in the form, too
    assert re.search(r'id="then-0-tag"[^>]* aria-invalid="true"[^>]* value="late"', page)
    for said in ("Bob Reyes (not there any more)", "Returns (not there any more)"):
        assert f" selected>{said}</option>" in page
    assert page.count('aria-describedby="then-') == 3
    browser.post(
        "/rules/actions",
        data={"rule": rule.id, "action": ["set_team"], "then_0_team": team.id, "do": "append"},
    )
    part = browser.post(
        "/rules/actions",
        data={
            "rule": rule.id,
            "action": ["set_team"],
            "then_0_team": team.id,
            "do": "append",
            "new_action": "reply",
        },
    )
    assert "Returns (not there any more)" in part.text
    assert "not there any more" not in browser.get(f"/rules/{add(browser).id}").text


@pytest.mark.parametrize(
    ("do", "kind", "expected", "focus", "told"),
    [
        ("append", "assign", "tag priority assign", "then-2-person_id", "Added: Assign to a person"),
        ("append", "assign_nobody", "tag priority nobody", "then-2-drop", "Added: Assign to nobody"),
        ("append", "fly", "tag priority", "new-action", ""),
        ("append", "", "tag priority", "new-action", ""),
        ("drop-0", "", "priority", "then-0-drop", "Left out: Add a tag"),
        ("drop-1", "", "tag", "then-0-drop", "Left out: Set the priority"),
        ("up-1", "", "priority tag", "then-0-down", "Set the priority stands at place 1 of 2."),
        ("down-0", "", "priority tag", "then-1-up", "Add a tag stands at place 2 of 2."),
        ("up-0", "", "tag priority", "", ""),
        ("down-1", "", "tag priority", "", ""),
        ("drop-7", "", "tag priority", "", ""),
        ("drop-x", "", "tag priority", "", ""),
        ("drop-99999999999999999999", "", "tag priority", "", ""),
        ("fly-1", "", "tag priority", "", ""),
    ],
)
def test_actions_are_added_left_out_and_moved_in_place_and_without_script(
    desk: SmallDesk, browser_as: Open, do: str, kind: str, expected: str, focus: str, told: str
) -> None:
    browser, form = browser_as(desk.alice), sent("refund", ("add_tag", "refund"), ("set_priority", "high"))
    form |= {"do": do, "new_action": kind}
    whole = browser.post("/rules", data=form)
    part = browser.post("/rules/actions", data=form, headers={"HX-Request": "true"})
    names = {"add_tag": "tag", "set_priority": "priority", "assign_nobody": "nobody"}
    for page in (whole, part):
        assert page.status_code == 200
        assert " ".join(names.get(one, one) for one in rows_in(page)) == expected
        assert re.findall(r'id="([\w-]+)"[^>]* autofocus', page.text) == ([focus] if focus else [])
    assert 'value="Money back"' in whole.text
    assert "<html" not in part.text
    assert (told in part.text, part.headers.get("HX-Trigger-After-Swap")) == (
        True,
        "acted" if told else None,
    )
    assert rules.in_order() == []


def test_every_kind_of_action_is_offered_once() -> None:
    assert sorted(kind for _, some in GROUPS for kind in some) == sorted(kinds())


@pytest.mark.parametrize(("also_present", "expected"), [("no", []), ("yes", ["refund"])])
def test_switching_on_asks_about_those_that_are_there(
    desk: SmallDesk, now: datetime, browser_as: Open, also_present: str, expected: list[str]
) -> None:
    ticket = ticket_in(desk, "open", "Refund, please", now)
    sweeps.everything(now)
    browser = browser_as(desk.alice)
    rule = add(browser)
    page = browser.get(f"/rules/{rule.id}/switch").text
    assert "Also 1 ticket that it holds for now" in page
    assert re.search(r'value="no" checked', page)
    answer = browser.post(f"/rules/{rule.id}/switch", data={"on": "yes", "also_present": also_present})
    assert (answer.status_code, answer.location) == (303, "/rules")
    sweeps.everything(datetime.now(now.tzinfo))
    again = db.session.get_one(Ticket, ticket.id)
    assert [tag.name for tag in again.tags] == expected
    browser.post(f"/rules/{rule.id}/switch", data={"on": "no"})
    assert not rules.in_order()[0].enabled


def test_the_order(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    first, second = add(browser, name="First"), add(browser, name="Second")
    answer = browser.post(f"/rules/{second.id}/place", data={"to": "up"})
    assert answer.location == f"/rules#rule_{second.id}"
    assert [rule.id for rule in rules.in_order()] == [second.id, first.id]
    for to, order in (("1", [first, second]), ("7", [first, second]), ("0", [second, first])):
        answer = browser.post(f"/rules/{second.id}/place", data={"to": to}, headers={"HX-Request": "true"})
        assert answer.status_code == 204
        assert [rule.id for rule in rules.in_order()] == [rule.id for rule in order]


def test_removing_a_rule(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    rule = add(browser)
    assert "data-confirm" in browser.get(f"/rules/{rule.id}").text
    for _ in range(2):  # two clicks
        assert browser.post(f"/rules/{rule.id}/removal").status_code == 303
    assert browser.get(f"/rules/{rule.id}").status_code == 404
    assert rules.in_order() == []


def test_all_rules_can_be_stopped(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    add(browser)
    browser.post("/rules/all", data={"on": "no"})
    assert "All rules are stopped." in browser.get("/rules").text
    assert "All rules are stopped." in browser_as(desk.bob).get("/rules").text
    browser.post("/rules/all", data={"on": "yes"})
    assert "Stop all rules" in browser.get("/rules").text


def test_the_starter_pack(desk: SmallDesk, browser_as: Open) -> None:
    with writing(desk.row):
        desk.alice.locale = "ko"
    browser = browser_as(desk.alice)
    keys = [starter.key for starter in load_starters()]
    page = browser.get("/rules/starters").text
    assert all(f'value="{key}"' in page for key in keys)
    answer = browser.post(
        "/rules/starters", data={"starter": ["angry_first", "german", "nonsense"], "on": "yes"}
    )
    assert answer.status_code == 303
    found = rules.in_order()
    assert [(rule.name, rule.enabled) for rule in found] == [("독일어 문의", True), ("화난 고객 먼저", True)]
    page = browser.get("/rules/starters").text
    assert len(re.findall(r'name="starter" value="\w+" disabled', page)) == 2
    browser.post("/rules/starters", data={"starter": ["german"]})
    assert len(rules.in_order()) == 2


def test_versions_are_shown_and_gone_back_to(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    rule = add(browser)
    browser.post(f"/rules/{rule.id}", data=sent("reimburse"))
    page = browser.get(f"/rules/{rule.id}/versions").text
    assert "When: refund → reimburse" in page
    assert "Alice Moor" in page
    answer = browser.post(f"/rules/{rule.id}/versions", data={"number": "1"})
    assert answer.location == f"/rules/{rule.id}/versions"
    assert "Went back to version 1" in browser.get(answer.location).text
    assert rules.text_of(rules.in_order()[0]) == "refund"
    for number in ("9", "x", ""):
        answer = browser.post(f"/rules/{rule.id}/versions", data={"number": number})
        assert (answer.status_code, "The rule has no such version." in answer.text) == (422, True)


def test_a_rule_that_cannot_be_read_is_shown_and_written_anew(
    desk: SmallDesk, browser_as: Open, now: datetime
) -> None:
    manager = browser_as(desk.alice)
    damaged, other = add(manager, name="Damaged"), add(manager, "return", name="Whole")
    manager.post(f"/rules/{other.id}/switch", data={"on": "yes"})
    term = {"field": "langauge", "operator": ":", "values": ["de"]}
    bookkeeping(update(Rule).where(Rule.id == damaged.id).values(query=term))
    bookkeeping(update(Rule).where(Rule.id == other.id).values(failed_at=now, failure="KeyError: 7"))
    for browser, detail in ((manager, True), (browser_as(desk.bob), False)):
        page = browser.get("/rules").text
        assert "unknown field `langauge`" in page
        assert "all other rules went on" in page
        assert ("KeyError: 7" in page) == detail
    assert manager.post(f"/rules/{damaged.id}/switch", data={"on": "yes"}).status_code == 422
    assert manager.get(f"/rules/{damaged.id}/switch").location == f"/rules/{damaged.id}"
    assert manager.get("/rules/starters").status_code == 200
    assert "Damaged" in manager.get(f"/rules/{damaged.id}").text
    assert manager.post(f"/rules/{damaged.id}", data=sent("refund", name="Mended")).status_code == 303
    assert "unknown field" not in manager.get("/rules").text


def test_what_is_long_is_folded_in_the_list(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    words = " OR ".join(f"word{number}" for number in range(30))
    for query, more in (("refund", {}), (words, {}), ("", {"everything": "yes"})):
        add(browser, query, name=f"Rule {query[:6]}", **more)
    page = browser.get("/rules").text
    assert '<code class="query-echo">refund</code>' in page
    assert f'…</code></summary><code class="query-echo">{words}</code></details>' in page
    assert page.count("<details") == 1
    assert "every ticket</span>" in page
    assert f'href="/rules/new?copy={rules.in_order()[0].id}"' in page
    assert "data-copies" not in page


def test_rules_leave_as_a_file_and_come_back(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    for subject in ("Refund", "A refund", "A lamp"):
        ticket_in(desk, "open", subject, now)
    first, second = add(browser, name="First"), add(browser, "lang:de", name="Second")
    answer = browser.get("/rules/file")
    assert answer.mimetype == "application/toml"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rules.toml"'
    assert browser.get(f"/rules/{second.id}/file").text in answer.text
    wrong = answer.text.replace("lang:de", "lang:dee")
    page = browser.post("/rules/import", data={"file": (BytesIO(wrong.encode()), "rules.toml")})
    assert (page.status_code, len(rules.in_order())) == (200, 2)
    assert "Line 10, column 14: `lang` has no value `dee`" in page.text
    assert re.findall(r'name="rule" value="(\d)"( \w+)?', page.text) == [("0", ""), ("1", " disabled")]
    assert re.findall(r"Holds for \d tickets? now", page.text) == ["Holds for 2 tickets now"]
    chosen = {"text": wrong, "rule": ["0", "1", "7"], "do": "add"}
    assert browser.post("/rules/import", data=chosen).status_code == 303
    assert [(rule.name, rule.enabled) for rule in rules.in_order()] == [
        ("First", False),
        ("Second", False),
        ("First", False),
    ]
    assert rules.in_order()[2].actions == first.actions
    for text in ("", "name = ", "[[rule]]\n[other]"):
        assert browser.post("/rules/import", data={"text": text}).status_code == 422
    renamed = answer.text.replace('"First"', '"Anew"').replace("lang:de", "lang:fr")
    for text, told in (
        (answer.text, [("", "there already"), ("", "there already")]),
        (renamed, [("", "there already"), ("", "another of this name is there")]),
        (renamed.replace('"Second"', '"Third"'), [("", "there already"), (" checked", "")]),
    ):
        page = browser.post("/rules/import", data={"text": text}).text
        rows = re.findall(r'name="rule" value="\d"( \w+)?>(.*?)</label>', page, re.S)
        chips = [re.findall(r'class="chip[^>]*>(?:<[^>]+>)*([^<]+)', row) for _, row in rows]
        assert [(box, "".join(chip)) for (box, _), chip in zip(rows, chips, strict=True)] == told
        assert ('primary" name="do" value="add"' in page) == any(box for box, _ in told)
    broken = answer.text.replace("lang:de", "lang:dee").replace('"refund"', '"lang:dee"')
    assert 'value="add"' not in browser.post("/rules/import", data={"text": broken}).text
    page = browser.post("/rules/import", data={"text": answer.text.replace('"lang:de"', '""')})
    assert "holds for every ticket" in page.text
    assert "Holds for 3 tickets now" in page.text
    assert 'value="1" checked' not in page.text
    page = browser.post(
        "/rules/import", data={"text": answer.text.replace("lang:de", "refund -tag:unheard-of")}
    )
    assert page.text.count("Holds for 2 tickets now") == 2  # also with a tag that is to be made


def test_every_action_can_be_written_and_is_read_back(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    """By the form alone: each kind is added, filled in, saved, said in words, and shown again as it was."""
    with writing(desk.row) as row:
        team = teams.add(row, name="Returns", people=[], by=By("clock"), now=now)
    details: dict[str, dict[str, str]] = {
        "remove_tag": {"tag": "old"},
        "set_language": {"language": "ko"},
        "move": {"column": str(desk.columns["waiting"].id)},
        "board": {"board": str(desk.board.id)},
        "set_vip": {"vip": "no"},
        "assign_nobody": {},
        "assign_on_call": {"speaking": "yes"},
        "assign_from_team": {"team": str(team.id), "way": "load"},
        "set_team": {"team": str(team.id)},
        "snooze": {"length": "1d2h"},
        "snooze_until_open": {},
        "add_note": {"text": "For <b>{customer.name}</b>"},
        "reply": {"text": "Hello", "texts_ko": "안녕하세요", "texts_en": ""},
        "tell_person": {"person_id": str(desk.bob.id)},
        "tell_team": {"team": str(team.id)},
        "tell_on_call": {},
        "raise_alert": {},
    }
    form = {
        **sent("refund"),
        "action": list(details),
        **{
            f"then_{n}_{name}": value
            for n, (_, own) in enumerate(details.items())
            for name, value in own.items()
        },
    }
    browser = browser_as(desk.alice)
    assert browser.post("/rules", data=form).status_code == 303
    rule = rules.in_order()[-1]
    assert {one["kind"] for one in rule.actions} == set(details)
    page = browser.get("/rules").text
    for words in (
        "Remove the tag old",
        "Set the language to Korean",
        "Move to Support: Waiting",
        "Customer is VIP: No",
        "Assign to who is on call, only who speaks the ticket&#39;s language",
        "Assign to somebody of the team Returns, who has least to do",
        "Snooze for 1d2h",
        "Add the note “For &lt;b&gt;{customer.name}&lt;/b&gt;”",
        "Answer automatically: “Hello”, Korean: “안녕하세요”",
        "Tell Bob Reyes",
        "Tell the team Returns",
        "Raise an alert",
    ):
        assert words in page
    assert [row_of(one) for one in rule.actions] == [
        Row(kind, {name: value for name, value in own.items() if value}) for kind, own in details.items()
    ]
    assert rows_in(browser.get(f"/rules/{rule.id}")) == list(details)
    text = browser.get("/rules/file").text
    assert browser.post("/rules/import", data={"text": text, "rule": "0", "do": "add"}).status_code == 303
    assert rules.in_order()[-1].actions == rule.actions


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("reply", {"text": "Hi {customer.nam}"}, "nothing is known to put into `{customer.nam}`"),
        ("reply", {"text": "Hi", "texts_ko": "{x}"}, "nothing is known to put into `{x}`"),
        ("reply", {"text": "Hi", "texts_xx": "Hi"}, "a language is missing"),
        ("add_note", {"text": " "}, "a text is missing"),
        ("add_note", {"text": "x" * 4001}, "a text has at most 4000 characters"),
        ("snooze", {"length": "soon"}, "write how long, such as 30m"),
        ("snooze", {"length": "0m"}, "write how long, such as 30m"),
        ("snooze", {"length": "900w"}, "write how long, such as 30m"),
        ("move", {"column": "nowhere"}, "a column is missing"),
        ("move", {"column": "99999"}, "That column is not there any more."),
        ("set_team", {"team": "99999"}, "That team is not there any more."),
        ("board", {"board": "99999"}, "That board is not there any more."),
        ("assign_from_team", {"team": "9" * 40, "way": "turn"}, "a team is missing"),
        ("set_language", {"language": "tlh"}, "a language is missing"),
        ("tell_person", {}, "a person to tell is missing"),
    ],
)
def test_wrong_details_are_named(
    desk: SmallDesk, browser_as: Open, kind: str, values: dict[str, str], said: str
) -> None:
    form = {**sent("refund"), "action": [kind], **{f"then_0_{name}": value for name, value in values.items()}}
    answer = browser_as(desk.alice).post("/rules", data=form)
    assert (answer.status_code, rules.in_order()) == (422, [])
    assert said in answer.get_data(as_text=True)


def test_a_rule_that_has_paused_is_let_go_on(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    rule = add(browser, hourly_cap="7")
    with writing(desk.row) as row:
        rules.switch(row, rule, True, by=By("clock"), now=now)
        rule.paused_at = now
    page = browser.get("/rules").text
    assert "It fired more than 7 times within an hour and has paused by itself" in page
    assert "Let it go on" not in browser_as(desk.bob).get("/rules").text
    assert browser.post(f"/rules/{rule.id}/resumption").status_code == 303
    assert "has paused by itself" not in browser.get("/rules").text
    assert 'value="7"' in browser.get(f"/rules/{rule.id}").text
    assert browser.post("/rules", data=sent("refund", hourly_cap="0")).status_code == 422


def test_who_was_slower_is_told_before_it_replaces(desk: SmallDesk, browser_as: Open) -> None:
    alice, dana = browser_as(desk.alice), browser_as(desk.dana)
    rule = add(alice)
    add(alice, name="Other")
    version = re.search(r'name="version" value="(\d+)"', alice.get(f"/rules/{rule.id}").text)[1]  # type: ignore[index]
    dana.post(
        f"/rules/{rule.id}/switch", data={"on": "yes"}
    )  # neither this nor its place is what the rule says
    dana.post(f"/rules/{rule.id}/place", data={"to": "1"})
    assert alice.post(f"/rules/{rule.id}", data=sent("money", version=version)).status_code == 303
    answer = dana.post(
        f"/rules/{rule.id}", data=sent("parcel", version=version, do="append", new_action="assign")
    )
    assert f'name="version" value="{version}"' in answer.text  # it was not told yet
    answer = dana.post(f"/rules/{rule.id}", data=sent("parcel", version=version))
    assert answer.status_code == 409
    assert "Alice Moor was faster" in answer.text
    assert "parcel</textarea>" in answer.text
    again = re.search(r'name="version" value="(\d+)"', answer.text)[1]  # type: ignore[index]
    assert dana.post(f"/rules/{rule.id}", data=sent("parcel", version=again)).status_code == 303
    assert rules.text_of(rules.found(rule.id)) == "parcel"
