"""Mail out, through the relay that SMTP_URL names."""

import smtplib
import ssl
from urllib.parse import SplitResult, unquote, urlsplit

from app.channels import Permanent, Temporary
from app.config import Settings
from app.mail.compose import compose
from app.models.delivery import Delivery

__all__ = ["Permanent", "Relay", "Temporary", "relay"]

TIMEOUT = 20  # seconds
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def relay(settings: Settings) -> "Relay | None":
    """The relay of these settings; None when no way to send is set up."""
    return Relay(urlsplit(settings.smtp_url)) if settings.smtp_url else None


class Relay:
    """`smtp://`, `smtp+starttls://` or `smtps://`, with user and password where the relay asks for them."""

    def __init__(self, url: SplitResult) -> None:
        self._url = url

    def send(self, delivery: Delivery) -> None:
        """Hands one message over. Raises Temporary or Permanent with the relay's own words."""
        try:
            data = raw(delivery)
        except ValueError as error:
            raise Permanent(str(error)) from error
        ascii_only = (delivery.from_address + delivery.to_address).isascii()
        try:
            with self._connect() as server:
                if self._url.username:
                    server.login(unquote(self._url.username), unquote(self._url.password or ""))
                options = () if ascii_only else ("SMTPUTF8",)
                server.sendmail(delivery.from_address, [delivery.to_address], data, options)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _failure(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Temporary(str(error) or type(error).__name__) from error

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or PORTS[self._url.scheme]
        if self._url.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=TIMEOUT)
        if self._url.scheme == "smtp+starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def raw(delivery: Delivery) -> bytes:
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
    )


def _failure(code: int, text: bytes | str) -> Temporary | Permanent:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return (Permanent if code >= 500 else Temporary)(f"{code} {words}")
