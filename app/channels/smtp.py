"""Mail out, through the relay that SMTP_URL names."""

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

from app.channels import Permanent, Temporary
from app.config import Settings
from app.mail.compose import compose
from app.mail.files import File
from app.models.delivery import Delivery

__all__ = ["Permanent", "Relay", "Temporary", "Unreachable", "relay"]

TIMEOUT = 20  # seconds, of each step until a message can begin
# Seconds for each answer from then on. Some relays look through a message before they answer its end; what is given up
# too soon has been taken all the same, and comes twice.
ANSWER_FOR = 60
CLOSING = 421  # what a relay says before it ends a connection
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Unreachable(Temporary):
    """The relay takes no mail at all now, whichever it is."""


def relay(settings: Settings) -> "Relay | None":
    """The relay of these settings; None when no way to send is set up."""
    return Relay(urlsplit(settings.smtp_url)) if settings.smtp_url else None


class Relay:
    """`smtp://`, `smtp+starttls://` or `smtps://`, with user and password where the relay asks for them. It is connected
    to with the first message; `with relay:` ends that after the last."""

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
        self._drop()

    def send(self, delivery: Delivery, files: Sequence[File] = ()) -> str | None:
        """Hands one message over, with its files; returns which copies were refused in the relay's words. Raises Temporary (Unreachable above all) or Permanent with the relay's own words."""
        try:
            data = raw(delivery, files)
        except ValueError as error:
            raise Permanent(str(error)) from error
        try:
            refused = self._hand_over(delivery, data)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients.get(delivery.to_address) or next(iter(error.recipients.values()))
            raise _failure(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise Temporary(_words(error)) from error
        if delivery.to_address in refused:
            raise _failure(*refused[delivery.to_address])
        return "; ".join(f"{address}: {_failure(*why)}" for address, why in refused.items()) or None

    def _hand_over(self, delivery: Delivery, data: bytes) -> dict[str, tuple[int, bytes]]:
        """What came of the recipients that were refused, where others were not."""
        to = [delivery.to_address, *delivery.cc]
        options = () if "".join([delivery.from_address, *to]).isascii() else ("SMTPUTF8",)
        server, is_new = self._connected()
        try:
            return server.sendmail(delivery.from_address, to, data, options)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code != CLOSING or is_new:
                raise
            # It has had enough of this connection, as some have after a hundred messages, and has taken nothing of this one.
            self._drop()
            server, _ = self._connected()
            return server.sendmail(delivery.from_address, to, data, options)

    def _connected(self) -> tuple[smtplib.SMTP, bool]:
        """A connection that a message can begin on, and whether it is a new one. Relays close those that are idle."""
        if self._server is not None:
            try:
                if self._server.rset()[0] == 250:
                    return self._server, False
            except (smtplib.SMTPException, OSError):
                pass
            self._drop()
        try:
            self._server = self._connect()
        except smtplib.SMTPResponseException as error:
            failure = _failure(error.smtp_code, error.smtp_error)
            raise (Unreachable(str(failure)) if isinstance(failure, Temporary) else failure) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(_words(error)) from error
        return self._server, True

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or PORTS[self._url.scheme]
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT)
        try:
            if self._url.scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except BaseException:
            server.close()
            raise
        if server.sock is not None:
            server.sock.settimeout(ANSWER_FOR)
        return server


def raw(delivery: Delivery, files: Sequence[File] = ()) -> bytes:
    """The bytes of a delivery, the same at every try."""
    return compose(
        from_name=delivery.from_name,
        from_address=delivery.from_address,
        to=delivery.to_address,
        subject=delivery.subject,
        text=delivery.text,
        message_id=delivery.header_id,
        in_reply_to=delivery.in_reply_to,
        references=delivery.references.split(),
        date=delivery.created_at,
        language=delivery.language,
        automatic=delivery.automatic,
        answers=delivery.kind == "automatic",
        cc=delivery.cc,
        files=files,
    )


def _failure(code: int, text: bytes | str) -> Temporary | Permanent:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return (Permanent if code >= 500 else Temporary)(f"{code} {words}")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
