"""The tags of the desk: seen by agents, renamed, merged and removed by managers."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, tags
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.desk.tickets import LONGEST_TAG
from app.forms import Form
from app.html import page
from app.models.ticket import Tag, Ticket, TicketTag
from app.words import N_, gettext

bp = Blueprint("tags", __name__)


class TagForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=LONGEST_TAG)])


class MergeForm(Form):
    into = SelectField(N_("The tag that stays"), coerce=int)

    def __init__(self, *args: Any, tag: Tag, **values: Any) -> None:
        super().__init__(*args, **values)
        others = db.session.execute(select(Tag.id, Tag.name).where(Tag.id != tag.id).order_by(Tag.name))
        self.into.choices = [(0, gettext("Choose a tag")), *((id, name) for id, name in others)]


@bp.get("/settings/tags")
@allowed("see_tags")
def index() -> Response:
    unresolved = func.count(Ticket.id).filter(Ticket.closed_at.is_(None))
    counted = (
        select(Tag.id, Tag.name, func.count(Ticket.id).label("tickets"), unresolved.label("unresolved"))
        .outerjoin(TicketTag, TicketTag.tag_id == Tag.id)
        .outerjoin(Ticket, (Ticket.id == TicketTag.ticket_id) & Ticket.deleted_at.is_(None))
        .group_by(Tag.id, Tag.name)
        .order_by(Tag.name)
    )
    return page("settings/tags.html", tags=db.session.execute(counted).all(), may_edit=_may_edit())


@bp.get("/settings/tags/<int:tag_id>")
@allowed("see_tags")
def edit(tag_id: int) -> Response:
    return _page(tags.found(tag_id))


@bp.post("/settings/tags/<int:tag_id>")
@allowed("edit_tags")
def update(tag_id: int) -> Response:
    tag = tags.found(tag_id)
    form = TagForm.from_request()
    if not form.validate():
        return _page(tag, form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            tag = tags.rename(desk, tag_id, form.name.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(tag, form=form, status=refused.status)
    flash(gettext("The tag is called %(name)s now.", name=tag.name))
    return redirect(url_for("tags.index"), code=303)


@bp.post("/settings/tags/<int:tag_id>/merging")
@allowed("edit_tags")
def merge(tag_id: int) -> Response:
    tag = tags.found(tag_id)
    form, name = MergeForm.from_request(tag=tag), tag.name
    if not form.validate():
        return _page(tag, merge_form=form, status=422)
    try:
        with writing(ensure_desk(now())) as desk:
            kept = tags.merge(desk, tag_id, form.into.data, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(tag, merge_form=form, status=refused.status)
    sweeps.judge_anew(now())
    flash(gettext("%(old)s is part of %(new)s now.", old=name, new=kept.name))
    return redirect(url_for("tags.index"), code=303)


@bp.post("/settings/tags/<int:tag_id>/removal")
@allowed("edit_tags")
def remove(tag_id: int) -> Response:
    with writing(ensure_desk(now())) as desk:
        name = tags.remove(desk, tag_id, by=acting(), now=now())
    sweeps.judge_anew(now())
    flash(gettext("The tag %(name)s is removed.", name=name))
    return redirect(url_for("tags.index"), code=303)


def _page(tag: Tag, *, status: int = 200, **forms: Form) -> Response:
    """The page of one tag; a form that was refused takes the place of a fresh one."""
    fresh: dict[str, Form] = {"form": TagForm(name=tag.name), "merge_form": MergeForm(tag=tag)}
    return page(
        "settings/tag.html",
        tag=tag,
        effects=tags.effects_of(tag),
        may_edit=_may_edit(),
        status=status,
        **{**fresh, **forms},
    )


def _may_edit() -> bool:
    return access.can(signed_in_person(), "edit_tags", None, now())
