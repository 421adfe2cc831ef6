"""Where the mail of an address is fetched: an IMAP mailbox, how to sign in there, and how far it has been read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.models.channel import Channel
from app.words import N_

ENCRYPTIONS = {"tls": N_("TLS"), "starttls": N_("STARTTLS"), "none": N_("None")}
PORTS = {"tls": 993, "starttls": 143, "none": 143}
WORRIED_AFTER = 3  # failed looks in a row
SIGN_INS = {
    "password": N_("Password"),
    "microsoft": N_("Microsoft 365"),
    "google": N_("Gmail"),
    "oauth": N_("Another OAuth2 server"),
}


@dataclass(frozen=True)
class Provider:
    """Where people sign in to the mail of a provider; `extra` is what it wants to be asked with."""

    host: str
    authorise_url: str
    token_url: str
    scope: str
    extra: tuple[tuple[str, str], ...] = ()


PROVIDERS = {
    "microsoft": Provider(
        "outlook.office365.com",
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    ),
    "google": Provider(
        "imap.gmail.com",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://mail.google.com/",
        (("access_type", "offline"), ("prompt", "consent")),  # else there is nothing to refresh with
    ),
}


class Mailbox(Base):
    """Secrets are sealed (desk/sealed.py). The cursor is UIDVALIDITY and the last UID that is in the archive."""

    __tablename__ = "mailboxes"
    __table_args__ = (
        CheckConstraint("encryption IN ('tls', 'starttls', 'none')", name="encryption"),
        CheckConstraint("sign_in IN ('password', 'microsoft', 'google', 'oauth')", name="sign_in"),
        Index("ix_mailboxes_wake_at", "wake_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"), unique=True)
    version: Mapped[int] = mapped_column(
        default=1
    )  # of its settings; a connection to an older one is given up

    host: Mapped[str]
    port: Mapped[int]
    encryption: Mapped[str]
    user_name: Mapped[str]
    folder: Mapped[str]
    sign_in: Mapped[str]
    password: Mapped[str | None]  # sealed
    client_id: Mapped[str] = mapped_column(default="")
    client_secret: Mapped[str | None]  # sealed
    authorise_url: Mapped[str] = mapped_column(default="")  # "" is the provider's; so are the next two
    token_url: Mapped[str] = mapped_column(default="")
    scope: Mapped[str] = mapped_column(default="")
    tokens: Mapped[str | None]  # sealed JSON: access, refresh, expires_at

    take_old: Mapped[bool] = mapped_column(default=False)  # also what lay there before `began_at`
    began_at: Mapped[datetime]
    uid_validity: Mapped[int | None] = mapped_column(BigInteger)  # None before the first look
    last_uid: Mapped[int] = mapped_column(BigInteger, default=0)
    taken: Mapped[int] = mapped_column(default=0)  # messages so far

    wake_at: Mapped[datetime]  # of the next look
    claim: Mapped[str | None]  # who is looking now
    claimed_until: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]  # of the last look that went well
    attempts: Mapped[int] = mapped_column(default=0)  # that failed since
    error: Mapped[str | None]  # a text of the catalogues: why the last look failed
    error_detail: Mapped[str] = mapped_column(default="")  # what the server said
    must_sign_in: Mapped[bool] = mapped_column(
        default=False
    )  # a person has to allow it (again) at the provider

    old_until: Mapped[int] = mapped_column(
        BigInteger, default=0
    )  # up to this UID what came before `began_at` is not taken
    stuck_uid: Mapped[int | None] = mapped_column(
        BigInteger
    )  # the message that the last looks have failed at
    stuck: Mapped[int] = mapped_column(default=0)  # how many of them

    channel: Mapped[Channel] = relationship()

    @property
    def by_oauth(self) -> bool:
        return self.sign_in != "password"

    @property
    def provider(self) -> Provider:
        """With the addresses of its own where they are set."""
        known = PROVIDERS.get(self.sign_in, Provider("", "", "", ""))
        return Provider(
            known.host,
            self.authorise_url or known.authorise_url,
            self.token_url or known.token_url,
            self.scope or known.scope,
            known.extra,
        )


def unread() -> ColumnElement[bool]:
    """The condition on mailboxes in use that cannot be read, for so long that somebody should look at them."""
    in_use = select(Channel.id).where(Channel.closed_at.is_(None))
    failing = Mailbox.must_sign_in | (Mailbox.attempts >= WORRIED_AFTER)
    return Mailbox.channel_id.in_(in_use) & failing


def mailbox_of(channel_id: int) -> Mailbox | None:
    return db.session.scalars(select(Mailbox).where(Mailbox.channel_id == channel_id)).one_or_none()


def mailboxes_in_use() -> Sequence[Mailbox]:
    """Those of addresses that are in use."""
    return db.session.scalars(
        select(Mailbox).join(Channel).where(Channel.closed_at.is_(None)).order_by(Mailbox.id)
    ).all()
