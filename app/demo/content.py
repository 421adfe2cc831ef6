"""The demo desk as data: who works there, who wrote in, and what was said. Nothing here knows a database."""

import base64
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from app.demo.moments import Moments
from rules.hours import Calendar

FOLDER = Path(__file__).parent
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Person:
    """`languages` are spoken with customers, the best first; `locale` is that of the pages."""

    name: str
    email: str
    role: str
    languages: tuple[str, ...]
    zone: str
    locale: str


@dataclass(frozen=True)
class Customer:
    key: str
    name: str
    email: str
    language: str
    vip: bool = False
    notes: str = ""


@dataclass(frozen=True)
class Company:
    name: str
    domains: tuple[str, ...]
    notes: str = ""


@dataclass(frozen=True)
class Team:
    """`people` are addresses; tickets with one of the `tags` are given to it."""

    name: str
    people: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """Targets as the desk stores them: priority -> kind -> seconds of opening time; `round_the_clock` in plain seconds."""

    name: str
    targets: Mapping[str, Mapping[str, int]]
    warn_percent: int
    round_the_clock: Mapping[str, int]


@dataclass(frozen=True)
class Rota:
    """A weekly rota; `weekday` 0 is Monday, `order` are addresses of people. The first of the order had the week that began
    `began_weeks_ago` hand-overs before the last one."""

    name: str
    zone: str
    weekday: int
    time: str
    order: tuple[str, ...]
    began_weeks_ago: int
    horizon_weeks: int


@dataclass(frozen=True)
class Rule:
    """A rule of the desk's own: the text of its query, and what it does. `assign` is a person's address."""

    name: str
    query: str
    tags: tuple[str, ...] = ()
    priority: str | None = None
    assign: str | None = None


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """`by` is the address of the person who wrote a reply or note, None for the customer's. `at` is an offset that
    app.demo.moments reads. `full_text` is `text` with the quoted part below. `resolves`: the ticket was resolved with it."""

    kind: Literal["customer", "reply", "note"]
    by: str | None
    at: str
    text: str
    full_text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    resolves: bool


@dataclass(frozen=True)
class Ticket:
    """`customer` is a key of Demo.customers, `assignee` a person's address; `state` is where the messages have led it."""

    subject: str
    customer: str
    channel: Literal["email", "form"]
    language: str
    state: str
    priority: str
    assignee: str | None
    tags: tuple[str, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Demo:
    """Everything that fills a demo desk. `starters` are keys of rules/starter.toml to switch on, `rules` stand behind them; `last_starters` are switched on last.
    People and rules are in the order in which they are made."""

    name: str
    address: str
    zone: str
    languages: tuple[str, ...]
    tags: tuple[str, ...]
    people: tuple[Person, ...]
    teams: tuple[Team, ...]
    companies: tuple[Company, ...]
    customers: Mapping[str, Customer]
    calendar_name: str
    calendar: Calendar
    policy: Policy
    rota: Rota
    starters: tuple[str, ...]
    last_starters: tuple[str, ...]
    rules: tuple[Rule, ...]
    tickets: tuple[Ticket, ...]

    def written_at(self, now: datetime) -> tuple[tuple[datetime, ...], ...]:
        """For each ticket the UTC instants of its messages, in a desk that is filled at `now`."""
        moments = Moments(self.calendar, self.rota.weekday, self.rota.time, now)
        return tuple(moments.of([message.at for message in ticket.messages]) for ticket in self.tickets)


def load() -> Demo:
    """Reads the demo's files. Raises KeyError, TypeError or ValueError when one is not in shape."""
    data = _read(FOLDER / "desk.toml")
    files = [_read(path) for path in sorted(FOLDER.glob("tickets_*.toml"))]
    emails = {key: person["email"] for key, person in data["people"].items()}
    customers = [
        _customer(key, entry, file["language"]) for file in files for key, entry in file["customers"].items()
    ]
    by_key = {customer.key: customer for customer in customers}
    if len(by_key) != len(customers):
        raise ValueError("two customers have the same key")
    return Demo(
        name=data["desk"]["name"],
        address=data["desk"]["address"],
        zone=data["desk"]["zone"],
        languages=tuple(data["desk"]["languages"]),
        tags=tuple(data["desk"]["tags"]),
        people=tuple(_person(entry) for entry in data["people"].values()),
        teams=tuple(_team(entry, emails) for entry in data["teams"]),
        companies=tuple(
            Company(**{**entry, "domains": tuple(entry["domains"])}) for entry in data["companies"]
        ),
        customers=by_key,
        calendar_name=data["calendar"]["name"],
        calendar=_calendar(data["calendar"]),
        policy=_policy(data["policy"]),
        rota=_rota(data["rota"], emails),
        starters=tuple(data["rules"]["starters"]),
        last_starters=tuple(data["rules"]["last_starters"]),
        rules=tuple(_rule(entry, emails) for entry in data["rules"]["own"]),
        tickets=tuple(_ticket(entry, file["language"], emails) for file in files for entry in file["ticket"]),
    )


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _person(entry: dict[str, Any]) -> Person:
    return Person(**{**entry, "languages": tuple(entry["languages"])})


def _team(entry: dict[str, Any], emails: Mapping[str, str]) -> Team:
    return Team(entry["name"], tuple(emails[key] for key in entry["people"]), tuple(entry["tags"]))


def _customer(key: str, entry: dict[str, Any], language: str) -> Customer:
    return Customer(key=key, language=language, **entry)


def _calendar(entry: dict[str, Any]) -> Calendar:
    calendar = Calendar(
        zone=entry["zone"],
        weekly={
            WEEKDAYS.index(day): [(opens, closes) for opens, closes in hours]
            for day, hours in entry["weekly"].items()
        },
        holidays={date.fromisoformat(day): name for day, name in entry["holidays"].items()},
    )
    calendar.validate()
    return calendar


def _policy(entry: dict[str, Any]) -> Policy:
    kinds = ("first_response", "resolution")
    return Policy(
        name=entry["name"],
        targets={
            priority: {kind: _seconds(entry[kind][priority]) for kind in kinds}
            for priority in entry["resolution"]
        },
        warn_percent=entry["warn_percent"],
        round_the_clock={priority: _seconds(text) for priority, text in entry["round_the_clock"].items()},
    )


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([hm])", text)
    if found is None:
        raise ValueError(f"not a duration: {text!r}")
    return int(found[1]) * {"h": 3_600, "m": 60}[found[2]]


def _rota(entry: dict[str, Any], emails: Mapping[str, str]) -> Rota:
    order = tuple(emails[key] for key in entry["order"])
    return Rota(**{**entry, "weekday": WEEKDAYS.index(entry["weekday"]), "order": order})


def _rule(entry: dict[str, Any], emails: Mapping[str, str]) -> Rule:
    assign = emails[entry["assign"]] if "assign" in entry else None
    return Rule(**{**entry, "tags": tuple(entry.get("tags", ())), "assign": assign})


def _ticket(entry: dict[str, Any], language: str, emails: Mapping[str, str]) -> Ticket:
    rest = {key: value for key, value in entry.items() if key not in ("assignee", "tags", "message")}
    return Ticket(
        **rest,
        language=language,
        assignee=emails[entry["assignee"]] if "assignee" in entry else None,
        tags=tuple(entry["tags"]),
        messages=tuple(_message(message, emails) for message in entry["message"]),
    )


def _message(entry: dict[str, Any], emails: Mapping[str, str]) -> Message:
    """Who wrote it: `from = "customer"`, `from = "ben"` for a reply, `note = "ben"` for an internal note."""
    unknown = entry.keys() - {"from", "note", "at", "text", "quoted", "html", "attachments", "resolves"}
    if unknown or ("from" in entry) == ("note" in entry):
        raise ValueError(f"not in the shape of a message: {sorted(entry)}")
    kind, by = _author(entry, emails)
    text = entry["text"].strip()
    return Message(
        kind=kind,
        by=by,
        at=entry["at"],
        text=text,
        full_text="\n\n".join([text, *_quoted(entry)]),
        html=entry["html"].strip() if "html" in entry else None,
        attachments=tuple(_attachment(attachment) for attachment in entry.get("attachments", ())),
        resolves=entry.get("resolves", False),
    )


def _author(
    entry: dict[str, Any], emails: Mapping[str, str]
) -> tuple[Literal["customer", "reply", "note"], str | None]:
    if "note" in entry:
        return "note", emails[entry["note"]]
    if entry["from"] == "customer":
        return "customer", None
    return "reply", emails[entry["from"]]


def _quoted(entry: dict[str, Any]) -> Iterable[str]:
    return [entry["quoted"].strip()] if "quoted" in entry else []


def _attachment(entry: dict[str, Any]) -> Attachment:
    """Its content is written as `text` or, when it is none, as `base64`."""
    content = (
        base64.b64decode(entry["base64"], validate=True) if "base64" in entry else entry["text"].encode()
    )
    return Attachment(name=entry["name"], media_type=entry["media_type"], content=content)
