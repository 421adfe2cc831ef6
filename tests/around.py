"""The world around the desk: real server and command processes, a mail server, a browser."""

import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.dovecot import Dovecot
from tests.provider import Provider
from tests.server import ROOT, Server, die_with_parent
from tests.sink import Sink

CHROMIUM = ("chromium-headless-shell", "chromium", "google-chrome")
LOOPBACK = ("127.0.0.1", "localhost")
_users = itertools.count(1)
# What Chromium also writes to the console: answers of the desk, and that a test has cut the network.
REFUSALS = ("status of 401", "status of 409", "status of 413", "status of 422", "ERR_INTERNET_DISCONNECTED")


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Finds a port of this machine that nobody listens on, below those the kernel gives to outgoing connections."""

    def find() -> int:
        while True:
            port = random.randint(15_000, 32_000)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port

    return find


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[Callable[..., Server]]:
    """Starts the real server with the test's settings and those given: `serve(CLOCK="off")`. Ended with the test."""
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(process_environment(environment, settings)))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def flask(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `flask --app wsgi ...` to its end in a process of its own: `flask("receive", input=raw)`.

    `input` is bytes or text; `settings` overrides the environment. The status is the caller's to look at.
    """

    def run(*arguments: str, input: bytes | str = b"", **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            _flask(arguments),
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            cwd=ROOT,
            env=process_environment(environment, settings),
            timeout=60,
        )
        return subprocess.CompletedProcess(
            arguments, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture
def start_flask(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `flask --app wsgi ...` and leaves it running, `flask --app wsgi clock` above all. Killed with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        running.append(
            subprocess.Popen(
                _flask(arguments),
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=process_environment(environment, settings),
                preexec_fn=die_with_parent,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def smtp_sink(free_port: Callable[[], int]) -> Iterator[Sink]:
    """A real mail server that keeps what it is given; SMTP_URL leads to it in every test that names it."""
    with Sink(free_port()) as sink:
        yield sink


@pytest.fixture(scope="session")
def provider(free_port: Callable[[], int]) -> Iterator[Provider]:
    """Where people sign in to the mailboxes of `dovecot` by OAuth2."""
    with Provider(free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def dovecot(free_port: Callable[[], int], provider: Provider) -> Iterator[Dovecot]:
    """A real IMAP server. Every test has users of its own in it, see `mailbox_user`."""
    with Dovecot(free_port(), free_port(), introspection=provider.introspection_url) as server:
        yield server


@pytest.fixture
def mailbox_user() -> str:
    """The name of a user whose mailbox is empty."""
    return f"user{next(_users)}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser's process. Every name but this machine's is unknown to it."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail("no Chromium. Type: apt-get install -y chromium-headless-shell fonts-noto-cjk")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser of its own (cookies are not shared): `new_page(server.url, person, locale="ko")`.

    With a person it is signed in through the form. Script errors, console errors and requests that leave this
    machine fail the test when it ends; with `troubled` what the console says of refused and lost requests does not.
    """
    contexts: list[Any] = []
    faults: list[str] = []

    def open_page(url: str, person: Any = None, *, troubled: bool = False, **options: Any) -> Any:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "en"} | options
        context = chromium.new_context(base_url=url, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        if not troubled:
            context.on("console", lambda message: _listen(message, faults))
        context.on("weberror", lambda error: faults.append(f"script error: {error.error}"))
        context.on("request", lambda asked: _watch(asked.url, faults))
        page = context.new_page()
        if person is not None:
            sign_in_by_form(page, person.email)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(serve: Callable[..., Server], new_page: Callable[..., Any]) -> Any:
    """A page of a server that runs as it does by default."""
    return new_page(serve().url)


def sign_in_by_form(page: Any, email: str) -> None:
    from tests.small import PASSWORD

    page.goto("/sign-in")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda address: not urlsplit(address).path.startswith("/sign-in"))


def process_environment(environment: dict[str, str], settings: dict[str, str]) -> dict[str, str]:
    """Only what a process needs: the settings of whoever runs the tests do not leak in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **environment, **settings}


def _flask(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]


def _listen(message: Any, faults: list[str]) -> None:
    refused = "Failed to load resource" in message.text and any(text in message.text for text in REFUSALS)
    if message.type == "error" and not refused:
        faults.append(f"console: {message.text}")


def _watch(url: str, faults: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob", "about") and parts.hostname not in LOOPBACK:
        faults.append(f"a request left this machine: {url}")
