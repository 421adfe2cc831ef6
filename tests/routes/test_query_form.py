"""A query as a form, as a page without script and as the part that the dialog asks for."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from werkzeug.datastructures import MultiDict

from app.conditions import read, shown
from app.database import db, writing
from app.models.ticket import Tag
from rules.form import from_form, to_form
from rules.query import Query, parse, to_text
from tests.rules.trees import trees
from tests.small import SmallDesk

NAMES: dict[str, dict[str, str | int]] = {
    name: {"none": 1, "Anna Weiß": 2, "gone, but here": 987_654}
    for name in ("tag", "assignee", "channel", "team", "company", "board", "during")
}
IDS = dict.fromkeys(NAMES, (1, 2))
HTMX = {"HX-Request": "true"}


class Fields(HTMLParser):
    """What a browser would send of the form `query-form`, without its buttons."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.sent: MultiDict[str, str] = MultiDict()
        self._inside, self._select, self._chosen = False, "", ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._inside = self._inside or values.get("id") == "query-form"
        if not self._inside:
            return
        if tag == "select":
            self._select, self._chosen = values["name"], ""
        elif tag == "option" and self._select and ("selected" in values or not self._chosen):
            self._chosen = values["value"]
        elif tag == "input" and (values.get("type") != "checkbox" or "checked" in values):
            self.sent.add(values["name"], values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.sent.add(self._select, self._chosen)
            self._select = ""
        self._inside = self._inside and tag != "form"


@given(tree=trees(IDS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_drawn_comes_back(app: Any, tree: Query) -> None:
    """Text, tree and form without loss, through the page and what a browser sends of it."""
    from flask import render_template

    from app import conditions

    form, _ = shown(to_form(tree, names=NAMES), NAMES)
    with app.test_request_context():
        markup = render_template(
            "queries/_form.html",
            form=form,
            text="",
            at="/tickets",
            field_groups=conditions.FIELD_GROUPS,
            said=conditions.SAID,
        )
    assert from_form(read(Fields(markup).sent), me=True, names=NAMES) == tree


@pytest.fixture
def desk_with_tags(desk: SmallDesk) -> SmallDesk:
    with writing(desk.row):
        db.session.add_all(Tag(name=name) for name in ("refund", "really bad"))
    return desk


def test_a_filter_is_put_together_without_script(
    desk_with_tags: SmallDesk, browser_as: Callable[..., Any]
) -> None:
    """Each step sends what the page before it held."""
    browser = browser_as(desk_with_tags.bob)
    sent = Fields(browser.get("/queries/form?at=/tickets%3Fsort%3Ddue").text).sent

    def step(do: str, **values: Any) -> Any:
        nonlocal sent
        for name, value in values.items():
            sent.setlist(name.replace("_", "-"), value if isinstance(value, list) else [value])
        page = browser.post("/queries/form", data={**sent.to_dict(flat=False), "do": do})
        if page.status_code != 303:
            sent = Fields(page.text).sent
        return page

    assert '<option value="refund">' not in step("query:row:").text
    page = step("", query_0_field="tag")  # without the button of a change: as the select's own event sends it
    assert '<option value="really bad"></option>' in page.text
    step("query:value:0", query_0_value="refund", query_0_not="yes")
    step("query:group:", query_0_value=["refund", "really bad"], query_1_value="lamp")
    step("", query_2_0_field="is", query_2_1_field="waiting")
    page = step("", query_2_0_value="open", query_2_1_operator=">", query_2_1_value="2h")
    assert "-tag:refund,&#34;really bad&#34; lamp (is:open OR waiting&gt;2h)" in page.text
    page = step("query:removal:1")
    assert "really bad&#34; (is:open" in page.text
    answer = step("use")
    assert (answer.status_code, answer.location) == (
        303,
        "/tickets?sort=due&q=-tag%3Arefund%2C%22really+bad%22+%28is%3Aopen+OR+waiting%3E2h%29",
    )
    assert browser.get(answer.location).status_code == 200


def test_mistakes_are_told_where_they_are(desk_with_tags: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(desk_with_tags.bob)
    sent = Fields(browser.get("/queries/form?q=lamp+tag:refund&at=/boards/1").text).sent
    sent["query-1-value"] = "refnud"
    page = browser.post("/queries/form", data={**sent.to_dict(flat=False), "do": "use"})
    assert page.status_code == 422
    wrong = page.text.partition('id="query-1-error"')[2]
    assert "`tag` has no value `refnud`, did you mean `refund`?" in wrong.partition("</p>")[0]
    assert "lamp tag:refnud" in page.text
    typing = browser.post(
        "/queries/form",
        data=sent.to_dict(flat=False),
        headers={**HTMX, "HX-Target": "query-said", "HX-Trigger": "query-1-value-0"},
    ).text
    assert 'id="query-1-error" role="status" hx-swap-oob="true">`tag` has no value' in typing
    assert '<datalist id="query-1-offered" hx-swap-oob="true">' in typing
    sent["query-1-value"] = "bad"
    typing = browser.post(
        "/queries/form",
        data=sent.to_dict(flat=False),
        headers={**HTMX, "HX-Target": "query-said", "HX-Trigger": "query-1-value-0"},
    ).text
    assert '<option value="really bad"></option></datalist>' in typing
    assert "<select" not in typing


def test_what_does_not_parse_is_shown_and_not_lost(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    page = browser_as(desk.bob).get("/queries/form?q=lamp+langauge:de")
    assert page.status_code == 422
    assert "lamp <mark>l</mark>angauge:de" in page.text


def test_the_dialog_goes_to_the_page(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(desk.bob)
    part = browser.get(f"/queries/form?q=is:open&at=/boards/{desk.board.id}", headers=HTMX).text
    assert "<html" not in part
    answer = browser.post("/queries/form", data={**Fields(part).sent, "do": "use"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/boards/{desk.board.id}?q=is%3Aopen"


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/boards/1/../../x", "/people", "", "/tickets\n"]
)
def test_it_leads_nowhere_else(desk: SmallDesk, browser_as: Callable[..., Any], place: str) -> None:
    sent = {"at": place, "do": "use", "query-0-field": "words", "query-0-value": "lamp"}
    assert browser_as(desk.bob).post("/queries/form", data=sent).location == "/tickets?q=lamp"


@pytest.mark.parametrize(
    "sent",
    [
        {"query-999-999-field": "tag", "query-999-999-value": "x", "do": "query:value:999-999"},
        {"query" + "-0" * 50 + "-field": "words", "query" + "-0" * 50 + "-value": "lamp", "do": "use"},
        {"query-0-field": "tag OR is", "query-0-value": "a", "query-0-operator": ":(", "do": "use"},
        {"query-0-field": "words", "query-0-value": '") OR (', "do": "query:group:0-0-0"},
        {"do": "query:removal:"},
        {f"query-{n}-field": "words" for n in range(300)} | {f"query-{n}-value": "a" for n in range(300)},
    ],
)
def test_odd_forms_are_answered(
    desk: SmallDesk, browser_as: Callable[..., Any], sent: dict[str, str]
) -> None:
    assert browser_as(desk.bob).post("/queries/form", data=sent).status_code in (200, 303, 422)


def test_names_are_only_those_one_may_see(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    for person, seen in ((desk.bob, True), (desk.charlie, False)):
        page = browser_as(person).get("/queries/form?q=board:%231" if seen else "/queries/form").text
        sent = {"query-0-field": "board", "query-0-was": "words"}
        page = browser_as(person).post("/queries/form", data=sent).text
        assert (f'<option value="{desk.board.name}">' in page) is seen


def test_every_query_box_has_it(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(desk.bob)
    assert to_text(parse("is:open")) == "is:open"
    for page in (f"/boards/{desk.board.id}", "/tickets", "/search"):
        assert f'href="/queries/form?q=is%3Aopen&amp;at={page}"' in browser.get(f"{page}?q=is:open").text
        assert 'data-copies="is:open"' in browser.get(f"{page}?q=is:open").text
