"""Opening hours in words, as a customer reads them."""

import pytest

from app.desk.acknowledgements import usual_text
from app.desk.opening_hours import in_words
from app.desk.setup import LANGUAGES
from rules.hours import Calendar

OFFICE = Calendar("Europe/Berlin", dict.fromkeys(range(5), (("09:00", "18:00"),)))
SPLIT = Calendar(
    "Asia/Seoul",
    {0: (("09:00", "12:00"), ("13:00", "18:00")), 1: (("22:00", "02:00"),), 2: (("22:00", "02:00"),)}
    | {6: (("10:00", "24:00"),)},
)
NIGHT_AND_DAY = Calendar("UTC", dict.fromkeys(range(7), (("00:00", "24:00"),)))


@pytest.mark.parametrize(
    ("week", "language", "said"),
    [
        (OFFICE, "en", "Monday–Friday 9:00 AM–6:00 PM (Central European Time)"),
        (OFFICE, "de", "Montag–Freitag 09:00–18:00 (Mitteleuropäische Zeit)"),
        (OFFICE, "ko", "월요일–금요일 09:00–18:00 (중부유럽 시간)"),
        (OFFICE, "xx", "Monday–Friday 9:00 AM–6:00 PM (Central European Time)"),
        (
            SPLIT,
            "ko",
            "월요일 09:00–12:00, 13:00–18:00; 화요일, 수요일 22:00–02:00; 일요일 10:00–24:00 (대한민국 시간)",
        ),
        (Calendar("UTC", {5: (("09:00", "12:30"),)}), "en", "Saturday 9:00 AM–12:30 PM (UTC)"),
        (NIGHT_AND_DAY, "en", "always"),
        (Calendar("UTC", always=True), "en", "always"),
    ],
)
def test_hours_in_words(week: Calendar, language: str, said: str) -> None:
    assert in_words(week, language, "always") == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words(language: str) -> None:
    said = in_words(OFFICE, language, "always")
    assert "18" in said or "6:00" in said
    text = usual_text(language)
    assert "{name}" in text
    assert "{hours}" in text
    assert language == "en" or text != usual_text("en")
