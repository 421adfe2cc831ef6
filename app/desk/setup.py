"""The first day of a desk: one board with its columns, opening hours, a policy, an address, and the first admin."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.database import bookkeeping, db, insert_new
from app.desk import access, addresses, boards, calendars, people
from app.desk import rules as desk_rules
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board, all_boards
from app.models.calendar import Calendar
from app.models.channel import Channel
from app.models.desk import Desk, the_desk
from app.models.event import CLOCK, OPERATOR, By
from app.models.person import Person
from app.models.policy import Policy
from app.models.rota import Rota
from app.words import N_, gettext, locale
from rules import hours
from rules.rule import load_starters

HOUR = 3600
HOURS = {"weekly": {str(day): [["09:00", "18:00"]] for day in range(5)}, "holidays": {}}
TARGETS = {
    "urgent": {"first_response": 1 * HOUR, "resolution": 8 * HOUR},
    "high": {"first_response": 2 * HOUR, "resolution": 16 * HOUR},
    "normal": {"first_response": 4 * HOUR, "resolution": 24 * HOUR},
    "low": {"first_response": 8 * HOUR, "resolution": 40 * HOUR},
}
ROUND_THE_CLOCK = {"urgent": HOUR // 2}
LANGUAGES = (
    *("en", "ko", "ja", "zh", "de", "fr", "es", "it", "pt", "nl", "pl"),
    *("sv", "da", "no", "fi", "cs", "hu", "ro", "tr", "uk", "vi"),
)  # that customers can be answered in; what they write is told apart by app.mail.language
FIRST_LANGUAGES = ["en", "ko", "de", "fr", "ja"]
LONGEST_NAME = 60


def ensure_desk(now: datetime, name: str = "Nightdesk") -> Desk:
    """The desk's row, made on the first call. Commits by itself: nothing can be locked before it exists."""
    desk = the_desk()
    if desk is None:
        bookkeeping(
            insert_new(Desk)
            .values(id=1, seq=0, name=name, languages=FIRST_LANGUAGES, rules_on=True, created_at=now)
            .on_conflict_do_nothing()
        )
        db.session.rollback()
        desk = db.session.get_one(Desk, 1)
    return desk


def begin(
    desk: Desk,
    *,
    name: str,
    languages: Sequence[str],
    admin: Person | None,
    account: Mapping[str, Any],
    board_name: str,
    address: str,
    zone: str,
    starters: Collection[str] = (),
    now: datetime,
) -> Person:
    """Sets the desk up for the first admin: `admin` when there is one, else a person made of `account` (name, email,
    password, locale). `starters` are keys of the starter pack: these rules are on from the first ticket. Returns the admin. Refused with 409 when somebody was faster, with the field when a value is bad."""
    _refuse_second()
    if admin is None:
        if first_admin_exists():
            raise Refused(N_("This desk has an admin already. Sign in to set it up."), status=409)
        admin = people.add(desk, role="admin", zone=zone, by=OPERATOR, now=now, **account)
    change(desk, name=name, languages=languages, by=By("person", admin.id), now=now)
    set_up(desk, admin=admin, board_name=board_name, address=address, zone=zone, now=now)
    for starter in load_starters():
        if starter.key in starters:
            by = By("person", admin.id)
            rule = desk_rules.add_starter(desk, starter, language=locale(), by=by, now=now)
            desk_rules.switch(desk, rule, True, by=by, now=now)
    return admin


def first_admin_exists() -> bool:
    """Whether anybody can administer the desk, so that no stranger may make themselves its admin."""
    admins = select(Person.id).where(Person.role == "admin", Person.deactivated_at.is_(None))
    return db.session.scalar(select(admins.exists())) or False


def change(desk: Desk, *, name: str, languages: Sequence[str], by: By, now: datetime) -> Desk:
    """Changes what the desk is called and the languages that customers are answered in."""
    access.demand(by, "edit_desk", None, now)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise Refused(N_("Use 1 to %(most)s characters."), field="name", most=LONGEST_NAME)
    languages = list(dict.fromkeys(languages))
    if not languages:
        raise Refused(N_("Choose at least one language."), field="languages")
    if not set(languages) <= {*LANGUAGES, *desk.languages}:
        raise Refused(N_("That is not one of the choices."), field="languages")
    old, new = [desk.name, desk.languages], [name, languages]
    if old != new:
        desk.name, desk.languages = name, languages
        changes = {"name": [old[0], name], "languages": [old[1], languages]}
        record(desk, "desk.changed", ("desk", desk.id), by=by, now=now, **changes)
    return desk


def set_up(
    desk: Desk, *, admin: Person, board_name: str, address: str, zone: str, now: datetime, form: bool = True
) -> Board:
    """Makes everything that the first ticket needs, in the language being spoken. Refused when there is a board."""
    _refuse_second()
    name, address = " ".join(board_name.split()), addresses.checked(address)
    if not name or len(name) > boards.LONGEST_NAME:
        raise Refused(N_("Use 1 to %(most)s characters."), field="board_name", most=boards.LONGEST_NAME)
    if hours.find_zone(zone) is None:
        raise Refused(N_("There is no time zone named %(zone)s."), field="zone", zone=zone)
    calendar = Calendar(name=gettext(N_("Opening hours")), hours={"zone": zone, **HOURS})
    rota = Rota(name=gettext(N_("On call")))
    db.session.add_all([calendar, rota])
    db.session.flush()
    calendars.keep_windows(calendar, now)
    policy = Policy(
        name=gettext(N_("Standard")),
        calendar_id=calendar.id,
        targets=TARGETS,
        warn_percent=75,
        round_the_clock=ROUND_THE_CLOCK,
    )
    db.session.add(policy)
    db.session.flush()
    board = Board(name=name, policy_id=policy.id, rota_id=rota.id, created_at=now)
    db.session.add(board)
    db.session.flush()
    kinds: list[tuple[str, str, str | None]] = [("email", gettext(N_("E-mail")), address)]
    if form:
        kinds.append(("form", gettext(N_("Contact form")), None))
    db.session.add_all(
        Channel(
            kind=kind, name=title, address=at, board_id=board.id, calendar_id=calendar.id, owner_id=admin.id
        )
        for kind, title, at in kinds
    )
    boards.furnish(board, admin)
    record(desk, "desk.set-up", ("board", board.id), by=CLOCK, now=now)
    return board


def _refuse_second() -> None:
    if all_boards():
        raise Refused(N_("This desk is set up already."), status=409)
