"""The files of deploy/ in use: each proxy in front of the real server, the units as systemd reads them."""

import configparser
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from app.config import load
from app.database import db
from app.desk import inbox
from app.models.person import SignIn
from tests.server import ROOT, Server, die_with_parent
from tests.small import PASSWORD, SmallDesk

DEPLOY = ROOT / "deploy"
HOST = "desk.example.com"  # as the files call it
CLIENT = "127.0.0.2"  # where browsers come from; the proxy itself comes from 127.0.0.1
MAIL = b"From: kim@example.org\r\nTo: support@example.com\r\nSubject: %d\r\n\r\nHello"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))


@dataclass(frozen=True)
class Front:
    """A running proxy: how to reach it, and whom it is trusted by."""

    port: int
    trust: ssl.SSLContext

    def connect(self) -> http.client.HTTPSConnection:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(CLIENT, 0))
        connection = http.client.HTTPSConnection(HOST, timeout=20)
        connection.sock = self.trust.wrap_socket(plain, server_hostname=HOST)
        return connection

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[Any, bytes]:
        connection = self.connect()
        try:
            connection.request(method, path, body or None, {"Host": HOST, **headers})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@pytest.fixture(params=["nginx", "caddy"])
def front(
    request: pytest.FixtureRequest, environment: dict[str, str], free_port: Callable[[], int], tmp_path: Path
) -> Iterator[Front]:
    """nginx or Caddy with its file of deploy/; only addresses and the certificate are other ones."""
    port = free_port()
    certificate, key = make_certificate(tmp_path)
    made = {"nginx": nginx, "caddy": caddy}[request.param](
        tmp_path, port, free_port(), f"127.0.0.1:{environment['PORT']}", certificate, key
    )
    with (tmp_path / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            made, stdout=log, stderr=log, preexec_fn=die_with_parent, env={"HOME": str(tmp_path)}
        )
    try:
        wait_for(port, process, tmp_path / "proxy.log")
        yield Front(port, ssl.create_default_context(cafile=certificate))
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_a_board_through_a_proxy(
    front: Front, serve: Callable[..., Server], desk: SmallDesk, app: Any, now: Any
) -> None:
    server = serve(**settings_of_the_guide())
    form = urlencode({"email": desk.bob.email, "password": PASSWORD})
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    made_up = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"}

    answer, _ = front.ask("POST", "/sign-in", form, **kind, **made_up)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-nightdesk=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Strict-Transport-Security" in answer.headers
    assert db.session.scalars(select(SignIn.address)).one() == CLIENT
    db.session.rollback()

    signed_in = {"Cookie": cookie.split(";")[0]}
    answer, body = front.ask("GET", f"/boards/{desk.board.id}", **signed_in)
    assert answer.status == 200
    assert b"Support" in body

    answer, _ = front.ask("GET", "/sign-in", **{"X-Request-Id": "made-up-by-a-client"})
    ours = answer.headers["X-Request-Id"]
    assert ours != "made-up-by-a-client"
    assert len(ours) >= 32
    assert any(
        ours == json.loads(line).get("request_id") for line in server.log.splitlines() if line[:1] == "{"
    )

    assert front.ask("GET", "/metrics")[0].status == 404  # it is known who asks

    stream_brings_changes(front, desk, signed_in, now)


def stream_brings_changes(front: Front, desk: SmallDesk, signed_in: dict[str, str], now: Any) -> None:
    """Each event is read before the next one is caused, so a proxy that collects them would stop the test."""
    connection = front.connect()
    path = f"/boards/{desk.board.id}/stream"
    connection.request("GET", path, headers={"Host": HOST, "Sec-Fetch-Site": "same-origin", **signed_in})
    answer = connection.getresponse()
    assert answer.status == 200
    seen = next_delta(answer)
    for number in range(2):
        inbox.receive(MAIL % number, now=now, source="command")
        before, seen = seen, next_delta(answer)
        assert seen > before
    connection.close()


def next_delta(answer: http.client.HTTPResponse) -> int:
    """The number of the next change in the stream."""
    while line := answer.readline():
        if line.startswith(b"id: "):
            return int(line[4:])
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit(unit: Path, tmp_path: Path) -> None:
    """What it starts is there; systemd takes the file, where there is one."""
    text = unit.read_text().replace("/srv/nightdesk/.venv", sys.prefix).replace("/srv/nightdesk", str(ROOT))
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(text)
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service").exists()
    else:
        assert Path(read["Service"]["ExecStart"].split()[0]).is_file()
        assert read["Service"]["WorkingDirectory"] == str(ROOT)
        assert read["Service"]["EnvironmentFile"] == "/etc/nightdesk.env"
    for other in UNITS:
        copied = other.read_text().replace("/srv/nightdesk/.venv", sys.prefix)
        (tmp_path / other.name).write_text(copied.replace("/srv/nightdesk", str(ROOT)))
    if verify := shutil.which("systemd-analyze"):
        done = subprocess.run([verify, "verify", tmp_path / unit.name], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_of_the_guide_are_settings(tmp_path: Path) -> None:
    text = (DEPLOY / "nightdesk.env").read_text()
    lines = [
        line.removeprefix("#") for line in text.splitlines() if "=" in line and not line.startswith("# ")
    ]
    chosen = dict(line.split("=", 1) for line in lines)
    loaded = load({**chosen, "NIGHTDESK_DATA": str(tmp_path)})
    assert (loaded.proxies, loaded.clock, loaded.workers) == (1, False, 2)
    assert (loaded.log_format, loaded.secure) == ("json", True)
    assert loaded.database_url.startswith("postgresql+psycopg://")


def settings_of_the_guide() -> dict[str, str]:
    lines = (DEPLOY / "nightdesk.env").read_text().splitlines()
    chosen = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    del chosen["NIGHTDESK_DATA"]
    return chosen


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ],
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def nginx(folder: Path, port: int, plain: int, server: str, certificate: Path, key: Path) -> list[str]:
    site = changed(
        (DEPLOY / "nginx.conf").read_text(),
        {
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "127.0.0.1:5000": server,
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(certificate),
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(key),
        },
    )
    (folder / "site.conf").write_text(site)
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths} include {folder}/site.conf; }}\n"
    )
    return [
        found("nginx", "nginx-light"),
        "-e",
        "stderr",
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
    ]


def caddy(folder: Path, port: int, plain: int, server: str, certificate: Path, key: Path) -> list[str]:
    site = changed(
        (DEPLOY / "Caddyfile").read_text(),
        {
            f"{HOST} {{": f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}",
            "127.0.0.1:5000": server,
        },
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return [found("caddy", "caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def found(program: str, package: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    if path is None:
        pytest.fail(f"no {program}. Type: apt-get install -y {package}")
    return path


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the proxy listens."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the proxy did not start:\n{log.read_text()}")
