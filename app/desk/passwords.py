"""Passwords: what is accepted, how it is kept, and a check that takes as long for strangers as for people."""

import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.desk.refused import Refused
from app.words import N_

SHORTEST = 12
LONGEST = 500
# 19 MiB and two passes: OWASP's first choice; 64 threads that check at once still fit into a small machine
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
LEAST_LEFT = 5  # different characters, beside the words below and the person's own
T = TypeVar("T")
_COMMON = (
    "correcthorsebatterystaple",
    "administrator",
    "qwertyuiop",
    "1q2w3e4r5t",
    "1234567890",
    "abcdefghij",
    "0987654321",
    "asdfghjkl",
    "nightdesk",
    "trustno1",
    "iloveyou",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "changeme",
    "1qaz2wsx",
    "3edc4rfv",
    "helpdesk",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "zxcvbnm",
    "welcome",
    "support",
    "letmein",
    "company",
    "123456",
    "qwerty",
    "dragon",
    "monkey",
    "azerty",
    "abc123",
    "secret",
    "admin",
    "12345",
    "love",
    "1234",
    "test",
    "abcd",
    "123",
    "abc",
)


def accept(password: str, *, about: tuple[str, ...] = (), field: str = "password") -> None:
    """Refused when a password is too short, too long, common, or made of words `about` the person (name, address)."""
    text = _normal(password)
    if len(text) < SHORTEST:
        raise Refused(N_("Use at least %(least)s characters."), field=field, least=SHORTEST)
    if len(text) > LONGEST:
        raise Refused(N_("Use at most %(most)s characters."), field=field, most=LONGEST)
    if _is_easy(text, about):
        raise Refused(
            N_("This password is easy to guess. Three or four unrelated words are good."), field=field
        )


def hashed(password: str) -> str:
    """The Argon2 hash to store."""
    return _aside(_hasher.hash, _normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. Without a stored one it works as long and says no."""
    try:
        right = _aside(_hasher.verify, stored or _nobodys(), _normal(password[: 4 * LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return right and bool(stored)


def _aside(work: Callable[..., T], *arguments: str) -> T:
    """In a thread, where others are greenlets: they would all stand still for as long as it computes."""
    patched = sys.modules.get("gevent.monkey")
    if patched is None or not patched.is_module_patched("threading"):
        return work(*arguments)
    found: T = sys.modules["gevent"].get_hub().threadpool.apply(work, arguments)
    return found


def _normal(password: str) -> str:
    """One spelling: keyboards differ in how they compose Hangul and accents."""
    return unicodedata.normalize("NFKC", password)


def _is_easy(text: str, about: tuple[str, ...]) -> bool:
    """Whether little is left of it without the words that everybody tries first."""
    rest = text.casefold()
    own = {word for part in about for word in _words(part)}
    for word in sorted({*_COMMON, *own}, key=lambda word: (-len(word), word)):
        rest = rest.replace(word, "")
    return len(set(rest)) < LEAST_LEFT


def _words(text: str) -> list[str]:
    split = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    return [word for word in split if len(word) >= 3]


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody's password")
