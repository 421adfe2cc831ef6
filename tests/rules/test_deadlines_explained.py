"""A deadline explains itself, as data."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from rules.deadlines import FIRST_RESPONSE, RESOLUTION, Facts, Policy, Step, deadlines
from rules.hours import Calendar

HOUR = 3600
OFFICE = dict.fromkeys(range(5), (("09:00", "18:00"),))
SPLIT = dict.fromkeys(range(5), (("09:00", "12:00"), ("13:00", "18:00")))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def explained(
    arrived: str,
    now: str,
    states: dict[str, str] | None = None,
    target: int = 8 * HOUR,
    kind: str = RESOLUTION,
    calendar: Calendar | None = None,
    night_target: int | None = None,
) -> tuple[Step, ...]:
    history = tuple((state, at(since)) for since, state in (states or {}).items())
    ticket = Facts(arrived_at=at(arrived), priority="p", states=history)
    policy = Policy(
        {"p": {kind: target}}, round_the_clock={} if night_target is None else {"p": night_target}
    )
    (found,) = deadlines(ticket, policy, calendar or Calendar("Europe/Berlin", OFFICE), at(now))
    return found.explanation


def test_the_sentence_of_the_design() -> None:
    """8 h target: 2 h today until 18:00, Thursday is a holiday, 2 h waiting not counted, 6 h Friday."""
    calendar = Calendar("Europe/Berlin", OFFICE, {date(2026, 3, 5): "Founders' Day"})
    steps = explained(
        "2026-03-04 16:00",
        "2026-03-06 12:00",
        {"2026-03-06 09:00": "waiting", "2026-03-06 11:00": "open"},
        calendar=calendar,
    )
    assert steps == (
        Step("target", 8 * HOUR, at("2026-03-04 16:00")),
        Step("worked", 2 * HOUR, at("2026-03-04 16:00"), at("2026-03-04 18:00"), date(2026, 3, 4)),
        Step(
            "holiday",
            0,
            at("2026-03-05 00:00"),
            at("2026-03-06 00:00"),
            date(2026, 3, 5),
            name="Founders' Day",
        ),
        Step("paused", 2 * HOUR, at("2026-03-06 09:00"), at("2026-03-06 11:00"), name="waiting"),
        Step("worked", 6 * HOUR, at("2026-03-06 11:00"), at("2026-03-06 17:00"), date(2026, 3, 6)),
        Step("due", until=at("2026-03-06 17:00")),
    )


def test_morning_and_afternoon_are_one_day() -> None:
    steps = explained("2026-03-02 10:00", "2026-03-02 10:00", calendar=Calendar("Europe/Berlin", SPLIT))
    assert [(s.kind, s.seconds, s.until) for s in steps[1:]] == [
        ("worked", 7 * HOUR, at("2026-03-02 18:00")),
        ("worked", 1 * HOUR, at("2026-03-03 10:00")),
        ("due", 0, at("2026-03-03 10:00")),
    ]


def test_a_pause_that_still_goes_on() -> None:
    steps = explained("2026-03-02 10:00", "2026-03-02 20:00", {"2026-03-02 12:00": "waiting"})
    assert steps[1:] == (
        Step("worked", 2 * HOUR, at("2026-03-02 10:00"), at("2026-03-02 12:00"), date(2026, 3, 2)),
        Step("paused", 6 * HOUR, at("2026-03-02 12:00"), None, name="waiting"),
        Step("left", 6 * HOUR),
    )


def test_a_pause_at_night_is_not_told_unless_it_goes_on() -> None:
    night = {"2026-03-02 20:00": "waiting"}
    over = explained("2026-03-02 16:00", "2026-03-03 09:00", night | {"2026-03-03 07:00": "open"})
    assert [step.kind for step in over] == ["target", "worked", "worked", "due"]
    still = explained("2026-03-02 16:00", "2026-03-02 21:00", night)
    assert [(step.kind, step.seconds) for step in still[1:]] == [
        ("worked", 7200),
        ("paused", 0),
        ("left", 6 * HOUR),
    ]


def test_a_met_resolution_says_what_was_left() -> None:
    steps = explained("2026-03-02 10:00", "2026-03-09 10:00", {"2026-03-02 13:00": "resolved"})
    assert [(step.kind, step.seconds) for step in steps] == [
        ("target", 8 * HOUR),
        ("worked", 3 * HOUR),
        ("left", 5 * HOUR),
    ]


def test_holidays_in_a_row_are_one_step_and_a_holiday_on_a_sunday_is_none() -> None:
    holidays = {date(2026, 12, day): "Christmas" for day in (24, 25, 26, 27)}
    calendar = Calendar("Europe/Berlin", OFFICE, holidays)
    steps = explained("2026-12-23 17:00", "2026-12-23 17:00", target=2 * HOUR, calendar=calendar)
    assert [(step.kind, step.day, step.days) for step in steps[1:-1]] == [
        ("worked", date(2026, 12, 23), 1),
        ("holiday", date(2026, 12, 24), 2),
        ("worked", date(2026, 12, 28), 1),
    ]


def test_round_the_clock_says_so() -> None:
    steps = explained("2026-03-07 03:00", "2026-03-07 03:00", kind=FIRST_RESPONSE, night_target=1800)
    assert steps == (
        Step("round_the_clock", 1800, at("2026-03-07 03:00")),
        Step("due", until=at("2026-03-07 03:30")),
    )


def test_many_days_are_told_together() -> None:
    steps = explained("2026-03-02 09:00", "2026-03-02 09:00", target=90 * HOUR)
    assert [(step.kind, step.seconds // HOUR, step.day, step.days) for step in steps[1:-1]] == [
        ("worked", 9, date(2026, 3, 2), 1),
        ("worked", 9, date(2026, 3, 3), 1),
        ("worked", 9, date(2026, 3, 4), 1),
        ("stretch", 36, date(2026, 3, 5), 6),
        ("worked", 9, date(2026, 3, 11), 1),
        ("worked", 9, date(2026, 3, 12), 1),
        ("worked", 9, date(2026, 3, 13), 1),
    ]


def test_many_pauses_are_summed_up() -> None:
    """Ten pauses of half an hour, each after half an hour of work."""
    hours = [9.5 + half * 0.5 for half in range(17)]
    clock = [f"2026-03-02 {int(hour):02}:{int(hour % 1 * 60):02}" for hour in hours]
    states = {since: ("waiting", "open")[n % 2] for n, since in enumerate(clock)}
    steps = explained("2026-03-02 09:00", "2026-03-02 18:00", states)
    assert [step.kind for step in steps] == [
        *("target", "worked", "paused", "worked", "paused", "summary"),
        *("paused", "worked", "paused", "worked", "paused", "left"),
    ]
    summary = steps[5]
    assert (summary.seconds, summary.from_at, summary.until) == (
        5 * HOUR // 2,
        at("2026-03-02 11:00"),
        at("2026-03-02 15:30"),
    )
