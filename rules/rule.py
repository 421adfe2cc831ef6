"""A rule: when (a query) then (actions). And the starter pack, rules that a new desk may choose."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from rules.actions import Action, ActionError, Reply, from_json
from rules.query import And, Query, QueryError, parse

OncePer = Literal["episode", "ticket"]

MOST_AN_HOUR = 100_000  # the highest of hourly caps
USUAL_CAP = 500

STARTERS = Path(__file__).with_name("starter.toml")


@dataclass(frozen=True)
class Rule:
    """`query` holds for a ticket during an episode. The rule acts when an episode begins: each one, or the ticket's
    first alone (`once_per`). While the query of a `stop_after` rule holds, rules behind it are skipped (see `rules.plan`)."""

    id: int
    position: int
    name: str
    query: Query
    actions: tuple[Action, ...]
    once_per: OncePer = "episode"
    stop_after: bool = False
    enabled: bool = True
    version: int = 1
    hourly_cap: int = USUAL_CAP  # how often it may fire in an hour, on all tickets together


@dataclass(frozen=True)
class Starter:
    """A rule of the starter pack. `names` by language, `text` the query as written, tags and priorities by name."""

    key: str
    names: Mapping[str, str]
    text: str
    query: Query
    actions: tuple[Action, ...]
    once_per: OncePer
    stop_after: bool

    @property
    def writes(self) -> bool:
        """Whether customers get mail by it."""
        return any(isinstance(action, Reply) for action in self.actions)

    def name(self, language: str) -> str:
        return self.names.get(language, self.names["en"])


class StarterError(Exception):
    """The starter file is wrong; names the rule and the mistake."""


def load_starters(path: Path = STARTERS) -> tuple[Starter, ...]:
    """The starter rules in the order of the file. Raises StarterError."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    return tuple(_starter(key, entry) for key, entry in data.items())


def _starter(key: str, entry: dict[str, Any]) -> Starter:
    unknown = set(entry) - {"name", "when", "then", "once_per", "stop_after"}
    once_per = entry.get("once_per", "episode")
    if (
        unknown
        or once_per not in ("episode", "ticket")
        or not entry.get("then")
        or "en" not in entry.get("name", {})
    ):
        raise StarterError(
            f"{key}: wants name.en, when, then and perhaps once_per, stop_after; unknown: {sorted(unknown)}"
        )
    try:
        query = parse(entry["when"])
        actions = tuple(from_json(action) for action in entry["then"])
    except (QueryError, ActionError) as error:
        raise StarterError(f"{key}: {error}") from error
    if query == And(()):
        raise StarterError(f"{key}: a rule needs a condition")
    return Starter(
        key=key,
        names=entry["name"],
        text=" ".join(entry["when"].split()),
        query=query,
        actions=actions,
        once_per=cast(OncePer, once_per),
        stop_after=bool(entry.get("stop_after", False)),
    )
