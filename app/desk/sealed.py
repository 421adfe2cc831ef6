"""Secrets that must be said again to another server: encrypted at rest by a key made from SECRET_KEY."""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.config import settings


class Unreadable(Exception):
    """It was sealed with another SECRET_KEY."""


def seal(text: str) -> str:
    return _box(settings().secret_key).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text. Raises Unreadable when the key has changed since."""
    try:
        return _box(settings().secret_key).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


@cache
def _box(key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"nightdesk: sealed secrets").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
