"""The first day of a desk: one board with its columns, opening hours, a policy, an address, and the first admin."""

from datetime import datetime

from app.database import bookkeeping, db, insert_new
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson, Column
from app.models.calendar import Calendar
from app.models.channel import Channel
from app.models.desk import Desk, the_desk
from app.models.event import CLOCK
from app.models.person import Person
from app.models.policy import Policy
from app.models.rota import Rota
from app.words import N_, gettext

HOUR = 3600
COLUMNS = (
    (N_("New"), "new", N_("Received")),
    (N_("Open"), "open", N_("In progress")),
    (N_("Waiting"), "waiting", N_("Waiting for you")),
    (N_("Resolved"), "resolved", N_("Answered")),
    (N_("Archived"), "archived", N_("Closed")),
)
HOURS = {"weekly": {str(day): [["09:00", "18:00"]] for day in range(5)}, "holidays": {}}
TARGETS = {
    "urgent": {"first_response": 1 * HOUR, "resolution": 8 * HOUR},
    "high": {"first_response": 2 * HOUR, "resolution": 16 * HOUR},
    "normal": {"first_response": 4 * HOUR, "resolution": 24 * HOUR},
    "low": {"first_response": 8 * HOUR, "resolution": 40 * HOUR},
}
ROUND_THE_CLOCK = {"urgent": HOUR // 2}
LANGUAGES = ["en", "ko", "de", "fr", "ja"]


def ensure_desk(now: datetime, name: str = "Nightdesk") -> Desk:
    """The desk's row, made on the first call. Commits by itself: nothing can be locked before it exists."""
    desk = the_desk()
    if desk is None:
        bookkeeping(
            insert_new(Desk)
            .values(id=1, seq=0, name=name, languages=LANGUAGES, rules_on=True, created_at=now)
            .on_conflict_do_nothing()
        )
        db.session.rollback()
        desk = db.session.get_one(Desk, 1)
    return desk


def set_up(
    desk: Desk, *, admin: Person, board_name: str, address: str, zone: str, now: datetime, form: bool = True
) -> Board:
    """Makes everything that the first ticket needs, in the language being spoken. Refused when there is a board."""
    if db.session.query(Board).first() is not None:
        raise Refused(N_("This desk is set up already."), status=409)
    calendar = Calendar(name=gettext(N_("Opening hours")), hours={"zone": zone, **HOURS})
    rota = Rota(name=gettext(N_("On call")))
    db.session.add_all([calendar, rota])
    db.session.flush()
    policy = Policy(
        name=gettext(N_("Standard")),
        calendar_id=calendar.id,
        targets=TARGETS,
        warn_percent=75,
        round_the_clock=ROUND_THE_CLOCK,
    )
    db.session.add(policy)
    db.session.flush()
    board = Board(name=board_name.strip(), policy_id=policy.id, rota_id=rota.id, created_at=now)
    db.session.add(board)
    db.session.flush()
    db.session.add_all(
        Column(
            board_id=board.id,
            name=gettext(name),
            state=state,
            customer_label=gettext(label),
            position=position,
            is_default=True,
        )
        for position, (name, state, label) in enumerate(COLUMNS)
    )
    kinds = [
        ("email", gettext(N_("E-mail")), address.strip().lower()),
        ("manual", gettext(N_("By hand")), None),
    ]
    if form:
        kinds.insert(1, ("form", gettext(N_("Contact form")), None))
    db.session.add_all(
        Channel(
            kind=kind, name=name, address=at, board_id=board.id, calendar_id=calendar.id, owner_id=admin.id
        )
        for kind, name, at in kinds
    )
    db.session.add(BoardPerson(board_id=board.id, person_id=admin.id))
    record(desk, "desk.set-up", ("board", board.id), by=CLOCK, now=now)
    return board
