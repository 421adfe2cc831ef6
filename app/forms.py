"""The base of every form: values without stray blanks and NUL, names that turn nothing round, words in the reader's language,
errors in place."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import wtforms
from flask import request
from wtforms.fields.core import UnboundField

from app.desk.refused import Refused
from app.mail.headers import as_name
from app.words import N_, gettext

Choices = Callable[[], list[tuple[str, str]]]

# What wtforms itself may say; it knows these texts by heart, the catalogues learn them here.
WTFORMS_TEXTS = (
    N_("This field is required."),
    N_("Invalid input."),
    N_("Invalid email address."),
    N_("Invalid Choice: could not coerce."),
    N_("Invalid choice(s): one or more data inputs could not be coerced."),
    N_("Not a valid choice."),
    N_("'%(value)s' is not a valid choice for this field."),
    N_("'%(value)s' are not valid choices for this field."),
    N_("Not a valid integer value."),
    N_("Not a valid decimal value."),
    N_("Not a valid date value."),
    N_("Not a valid datetime value."),
    N_("Not a valid time value."),
    N_("Field must be equal to %(other_name)s."),
    N_("Field must be at least %(min)d character long."),
    N_("Field must be at least %(min)d characters long."),
    N_("Field cannot be longer than %(max)d character."),
    N_("Field cannot be longer than %(max)d characters."),
    N_("Field must be between %(min)d and %(max)d characters long."),
    N_("Number must be at least %(min)s."),
    N_("Number must be at most %(max)s."),
    N_("Number must be between %(min)s and %(max)s."),
)


class Form(wtforms.Form):
    """A form without a cross-site token (see auth.py). Labels and descriptions are marked with N_ and said here.

    `form.validate()` fills `form.errors`; `form.refuse(refused)` puts a verb's reason where it belongs. A page with
    errors is rendered again with status 422 and the values as they were typed.
    """

    class Meta(wtforms.meta.DefaultMeta):
        def get_translations(self, _form: wtforms.Form) -> "_Words":
            return _WORDS

        def bind_field(self, form: wtforms.Form, unbound_field: UnboundField, options: dict[str, Any]) -> Any:
            if _is_text(unbound_field.field_class):
                clean = _as_name if str(options.get("name", "")).endswith("name") else _trimmed
                filters = (clean, *unbound_field.kwargs.get("filters", ()))
                unbound_field = UnboundField(
                    unbound_field.field_class,
                    *unbound_field.args,
                    **{**unbound_field.kwargs, "filters": filters},
                )
            return super().bind_field(form, unbound_field, options)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        for field in self:
            field.label.text = gettext(field.label.text)
            if field.description:
                field.description = gettext(field.description)

    @classmethod
    def from_request(cls, **values: Any) -> Self:
        """The form as it was sent; fields that were not sent start with `values`."""
        return cls(request.form, **values)

    def refuse(self, refused: Refused) -> None:
        """Shows the reason at the field it names, else above the form."""
        if refused.field is not None and refused.field in self._fields:
            field = self._fields[refused.field]
            field.errors = [*field.errors, refused.said()]
        else:
            self.form_errors.append(refused.said())


def said(words: Mapping[str, str]) -> Choices:
    """Choices from a table of marked texts (ROLES, THEMES), in the reader's language."""
    return lambda: [(value, gettext(text)) for value, text in words.items()]


class _Words:
    """Our catalogues for wtforms. Its texts in two forms are two entries, so that any text of its own is one lookup."""

    def gettext(self, text: str) -> str:
        return gettext(text)

    def ngettext(self, one: str, many: str, n: int) -> str:
        return gettext(one if n == 1 else many)


_WORDS = _Words()


def _is_text(field_class: type) -> bool:
    return issubclass(field_class, wtforms.StringField) and not issubclass(field_class, wtforms.PasswordField)


def _trimmed(value: str | None) -> str | None:
    return value.replace("\x00", "").strip() if isinstance(value, str) else value


def _as_name(value: str | None) -> str | None:
    return as_name(value) if isinstance(value, str) else value
