"""The page of the automatic answer: texts per language, the preview, and what is refused in place."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from app.database import db, writing
from app.models.channel import Channel
from tests.small import SmallDesk

HOURS = "Monday–Friday 9:00 AM–6:00 PM (Central European Time)"


@pytest.fixture
def dana(desk: SmallDesk, browser_as: Callable[..., Any]) -> Any:
    return browser_as(desk.dana)


def path(channel: Channel) -> str:
    return f"/settings/addresses/{channel.id}/acknowledgement"


def said(answer: Any) -> str:
    return unescape(answer.get_data(as_text=True))


def kept(channel: Channel) -> tuple[bool, dict[str, str]]:
    db.session.rollback()
    db.session.expire_all()
    row = db.session.get_one(Channel, channel.id)
    return row.acknowledges, row.acknowledgements


def test_the_usual_texts_are_there_to_begin_with(desk: SmallDesk, dana: Any) -> None:
    assert "A first message is not answered automatically." in said(
        dana.get(f"/settings/addresses/{desk.email.id}")
    )
    page = said(dana.get(path(desk.email)))
    for text in ("Hello {name},", "{name}님, 안녕하세요.", f"Our opening hours: {HOURS}.", "자동으로 발송"):
        assert text in page
    assert page.count("<textarea") == len(desk.row.languages)


def test_a_preview_saves_nothing(desk: SmallDesk, dana: Any) -> None:
    form = {"on": "y", "text_en": "Hi {name}, {hours}!", "preview": "1"}
    page = said(dana.post(path(desk.email), data=form))
    assert f"Hi Kim Minji, {HOURS}!" in page
    assert "Hi {name}, {hours}!</textarea>" in page
    assert kept(desk.email) == (False, {})


def test_it_is_switched_on_with_texts_of_its_own(desk: SmallDesk, dana: Any) -> None:
    answer = dana.post(
        path(desk.email), data={"on": "y", "text_en": "Hi {name}, {hours}!\r\n", "text_ko": ""}
    )
    assert answer.location == f"/settings/addresses/{desk.email.id}"
    assert "is answered automatically" in said(dana.get(answer.location))
    assert kept(desk.email) == (True, {"en": "Hi {name}, {hours}!"})
    dana.post(path(desk.email), data={"text_en": "Hi {name}, {hours}!"})
    assert kept(desk.email) == (False, {"en": "Hi {name}, {hours}!"})


def test_texts_are_refused_in_place(desk: SmallDesk, dana: Any) -> None:
    answer = dana.post(path(desk.email), data={"on": "y", "text_de": "Hallo {vorname} {hours}"})
    assert answer.status_code == 422
    assert 'id="text_de_error"><p class="error" role="alert">Only {name} and {hours} are filled in.' in said(
        answer
    )
    assert "Hallo {vorname} {hours}</textarea>" in said(answer)
    assert kept(desk.email) == (False, {})


def test_without_hours_it_cannot_be_switched_on(desk: SmallDesk, dana: Any) -> None:
    channel, board = desk.email, desk.board
    with writing(desk.row):
        db.session.get_one(Channel, channel.id).calendar_id = None
        db.session.merge(board).policy_id = None
    assert "There are no opening hours to name." in said(dana.get(path(channel)))
    answer = dana.post(path(channel), data={"on": "y"})
    assert answer.status_code == 422
    assert "Choose opening hours for this address first" in said(answer)


def test_tickets_made_by_hand_have_none(desk: SmallDesk, dana: Any) -> None:
    assert dana.get(path(desk.by_hand)).status_code == 404
    assert dana.post(path(desk.by_hand)).status_code == 404
    assert dana.get("/settings/addresses/999/acknowledgement").status_code == 404
