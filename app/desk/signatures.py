"""What stands below an answer: who wrote it, and the desk they write for."""

import re

from app.desk.refused import Refused
from app.models.channel import Channel
from app.models.desk import the_desk
from app.models.person import Person
from app.words import N_

LONGEST = 2000
PLACEHOLDERS = ("name", "desk")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def checked(text: str) -> str:
    """A signature ready to be kept. Refused, at the field `signature`, when it is too long or asks for what nobody
    fills in."""
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(text) > LONGEST:
        raise Refused(N_("Use at most %(most)s characters."), field="signature", most=LONGEST)
    unknown = next((name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS), None)
    if unknown is not None:
        raise Refused(
            N_("%(unknown)s stands for nothing. There are {name} and {desk}."),
            field="signature",
            unknown=f"{{{unknown}}}",
        )
    return text


def below(person: Person | None, channel: Channel | None) -> str:
    """The signature of an answer: the person's, then that of the address it leaves from. Without a person the desk
    speaks by itself."""
    desk = the_desk()
    called = desk.name if desk else ""
    values = {"name": person.name if person else called, "desk": called}
    own = person.signature if person else ""
    both = "\n".join(part for part in (own, channel.signature if channel else "") if part)
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), both)
