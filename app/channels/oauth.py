"""Signing in at Microsoft, Google or another OAuth2 server: authorization code with PKCE, and the refresh."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from app.channels import Permanent, Temporary
from app.desk import mailboxes
from app.desk.mailboxes import Tokens
from app.models.mailbox import Mailbox

TIMEOUT = 15  # seconds
FRESH_FOR = timedelta(minutes=2)  # an access token that ends sooner is not used any more
LONGEST = 100_000  # bytes of an answer


class Revoked(Permanent):
    """What was allowed is not allowed any more: a person must sign in again."""


def authorise_address(mailbox: Mailbox, *, redirect_uri: str, state: str, verifier: str) -> str:
    """Where a person goes to sign in; `state` and, proven by `verifier`, a code come back to `redirect_uri`."""
    digest = hashlib.sha256(verifier.encode()).digest()
    provider = mailbox.provider
    asked = {
        "response_type": "code",
        "client_id": mailbox.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.scope,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "login_hint": mailbox.user_name,
        **dict(provider.extra),
    }
    joint = "&" if "?" in provider.authorise_url else "?"
    return provider.authorise_url + joint + urlencode({name: value for name, value in asked.items() if value})


def exchange(mailbox: Mailbox, *, code: str, redirect_uri: str, verifier: str, now: datetime) -> Tokens:
    """The tokens for a code. Raises Temporary or Permanent in the server's words."""
    return _ask(
        mailbox,
        now,
        grant_type="authorization_code",
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=verifier,
    )


def refresh(mailbox: Mailbox, old: Tokens, now: datetime) -> Tokens:
    """New tokens for old ones. Raises Revoked when somebody has to sign in again, else Temporary or Permanent."""
    return _ask(mailbox, now, grant_type="refresh_token", refresh_token=old.refresh)


def refreshed(mailbox: Mailbox, old: Tokens, now: datetime) -> Tokens:
    """New tokens for old ones, kept. Where another process was faster (some servers take a refresh token once only),
    they are those that it got. Raises as `refresh`."""
    try:
        fresh = refresh(mailbox, old, now)
    except Revoked:
        theirs = mailboxes.tokens_now(mailbox.id)
        if theirs is None or theirs == old:
            raise
        return theirs
    mailboxes.keep_tokens(mailbox.id, mailbox.version, fresh)
    return fresh


def _ask(mailbox: Mailbox, now: datetime, **values: str) -> Tokens:
    values["client_id"] = mailbox.client_id
    if secret := mailboxes.client_secret(mailbox):
        values["client_secret"] = secret
    answer = _post(mailbox.provider.token_url, values)
    access = answer.get("access_token")
    again = answer.get("refresh_token") or values.get("refresh_token", "")  # Google gives one only once
    lasts = answer.get("expires_in", 3600)
    if not isinstance(access, str) or not access or not isinstance(again, str):
        raise Permanent("the answer holds no access token")
    if not again:
        raise Permanent("the answer holds no refresh token")
    if not isinstance(lasts, int | str) or not str(lasts).isdecimal() or len(str(lasts)) > 9:
        lasts = 3600
    return Tokens(access, again, now + timedelta(seconds=min(int(lasts), 86_400)))


def _post(address: str, values: dict[str, str]) -> dict[str, Any]:
    asked = Request(address, urlencode(values).encode(), {"Accept": "application/json"})  # noqa: S310 - http(s), checked when it was set
    try:
        with _OPENER.open(asked, timeout=TIMEOUT) as answer:
            return _read(answer.read(LONGEST))
    except HTTPError as error:
        with error:
            said = _read(error.read(LONGEST))
        code, words = str(said.get("error", "")), str(said.get("error_description", ""))
        told = " ".join(f"{error.code} {code} {words}".split())
        if code == "invalid_grant":
            raise Revoked(told) from error
        raise (Temporary if error.code >= 500 or error.code == 429 else Permanent)(told) from error
    except (OSError, HTTPException) as error:
        raise Temporary(str(error) or type(error).__name__) from error


def _read(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


class _Stay(HTTPRedirectHandler):
    """A secret is not carried on to wherever an answer points."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = build_opener(_Stay)
