"""SLA policies: seen by agents, changed by managers."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import Form as AnyForm
from wtforms import IntegerField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from app import sweeps
from app.auth import acting, allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, policies
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.models.calendar import Calendar
from app.models.policy import Policy
from app.models.ticket import PRIORITIES, PRIORITY_NAMES
from app.words import N_, gettext
from rules import deadlines, hours, written

bp = Blueprint("policies", __name__)

KINDS = {
    deadlines.FIRST_RESPONSE: N_("First answer"),
    deadlines.NEXT_RESPONSE: N_("Each later answer"),
    deadlines.RESOLUTION: N_("Resolved"),
}
ALWAYS = "always"
COLUMNS = {**KINDS, ALWAYS: N_("First answer out of hours, round the clock")}


class DurationField(StringField):
    """Hours and minutes as text; `seconds` once it is valid, None when empty."""

    seconds: int | None = None

    def pre_validate(self, _form: AnyForm) -> None:
        try:
            self.seconds = written.read_duration(self.data or "")
        except hours.CalendarError as error:
            raise ValidationError(gettext(error.message, **error.values)) from error


class PolicyForm(Form):
    """Beside these, a field "<priority>_<kind>" for each target and "<priority>_always" for each round the clock."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=policies.LONGEST_NAME)])
    calendar = SelectField(
        N_("Opening hours"), coerce=int, description=N_("For channels that have none of their own.")
    )
    warn_percent = IntegerField(N_("Warn after this share of the time, in percent"), [InputRequired()])

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        calendars = db.session.scalars(select(Calendar).order_by(Calendar.id))
        self.calendar.choices = [(one.id, one.name) for one in calendars]
        for number, priority in enumerate(PRIORITY_NAMES):
            for kind, title in COLUMNS.items():
                label = self[f"{priority}_{kind}"].label
                label.text = f"{gettext(PRIORITIES[number])}, {gettext(title)}"

    @classmethod
    def of(cls, policy: Policy) -> "PolicyForm":
        """The form as a policy stands."""
        texts = {
            f"{priority}_{kind}": written.write_duration(seconds)
            for priority, kinds in {**policy.targets}.items()
            for kind, seconds in kinds.items()
        }
        texts |= {
            f"{priority}_{ALWAYS}": written.write_duration(seconds)
            for priority, seconds in policy.round_the_clock.items()
        }
        return cls(name=policy.name, calendar=policy.calendar_id, warn_percent=policy.warn_percent, **texts)

    @property
    def rows(self) -> list[tuple[str, list[DurationField]]]:
        """The most urgent priority first: what it is called, and its fields in the order of COLUMNS."""
        return [
            (
                gettext(PRIORITIES[number]),
                [self[f"{PRIORITY_NAMES[number]}_{kind}"] for kind in COLUMNS],
            )
            for number in reversed(PRIORITIES)
        ]

    @property
    def targets(self) -> dict[str, dict[str, int]]:
        return {
            name: {kind: seconds for kind in KINDS if (seconds := self[f"{name}_{kind}"].seconds)}
            for name in PRIORITY_NAMES
        }

    @property
    def round_the_clock(self) -> dict[str, int]:
        return {name: seconds for name in PRIORITY_NAMES if (seconds := self[f"{name}_{ALWAYS}"].seconds)}


for _priority in PRIORITY_NAMES:
    for _kind in COLUMNS:
        setattr(PolicyForm, f"{_priority}_{_kind}", DurationField())


@bp.get("/settings/policies")
@allowed("see_policies")
def index() -> Response:
    rows = db.session.execute(
        select(Policy.id, Policy.name, Calendar.name).join(Policy.calendar).order_by(Policy.id)
    ).all()
    return page("settings/policies.html", policies=rows)


@bp.get("/settings/policies/<int:policy_id>")
@allowed("see_policies")
def edit(policy_id: int) -> Response:
    policy = _found(policy_id)
    return _page(PolicyForm.of(policy), policy)


@bp.post("/settings/policies/<int:policy_id>")
@allowed("edit_policies")
def update(policy_id: int) -> Response:
    policy = _found(policy_id)
    form = PolicyForm.from_request()
    if not form.validate():
        return _page(form, policy, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            policies.change(
                desk,
                policy_id,
                name=form.name.data,
                calendar_id=form.calendar.data,
                targets=form.targets,
                warn_percent=form.warn_percent.data,
                round_the_clock=form.round_the_clock,
                by=acting(),
                now=now(),
            )
    except Refused as refused:
        form.refuse(refused)
        return _page(form, policy, refused.status)
    sweeps.judge_anew(now())
    flash(gettext("The policy is changed, and every deadline is computed anew."))
    return redirect(url_for("policies.edit", policy_id=policy_id), code=303)


def _found(policy_id: int) -> Policy:
    policy = db.session.get(Policy, policy_id)
    if policy is None:
        raise access.not_found()
    return policy


def _page(form: PolicyForm, policy: Policy, status: int = 200) -> Response:
    return page(
        "settings/policy.html",
        form=form,
        policy=policy,
        columns=[gettext(title) for title in COLUMNS.values()],
        examples=policies.examples(policy, now()),
        may_edit=access.can(signed_in_person(), "edit_policies", None, now()),
        status=status,
    )
