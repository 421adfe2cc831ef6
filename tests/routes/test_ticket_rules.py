"""Why and why not over the web: in the sheet, on a page, and taking back what a rule did."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.models.rule import RuleFiring
from tests.desk.boards import second_board, ticket_on
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, fresh, tag, tags

Open = Callable[..., Any]
HTMX = {"HX-Request": "true"}


def test_a_ticket_says_why(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    rule = add_rule(desk, 'lamp "<b>"', now, tag("never"), name="<b>Bold</b>")
    add_rule(desk, "lamp -lang:de", now, tag("lamp"), name="Lamps")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    agent, manager = browser_as(desk.bob), browser_as(desk.alice)
    page = agent.get(f"/tickets/{ticket.id}").text
    assert page.count(f'href="/tickets/{ticket.id}/rules"') == 2
    whole = agent.get(f"/tickets/{ticket.id}/rules").text
    part = agent.get(f"/tickets/{ticket.id}/rules", headers=HTMX).text
    assert "<html" in whole
    assert "<html" not in part
    for said in ("&lt;b&gt;Bold", "does not hold", "All of these", "-lang:de", "added the tag lamp"):
        assert said in whole
        assert said in part
    assert "<b>Bold" not in whole
    address = f'href="/rules/{rule.id}"'
    assert (address in whole, address in manager.get(f"/tickets/{ticket.id}/rules").text) == (False, True)
    assert browser_as(desk.charlie).get(f"/tickets/{ticket.id}/rules").status_code == 404


def test_what_holds_stands_first_and_what_of_many_did_not_is_folded(
    desk: SmallDesk, browser_as: Open, now: datetime
) -> None:
    words = "(sofa OR chair OR desk OR lamp OR (bed OR cot OR crib))"
    add_rule(desk, words, now, tag("lamp"), name="Things")
    add_rule(desk, "tag:lamp", now, tag("lamp"), name="Again")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    page = browser_as(desk.bob).get(f"/tickets/{ticket.id}/rules").text
    assert page.index(f'href="/tickets/{ticket.id}"') < page.index("Things")  # back, before anything else
    terms = [page.index(f'breaks">{word}<') for word in ("lamp", "sofa", "chair", "desk", "bed", "crib")]
    assert terms == sorted(terms)
    assert terms[0] < page.index('<summary class="soft">4 lines do not hold') < terms[1]
    assert terms[3] < page.index('At least one of these <span class="soft">(3)</span></summary>') < terms[4]
    idle = page[page.index("Again") :]
    assert "did nothing" in idle
    assert '#check"' not in idle[idle.index("<time") - 200 : idle.index("<time")]


def test_korean(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "A lamp", now)
    with writing(desk.row):
        desk.bob.locale = "ko"
        db.session.merge(desk.bob)
    assert "이 데스크에는 규칙이 없습니다" in browser_as(desk.bob).get(f"/tickets/{ticket.id}/rules").text


def test_what_a_rule_did_is_taken_back(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    add_rule(desk, "lamp", now, tag("lamp"), name="Lamps")
    ones = [ticket_in(desk, "open", f"A lamp {n}", now) for n in range(2)]
    sweeps.wake_tickets(now)
    found = {row.ticket_id: row.id for row in db.session.scalars(select(RuleFiring))}
    agent = browser_as(desk.bob)
    first, second = (f"/tickets/{one.id}/firings/{found[one.id]}/undo" for one in ones)
    answer = agent.post(first)
    assert (answer.status_code, answer.location) == (303, f"/tickets/{ones[0].id}")
    answer = agent.post(second, headers=HTMX, data={"from": "sheet"})
    what = json.loads(answer.headers["HX-Trigger"])
    assert (answer.status_code, set(what)) == (204, {"toast", "sheet:done"})
    assert [tags(one) for one in ones] == [[], []]
    again = agent.post(second, headers=HTMX, data={"from": "sheet"})
    assert (again.status_code, "Bob Reyes has undone this already" in again.text) == (409, True)
    assert agent.post(what["toast"]["undo"]).status_code == 303
    assert tags(ones[1]) == ["lamp"]
    other = f"/tickets/{ones[0].id}/firings/{found[ones[1].id]}/undo"
    assert agent.post(other).status_code == 404
    assert browser_as(desk.charlie).post(first).status_code == 404


def test_what_cannot_be_undone_is_named(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    """In the toast, beside the ticket and in the log of the rule; its customer is marked on every board, also on
    one that whoever undoes it does not see."""
    other = second_board(desk, now, desk.charlie.id)
    then = tag("lamp"), {"kind": "add_note", "text": "Look"}, {"kind": "set_vip", "vip": True}
    rule = add_rule(desk, "lamp", now, *then, {"kind": "tell_person", "person_id": desk.alice.id})
    ticket_in(desk, "open", "Sofa", now)
    ticket = ticket_on(other, desk, "A lamp", now)
    sweeps.wake_tickets(now)
    (firing,) = db.session.scalars(select(RuleFiring))
    agent = browser_as(desk.charlie)
    address = f"/tickets/{ticket.id}/firings/{firing.id}/undo"
    answer = agent.post(address, headers=HTMX, data={"from": "sheet"})
    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert toast["text"].endswith("What cannot be undone: wrote a note, told Alice Moor")
    assert toast["undo"] is None
    assert (tags(ticket), fresh(ticket).customer.vip) == ([], False)
    for page in (f"/tickets/{ticket.id}/rules", f"/rules/{rule.id}/firings"):
        text = agent.get(page).text
        assert "partly undone" in text
        assert "Cannot be undone: wrote a note, told Alice Moor" in text
        assert "Charlie Stone · <time" in text
