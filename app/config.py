"""The environment, read once: frozen settings. A bad value stops the start and names itself."""

import os
import resource
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from flask import current_app

ROOT = Path(__file__).resolve().parent.parent
NOT_STREAMS = 32  # threads of a web process on SQLite that streams leave to everything else
MOST_CONNECTIONS = 10_000  # of one web process on PostgreSQL
OTHER_FILES = 256  # that a process holds open beside them
AT_ONCE = (
    12  # requests that one web process on PostgreSQL answers at the same time; the others wait for their turn
)


class SettingError(ValueError):
    """A setting that cannot be used; the text begins with the setting's name."""


@dataclass(frozen=True)
class Settings:
    """What the operator may change. Paths are absolute; `base_url` has no trailing slash."""

    data: Path
    database_url: str
    base_url: str
    host: str
    port: int
    threads: int
    workers: int
    clock: bool
    proxies: int
    smtp_url: str | None
    mail_from: str | None
    secret_key: str
    log_format: str
    metrics_allow: tuple[IPv4Network | IPv6Network, ...]
    webhook_allow: tuple[IPv4Network | IPv6Network, ...]  # inside the network, and may be called all the same
    attachments: int  # of one message that is sent
    attachments_mb: int  # all of them together

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def connections(self) -> int:
        """How many browsers one web process answers; each open board holds one of them for as long as it is open."""
        if self.on_sqlite:
            return self.threads
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return MOST_CONNECTIONS if files < 0 else max(64, min(MOST_CONNECTIONS, files - OTHER_FILES))

    @property
    def streams(self) -> int:
        """How many open boards one web process holds; the other connections are left to pages."""
        return max(0, self.connections - NOT_STREAMS) if self.on_sqlite else self.connections * 9 // 10

    @property
    def secure(self) -> bool:
        """True when the desk is reached over https, so cookies may be marked Secure."""
        return self.base_url.startswith("https://")

    @property
    def host_name(self) -> str:
        """The name in links and Message-IDs."""
        return urlsplit(self.base_url).hostname or "localhost"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks every setting; raises SettingError with the name of the first bad one."""
    data = Path(environ.get("NIGHTDESK_DATA") or ROOT / "instance").expanduser().resolve()
    port = _number(environ, "PORT", 5000, 1, 65535)
    host = environ.get("HOST") or "127.0.0.1"
    return Settings(
        data=_directory(data),
        database_url=_database_url(environ, data),
        base_url=_base_url(environ, port),
        host=host,
        port=port,
        threads=_number(environ, "THREADS", 64, 8, 1000),
        workers=_number(environ, "WORKERS", 1, 1, 64),
        clock=_switch(environ, "CLOCK", True),
        proxies=_number(environ, "TRUSTED_PROXIES", 0, 0, 10),
        smtp_url=_smtp_url(environ),
        mail_from=environ.get("MAIL_FROM") or None,
        secret_key=_secret_key(environ, data),
        log_format=_log_format(environ),
        metrics_allow=_networks(environ, "METRICS_ALLOW", "127.0.0.1, ::1"),
        webhook_allow=_networks(environ, "WEBHOOK_ALLOW", ""),
        attachments=_number(environ, "ATTACHMENTS", 20, 1, 100),
        attachments_mb=_number(environ, "ATTACHMENTS_MB", 18, 1, 25),
    )


def settings() -> Settings:
    """The settings of the running app."""
    return cast(Settings, current_app.config["SETTINGS"])


def _directory(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingError(f"NIGHTDESK_DATA: {path} cannot be used as a folder ({error.strerror})") from error
    if not os.access(path, os.W_OK):
        raise SettingError(f"NIGHTDESK_DATA: {path} is not writable")
    return path


def _database_url(environ: Mapping[str, str], data: Path) -> str:
    url = environ.get("DATABASE_URL") or f"sqlite:///{data / 'nightdesk.db'}"
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            url = "postgresql+psycopg://" + url.removeprefix(short)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingError("DATABASE_URL: only sqlite:///path and postgresql://user@host/name are known")
    return url


def _base_url(environ: Mapping[str, str], port: int) -> str:
    url = (environ.get("BASE_URL") or f"http://127.0.0.1:{port}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise SettingError(f"BASE_URL: {url!r} is not an address like https://desk.example.com")
    return url


def _smtp_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("SMTP_URL") or None
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("smtp", "smtps", "smtp+starttls") and parts.hostname and (parts.port or True)
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(
            "SMTP_URL: write smtp://, smtp+starttls:// or smtps://, then user:password@host:port"
        )
    return url


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingError(f"{name}: {text!r} is not a whole number from {least} to {most}")
    return int(text)


def _switch(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = (environ.get(name) or ("on" if default else "off")).lower()
    if text not in ("on", "off"):
        raise SettingError(f"{name}: {text!r} is neither on nor off")
    return text == "on"


def _log_format(environ: Mapping[str, str]) -> str:
    text = (environ.get("LOG_FORMAT") or "text").lower()
    if text not in ("text", "json"):
        raise SettingError(f"LOG_FORMAT: {text!r} is neither text nor json")
    return text


def _networks(environ: Mapping[str, str], name: str, default: str) -> tuple[IPv4Network | IPv6Network, ...]:
    text = environ.get(name) or default
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if text)
    except ValueError as error:
        raise SettingError(
            f"{name}: write addresses and networks like 10.0.0.7, 10.1.0.0/16 ({error})"
        ) from error


def _secret_key(environ: Mapping[str, str], data: Path) -> str:
    """The key that signs cookies, links and Message-IDs; made once and kept beside the data."""
    if key := environ.get("SECRET_KEY"):
        if len(key) < 32:
            raise SettingError("SECRET_KEY: at least 32 characters are needed")
        return key
    path = data / "secret"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    key = path.read_text().strip()
    if len(key) < 32:
        raise SettingError(f"SECRET_KEY: the file {path} does not hold a key; remove it or set SECRET_KEY")
    return key
