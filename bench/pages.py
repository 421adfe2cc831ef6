"""A ticket opened from the form, and the page of a ticket with a conversation."""

from datetime import UTC, datetime, timedelta

from app import create_app
from app.config import load
from app.database import db, writing
from app.desk import messages
from app.models.board import Board
from app.models.customer import Customer
from app.models.event import By
from app.models.person import Person
from app.models.ticket import Ticket
from bench.figure import Figure, ratio
from bench.places import Place, close
from bench.server import Client, in_turn, serving

OPENED, SEEN = 100, 200
TALKED = 20  # tickets with a conversation, looked at in turn
MESSAGES = 10
CUSTOMERS = 40  # who the new tickets are for; each comes again
TEXT = (
    "Hello,\n\nthe lamp that I ordered last week arrived broken: the glass has a crack and the cable is too short. "
    "Could you send another one, please? The order has the number A-1042.\n\nThank you for your help\nSam Miller"
)


def measure(place: Place, most: int) -> list[Figure]:
    tickets = min(most, 100_000)
    environment = place.desk(tickets)
    _talk(environment)
    with serving(environment) as client:
        status, page, _ = client.ask("GET", "/tickets/1")
        shown = page.count(b"<article")
        if status != 200 or shown != MESSAGES:
            raise RuntimeError(f"the ticket's page answered {status} with {shown} messages")
        opening, inserting = in_turn(
            OPENED, lambda n: _open(client, n), lambda _: client.post("/bench/insert")
        )
        seeing, selecting = in_turn(
            SEEN,
            lambda n: client.ask("GET", f"/tickets/{1 + n % TALKED}"),
            lambda n: client.ask("GET", f"/bench/select/{1 + n % TALKED}"),
        )
    return [
        ratio(
            f"new ticket from the form, {tickets:,} tickets, p50, durable",
            opening,
            inserting,
            3,
            "a signed-in route doing one durable INSERT",
            "at 10,000 tickets django-helpdesk 18 ms, Kanboard 29, Redmine 35, Planka 85",
        ),
        ratio(
            f"ticket page with {MESSAGES} messages, {tickets:,} tickets, p50",
            seeing,
            selecting,
            4,
            "one indexed SELECT with an empty template, signed in",
            "at 10,000 tickets Kanboard 6 ms, Planka 16, django-helpdesk 32, Redmine 103",
        ),
    ]


def _talk(environment: dict[str, str]) -> None:
    """Gives the first tickets MESSAGES messages each, in turn from the customer and from us."""
    began_at = datetime.now(UTC) - timedelta(hours=MESSAGES)
    with create_app(load(environment)).app_context():
        person = db.session.get_one(Person, 1)
        for number in range(1, TALKED + 1):
            with writing(db.session.get_one(Board, 1)) as board:
                ticket = db.session.get_one(Ticket, number)
                customer = db.session.get_one(Customer, ticket.customer_id)
                for n in range(ticket.message_count, MESSAGES):
                    at = began_at + timedelta(hours=n)
                    if n % 2:
                        messages.reply(board, ticket, TEXT, person=person, seen=None, now=at)
                    else:
                        messages.receive(
                            board,
                            ticket,
                            by=By("customer", customer.id),
                            now=at,
                            text=TEXT,
                            from_name=customer.name,
                            from_address=customer.addresses[0].address,
                            language="en",
                        )
        close()


def _open(client: Client, n: int) -> tuple[int, bytes, float]:
    return client.post(
        "/tickets/new",
        board=1,
        name="Sam Miller",
        email=f"sam{n % CUSTOMERS}@example.net",
        subject="The lamp arrived broken",
        text=TEXT,
        priority=1,
    )
