"""Teams: seen by agents, changed by managers."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, teams
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.person import people_working
from app.models.team import Team, all_teams
from app.models.ticket import Ticket
from app.routes.people import Checkboxes
from app.words import N_, gettext

bp = Blueprint("teams", __name__)


class TeamForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=teams.LONGEST_NAME)])
    people = Checkboxes(N_("Members"), coerce=int)

    def __init__(self, *args: Any, team: Team | None = None, **values: Any) -> None:
        belong = {person.id for person in team.people} if team else set()
        super().__init__(*args, **{"people": sorted(belong), **values})
        self.people.choices = [(person.id, person.name) for person in people_working(now())]
        # who has no access now stays what they are: this form neither shows nor changes them
        self.hidden = belong - {person_id for person_id, _ in self.people.choices}

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        return {"name": self.name.data, "people": {*(self.people.data or ()), *self.hidden}}


@bp.get("/settings/teams")
@allowed("see_teams")
def index() -> Response:
    return _index(TeamForm())


@bp.post("/settings/teams")
@allowed("edit_teams")
def create() -> Response:
    form = TeamForm.from_request()
    if not form.validate():
        return _index(form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            team = teams.add(desk, **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _index(form, refused.status)
    flash(gettext("The team %(name)s is added.", name=team.name))
    return redirect(url_for("teams.index"), code=303)


@bp.get("/settings/teams/<int:team_id>")
@allowed("see_teams")
def edit(team_id: int) -> Response:
    team = teams.found(team_id)
    return _page(TeamForm(team=team, name=team.name), team)


@bp.post("/settings/teams/<int:team_id>")
@allowed("edit_teams")
def update(team_id: int) -> Response:
    team = teams.found(team_id)
    form = TeamForm.from_request(team=team)
    if not form.validate():
        return _page(form, team, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            team = teams.change(desk, team_id, **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, team, refused.status)
    flash(gettext("The team %(name)s is changed.", name=team.name))
    return redirect(url_for("teams.index"), code=303)


@bp.post("/settings/teams/<int:team_id>/removal")
@allowed("edit_teams")
def remove(team_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        name = teams.remove(desk, team_id, by=acting(), now=now())
    sweeps.judge_anew(now())
    flash(gettext("The team %(name)s is removed.", name=name))
    return redirect(url_for("teams.index"), code=303)


def _index(form: TeamForm, status: int = 200) -> Response:
    open_ones = (
        select(Ticket.team_id, func.count())
        .where(Ticket.team_id.is_not(None), Ticket.closed_at.is_(None))
        .group_by(Ticket.team_id)
    )
    return page(
        "settings/teams.html",
        form=form,
        teams=all_teams(),
        unresolved=dict(db.session.execute(open_ones).all()),
        may_edit=_may_edit(),
        status=status,
    )


def _page(form: TeamForm, team: Team, status: int = 200) -> Response:
    return page(
        "settings/team.html",
        form=form,
        team=team,
        effects=teams.effects_of(team),
        may_edit=_may_edit(),
        status=status,
    )


def _may_edit() -> bool:
    return access.can(signed_in_person(), "edit_teams", None, now())
