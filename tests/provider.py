"""A provider of mailboxes that people sign in to by OAuth2: authorization code with PKCE, refresh tokens that are good
once, and what a mail server asks about an access token."""

import base64
import hashlib
import itertools
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT = ("the-desk", "a secret of the client")


@dataclass
class _State:
    """What the provider knows: codes and tokens -> whose they are, and the challenge that came with a code."""

    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    refreshed: int = 0
    down: bool = False


class Provider:
    """`authorise_url`, `token_url` and `introspection_url` are what its neighbours need."""

    def __init__(self, port: int) -> None:
        self.state = _State()
        self._numbers = itertools.count(1)
        self.url = f"http://127.0.0.1:{port}"
        self.authorise_url, self.token_url = f"{self.url}/authorise", f"{self.url}/token"
        self.introspection_url = f"{self.url}/introspect"
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True

    def sign_in(self, address: str) -> str:
        """A person follows `address` and says yes; returns where their browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(self.authorise_url)
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT[0])
        assert asked["code_challenge_method"] == "S256"
        code = f"code {next(self._numbers)}"
        self.state.codes[code] = (asked["login_hint"], asked["code_challenge"], asked["redirect_uri"])
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})

    def revoke(self) -> None:
        """Nobody may do anything any more."""
        self.state.access.clear()
        self.state.refresh.clear()

    def __enter__(self) -> "Provider":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _token(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.state.down:
            return 503, {}
        if (asked.get("client_id"), asked.get("client_secret")) != CLIENT:
            return 401, {"error": "invalid_client"}
        whose = self._whose(asked)
        if whose is None:
            return 400, {"error": "invalid_grant", "error_description": "AADSTS50173: revoked"}
        access, refresh = f"access {next(self._numbers)}", f"refresh {next(self._numbers)}"
        self.state.access[access], self.state.refresh[refresh] = whose, whose
        return 200, {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": 3600,
            "token_type": "Bearer",
        }

    def _whose(self, asked: dict[str, str]) -> str | None:
        if asked["grant_type"] == "refresh_token":
            self.state.refreshed += 1
            return self.state.refresh.pop(asked["refresh_token"], None)
        whose, challenge, redirect_uri = self.state.codes.pop(asked["code"], ("", "", ""))
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        return whose if proven and asked["redirect_uri"] == redirect_uri else None

    def _introspect(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        whose = self.state.access.get(asked.get("token", ""))
        return 200, {"active": "true", "username": whose} if whose else {"active": "false"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answers = {"/token": self._token, "/introspect": self._introspect}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = answers[self.path](dict(parse_qsl(body)))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *values: Any) -> None:
                """Says nothing."""

        return Handler
