"""Who may see and do what: one table of verbs, one function that asks it, and the finders that refuse strangers.

What somebody may not see does not exist for them (404); what they may see but not do is refused in words (403).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, exists, func, or_, select, true
from sqlalchemy.sql.base import ExecutableOption

from app.database import UTCDateTime, db
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson
from app.models.company import Company
from app.models.customer import Customer
from app.models.event import By
from app.models.person import Person
from app.models.rota import RotaVersion, Shift
from app.models.ticket import Ticket
from app.words import N_

HAND_OVER_FOR = timedelta(hours=1)  # who was on call may finish what they began

Rule = Callable[[Person, Any, datetime], bool]


@dataclass(frozen=True)
class Verb:
    """`rule` says who may; `seen_with` is the verb whose holders learn that the thing exists."""

    rule: Rule
    seen_with: str | None = None


def can(person: Person | None, verb: str, thing: Any, now: datetime) -> bool:
    """Whether this person may do this with this thing now.

    `thing` is a Board or a Ticket for the verbs of boards, else None. A stranger (None) and
    somebody who does not work here any more may do nothing. KeyError for a verb that is not in the table.
    """
    rule = VERBS[verb].rule
    return person is not None and person.works_here(now) and rule(person, thing, now)


def demand(who: Person | By | None, verb: str, thing: Any, now: datetime) -> None:
    """Refused unless `who` may: 404 when they may not even see it, else 403.

    Verbs hand on their `by`; the clock, a rule and the operator's command line are not people and may.
    """
    if isinstance(who, By):
        if who.kind != "person":
            return
        who = db.session.get(Person, who.id) if who.id is not None else None
    if can(who, verb, thing, now):
        return
    seen_with = VERBS[verb].seen_with
    if seen_with is not None and can(who, seen_with, thing, now):
        raise Refused(N_("You may see this but not change it. Ask an admin of this desk."), status=403)
    raise not_found()


def visible_boards(person: Person | None, now: datetime) -> Select[int]:
    """The ids of the boards this person may see, as a statement to run or to put into an IN."""
    return select(Board.id).where(_sees_board(person, now)).order_by(Board.id)


def boards_seen_by(person: Person | None, now: datetime) -> Sequence[Board]:
    """The boards this person may see, in order."""
    if person is None or not person.works_here(now):
        return ()
    return db.session.scalars(_boards_seen(person.role), asked_by(person, now)).all()


@cache
def boards_of(role: str) -> Select[int]:
    """The same for everybody of a role who works here, with the parameters that `asked_by` gives. The statement is made
    once, and so may those be that hold it: to build one takes longer than to run it."""
    person = bindparam("person", type_=Integer())
    times = (bindparam(name, type_=UTCDateTime()) for name in ("now", "hand_over"))
    return select(Board.id).where(_sees(role, person, *times)).order_by(Board.id)


def asked_by(person: Person, now: datetime) -> dict[str, object]:
    """The parameters of `boards_of`."""
    return {"person": person.id, "now": now, "hand_over": now - HAND_OVER_FOR}


def board_seen_by(person: Person | None, board_id: int, now: datetime) -> Board:
    """The board; Refused with 404 when there is none or this person may not see it."""
    board = None
    if person is not None and person.works_here(now):
        asked = {"board": board_id, **asked_by(person, now)}
        board = db.session.scalars(_board_seen(person.role), asked).one_or_none()
    if board is None:
        raise not_found()
    return board


def boards_among(person: Person | None, board_ids: Iterable[int], now: datetime) -> set[int]:
    """Those of these boards that this person may see."""
    wanted = set(board_ids)
    return wanted & set(db.session.scalars(visible_boards(person, now))) if wanted else set()


def ticket_seen_by(person: Person | None, number: int, now: datetime, *also: ExecutableOption) -> Ticket:
    """The ticket; Refused with 404 when there is none or this person may not see its board. `also` says what is read
    with it."""
    ticket = None
    if person is not None and person.works_here(now):
        asked = {"ticket": number, **asked_by(person, now)}
        ticket = db.session.scalars(_ticket_seen(person.role, also), asked).unique().one_or_none()
    if ticket is None:
        raise not_found()
    return ticket


def boards_of_tickets(
    person: Person | None, numbers: Collection[int], now: datetime, *, deleted: bool = False
) -> dict[int, int]:
    """number -> board, of those of these tickets that this person may see; with `deleted` also of those that were deleted
    there, for who takes that back."""
    if person is None or not person.works_here(now) or not numbers:
        return {}
    board_id = func.coalesce(Ticket.board_id, Ticket.deleted_from_id) if deleted else Ticket.board_id
    seen = select(Ticket.id, board_id).where(
        Ticket.id.in_(numbers), board_id.in_(boards_of(person.role).order_by(None))
    )
    return dict(db.session.execute(seen, asked_by(person, now)).all())


def customer_seen_by(person: Person | None, customer_id: int, now: datetime) -> Customer:
    """The customer; Refused with 404 when there is none, or none with a ticket on a board that this person may see."""
    customer = db.session.scalars(
        select(Customer).where(Customer.id == customer_id, sees_customer(person, now))
    ).one_or_none()
    if customer is None:
        raise not_found()
    return customer


def company_seen_by(person: Person | None, company_id: int, now: datetime) -> Company:
    """The company; Refused with 404 when there is none, or none with a customer that this person may see."""
    company = db.session.scalars(
        select(Company).where(Company.id == company_id, sees_company(person, now))
    ).one_or_none()
    if company is None:
        raise not_found()
    return company


def sees_customer(person: Person | None, now: datetime) -> ColumnElement[bool]:
    """The condition on customers: whose tickets stand on a board that they may see. Admins see all."""
    if person is not None and person.works_here(now) and person.role == "admin":
        return true()
    return exists().where(
        Ticket.customer_id == Customer.id, Ticket.board_id.in_(visible_boards(person, now).order_by(None))
    )


def sees_company(person: Person | None, now: datetime) -> ColumnElement[bool]:
    """The condition on companies: those with a customer that they may see, and those that nobody belongs to yet."""
    belongs = Customer.company_id == Company.id
    return or_(exists().where(belongs, sees_customer(person, now)), ~exists().where(belongs))


def who_see(pairs: Collection[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
    """Those of these (person, board) of whom the person may see the board now: "see_board" for many, in one statement."""
    statement = (
        select(Person.id, Board.id)
        .join_from(Person, Board, true())
        .where(
            Person.id.in_({person_id for person_id, _ in pairs}),
            Board.id.in_({board_id for _, board_id in pairs}),
            Person.deactivated_at.is_(None),
            or_(Person.ends_at.is_(None), Person.ends_at > now),
            or_(
                Person.role == "admin",
                _on_call(Person.id, now, now - HAND_OVER_FOR),
                and_(Person.role != "member", _belongs(Person.id)),
            ),
        )
    )
    return {(person_id, board_id) for person_id, board_id in db.session.execute(statement)} & set(pairs)


def people_seen_by(person: Person, now: datetime) -> Select[Person]:
    """The people this person may look up, by name: everybody for an admin, those of their boards for a manager."""
    people = select(Person).order_by(Person.name, Person.id)
    if not can(person, "see_people", None, now):
        return people.where(Person.id == person.id)
    return people if person.role == "admin" else people.where(_shares_board(person))


def not_found() -> Refused:
    return Refused(N_("There is nothing here, or it is not for you."), status=404)


@cache
def _boards_seen(role: str) -> Select[Board]:
    return select(Board).where(Board.id.in_(boards_of(role).order_by(None))).order_by(Board.id)


@cache
def _board_seen(role: str) -> Select[Board]:
    return select(Board).where(Board.id == bindparam("board"), Board.id.in_(boards_of(role).order_by(None)))


@cache
def _board_there(role: str) -> Select[int]:
    return boards_of(role).order_by(None).where(Board.id == bindparam("board"))


@cache
def _ticket_seen(role: str, also: tuple[ExecutableOption, ...]) -> Select[Ticket]:
    return (
        select(Ticket)
        .where(Ticket.id == bindparam("ticket"), Ticket.board_id.in_(boards_of(role).order_by(None)))
        .options(*also)
    )


def _sees_board(person: Person | None, now: datetime) -> ColumnElement[bool]:
    """The condition on boards. Being on call for a board opens it to anybody, whatever else they may see."""
    if person is None or not person.works_here(now):
        return Board.id.is_(None)
    return _sees(person.role, person.id, now, now - HAND_OVER_FOR)


def _sees(role: str, person: Any, now: Any, hand_over: Any) -> ColumnElement[bool]:
    """The same for somebody who works here; what is asked may be values or parameters."""
    if role == "admin":
        return Board.id.is_not(None)
    if role == "member":
        return _on_call(person, now, hand_over)
    return or_(_belongs(person), _on_call(person, now, hand_over))


def _on_call(person_id: Any, now: Any, hand_over: Any) -> ColumnElement[bool]:
    return exists().where(
        Shift.rota_id == Board.rota_id,
        Shift.person_id == person_id,
        Shift.starts_at <= now,
        Shift.ends_at > hand_over,
    )


def _belongs(person_id: Any) -> ColumnElement[bool]:
    return exists().where(BoardPerson.board_id == Board.id, BoardPerson.person_id == person_id)


def _shares_board(person: Person) -> ColumnElement[bool]:
    """The condition on people: themselves, and who belongs to one of their boards."""
    boards = select(BoardPerson.board_id).where(BoardPerson.person_id == person.id)
    colleagues = select(BoardPerson.person_id).where(BoardPerson.board_id.in_(boards))
    return or_(Person.id == person.id, Person.id.in_(colleagues))


def _board(person: Person, thing: Board | Ticket, now: datetime) -> bool:
    board_id = thing.board_id if isinstance(thing, Ticket) else thing.id
    if person.role == "admin":
        return board_id is not None  # a deleted ticket is on none
    asked = {"board": board_id, **asked_by(person, now)}
    return db.session.scalars(_board_there(person.role), asked).one_or_none() is not None


def _on_a_board(person: Person, _thing: Any, now: datetime) -> bool:
    """Agents, also those who belong to no board yet; a member while on call."""
    return person.role != "member" or db.session.scalar(visible_boards(person, now).limit(1)) is not None


def _customer(person: Person, customer: Customer, now: datetime) -> bool:
    statement = select(Customer.id).where(Customer.id == customer.id, sees_customer(person, now))
    return db.session.scalar(statement) is not None


def _company(person: Person, company: Company, now: datetime) -> bool:
    statement = select(Company.id).where(Company.id == company.id, sees_company(person, now))
    return _on_a_board(person, None, now) and db.session.scalar(statement) is not None


def _takes_turns(person: Person, _thing: Any, now: datetime) -> bool:
    """Whether they have a shift to come, or stand in the order of a rota as it was edited last."""
    own = select(Shift.id).where(Shift.person_id == person.id, Shift.ends_at > now).limit(1)
    if db.session.scalars(own).one_or_none() is not None:
        return True
    newest = select(func.max(RotaVersion.id)).group_by(RotaVersion.rota_id)
    orders = db.session.scalars(select(RotaVersion.people).where(RotaVersion.id.in_(newest)))
    return any(person.id in order for order in orders)


def _from(*roles: str) -> Rule:
    return lambda person, _thing, _now: person.role in roles


_anybody = _from("member", "agent", "manager", "admin")
_agents = _from("agent", "manager", "admin")
_managers = _from("manager", "admin")
_admins = _from("admin")

VERBS = {
    "own_profile": Verb(_anybody),
    "keep_views": Verb(_anybody),
    "edit_views": Verb(_managers, seen_with="keep_views"),  # shared ones of others
    # on a board
    "see_board": Verb(_board),
    "work_board": Verb(_board),  # read, reply, note, move, assign, tag, prioritise, open a ticket
    "delete_tickets": Verb(
        lambda person, board, now: _managers(person, None, now) and _board(person, board, now),
        seen_with="see_board",
    ),
    "see_deleted": Verb(_managers),
    # on customers and companies
    "see_customers": Verb(_on_a_board),  # those whose tickets they may see
    "work_customer": Verb(_customer),
    "work_company": Verb(_company),
    "remove_company": Verb(
        lambda person, company, now: _managers(person, None, now) and _company(person, company, now),
        seen_with="work_company",
    ),
    # on the desk
    "see_rota": Verb(lambda *asked: _agents(*asked) or _takes_turns(*asked)),
    "take_shift": Verb(_takes_turns, seen_with="see_rota"),  # over from somebody else
    "edit_rota": Verb(_managers, seen_with="see_rota"),
    "see_rules": Verb(_agents),
    "edit_rules": Verb(_managers, seen_with="see_rules"),
    "see_teams": Verb(_agents),
    "edit_teams": Verb(_managers, seen_with="see_teams"),
    "see_tags": Verb(_agents),
    "edit_tags": Verb(_managers, seen_with="see_tags"),
    "edit_moods": Verb(_managers),  # their words
    "edit_webhooks": Verb(_managers),
    "see_policies": Verb(_agents),
    "edit_policies": Verb(_managers, seen_with="see_policies"),  # calendars too
    "see_failed_messages": Verb(_managers),
    "block_senders": Verb(_managers),
    "see_people": Verb(_managers),
    "edit_people": Verb(_admins, seen_with="see_people"),
    "edit_boards": Verb(_admins),
    "edit_channels": Verb(_admins),
    "edit_desk": Verb(_admins),
}
