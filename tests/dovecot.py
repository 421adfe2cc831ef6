"""A real IMAP server: Dovecot, unprivileged, with a folder and ports of its own. As root it runs as `nobody`."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from datetime import datetime
from imaplib import IMAP4, Time2Internaldate
from pathlib import Path
from types import TracebackType

from tests.server import die_with_parent

PASSWORD = "six-amber-foxes"
PASSWORDS = {"quoting": r'six "amber" \foxes {7}', "minji": "여우 여섯 마리"}
BINARY = "/usr/sbin/dovecot"
OAUTH = """
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""
CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = {folder}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = {ssl}
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%n
imap_capability = {capability}
{oauth}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN {folder}/passwords
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%n
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


class Dovecot:
    """Serves everybody whose password is PASSWORD or theirs of PASSWORDS, at `port` (plain and STARTTLS) and `tls_port`. A new user's mailbox
    is empty. `idle` says whether IDLE is offered, `introspection` is where it asks about OAuth2 tokens."""

    def __init__(
        self, port: int, tls_port: int, *, idle: bool = True, introspection: str | None = None
    ) -> None:
        self.port, self.tls_port = port, tls_port
        self.folder = Path(tempfile.mkdtemp(prefix="nightdesk-imap-", dir="/tmp"))
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._make_certificate()
        oauth = ""
        if introspection:
            oauth = OAUTH.format(folder=self.folder)
            (self.folder / "oauth2.conf").write_text(
                f"introspection_mode = post\nintrospection_url = {introspection}\n"
                "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
            )
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(
                folder=self.folder,
                user=self._user.pw_name,
                group=_group(self._user.pw_gid),
                port=port,
                tls_port=tls_port,
                password=PASSWORD,
                ssl="yes",
                oauth=oauth,
                capability="" if idle else "IMAP4rev1 UIDPLUS",
            )
        )
        (self.folder / "passwords").write_text("".join(f"{user}:{PASSWORDS[user]}\n" for user in PASSWORDS))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> str:
        """The file that SSL_CERT_FILE must name for this server to be trusted."""
        return str(self.folder / "certificate.pem")

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def deliver(self, user: str, *messages: bytes, at: datetime | None = None) -> None:
        """Puts messages into somebody's INBOX, as a mail server would."""
        with self.client(user) as client:
            for message in messages:
                state, said = client.append(
                    "INBOX", "", Time2Internaldate(at.timestamp()) if at else "", message
                )
                assert state == "OK", said

    def client(self, user: str) -> IMAP4:
        """A connection that is signed in."""
        client = IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(user, PASSWORD)
        return client

    def start(self) -> None:
        as_root = os.geteuid() == 0
        if as_root:
            subprocess.run(["chown", "-R", self._user.pw_name, self.folder], check=True)
        self._process = subprocess.Popen(
            [BINARY, "-F", "-c", str(self.folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            user=self._user.pw_uid if as_root else None,
            group=self._user.pw_gid if as_root else None,
            extra_groups=[] if as_root else None,
            preexec_fn=die_with_parent,
        )
        give_up_at = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self.stop()
                raise RuntimeError(f"Dovecot did not start:\n{self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> "Dovecot":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                return probe.recv(4) == b"* OK"
        except OSError:
            return False

    def _make_certificate(self) -> None:
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ),
                *("-days", "30000", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "certificate.pem")),
            ],
            check=True,
            capture_output=True,
        )


def _group(number: int) -> str:

    return grp.getgrgid(number).gr_name
