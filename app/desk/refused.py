"""How the desk says no."""

from typing import Any

from app.words import N_, gettext

MOVED_MEANWHILE = N_("This ticket was moved to another board meanwhile. Try again.")


class Refused(Exception):
    """A change that cannot be made, with the reason for a person.

    `text` is a msgid (mark it with N_), `values` its placeholders; `status` is 409 when the thing has changed
    meanwhile, 422 when what was asked cannot be, 404 for what this person may not see, 403 for what they may see but
    not do. `field` names the form field that is at fault.
    """

    def __init__(self, text: str, *, status: int = 422, field: str | None = None, **values: Any) -> None:
        super().__init__(text % values if values else text)
        self.text = text
        self.values = values
        self.status = status
        self.field = field

    def said(self) -> str:
        """The reason in the language being spoken."""
        return gettext(self.text, **self.values)
