"""A manager asks what a rule would have done, sees it go on by itself, stops it, asks again, and finds it in the editor."""

from typing import Any

from playwright.sync_api import expect

from app.database import db
from app.desk import backtests
from app.models.backtest import Backtest
from app.sweeps.backtests import READ_FOR
from tests.axe import objections
from tests.desk.test_backtests import TAG, found, refunds, start


def test_it_is_followed_stopped_and_found_again(serve: Any, new_page: Any, desk: Any, now: Any) -> None:
    refunds(desk, now)
    backtest_id = start(desk, backtests.of_draft("Refunds", "refund", TAG, "episode"), now)
    page = new_page(serve(CLOCK="off").url, desk.alice)
    page.goto("/rules")
    page.get_by_role("link", name="Backtests").click()
    expect(page.get_by_role("listitem").filter(has_text="Refunds")).to_contain_text("It is about to begin.")
    page.get_by_role("link", name="Refunds").click()
    progress, shown = page.get_by_role("progressbar"), page.locator("#backtest")
    expect(progress).to_have_accessible_name("It is about to begin.")
    backtests.claim("a clock", now)
    work = backtests.Work(db.session.get_one(Backtest, backtest_id, populate_existing=True), "a clock", now)
    for more, done in ((1, 1), (2, 3)):
        work.slice(more, READ_FOR, now)
        expect(progress).to_have_accessible_name(f"Looked at {done} of 4 tickets.")
        expect(shown.locator(".figure strong").first).to_have_text(str(done))
    assert objections(page) == []
    page.get_by_role("button", name="Stop").click()
    expect(shown).to_contain_text("Stopped after 3 of 4 tickets. This is what was found until then.")
    work.slice(1, READ_FOR, now)  # who works on it writes nothing more
    assert found(backtest_id).looked_at == 3

    page.get_by_role("button", name="Last 30 days").click()
    expect(shown.locator(".figure strong").first).to_have_text("4")
    expect(shown).to_contain_text("50 % · 2 of 4")
    result = page.url

    page.goto("/rules/new?q=refund")
    known = page.locator("#rule-rehearsed")
    expect(known).to_contain_text("You have not asked yet")
    page.get_by_label("Tag", exact=True).fill("refund")
    page.get_by_label("Name", exact=True).fill("Money back")
    expect(known).to_contain_text("It would have acted on 4 tickets.")
    known.get_by_role("link", name="Last 30 days").click()
    expect(page).to_have_url(result)
