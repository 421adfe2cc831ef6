"""Opening hours: seen by agents, changed by managers."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField, TextAreaField, ValidationError
from wtforms import Form as AnyForm
from wtforms.validators import InputRequired, Length, Optional

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, calendars
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.calendar import Calendar
from app.routes.people import zone_choices
from app.words import N_, gettext
from rules import hours, written

bp = Blueprint("calendars", __name__)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class HoursField(StringField):
    """The opening hours of one weekday as text; `intervals` once it is valid."""

    intervals: Sequence[tuple[str, str]] = ()

    def pre_validate(self, _form: AnyForm) -> None:
        try:
            self.intervals = written.read_intervals(self.data or "")
        except hours.CalendarError as error:
            raise ValidationError(gettext(error.message, **error.values)) from error


class HolidaysField(TextAreaField):
    """One holiday a line; `days` once it is valid."""

    def pre_validate(self, _form: AnyForm) -> None:
        try:
            self.days = written.read_holidays(self.data or "")
        except hours.CalendarError as error:
            raise ValidationError(gettext(error.message, **error.values)) from error


class CalendarForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=calendars.LONGEST_NAME)])
    zone = SelectField(N_("Time zone"))
    always = BooleanField(N_("Open around the clock, every day"))
    monday = HoursField(N_("Monday"))
    tuesday = HoursField(N_("Tuesday"))
    wednesday = HoursField(N_("Wednesday"))
    thursday = HoursField(N_("Thursday"))
    friday = HoursField(N_("Friday"))
    saturday = HoursField(N_("Saturday"))
    sunday = HoursField(N_("Sunday"))
    holidays = HolidaysField(
        N_("Holidays"), [Optional()], description=N_("One a line, as 2026-12-25 Christmas. Closed all day.")
    )

    def __init__(self, *args: Any, zone: str, **values: Any) -> None:
        super().__init__(*args, zone=zone, **values)
        self.zone.choices = zone_choices(zone)

    @classmethod
    def of(cls, calendar: Calendar) -> "CalendarForm":
        """The form as a calendar stands."""
        week = hours.Calendar.from_json(calendar.hours)
        days = {name: written.write_intervals(week.weekly.get(day, ())) for day, name in enumerate(WEEKDAYS)}
        holidays = written.write_holidays(week.holidays)
        return cls(name=calendar.name, zone=week.zone, always=week.always, holidays=holidays, **days)

    @property
    def weekdays(self) -> list[HoursField]:
        return [self[name] for name in WEEKDAYS]

    @property
    def week(self) -> hours.Calendar:
        """What was filled in, once it is valid."""
        weekly = {day: field.intervals for day, field in enumerate(self.weekdays) if field.intervals}
        return hours.Calendar(self.zone.data, weekly, self.holidays.days, self.always.data)


@bp.get("/settings/calendars")
@allowed("see_policies")
def index() -> Response:
    return page("settings/calendars.html", calendars=_all(), may_edit=_may_edit(), now=now())


@bp.get("/settings/calendars/new")
@allowed("edit_policies")
def new() -> Response:
    week = dict.fromkeys(WEEKDAYS[:5], "09:00-18:00")
    return _page(CalendarForm(zone=signed_in_person().zone, **week), None)


@bp.post("/settings/calendars")
@allowed("edit_policies")
def create() -> Response:
    form = CalendarForm.from_request(zone=signed_in_person().zone)
    if not form.validate():
        return _page(form, None, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            calendars.add(desk, name=form.name.data, week=form.week, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, None, refused.status)
    flash(gettext("The opening hours are added."))
    return redirect(url_for("calendars.index"), code=303)


@bp.get("/settings/calendars/<int:calendar_id>")
@allowed("see_policies")
def edit(calendar_id: int) -> Response:
    calendar = _found(calendar_id)
    return _page(CalendarForm.of(calendar), calendar)


@bp.post("/settings/calendars/<int:calendar_id>")
@allowed("edit_policies")
def update(calendar_id: int) -> Response:
    calendar = _found(calendar_id)
    form = CalendarForm.from_request(zone=calendar.hours["zone"])
    if not form.validate():
        return _page(form, calendar, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            calendars.change(desk, calendar_id, name=form.name.data, week=form.week, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, calendar, refused.status)
    sweeps.judge_anew(now())
    flash(gettext("The opening hours are changed, and every deadline is computed anew."))
    return redirect(url_for("calendars.index"), code=303)


def _all() -> list[dict[str, Any]]:
    """Every calendar with what its page says first."""
    found, at = [], now()
    for row in db.session.scalars(select(Calendar).order_by(Calendar.id)):
        week = hours.Calendar.from_json(row.hours)
        today = hours.day_of(week.zone, at)
        found.append(
            {
                "id": row.id,
                "name": row.name,
                "zone": week.zone,
                "open": hours.is_open(week, at),
                "changes_at": hours.next_change(week, at),
                "holiday": next(
                    ((day, week.holidays[day]) for day in week.sorted_holidays if day >= today), None
                ),
            }
        )
    return found


def _found(calendar_id: int) -> Calendar:
    calendar = db.session.get(Calendar, calendar_id)
    if calendar is None:
        raise access.not_found()
    return calendar


def _page(form: CalendarForm, calendar: Calendar | None, status: int = 200) -> Response:
    return page("settings/calendar.html", form=form, calendar=calendar, may_edit=_may_edit(), status=status)


def _may_edit() -> bool:
    return access.can(signed_in_person(), "edit_policies", None, now())
