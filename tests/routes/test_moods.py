"""Moods as people see and set them: on the ticket, the card, the list, and in the settings."""

from typing import Any

from app.database import db, writing
from app.desk import messages
from app.mail.lexicon import seeded
from app.mail.mood import hear
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.stories import ticket_in


def test_the_mood_is_shown_with_its_words_and_corrected(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        heard = hear("This is <b>unacceptable</b>!!! I am furious", "en", seeded("en"))
        said = {"text": "...", "from_name": "Kim", "from_address": "kim@example.org"}
        messages.receive(board, row, by=CLOCK, now=now, heard=heard, **said)
    browser, url = browser_as(desk.bob), f"/tickets/{ticket.id}"
    html = browser.get(url).text
    assert html.count("angry: “furious”, “unacceptable”, “!!!”") == 2
    assert "angry</span>" in browser.get(f"/boards/{desk.board.id}").text
    answer = browser.post(f"{url}/mood", data={"mood": "neutral", "expected": "-100"})
    assert answer.status_code == 303
    html = browser.get(url).text
    assert '<option value="neutral" selected>' in html
    assert "Set by a person." in html
    assert "angry</span>" not in browser.get(f"/boards/{desk.board.id}").text
    assert "neutral" in browser.get("/tickets?columns=number,mood").text
    assert "neutral" in browser.get("/tickets.csv?columns=number,mood").text
    for odd, status in (("bored", 422), ("", 422)):
        assert browser.post(f"{url}/mood", data={"mood": odd}).status_code == status
    assert browser.post(f"{url}/mood", data={"mood": "angry", "expected": "-100"}).status_code == 409
    assert browser.post(f"{url}/mood", data={"mood": "angry", "expected": "--5"}).status_code == 422
    said = browser_as(desk.bob).post(f"{url}/mood", data={"mood": "found"}, headers={"HX-Request": "true"})
    assert "angry: “furious”" in said.text
