"""A rule while it is written: text and form in step, what it holds for, how it judges one ticket; nothing is kept."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.database import db, writing
from app.desk import acknowledgements, rules, teams, tickets
from app.models.delivery import Delivery
from app.models.event import CLOCK, Event
from app.models.notification import Notification
from app.models.rule import Rule
from app.models.ticket import Tag
from tests.small import SmallDesk
from tests.stories import ticket_in

Open = Callable[..., Any]
HTMX = {"HX-Request": "true"}
TYPED = {**HTMX, "HX-Target": "query-said", "HX-Trigger": "condition-text"}
FILLED_IN = {**HTMX, "HX-Target": "query-said", "HX-Trigger": "query-0-value-0"}
ROWS = {"query-all": "yes", "query-0-field": "lang", "query-0-was": "lang", "query-0-operator": ":"}
WHOLE = {"name": "Money", "once_per": "episode", "action": "add_tag", "then_0_tag": "refund"}


def text_in(page: Any) -> str:
    """What stands in the field of the text."""
    return re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)[1]  # type: ignore[index]


def test_a_typed_text_becomes_the_form(desk: SmallDesk, browser_as: Open) -> None:
    sent = {"query": "lang:de -refund", "text_was": "", **ROWS, "query-0-value": "fr"}
    answer = browser_as(desk.alice).post("/rules/draft", data=sent, headers=TYPED)
    assert answer.headers["HX-Trigger-After-Swap"] == "drafted"
    assert 'id="query" hx-swap-oob="true"' in answer.text
    assert 'value="de"' in answer.text
    assert 'name="query-1-not" value="yes" checked' in answer.text
    assert "<textarea" not in answer.text  # somebody types in it
    assert 'name="text_was" value="lang:de -refund"' in answer.text


def test_a_mistake_in_the_text_leaves_the_form(desk: SmallDesk, browser_as: Open) -> None:
    sent = {"query": "langauge:de", "text_was": "lang:de", **ROWS, "query-0-value": "de"}
    answer = browser_as(desk.alice).post("/rules/draft", data=sent, headers=TYPED)
    assert "did you mean `lang`?" in answer.text
    assert 'id="query"' not in answer.text
    assert "text_was" not in answer.text


def test_a_form_becomes_the_text(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    sent = {"query": "lang:fr", "text_was": "lang:fr", **ROWS, "query-0-value": "de"}
    answer = browser.post("/rules/draft", data=sent, headers=FILLED_IN)
    assert text_in(answer) == "lang:de"
    assert 'id="query"' not in answer.text  # somebody types in it
    wrong = browser.post("/rules/draft", data={**sent, "query-0-value": "dde"}, headers=FILLED_IN)
    assert re.search(r'class="error" id="query-0-error"[^>]*>`lang` has no value `dde`', wrong.text)
    more = {**sent, "do": "query:row:"}
    answer = browser.post("/rules/draft", data=more, headers={**HTMX, "HX-Target": "query"})
    assert 'id="query-1-field"' in answer.text


def test_what_it_holds_for_is_counted_with_examples(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    for n in range(7):
        ticket_in(desk, "open", f"Refund {n}", now)
    browser = browser_as(desk.alice)
    page = browser.post("/rules/matches", data={"query": "refund"}, headers=HTMX).text
    assert "Holds for 7 unresolved tickets now." in page
    assert re.findall(r"Refund \d", page) == [f"Refund {n}" for n in (6, 5, 4, 3, 2)]
    assert "Holds for" not in browser.post("/rules/matches", data={"query": "refund ("}, headers=HTMX).text
    elsewhere = browser_as(desk.dana).post("/rules/matches", data={"query": "parcel"}, headers=HTMX).text
    assert "Holds for 0 unresolved tickets now." in elsewhere
    page = browser.post("/rules/matches", data={"query": "-customer:vip"}, headers=HTMX).text
    assert len(re.findall(r"Refund \d", page)) == 5


def test_a_ticket_is_tried_term_by_term(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    ticket = ticket_in(desk, "open", "Refund, please", now)
    with writing(desk.board) as board:
        tickets.prioritise(board, ticket, 3, by=desk.bob.by, now=now)
    browser = browser_as(desk.alice)
    sent = {**WHOLE, "query": "refund priority:low", "number": f"#{ticket.id}"}
    page = browser.post("/rules/trial", data=sent, headers=HTMX).text
    assert f"The condition does not hold for #{ticket.id}." in page
    lines = words_of(page)
    assert lines[0] == "does not hold: All of these"
    assert lines[1].startswith("holds: refund in the message of ")
    assert lines[2:] == ["does not hold: priority:low the priority is: Urgent", "acts: Add the tag refund"]
    assert "If its condition held:" in page
    for number in ("", "999999", "x", "1" * 30):
        page = browser.post("/rules/trial", data={**sent, "number": number}, headers=HTMX).text
        assert "There is no ticket of this number" in page
    page = browser.post("/rules/trial", data={**sent, "query": "("}, headers=HTMX).text
    assert "Mend the condition first." in page


def test_each_action_says_whether_it_would_act_and_nothing_is_kept(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    """By the verbs that act: what is so, what a person has just set, what cannot be, what a later one overrules."""
    with writing(desk.row) as row:
        team = teams.add(row, name="Returns", people=[desk.bob.id], by=desk.dana.by, now=now)
    ticket = ticket_in(desk, "open", "Refund, please", now)
    with writing(desk.board) as board:
        tickets.add_tag(board, ticket, "late", by=CLOCK, now=now)
        tickets.prioritise(board, ticket, 3, by=desk.alice.by, now=now)
    last = db.session.scalar(select(func.max(Event.id)))
    actions: list[tuple[str, dict[str, str]]] = [
        ("add_tag", {"tag": "late"}),
        ("set_priority", {"priority": "low"}),
        ("assign_on_call", {}),
        ("assign", {"person_id": str(desk.alice.id)}),
        ("assign_from_team", {"team": str(team.id), "way": "turn"}),
        ("set_language", {"language": "de"}),
        ("add_note", {"text": "{ticket.number} for {board.name}"}),
        ("reply", {"text": "Hello", "texts_de": "Guten Tag {customer.name},\nIhr Ticket {ticket.number}"}),
        ("tell_person", {"person_id": str(desk.bob.id)}),
        ("raise_alert", {}),
        ("snooze", {"length": "soon"}),
        ("add_tag", {"tag": "new"}),
    ]
    sent = {
        "name": "Money",
        "query": "refund",
        "number": str(ticket.id),
        "action": [kind for kind, _ in actions],
    }
    for place, (_, values) in enumerate(actions):
        sent |= {f"then_{place}_{key}": value for key, value in values.items()}
    page = browser_as(desk.alice).post("/rules/trial", data=sent, headers=HTMX).text
    said = words_of(page)[1:]
    assert said[1].startswith("waits: Set the priority to Low · a person has just set it, so it waits: ")
    del said[1]
    assert said == [
        "not done: Add the tag late · it is so already",
        "not done: Assign to who is on call · a later action won",
        "not done: Assign to Alice Moor · a later action won",
        "acts: Assign to somebody of the team Returns, in turn · assigned Bob Reyes",
        "acts: Set the language to German",
        f"acts: Add a note #{ticket.id} for Support",
        f"acts: Answer automatically · in German Guten Tag {ticket.customer.name}, Ihr Ticket #{ticket.id}"
        f" {acknowledgements.automatic_line('de')}",
        "acts: Tell Bob Reyes",
        "acts: Raise an alert",
        "not done: Snooze for soon · write how long, such as 30m, 2h, 1d12h or 1w, at most a year",
        "acts: Add the tag new",
    ]
    assert db.session.scalar(select(func.max(Event.id))) == last
    counts = [
        db.session.scalar(select(func.count()).select_from(kind)) for kind in (Rule, Delivery, Notification)
    ]
    assert counts == [0, 0, 0]
    assert db.session.scalars(select(Tag.name)).all() == ["late"]


def words_of(page: str) -> list[str]:
    """Each line of a trial: its sign and its words."""
    lines = re.findall(
        r'<li><svg class="icon" role="img" aria-label="(.*?)">.*?</svg>(.*?)(?=<li>|</ul>|</li>)',
        page,
        re.DOTALL,
    )
    return [f"{sign}: {' '.join(re.sub('<.*?>', ' ', text).split())}" for sign, text in lines]


def test_without_script_the_page_does_the_same(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    ticket = ticket_in(desk, "open", "Refund, please", now)
    browser = browser_as(desk.alice)
    sent = {
        **WHOLE,
        "query": "refund",
        "text_was": "refund",
        "query-0-field": "words",
        "query-0-value": "money",
    }
    page = browser.post("/rules", data={**sent, "do": "query:row:"})
    assert text_in(page) == "money"  # the text was left alone, the form was not
    assert 'id="query-1-field"' in page.text
    page = browser.post("/rules", data={**sent, "query": "refund lang:de", "do": "check"})
    assert text_in(page) == "refund lang:de"
    assert "Holds for 0 unresolved tickets now." in page.text
    page = browser.post("/rules", data={**sent, "do": "check", "query": "refund ("})
    assert page.status_code == 422
    page = browser.post("/rules", data={**WHOLE, "query": "refund", "do": "try", "number": str(ticket.id)})
    assert f"The condition holds for #{ticket.id}." in page.text
    assert rules.in_order() == []
    browser.post("/rules", data=sent)
    assert rules.text_of(rules.in_order()[0]) == "money"


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_a_rule_for_every_ticket_is_asked_about(
    desk: SmallDesk, now: datetime, browser_as: Open, text: str
) -> None:
    ticket_in(desk, "open", "Refund, please", now)
    browser = browser_as(desk.alice)
    answer = browser.post("/rules", data={**WHOLE, "query": text})
    assert answer.status_code == 422
    assert ("holds for every ticket: 1 unresolved ticket now." in answer.text) == (not text.strip())
    answer = browser.post("/rules", data={**WHOLE, "query": text, "everything": "yes"})
    assert answer.status_code == (422 if text.strip() else 303)
    assert [rules.text_of(rule) for rule in rules.in_order()] == ([] if text.strip() else [""])


def test_a_rule_is_begun_with_a_filter_or_another_rule(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    link = 'href="/rules/new?q=lang%3Ade"'
    for page in (f"/boards/{desk.board.id}?q=lang:de", "/tickets?q=lang:de", "/search?q=lang:de"):
        assert link in browser.get(page).text
        assert link not in browser_as(desk.bob).get(page).text
    page = browser.get("/rules/new?q=assignee:me+lang:de")
    assert text_in(page) == "assignee:me lang:de"
    assert "`me` means nobody in a rule, name a person" in page.text
    browser.post("/rules", data={**WHOLE, "query": "lang:de", "once_per": "ticket", "stop_after": "y"})
    page = browser.get(f"/rules/new?copy={rules.in_order()[0].id}")
    assert text_in(page) == "lang:de"
    assert 'value="Copy of Money"' in page.text
    assert 'value="refund"' in page.text
    assert browser.get("/rules/new?copy=99").status_code == 404


def test_a_look_back_is_refused_where_the_mistake_is(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    sent = {**WHOLE, "name": "", "query": "", "do": "backtest"}  # neither of which a look back needs
    answer = browser.post("/rules", data=sent)
    assert (answer.status_code, answer.location) == (307, "/rules/backtest")
    answer = browser.post("/rules", data=sent, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, "rehearse")
    for headers in ({}, HTMX):
        page = browser.post(
            "/rules", data={**sent, "query": "langauge:de", "then_0_tag": ""}, headers=headers
        )
        assert page.status_code == 422
        assert 'href="#condition"' in page.text
        assert 'href="#then-0-tag"' in page.text
        assert 'data-unsaved="yes"' in page.text
        assert "This field is required." not in page.text
    browser.post("/rules", data={**WHOLE, "query": "refund"})
    rule = rules.in_order()[0]
    answer = browser.post(f"/rules/{rule.id}", data={**sent, "query": "refund"})
    assert answer.location == f"/rules/backtest?rule={rule.id}"


def test_the_editor_says_whether_the_rule_is_on(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    page = browser.get("/rules/new").text
    assert 'href="/rules"' in page
    assert 'value="500"' in page
    assert 'data-unsaved=""' in page
    browser.post("/rules", data={**WHOLE, "query": "refund", "hourly_cap": ""})
    rule = rules.in_order()[0]
    for on in (False, True):
        if on:
            browser.post(f"/rules/{rule.id}/switch", data={"on": "yes"})
        page = browser.get(f"/rules/{rule.id}").text
        assert f'chip-{"good" if on else "paused"}">{"on" if on else "off"}</span>' in page
        assert (f'href="/rules/{rule.id}/switch"' in page, 'name="on" value="no"' in page) == (not on, on)
        assert f'href="/rules/{rule.id}/firings"' in page


def test_a_row_offers_what_the_desk_serves_and_nothing_is_chosen(desk: SmallDesk, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    sent = {"action": ["set_priority", "set_language", "set_language"], "then_2_language": "tl"}
    page = browser.post("/rules/actions", data=sent, headers=HTMX).text
    rows = [re.findall(r"<option[^>]*>[^<]*", one) for one in re.findall(r'id="then-.*?</select>', page)]
    assert rows[0][0] == '<option value="">Choose a priority'
    assert rows[1] == ['<option value="">Choose a language', *rows[1][1:]]
    assert len(rows[1]) == len(desk.row.languages) + 1
    assert rows[2] == [*rows[1], '<option value="tl" selected>Filipino']
    assert not re.search("selected", "".join(rows[0] + rows[1]))


def test_one_value_is_and_several_are_one_of(desk: SmallDesk, browser_as: Open) -> None:
    page = browser_as(desk.alice).get("/rules/new?q=-is:open+lang:de,fr+subject:a").text
    said = re.findall(r'-operator" value=":"><span class="soft">([^<]+)</span>', page)
    assert said == ["is", "is one of", "contains"]
