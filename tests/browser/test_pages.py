"""Every page of the demo desk in a real browser: nothing axe objects to, nothing that scrolls sideways."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.demo import fill
from app.desk import backtests, blocked, inbox
from app.desk.setup import ensure_desk
from app.models.channel import channels_in_use
from app.models.company import Company
from app.models.customer import CustomerAddress
from app.models.event import OPERATOR
from app.models.message import Message, RawMessage
from app.models.person import Person
from app.models.rota import Shift
from app.models.rule import Rule
from app.models.team import Team
from app.models.ticket import Ticket
from tests.around import sign_in_by_form
from tests.axe import objections
from tests.small import PASSWORD

PUBLIC = ("/sign-in", "/contact", "/contact/sent")
SIGNED_IN = (
    "/boards/{board}",
    "/boards/{board}?q=lang:ko",
    "/boards/{board}?q=langauge:ko",
    "/columns/{archived}/cards",
    "/tickets",
    "/tickets?q=lang:ko&columns=number,subject,due,priority,closed&sort=due",
    "/tickets?q=langauge:ko",
    "/views",
    "/views/new?q=lang:ko",
    "/tickets/new",
    "/tickets/{ticket}",
    "/tickets/{ticket}/move",
    "/tickets/{ticket}/snooze",
    "/tickets/{ticket}/merge",
    "/tickets/{ticket}/board",
    "/tickets/{ticket}/rules",
    "/tickets/{ticket}/block",
    "/tickets/deleted",
    "/search",
    "/search?q=lamp",
    "/search?q=tag:",
    "/alerts",
    "/rota",
    "/rota/edit",
    "/shifts/{shift}/cover",
    "/rules",
    "/rules/new",
    "/rules/{rule}",
    "/rules/{rule}/versions",
    "/rules/{rule}/backtest",
    "/rules/backtests",
    "/rules/backtests/{backtest}",
    "/rules/{rule}/firings",
    "/rules/import",
    "/rules/starters",
    "/queries/reference",
    "/deliveries",
    "/failed-messages",
    "/failed-messages?discarded=",
    "/failed-messages?ignored=",
    "/failed-messages/{failed}",
    "/failed-messages/{failed}/ticket",
    "/profile",
    "/keys",
    "/notifications",
    "/people",
    "/people/new",
    "/settings",
    "/settings/desk",
    "/settings/boards",
    "/settings/boards/{board}",
    "/settings/columns/{archived}",
    "/settings/addresses",
    "/settings/addresses/new",
    "/settings/addresses/{address}",
    "/settings/addresses/{address}/acknowledgement",
    "/settings/addresses/{address}/mailbox",
    "/settings/calendars",
    "/settings/calendars/1",
    "/settings/policies",
    "/settings/policies/1",
    "/customers",
    "/customers?vip=1",
    "/customers/{customer}",
    "/companies",
    "/companies/new",
    "/companies/{company}",
    "/settings/webhooks",
    "/settings/teams",
    "/settings/teams/{team}",
    "/settings/blocked",
    "/settings/moods",
    "/settings/moods/ko",
    "/settings/tags",
    "/settings/tags/1",
)
# What people look at all day is looked at in every way; each page once wide in English and once on a phone in Korean.
ALL_DAY = (
    "/boards/{board}",
    "/boards/{board}?q=langauge:ko",
    "/tickets",
    "/tickets/{ticket}",
    "/rota",
    "/rota/edit",
    "/rules",
    "/rules/{rule}",
)
PHONE = {"width": 390, "height": 844}
# The first of each row at every page, the others at those.
LOOKS = {
    "wide": (
        {"locale": "en", "color_scheme": "light"},
        {"locale": "ko", "color_scheme": "dark"},
        {"locale": "en", "color_scheme": "light", "viewport": {"width": 820, "height": 1100}},
    ),
    "phone": (
        {"locale": "ko", "color_scheme": "light", "viewport": PHONE},
        {"locale": "en", "color_scheme": "dark", "viewport": PHONE},
    ),
}


@pytest.fixture
def demo(app: Any, now: Any) -> dict[str, int]:
    """The demo desk, everybody with the tests' password; the numbers that stand in addresses."""
    with writing(ensure_desk(now)) as row:
        board = fill.fill(row, password=PASSWORD, now=now)
    ticket = db.session.scalars(select(Message.ticket_id).where(Message.has_html).limit(1)).one()
    bounced = db.session.get_one(Ticket, ticket).customer_id
    bookkeeping(update(CustomerAddress).where(CustomerAddress.customer_id == bounced).values(bounced_at=now))
    for broken in (b"Subject: Nobody wrote this\r\nX-Long: " + b"x" * 500 + b"\r\n\r\nHello", b"nothing"):
        inbox.receive(broken, now=now, source="command")
    failed = db.session.scalars(
        select(RawMessage.id).where(RawMessage.state == "failed").order_by(RawMessage.id)
    )
    first, second = failed
    with writing(ensure_desk(now)) as row:
        inbox.discard(row, second, "It says nothing.", by=OPERATOR, now=now)
        blocked.block(row, "lottery.example", by=OPERATOR, now=now)
    inbox.receive(b"From: eve@lottery.example\r\nSubject: You won\r\n\r\nA lamp.", now=now, source="command")
    admin = db.session.scalars(select(Person).where(Person.email == fill.ADMIN)).one()
    draft = backtests.of_draft(
        "Money back", "is:waiting OR order", [{"kind": "add_tag", "tag": "refund"}], ""
    )
    backtest = backtests.start(draft, 30, person=admin, now=now)
    db.session.rollback()
    sweeps.run_backtests(now)
    return {
        "backtest": backtest,
        "board": board.id,
        "archived": board.column_for("archived").id,
        "ticket": ticket,
        "failed": first,
        "address": channels_in_use("email")[0].id,
        "shift": db.session.scalars(select(Shift.id).where(Shift.ends_at > now).limit(1)).one(),
        "customer": bounced,
        "company": db.session.scalars(select(Company.id).limit(1)).one(),
        "team": db.session.scalars(select(Team.id).limit(1)).one(),
        "rule": db.session.scalars(select(Rule.id).limit(1)).one(),
    }


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_nothing_to_object_to(
    looks: tuple[dict[str, Any], ...],
    demo: dict[str, int],
    serve: Callable[..., Any],
    new_page: Callable[..., Any],
) -> None:
    url = serve(CLOCK="off").url
    for look in looks:
        page = new_page(url, bypass_csp=True, **look)
        faults = [fault for path in PUBLIC for fault in _faults(page, path)]
        bookkeeping(
            update(Person)
            .where(Person.email == fill.ADMIN)
            .values(locale=look["locale"], theme=look["color_scheme"])
        )
        sign_in_by_form(page, fill.ADMIN)
        paths = SIGNED_IN if look is looks[0] else ALL_DAY
        faults += [fault for path in paths for fault in _faults(page, path.format(**demo))]
        assert not faults, "\n".join([str(look), *faults])


def _faults(page: Any, path: str) -> list[str]:
    answer = page.goto(path, wait_until="load")
    if answer.status not in (200, 422):
        return [f"{path} answered {answer.status}"]
    faults = [f"{path}: {text}" for text in objections(page)]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
        faults.append(f"{path} scrolls sideways")
    return faults
