import unicodedata

import pytest

from app.desk import passwords
from app.desk.refused import Refused

BOB = ("Bob Reyes", "bob@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "a lamp in the window",
        "correct7horse!battery",
        "등불이 켜진 창가에서 우리",
        "Zx9#kd02mQpL",
        "bob and seven lamps",
        "x" * 6 + "three unrelated",
    ],
)
def test_good_ones_are_accepted(password: str) -> None:
    passwords.accept(password, about=BOB)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 12"),
        ("short lamp", "at least 12"),
        ("등불이켜진창가에서", "at least 12"),
        ("ab cd " * 100, "at most 500"),
        ("password1234", "easy to guess"),
        ("Password2024!", "easy to guess"),
        ("PASSWORDPASSWORD", "easy to guess"),
        ("qwertyuiop12", "easy to guess"),
        ("123456789012", "easy to guess"),
        ("aaaaaaaaaaaa", "easy to guess"),
        ("abababababab", "easy to guess"),
        ("            ", "easy to guess"),
        ("Bob.Reyes.2026", "easy to guess"),
        ("bob@example.com", "easy to guess"),
        ("nightdesk1234", "easy to guess"),
    ],
)
def test_others_are_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        passwords.accept(password, about=BOB)
    assert refused.value.field == "password"


def test_a_stored_password_matches_itself_alone() -> None:
    stored = passwords.hashed("a lamp in the window")
    assert stored.startswith("$argon2id$")
    assert passwords.matches(stored, "a lamp in the window")
    assert not passwords.matches(stored, "a lamp in the windoW")
    assert not passwords.matches(stored, "")


def test_a_keyboard_that_composes_hangul_differently_types_the_same_password() -> None:
    typed = "등불이 켜진 창가에서 우리"
    stored = passwords.hashed(unicodedata.normalize("NFD", typed))
    assert passwords.matches(stored, unicodedata.normalize("NFC", typed))


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
def test_without_a_stored_password_nothing_matches(stored: str | None) -> None:
    assert not passwords.matches(stored, "nobody's password")
    assert not passwords.matches(stored, "")
