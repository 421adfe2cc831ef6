"""Moods and languages as people see and set them: on the ticket, the card, the list, and in the settings."""

from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import messages, mood_lists, moods
from app.mail.lexicon import seeded
from app.mail.mood import hear
from app.models.event import CLOCK, Event
from app.models.mood_list import MoodList, words_of
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


def test_words_are_changed_tried_and_reset(desk: Any, browser_as: Any) -> None:
    browser, url = browser_as(desk.alice), "/settings/moods/de"
    assert "unverschämt* -75" in browser.get(url).text
    data = {
        "words": "Lampenfieber -80\nganz toll  +60\n",
        "tried": "Ich habe wieder Lampenfieber, eine Frechheit!",
    }
    tried = unescape(browser.post(url, data={**data, "try": "1"}).text)
    assert "angry: “Lampenfieber”" in tried
    assert (
        "Unknown: too short"
        in browser.post(url, data={**data, "tried": "Frechheit, wirklich.", "try": "1"}).text
    )
    assert words_of("de") == seeded("de")
    assert 'name="empty"' not in browser.get(url).text
    asked = browser.post(url, data={**data, "words": " \n"})
    assert (asked.status_code, 'name="empty"' in asked.text, words_of("de")) == (422, True, seeded("de"))
    assert browser.post("/settings/moods/es", data={"words": "", "empty": "y"}).status_code == 303
    assert words_of("es") == ()
    assert browser.post("/settings/moods/es", data={"words": ""}).status_code == 303  # it was empty already
    assert browser.post("/settings/moods/es/removal").status_code == 303
    assert browser.post(url, data=data).status_code == 303
    assert set(words_of("de")) == {("Lampenfieber", -80), ("ganz toll", 60)}
    assert moods.listen("Das ist mir eine Frechheit", "de").words == ()
    assert moods.listen("Ich habe Lampenfieber heute", "de").angry == 80
    assert "Lampenfieber -80\nganz toll 60" in browser.get(url).text
    assert ">changed<" in browser.get("/settings/moods").text
    assert browser.post(f"{url}/removal").status_code == 303
    assert words_of("de") == seeded("de")
    assert db.session.scalars(select(MoodList)).all() == []
    told = db.session.scalars(select(Event.changes).where(Event.kind == "moods.changed")).all()
    assert [(one["new"], len(one["words"]["removed"])) for one in told if one["new"] == "de"] == [
        ("de", len(seeded("de"))),
        ("de", 2),
    ]
    for unknown in ("xx", "pt", "..", "%00"):
        assert browser.get(f"/settings/moods/{unknown}").status_code == 404
        assert browser.post(f"/settings/moods/{unknown}", data=data).status_code in (404, 405)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fine -5\nunacceptable", "Line 2: write a word and behind it a number"),
        ("bad -101", "Line 1: write a word"),
        ("-50", "Line 1: write a word"),
        ("bad -5\n\nBAD 7", "Line 3: “BAD” stands there twice."),
        ("no * -5", "Line 1: a `*` stands at the end of a word."),
        ("a" * 61 + " 5", "Line 1: a word has at most 60 characters."),
        ("\n".join(f"w{n} 1" for n in range(2_001)), "A list has at most 2000 words."),
    ],
)
def test_a_line_that_says_nothing_is_refused(words: str, said: str, desk: Any, browser_as: Any) -> None:
    answer = browser_as(desk.alice).post("/settings/moods/en", data={"words": words})
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert words_of("en") == seeded("en")


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ko", "ja"])
def test_each_list_is_written_as_it_is_read(language: str) -> None:
    assert set(mood_lists.read(mood_lists.written(seeded(language)))) == set(seeded(language))


def test_how_sure_a_language_is_stands_beside_it(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now, language="de", confidence=64)
    browser, url = browser_as(desk.bob), f"/tickets/{ticket.id}"
    assert "Not quite sure: 64 %." in browser.get(url).text
    with writing(desk.board):
        db.session.get_one(Ticket, ticket.id).language_confidence = 20
    assert "As set for this customer" in browser.get(url).text
    customer = browser_as(desk.bob).get(f"/customers/{ticket.customer_id}").text
    assert "Found in what they wrote." in customer
    browser.post(f"{url}/language", data={"language": "en"})
    assert "rail_language_why" not in browser.get(url).text
    assert "Set by a person: it counts" in browser.get(f"/customers/{ticket.customer_id}").text
    browser.post(f"{url}/language", data={"language": ""})
    assert "Unknown: what was written is too short" in browser.get(url).text
