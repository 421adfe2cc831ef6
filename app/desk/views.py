"""What is done with saved views, under the lock of the desk: a query that a person keeps, or shares with everybody."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select

from app.database import db
from app.desk import access
from app.desk.events import record
from app.desk.refused import Refused
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.models.saved_view import SavedView
from app.models.ticket_list import COLUMNS, ORDERS
from app.words import N_
from rules.query import And, Query, from_json, to_json, to_text
from rules.vocabulary import Names

LONGEST_NAME = 60
MOST = 50  # of one person


def save(
    desk: Desk,
    view: SavedView | None,
    *,
    name: str,
    query: Query,
    shared: bool,
    columns: Sequence[str] = (),
    sort: str = "",
    by: Person,
    now: datetime,
) -> SavedView:
    """Keeps a new view of this person's, or changes one. Refused for an empty query, and for somebody else's view
    unless it is shared and they may edit those."""
    access.demand(by, "keep_views", None, now)
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("Give the view a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    if query == And(()):
        raise Refused(N_("Type a query: without one a view shows everything."), field="query")
    new = view is None
    if view is None:
        if len(db.session.scalars(select(SavedView.id).where(SavedView.owner_id == by.id)).all()) >= MOST:
            raise Refused(N_("You have %(most)s views already: delete one first."), most=MOST)
        view = SavedView(owner_id=by.id, created_at=now, version=0)
        db.session.add(view)
    else:
        _demand_change(view, by, now)
    was_shared = bool(view.shared)
    view.name, view.query, view.shared = name, to_json(query), shared
    view.columns = [column for column in columns if column in COLUMNS]
    view.sort = sort if sort.removeprefix("-") in ORDERS else ""
    view.version += 1
    db.session.flush()
    if shared or was_shared:  # what is a person's own is nobody else's history
        kind = "view.shared" if shared and (new or not was_shared) else "view.changed"
        record(desk, kind, ("view", view.id), by=By("person", by.id), now=now, new=name)
    return view


def remove(desk: Desk, view: SavedView, *, by: Person, now: datetime) -> None:
    """Deletes a view."""
    _demand_change(view, by, now)
    if view.shared:
        record(desk, "view.removed", ("view", view.id), by=By("person", by.id), now=now, old=view.name)
    db.session.delete(view)


def seen_by(person: Person) -> Sequence[SavedView]:
    """Their own views, then the shared ones, each by name."""
    return db.session.scalars(
        select(SavedView)
        .where(or_(SavedView.owner_id == person.id, SavedView.shared))
        .order_by(SavedView.shared, SavedView.name, SavedView.id)
    ).all()


def one_seen_by(person: Person, view_id: int) -> SavedView:
    """The view; Refused with 404 when there is none or it is somebody else's own."""
    view = db.session.get(SavedView, view_id)
    if view is None or not (view.shared or view.owner_id == person.id):
        raise access.not_found()
    return view


def may_change(view: SavedView, person: Person, now: datetime) -> bool:
    if view.owner_id == person.id:
        return access.can(person, "keep_views", None, now)
    return view.shared and access.can(person, "edit_views", None, now)


def text_of(view: SavedView, names: Names) -> str:
    """The query as it is typed today: with the names that things have now."""
    return to_text(from_json(view.query), names=names)


def _demand_change(view: SavedView, person: Person, now: datetime) -> None:
    if not may_change(view, person, now):
        if view.shared:
            raise Refused(
                N_("This view is %(name)s's. Save one of your own."), status=403, name=view.owner.name
            )
        raise access.not_found()
