"""The log of a rule, and taking back what it did to many tickets at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import tickets
from app.models.delivery import Delivery
from app.routes import rule_firings
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, fresh, priority, tag, tags

Open = Callable[..., Any]
HOUR = timedelta(hours=1)


def test_the_log_by_pages(desk: SmallDesk, browser_as: Open, now: datetime, monkeypatch: Any) -> None:
    monkeypatch.setattr(rule_firings, "A_PAGE", 2)
    rule = add_rule(desk, "lamp", now, tag("lamp"), name="Lamps")
    address = f"/rules/{rule.id}/firings"
    agent, manager = browser_as(desk.bob), browser_as(desk.alice)
    assert "It has not acted yet" in agent.get(address).text
    ones = [ticket_in(desk, "open", f"A lamp {n}", now) for n in range(5)]
    for hours in range(2):
        sweeps.wake_tickets(now - hours * HOUR)
    seen, page = [], agent.get(address).text
    assert "Acted 5 times in 24 hours" in page
    assert "added the tag lamp" in page
    while True:
        seen += [one.id for one in ones if f'href="/tickets/{one.id}"' in page]
        older = page.partition(f'href="{address}?before=')[2].partition('"')[0]
        if not older:
            break
        page = agent.get(f"{address}?before={older}").text
    assert sorted(seen) == [one.id for one in ones]
    assert ("firings/undo?since" in page, "firings/undo?since" in manager.get(address).text) == (False, True)
    elsewhere = browser_as(desk.charlie).get(address).text
    assert "It has not acted yet" in elsewhere
    assert "Acted 0 times in 24 hours" in elsewhere
    assert "Acted 5 times in 7 days" in manager.get("/rules").text


def test_a_batch_is_taken_back(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, tag("lamp"), name="Lamps")
    add_rule(desk, "lamp", now, priority("high"), name="Urgency")
    early = ticket_in(desk, "open", "An early lamp", now - 2 * HOUR)
    sweeps.wake_tickets(now - 2 * HOUR)
    ones = [ticket_in(desk, "open", f"A lamp {n}", now) for n in range(3)]
    sweeps.wake_tickets(now)
    with writing(desk.board) as board:
        tickets.remove_tag(board, fresh(ones[0]), "lamp", by=desk.bob.by, now=now)
    manager, address = browser_as(desk.alice), f"/rules/{rule.id}/firings/undo"
    since = {"since": (now - HOUR).isoformat()}
    question = manager.get(address, query_string=since).text
    assert "Take back what it did to 2 tickets?" in question
    assert "On 1 more ticket nothing is left to undo." in question
    assert "An early lamp" not in question
    assert f'Since <time datetime="{now - HOUR:%Y-%m-%dT%H}' in question
    assert tags(ones[1]) == ["lamp"]

    answer = manager.post(address, data=since)
    assert (answer.status_code, answer.location) == (303, f"/rules/{rule.id}/firings")
    log = manager.get(answer.location).text
    assert "Taken back on 2 tickets." in log
    assert "Today 09:00–10:00" in log
    assert (log.count("undone</span>"), log.count("changed since</span>")) == (2, 1)
    assert log.count("Undo this hour") == 1  # of the early one
    assert [tags(one) for one in (early, *ones)] == [["lamp"], [], [], []]
    assert fresh(ones[1]).priority == 2  # what the other rule did stays
    sweeps.wake_tickets(now + HOUR)
    assert tags(ones[1]) == []
    again = manager.post(address, data=since)
    assert (again.status_code, "Nothing is left to undo" in again.text) == (409, True)

    whole = {"since": (now - 3 * HOUR).isoformat(), "until": (now - HOUR).isoformat()}
    answer = manager.post(address, data=whole)
    assert (answer.status_code, answer.location) == (303, f"/rules/{rule.id}/firings")
    assert tags(early) == []
    assert "It has done nothing" in manager.get(address, query_string={"since": "2100-01-01T09:00"}).text
    for text in ("", "soon", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00"):
        assert manager.get(address, query_string={"since": text}).status_code == 422
    assert browser_as(desk.bob).post(address, data=since).status_code == 403


def test_an_hour_is_taken_back_with_its_answers_and_says_what_stays(
    desk: SmallDesk, browser_as: Open, now: datetime, monkeypatch: Any
) -> None:
    """However many steps it takes to look through what was done."""
    monkeypatch.setattr(rule_firings, "MOST", 2)
    then = {"kind": "reply", "text": "We have it."}, {"kind": "add_note", "text": "Look"}
    rule = add_rule(desk, "lamp", now, *then, {"kind": "set_vip", "vip": True}, name="Lamps")
    ones = [ticket_in(desk, "open", f"A lamp {n}", now) for n in range(3)]
    sweeps.wake_tickets(now)
    manager, address = browser_as(desk.alice), f"/rules/{rule.id}/firings/undo"
    since = {"since": (now - HOUR).isoformat()}
    for count in (2, 1):
        assert f"Take back what it did to {count} ticket" in manager.get(address, query_string=since).text
        manager.post(address, data=since)
        log = manager.get(f"/rules/{rule.id}/firings").text
        assert "What cannot be undone: wrote a note" in log
        assert "/undo/" not in log  # to do it again would not send the answers
    assert log.count("partly undone") == 3
    assert "Undo this hour" not in log
    assert set(db.session.scalars(select(Delivery.state))) == {"cancelled"}
    assert fresh(ones[0]).customer.vip is False
