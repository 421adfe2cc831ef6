"""A deadline as a ticket's page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.desk import explanations
from app.words import N_, gettext
from rules import deadlines as promises

NEAR = 4  # a deadline is near when a quarter of its time is left


@dataclass(frozen=True)
class Told:
    """A deadline for its reader; `chip` is what _parts/ui.html draws, `why` its explanation."""

    name: str
    chip: "Chip"
    why: Sequence[str]
    is_next: bool


@dataclass(frozen=True)
class Chip:
    state: str  # ok, near, late, paused, done or good
    at: datetime | None = None
    text: str | None = None


def told(
    deadline: promises.Deadline, all_of_them: Sequence[promises.Deadline], zone: str, at: datetime
) -> Told:
    return Told(
        name=gettext(explanations.KINDS[deadline.kind]),
        chip=_chip(deadline, at),
        why=explanations.sentences(deadline, zone, at),
        is_next=deadline is promises.next_deadline(all_of_them),
    )


def _chip(deadline: promises.Deadline, at: datetime) -> Chip:
    match deadline.state:
        case "running" if deadline.due_at is not None:
            left = (deadline.due_at - at).total_seconds()
            state = "late" if deadline.breached else "near" if left * NEAR < deadline.target_for else "ok"
            return Chip(state, deadline.due_at)
        case "paused" if deadline.breached:
            return Chip("late", text=gettext(N_("late, paused")))
        case "paused":
            left_for = explanations.span(deadline.left_for or 0)
            return Chip("paused", text=gettext(N_("paused, %(span)s left"), span=left_for))
        case "met":
            return Chip("good", text=gettext(N_("kept")))
        case "missed":
            return Chip("late", text=gettext(N_("missed")))
    return Chip("done", text=gettext(N_("closed unanswered")))
