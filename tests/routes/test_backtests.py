"""The page of what a rule would have done: of a saved rule, of one that stands in the editor, while it runs, and for whom."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db
from app.models.backtest import Backtest
from app.models.rule import Rule
from app.models.ticket import Tag
from tests.desk.test_backtests import refunds
from tests.desk.test_rules import save, switch
from tests.routes.test_rules import sent
from tests.small import SmallDesk

Open = Callable[..., Any]


def newest() -> Backtest:
    db.session.rollback()
    return db.session.scalars(select(Backtest).order_by(Backtest.id.desc())).first()


def test_of_a_rule(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    made = refunds(desk, now)
    rule = save(desk, "subject:refund", now, [{"kind": "add_tag", "tag": "refund"}])
    low = save(desk, "subject:refund", now, [{"kind": "set_priority", "priority": "low"}], name="Low first")
    switch(desk, low, True, now)
    alice = browser_as(desk.alice)
    assert "Not looked at yet" in alice.get(f"/rules/{rule.id}/backtest").text
    answer = alice.post(f"/rules/{rule.id}/backtest", data={"days": "30"})
    assert (answer.status_code, answer.location) == (303, f"/rules/backtests/{newest().id}")
    for address in (answer.location, f"/rules/{rule.id}/backtest"):
        page = alice.get(address).text
        for said in (
            "<strong>4</strong>",
            "50 % · 2 of 4",
            "67 % · 2 of 3",
            f'href="/tickets/{made[0].id}"',
            "All of them in the list",
            "it would miss 1",
            "<rect",
            'text-anchor="end">1</text>',
            '<th scope="row">Mon 2 Nov</th><td class="number">1</td>',
        ):
            assert said in page
        assert "Low first" not in page  # it wants something of another field
    linked = alice.get("/tickets?q=subject:refund+created:%22last+30+days%22").text
    assert all(f'href="/tickets/{ticket.id}"' in linked for ticket in made[:4])


def test_of_what_stands_in_the_editor(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    refunds(desk, now)
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund", ("add_tag", "never heard of")))
    page = alice.get(answer.location).text
    assert "<strong>4</strong>" in page
    assert "Not saved" in page
    assert "nobody did this by hand" in page
    assert not db.session.scalar(select(Rule.id))
    assert not db.session.scalar(select(Tag.id).where(Tag.name == "never heard of"))
    again = alice.post(answer.location, data={"days": "90"})
    assert newest().days == 90
    assert alice.get(again.location).status_code == 200


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (sent("langauge:de"), "did you mean"),
        (sent("refund", ("assign", "")), "a person to assign to is missing"),
        ({"query": "refund"}, "needs something to do"),
        ({**sent("refund"), "days": "8"}, "7, 30 or 90"),
        ({**sent("refund"), "action": "fly"}, "unknown kind"),
    ],
)
def test_what_cannot_be_looked_at(desk: SmallDesk, browser_as: Open, form: dict[str, Any], said: str) -> None:
    answer = browser_as(desk.alice).post("/rules/backtest", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert newest() is None


def test_conflicts_and_terms_that_cannot_be_told(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    refunds(desk, now)
    behind = save(desk, "subject:refund", now, [{"kind": "set_priority", "priority": "low"}], name="Low")
    first = save(desk, "subject:lamp", now, name="Rest", stop_after=True)
    for rule in (behind, first):
        switch(desk, rule, True, now)
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund OR lamp OR due<1h", ("set_priority", "high")))
    page = alice.get(answer.location).text
    assert "wants something else on 4 of these tickets. It stands before this one: this one wins." in page
    assert "on 1 of these tickets this rule would not have been asked" in page
    assert "nothing is remembered" in page
    assert "due&lt;1h" in page


def test_nothing_found(desk: SmallDesk, browser_as: Open) -> None:
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund"))
    assert "It would have acted on no ticket" in alice.get(answer.location).text


def test_a_rule_that_was_changed_since(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    rule = save(desk, "subject:refund", now)
    alice = browser_as(desk.alice)
    answer = alice.post(f"/rules/{rule.id}/backtest", data={"days": "7"})
    alice.post(f"/rules/{rule.id}", data=sent("subject:lamp"))
    assert "not how the rule is saved now" in alice.get(answer.location).text
    assert "Not looked at yet" in alice.get(f"/rules/{rule.id}/backtest").text


def test_while_it_runs(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund"))
    bookkeeping(update(Backtest).values(state="queued", looked_at=2000, total=8000, result={}))
    page = alice.get(answer.location).text
    assert 'hx-trigger="every 1s"' in page
    assert '<progress max="1" value="0.25">' in page
    part = alice.get(answer.location, headers={"HX-Request": "true"}).text
    assert part.startswith('<div id="backtest"')
    assert alice.post(f"{answer.location}/stop").status_code == 303
    stopped = alice.get(answer.location).text
    assert "Stopped after 2000 of 8000 tickets" in stopped
    assert "every 1s" not in stopped


@pytest.mark.parametrize(("error", "said"), [("slow", "in time"), ("KeyError: 1", "in the server's log")])
def test_failed(desk: SmallDesk, browser_as: Open, error: str, said: str) -> None:
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund"))
    bookkeeping(update(Backtest).values(state="failed", error=error, result={}))
    assert said in alice.get(answer.location).text


def test_who_has_not_asked_sees_nothing_of_it(desk: SmallDesk, browser_as: Open) -> None:
    answer = browser_as(desk.alice).post("/rules/backtest", data=sent("refund"))
    dana = browser_as(desk.dana)
    assert dana.get(answer.location).status_code == 404
    assert dana.post(answer.location, data={"days": "7"}).status_code == 404
    assert dana.post(f"{answer.location}/stop").status_code == 404


def test_a_large_desk_is_left_to_the_clock(
    desk: SmallDesk, now: datetime, browser_as: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here: one where there is no time at all within a request."""
    refunds(desk, now)
    monkeypatch.setattr("app.sweeps.backtests.AT_ONCE_FOR", 0.0)
    alice = browser_as(desk.alice)
    answer = alice.post("/rules/backtest", data=sent("refund"))
    assert newest().state == "queued"
    assert "every 1s" in alice.get(answer.location).text
    sweeps.run_backtests(now)
    assert "<strong>4</strong>" in alice.get(answer.location).text


def test_the_editor_knows_what_was_asked_of_exactly_this(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    refunds(desk, now)
    alice, dana = browser_as(desk.alice), browser_as(desk.dana)
    assert "Nothing asked yet" in alice.get("/rules/backtests").text
    assert 'hx-post="/rules/backtest/newest"' in alice.get("/rules/new").text
    form = {**sent("subject:refund", ("add_tag", "refund")), "name": "Refunds"}
    address = alice.post("/rules/backtest", data=form).location

    def known(browser: Any, **changed: Any) -> str:
        return str(browser.post("/rules/backtest/newest", data={**form, **changed}).text)

    assert f'href="{address}"' in known(alice)
    assert "It would have acted on 4 tickets." in known(alice, name="Another name")
    for changed in (
        {"query": "subject:lamp"},
        {"once_per": "ticket"},
        {"query": "langauge:de"},
        {"action": []},
    ):
        assert "not asked yet" in known(alice, **changed)
    assert "not asked yet" in known(dana)

    listed = alice.get("/rules/backtests").text
    assert f'href="{address}"' in listed
    assert "Refunds" in listed
    assert address not in dana.get("/rules/backtests").text
    for state, said in (
        ({"state": "queued", "result": {}}, "about to begin"),
        ({"state": "running", "looked_at": 3, "total": 9, "result": {"tickets": 1}}, "Looked at 3 of 9"),
        ({"state": "stopped", "result": {"tickets": 1}}, "until then it would have acted on 1 ticket."),
        ({"state": "stopped", "result": {}}, "Stopped before it began"),
        ({"state": "failed", "result": {}}, "It has failed"),
    ):
        bookkeeping(update(Backtest).values(**state))
        part = known(alice)
        assert said in part
        assert ("load delay:2s" in part) == (state["state"] in ("queued", "running"))
        assert said in alice.get("/rules/backtests").text
    bookkeeping(update(Backtest).values(query={"term": "nonsense"}))
    assert alice.get("/rules/backtests").status_code == 200
    assert "not asked yet" in known(alice)
