import inspect
import re
from datetime import date
from typing import Any

import pytest
import wtforms
from werkzeug.datastructures import MultiDict
from wtforms import fields, validators

from app.desk import tickets
from app.desk.refused import Refused
from app.forms import WTFORMS_TEXTS, Form, said
from app.words import N_, gettext, speaking


class LampForm(Form):
    name = wtforms.StringField(N_("Name"), [validators.InputRequired(), validators.Length(min=2, max=4)])
    text = wtforms.TextAreaField(N_("Text"), filters=[lambda value: value and value.upper()])
    password = wtforms.PasswordField(N_("Password"))
    colour = wtforms.SelectField(N_("Colour"), choices=said({"red": N_("Red"), "blue": N_("Blue")}))
    day = wtforms.DateField(N_("Day"), [validators.Optional()])


def lamp(**values: Any) -> LampForm:
    return LampForm(MultiDict({"name": "lamp", "colour": "red", **values}))


def test_values_come_without_stray_blanks_but_passwords_as_they_are() -> None:
    form = lamp(name="  lamp\n", text=" two words ", password=" a b ", day="2026-11-03")
    assert form.validate()
    assert form.data == {
        "name": "lamp",
        "text": "TWO WORDS",
        "password": " a b ",
        "colour": "red",
        "day": date(2026, 11, 3),
    }


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Lamps\u202e exe.cod", "Lamps exe.cod"),
        ("\u2067Lamps\u2069 \u200f\u061cand \u200bmore", "Lamps and more"),
        ("Lamps\x00\x1b[31m\tand\r\nmore\x85", "Lamps[31m and more"),
        ("\u2028", ""),
        ("مصباح", "مصباح"),  # what is written from the right stays as it is
        ("👩\u200d🔧 می\u200cخواهم", "👩\u200d🔧 می\u200cخواهم"),  # joiners are letters' and emoji's own
    ],
)
def test_a_name_turns_round_and_hides_nothing_beside_it(typed: str, kept: str) -> None:
    assert lamp(name=typed).data["name"] == kept
    assert lamp(text="one\r\n\ttwo").data["text"] == "ONE\r\n\tTWO"
    if kept:
        assert tickets.tag_name(typed) == tickets.tag_name(kept)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"colour": "green"}, "colour"),
        ({"name": " "}, "name"),
        ({"name": "l"}, "name"),
        ({"day": "x"}, "day"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(values: dict[str, str], field: str) -> None:
    form = lamp(**values)
    assert not form.validate()
    assert list(form.errors) == [field]


def test_everything_is_said_in_the_readers_language() -> None:
    with speaking("ko"):
        form = lamp(name="l", colour="green")
        form.validate()
        assert form.name.label.text == gettext("Name")
        assert form.name.errors == [
            gettext("Field must be between %(min)d and %(max)d characters long.", min=2, max=4)
        ]
        assert form.colour.errors == [gettext("Not a valid choice.")]


def test_a_verbs_reason_stands_at_its_field_or_above_the_form() -> None:
    form = lamp()
    assert form.validate()
    form.refuse(Refused("Not this name.", field="name"))
    form.refuse(Refused("Not today, %(name)s.", name="Bob"))
    form.refuse(Refused("Not so.", field="elsewhere"))
    assert form.name.errors == ["Not this name."]
    assert form.form_errors == ["Not today, Bob.", "Not so."]


def test_the_catalogues_learn_what_wtforms_says() -> None:
    """Every text of the fields and validators that the desk's forms use is in WTFORMS_TEXTS."""
    used = (
        fields.SelectField,
        fields.SelectMultipleField,
        fields.IntegerField,
        fields.DateField,
        fields.TimeField,
        fields.DateTimeField,
        validators.InputRequired,
        validators.DataRequired,
        validators.NumberRange,
        validators.EqualTo,
        validators.Regexp,
    )
    texts = {
        text
        for thing in used
        for text in re.findall(r'gettext\(\s*"([^"]+)"', inspect.getsource(thing))
        if "None" not in text and "Invalid field name" not in text
    }
    assert len(texts) > 10
    assert texts <= set(WTFORMS_TEXTS)
