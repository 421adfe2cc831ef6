"""What a ticket has of what a term of a query asks, in words: "waits for 40 min", "has: delivery"."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from sqlalchemy import or_, select

from app.database import db
from app.desk import explanations, rotas
from app.models.alert import Alert
from app.models.board import STATES, Board
from app.models.document import Document, in_text
from app.models.message import Attachment, Message
from app.models.ticket import PRIORITIES, Ticket, mood_word
from app.models.vocabulary import STANDING
from app.words import N_, gettext, language_name, ngettext
from rules.compile import containing, like
from rules.query import Term, Words
from rules.tokens import phrase
from rules.vocabulary import STATES as STATE_NAMES

MOST_NAMED = 3
LONGEST = 80  # characters of a subject
A_DAY = 86_400
_SPEAKERS = {"customer": N_("the customer spoke last"), "us": N_("we spoke last")}
_LEVELS = {"arrival": N_("on arrival"), "warning": N_("warning"), "breach": N_("breach")}


class Actual:
    """Of one ticket, for a reader in `zone`. What needs another table is read when a term asks for it."""

    def __init__(self, ticket: Ticket, zone: str, now: datetime) -> None:
        self._ticket, self._zone, self._now = ticket, zone, now

    def said(self, leaf: Term | Words, holds: bool) -> str:
        """`holds`: whether the term, without a NOT before it, is true. Empty for a field that says nothing."""
        if isinstance(leaf, Words):
            return self._words(leaf) if holds else gettext(N_("neither in the subject nor in a message"))
        say = _SAYS.get(leaf.field)
        return say(self, leaf, holds) if say else ""

    def _words(self, leaf: Words) -> str:
        wanted = phrase(leaf.text)
        if wanted is None:
            return ""
        found = db.session.scalars(
            select(Document.message_id)
            .where(Document.ticket_id == self._ticket.id, in_text(wanted))
            .order_by(Document.message_id)
        ).all()
        at = db.session.scalar(select(Message.at).where(Message.id.in_(found)).order_by(Message.id).limit(1))
        if at is None:
            return gettext(N_("in the subject, or in the name of the customer or company"))
        return gettext(N_("in the message of %(time)s"), time=self._instant(at))

    def _subject(self, _leaf: Term, holds: bool) -> str:
        if holds:
            return gettext(N_("in the subject"))
        subject = self._ticket.subject
        subject = subject if len(subject) <= LONGEST else subject[: LONGEST - 1] + "…"
        return gettext(N_("the subject is “%(subject)s”"), subject=subject)

    def _body(self, leaf: Term, holds: bool) -> str:
        if not holds:
            return gettext(N_("in no message of the customer"))
        at = db.session.scalar(
            select(Message.at)
            .where(
                Message.ticket_id == self._ticket.id,
                Message.kind == "customer",
                or_(*(like(Message.search_text, containing(str(value))) for value in leaf.values)),
            )
            .order_by(Message.id)
            .limit(1)
        )
        return gettext(N_("in the message of %(time)s"), time=self._instant(at)) if at else ""

    def _from(self, _leaf: Term, _holds: bool) -> str:
        addresses = [known.address for known in self._ticket.customer.addresses]
        return _some(addresses) or gettext(N_("no address is known"))

    def _channel(self, _leaf: Term, _holds: bool) -> str:
        return gettext(N_("came by %(channel)s"), channel=self._ticket.channel.name)

    def _language(self, _leaf: Term, _holds: bool) -> str:
        code = self._ticket.language
        return language_name(code) if code else gettext(N_("the language is unknown"))

    def _mood(self, _leaf: Term, _holds: bool) -> str:
        score = self._ticket.mood
        said = gettext(N_("the mood is: %(mood)s"), mood=gettext(mood_word(score)))
        return said if score is None else f"{said} ({score})"

    def _tag(self, _leaf: Term, _holds: bool) -> str:
        tags = ", ".join(tag.name for tag in self._ticket.tags)
        return gettext(N_("has: %(tags)s"), tags=tags) if tags else gettext(N_("has no tag"))

    def _is(self, leaf: Term, _holds: bool) -> str:
        ticket, said = self._ticket, []
        if {*STATE_NAMES, "unresolved"} & set(leaf.values):
            said.append(gettext(N_("the state is: %(state)s"), state=gettext(STATES[ticket.state])))
        if "unassigned" in leaf.values:
            said.append(self._who())
        if "late" in leaf.values:
            said.append(self._due(leaf, _holds))
        if "unread" in leaf.values:
            said.append(gettext(N_("not read yet")) if ticket.unread else gettext(N_("was read")))
        if "snoozed" in leaf.values:
            said.append(self._snoozed(leaf, _holds))
        if "automatic" in leaf.values:
            by_mail = ticket.automatic
            said.append(
                gettext(N_("an automatic mail opened it"))
                if by_mail
                else gettext(N_("no automatic mail opened it"))
            )
        return ", ".join(said)

    def _priority(self, _leaf: Term, _holds: bool) -> str:
        return gettext(
            N_("the priority is: %(priority)s"), priority=gettext(PRIORITIES[self._ticket.priority])
        )

    def _assignee(self, leaf: Term, _holds: bool) -> str:
        if "oncall" not in leaf.values:
            return self._who()
        board = db.session.get_one(Board, self._ticket.board_id)
        primary = rotas.on_call(board.rota_id, self._now).primary
        on_call = (
            gettext(N_("%(name)s is on call"), name=primary.name)
            if primary
            else gettext(N_("nobody is on call"))
        )
        return f"{self._who()}, {on_call}"

    def _who(self) -> str:
        person = self._ticket.assignee
        return gettext(N_("%(name)s has it"), name=person.name) if person else gettext(N_("nobody has it"))

    def _team(self, _leaf: Term, _holds: bool) -> str:
        return self._ticket.team.name if self._ticket.team else gettext(N_("no team has it"))

    def _board(self, _leaf: Term, _holds: bool) -> str:
        return db.session.get_one(Board, self._ticket.board_id).name

    def _customer(self, leaf: Term, _holds: bool) -> str:
        customer = self._ticket.customer
        said = [] if leaf.values == ("vip",) else [customer.name or gettext(N_("the name is unknown"))]
        if "vip" in leaf.values:
            said.append(gettext(N_("is VIP")) if customer.vip else gettext(N_("is no VIP")))
        return ", ".join(said)

    def _company(self, _leaf: Term, _holds: bool) -> str:
        company = self._ticket.customer.company
        return company.name if company else gettext(N_("belongs to no company"))

    def _waiting(self, _leaf: Term, _holds: bool) -> str:
        since = self._ticket.waiting_since
        if since is None or self._ticket.closed_at is not None:
            return gettext(N_("nobody waits for an answer"))
        return gettext(N_("waits for %(span)s"), span=self._span(since))

    def _since(self, _leaf: Term, _holds: bool) -> str:
        state = gettext(STATES[self._ticket.state])
        return gettext(N_("%(state)s for %(span)s"), state=state, span=self._span(self._ticket.state_since))

    def _age(self, _leaf: Term, _holds: bool) -> str:
        return gettext(N_("is %(span)s old"), span=self._span(self._ticket.created_at))

    def _created(self, _leaf: Term, _holds: bool) -> str:
        return self._instant(self._ticket.created_at)

    def _updated(self, _leaf: Term, _holds: bool) -> str:
        return self._instant(self._ticket.updated_at)

    def _closed(self, _leaf: Term, _holds: bool) -> str:
        at = self._ticket.closed_at
        return self._instant(at) if at else gettext(N_("is not resolved"))

    def _due(self, _leaf: Term, _holds: bool) -> str:
        at = self._ticket.next_deadline_at
        return (
            gettext(N_("due %(time)s"), time=self._instant(at))
            if at
            else gettext(N_("no deadline is running"))
        )

    def _snoozed(self, _leaf: Term, _holds: bool) -> str:
        until = self._ticket.snoozed_until
        if until is None:
            return gettext(N_("is not snoozed"))
        return gettext(N_("is snoozed until %(time)s"), time=self._instant(until))

    def _during(self, _leaf: Term, _holds: bool) -> str:
        at = self._ticket.customer_wrote_at
        if at is None:
            return gettext(N_("the customer has not written"))
        return gettext(N_("the customer wrote last %(time)s"), time=self._instant(at))

    def _messages(self, _leaf: Term, _holds: bool) -> str:
        return ngettext("has %(num)s message", "has %(num)s messages", self._ticket.message_count)

    def _reopened(self, _leaf: Term, _holds: bool) -> str:
        return ngettext("opened again %(num)s time", "opened again %(num)s times", self._ticket.reopened)

    def _last(self, _leaf: Term, _holds: bool) -> str:
        return gettext(_SPEAKERS.get(self._ticket.last_speaker, N_("nobody spoke yet")))

    def _attachment(self, _leaf: Term, _holds: bool) -> str:
        return _some(self._files) or gettext(N_("has no file"))

    def _alert(self, _leaf: Term, _holds: bool) -> str:
        levels = [gettext(_LEVELS[level]) for level in self._alerts]
        return (
            gettext(N_("has an alert: %(levels)s"), levels=", ".join(levels))
            if levels
            else gettext(N_("has no alert"))
        )

    @cached_property
    def _files(self) -> list[str]:
        files = select(Attachment.name).join(Message, Message.id == Attachment.message_id)
        return list(
            db.session.scalars(files.where(Message.ticket_id == self._ticket.id).order_by(Attachment.id))
        )

    @cached_property
    def _alerts(self) -> list[str]:
        standing = select(Alert.level).where(Alert.ticket_id == self._ticket.id, Alert.state.in_(STANDING))
        return sorted(set(db.session.scalars(standing)))

    def _span(self, since: datetime) -> str:
        seconds = max(0, int((self._now - since).total_seconds()))
        if seconds >= 2 * A_DAY:
            return gettext(N_("%(n)s d"), n=seconds // A_DAY)
        return explanations.span(seconds)

    def _instant(self, at: datetime) -> str:
        return explanations.instant(at, self._zone, self._now)


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    said = ", ".join(names[:MOST_NAMED])
    return f"{said} +{more}" if more > 0 else said


_SAYS: Mapping[str, Callable[[Actual, Term, bool], str]] = {
    "subject": Actual._subject,
    "body": Actual._body,
    "from": Actual._from,
    "channel": Actual._channel,
    "lang": Actual._language,
    "mood": Actual._mood,
    "tag": Actual._tag,
    "is": Actual._is,
    "priority": Actual._priority,
    "assignee": Actual._assignee,
    "team": Actual._team,
    "board": Actual._board,
    "customer": Actual._customer,
    "company": Actual._company,
    "waiting": Actual._waiting,
    "since": Actual._since,
    "age": Actual._age,
    "created": Actual._created,
    "updated": Actual._updated,
    "closed": Actual._closed,
    "due": Actual._due,
    "snoozed": Actual._snoozed,
    "during": Actual._during,
    "messages": Actual._messages,
    "reopened": Actual._reopened,
    "last": Actual._last,
    "attachment": Actual._attachment,
    "alert": Actual._alert,
}
