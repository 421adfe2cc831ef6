"""Places in a text that are filled in for the ticket at hand: `{customer.name}`."""

import re
from collections.abc import Mapping

PLACES = ("customer.name", "ticket.number", "ticket.subject", "agent.name", "desk.name", "board.name")
_PLACE = re.compile(r"\{\s*([\w.]+)\s*\}")


def unknown(text: str) -> str | None:
    """The first place of the text that nothing can be put into, as it is written. Braces around anything else than a word are
    left as they are."""
    return next((found[0] for found in _PLACE.finditer(text) if found[1] not in PLACES), None)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each of PLACES filled in. What is filled in is not looked through again."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), text)
