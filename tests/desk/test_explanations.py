"""Each step of a deadline as its reader hears it, in both languages and in the reader's zone."""

from datetime import UTC, date, datetime

import pytest

from app.desk.explanations import sentences, span
from app.words import speaking
from rules.deadlines import Deadline, Step

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)  # a Tuesday


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


STEPS = [
    (Step("target", 14400, at(3, 8)), "Target: 4 h of opening hours", "목표: 운영 시간 4시간"),
    (
        Step("round_the_clock", 1800, at(3, 8)),
        "Target: 30 min, day and night, because it came out of hours",
        "목표: 24시간 기준 30분 (운영 시간 외 접수)",
    ),
    (
        Step("worked", 9000, at(3, 8), at(3, 10, 30), date(2026, 11, 3)),
        "2 h 30 min: today 09:00–11:30",
        "2시간 30분: 오늘 09:00–11:30",
    ),
    (  # midnight in Berlin belongs to the day that ends
        Step("worked", 3600, at(3, 22), at(3, 23), date(2026, 11, 3)),
        "1 h: today 23:00–24:00",
        "1시간: 오늘 23:00–24:00",
    ),
    (
        Step("worked", 7200, at(4, 22), at(5, 0), date(2026, 11, 4)),
        "2 h: tomorrow 23:00 – Thu 5 Nov 01:00",
        "2시간: 내일 23:00 – 11월 5일 (목) 01:00",
    ),
    (
        Step("stretch", 162000, at(9, 0), at(14, 0), date(2026, 11, 9), 5),
        "45 h: Mon 9 Nov – Fri 13 Nov",
        "45시간: 11월 9일 (월) – 11월 13일 (금)",
    ),
    (
        Step("summary", 3600, at(9, 8), at(9, 17)),
        "1 h: Mon 9 Nov 09:00–18:00, told together",
        "1시간: 11월 9일 (월) 09:00–18:00 (합계)",
    ),
    (
        Step("holiday", 0, at(5, 0), at(6, 0), date(2026, 11, 5), name="Founders' day"),
        "Not counted: Thu 5 Nov, holiday (Founders' day)",
        "제외: 11월 5일 (목), 휴일(Founders' day)",
    ),
    (
        Step("holiday", 0, at(5, 0), at(7, 0), date(2026, 11, 5), 2, "설날"),
        "Not counted: Thu 5 Nov – Fri 6 Nov, holiday (설날)",
        "제외: 11월 5일 (목) – 11월 6일 (금), 휴일(설날)",
    ),
    (
        Step("paused", 7200, at(2, 9), at(2, 11), name="waiting"),
        "Not counted: 2 h, yesterday 10:00–12:00, waiting on the customer",
        "제외: 2시간, 어제 10:00–12:00, 고객 답변 대기",
    ),
    (
        Step("paused", 0, at(3, 9), None, name="resolved"),
        "Not counted since today 10:00: resolved",
        "오늘 10:00부터 제외: 해결",
    ),
    (Step("left", 5400), "1 h 30 min were left", "남은 시간: 1시간 30분"),
    (Step("left", 0), "Nothing was left", "남은 시간 없음"),
    (Step("due", until=at(3, 13, 30)), "Due: today 14:30", "기한: 오늘 14:30"),
]


@pytest.mark.parametrize(("step", "english", "korean"), STEPS, ids=[step.kind for step, *_ in STEPS])
def test_each_step(step: Step, english: str, korean: str) -> None:
    deadline = Deadline("resolution", "running", None, None, 0, explanation=(step,))
    for language, expected in (("en", english), ("ko", korean)):
        with speaking(language):
            assert sentences(deadline, "Europe/Berlin", NOW) == [expected]


def test_the_day_is_the_readers() -> None:
    deadline = Deadline("resolution", "running", None, None, 0, explanation=(Step("due", until=at(3, 16)),))
    with speaking("en"):
        assert sentences(deadline, "Asia/Seoul", NOW) == ["Due: tomorrow 01:00"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3660, "1 h 1 min"), (3659, "1 h")],
)
def test_spans(seconds: int, said: str) -> None:
    with speaking("en"):
        assert span(seconds) == said
