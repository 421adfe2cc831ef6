"""Customers and companies: who is found by whom, what is changed, and what Charlie must not see."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import companies, customers, tickets
from app.desk.boards import furnish
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson
from app.models.company import Company
from app.models.customer import Customer
from app.models.event import CLOCK, By, Event
from app.models.ticket import Ticket
from tests.routes.test_tickets import ticket, words
from tests.small import SmallDesk

Open = Callable[..., Any]


@pytest.fixture
def wholesale(desk: SmallDesk, now: datetime) -> Board:
    """A second board, Charlie's."""
    with writing(desk.row):
        board = Board(name="Wholesale", created_at=now)
        db.session.add(board)
        db.session.flush()
        furnish(board, desk.charlie)
    return board


def wrote(desk: SmallDesk, address: str, name: str, now: datetime, board: Board | None = None) -> Ticket:
    """A ticket of this customer, on the first board if no other is named."""
    with writing(board or desk.board) as held:
        customer = customers.find_or_make(address, name, "en", now=now)
        opened = tickets.open_ticket(
            held, channel=desk.email, customer=customer, subject=f"From {name}", by=CLOCK, now=now
        )
        opened.wake_at = None
    return opened


def customer(number: int) -> Customer:
    db.session.rollback()
    return db.session.get_one(Customer, number, populate_existing=True)


def company(desk: SmallDesk, name: str, now: datetime, *domains: str) -> Company:
    with writing(desk.row) as row:
        return companies.add(row, name=name, domains=domains, by=CLOCK, now=now)


def sent(known: Customer, **values: Any) -> dict[str, Any]:
    """The form of a customer as it stands, with some values changed."""
    as_it_is = {"name": known.name, "language": known.language or "", "notes": known.notes}
    return {**as_it_is, "company": "", "expected": known.stamp, **values}


def told(stream: int, kind: str) -> list[Event]:
    db.session.rollback()
    found = select(Event).where(Event.stream == stream, Event.kind == kind).order_by(Event.id)
    return list(db.session.scalars(found))


# who is found by whom


def test_who_is_found(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    company(desk, "Acme Ämter", now, "acme.example")
    kim = wrote(desk, "kim@acme.example", "Kim Seoyeon", now)
    wrote(desk, "lou@other.example", "Lou_Reed 100%", now)
    bob = browser_as(desk.bob)
    with writing(desk.board):
        db.session.get_one(Customer, kim.customer_id).vip = True
    for address, found in (
        ("/customers", {"Kim", "Lou"}),
        ("/customers?q=seoYEON", {"Kim"}),
        ("/customers?q=ACME", {"Kim"}),
        ("/customers?q=other.example", {"Lou"}),
        ("/customers?q=_", {"Lou"}),
        ("/customers?q=0%25", {"Lou"}),
        ("/customers?q=nobody", set()),
        ("/customers?vip=1", {"Kim"}),
        ("/customers?vip=1&q=lou", set()),
        ("/customers?company=1", {"Kim"}),
    ):
        page = words(bob.get(address))
        assert (address, {name for name in ("Kim", "Lou") if f" {name}" in page.split("Tickets", 1)[-1]}) == (
            address,
            found,
        )
    assert "Kim Seoyeon VIP kim@acme.example Acme Ämter 1 1" in words(bob.get("/customers"))


def test_the_list_goes_on(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    with writing(desk.board) as board:
        for place in range(53):
            person = customers.find_or_make(f"c{place}@example.org", f"Person {place:02}", None, now=now)
            tickets.open_ticket(board, channel=desk.email, customer=person, subject="Hi", by=CLOCK, now=now)
    bob = browser_as(desk.bob)
    first = bob.get("/customers").text
    assert "Person 52" in first
    assert "Person 02" not in first
    older = first.split("before=")[1].split('"')[0]
    second = words(bob.get(f"/customers?before={older}"))
    assert "Person 02" in second
    assert "Person 03" not in second


def test_charlie_sees_who_wrote_to_charlie(
    desk: SmallDesk, wholesale: Board, now: datetime, browser_as: Open
) -> None:
    """Not the others, not their company, and of who wrote to both boards only the own tickets."""
    hidden = company(desk, "Hidden Inc", now, "hidden.example")
    both = company(desk, "Both Inc", now, "both.example")
    kim = wrote(desk, "kim@hidden.example", "Kim", now)
    wrote(desk, "lou@both.example", "Lou", now)
    lou = wrote(desk, "lou@both.example", "Lou", now, wholesale)
    charlie = browser_as(desk.charlie)
    page = words(charlie.get("/customers"))
    assert "Lou lou@both.example Both Inc 1 1" in page
    assert "Kim" not in page
    assert "Hidden" not in words(charlie.get("/customers?q=hidden"))
    assert "Hidden" not in words(charlie.get("/companies"))
    for query in ('company:"hidden inc"', f"company:%23{hidden.id}"):
        assert "Kim" not in words(charlie.get(f"/tickets?q={query}"))
    assert "did you mean" not in words(charlie.get('/tickets?q=company:"hiddn inc"'))
    for address in (
        f"/customers/{kim.customer_id}",
        f"/companies/{hidden.id}",
        f"/customers?company={hidden.id}",
    ):
        assert (address, charlie.get(address).status_code) == (address, 404)
    refused = charlie.post(f"/customers/{kim.customer_id}", data={"name": "Mine"})
    assert refused.status_code == 404
    page = charlie.get(f"/customers/{lou.customer_id}").text
    assert f"/tickets/{lou.id}" in page
    assert f"/tickets/{lou.id - 1}" not in page
    assert "Hidden Inc" not in page  # in what the field offers
    known = customer(lou.customer_id)
    answer = charlie.post(f"/customers/{known.id}", data=sent(known, company="Hidden Inc"))
    assert (answer.status_code, customer(known.id).company_id) == (422, both.id)
    assert browser_as(desk.dana).get(f"/customers/{kim.customer_id}").status_code == 200


# customers


def test_what_is_known_of_a_customer(
    desk: SmallDesk, wholesale: Board, now: datetime, browser_as: Open
) -> None:
    """It stands beside their tickets, on both boards, whose rules look again."""
    acme = company(desk, "Acme", now)
    here = wrote(desk, "kim@example.org", "Kim", now)
    there = wrote(desk, "kim@example.org", "Kim", now, wholesale)
    bob, known = browser_as(desk.bob), customer(here.customer_id)
    data = sent(
        known, name=" Kim  Seoyeon ", vip="y", language="ko", company="ACME", notes="Calls first.\r\nAt 9."
    )
    since = {board.id: board.seq for board in (desk.board, wholesale)}
    assert bob.post(f"/customers/{known.id}", data=data).status_code == 303
    kept = customer(known.id)
    assert (kept.name, kept.vip, kept.language, kept.company_id, kept.notes) == (
        "Kim Seoyeon",
        True,
        "ko",
        acme.id,
        "Calls first.\nAt 9.",
    )
    for opened, board in ((here, desk.board), (there, wholesale)):
        (event,) = told(board.id, "customer.changed")
        assert (event.by_id, event.changes["vip"], event.changes["notes"]) == (
            desk.bob.id,
            [False, True],
            True,
        )
        assert ticket(opened.id).wake_at is not None
        assert since[board.id] < event.seq
    found = [words(bob.get(f"/tickets?q={text}")) for text in ("seoyeon", "acme", "byrne")]
    assert ["From Kim" in page for page in found] == [True, True, False]
    page = words(bob.get(f"/tickets/{here.id}"))
    assert "Kim Seoyeon VIP Company Acme" in page
    assert "Notes about the customer Calls first. At 9." in page
    delta = bob.get(
        f"/boards/{desk.board.id}/delta?since={told(desk.board.id, 'customer.changed')[0].seq - 1}"
    ).json
    assert [card["id"] for card in delta["cards"]] == [here.id]
    assert "VIP" in delta["cards"][0]["html"]


def test_who_was_faster_is_not_overwritten(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    opened = wrote(desk, "kim@example.org", "Kim", now)
    known = customer(opened.customer_id)
    late = sent(known, notes="Mine")
    with writing(desk.board) as board:
        row = db.session.get_one(Customer, known.id)
        values = {"name": "Kim", "language": "en", "company": None, "vip": False, "notes": "Theirs"}
        customers.change(board, row, **values, by=By("person", desk.alice.id), now=now)
    answer = browser_as(desk.bob).post(f"/customers/{known.id}", data=late)
    assert answer.status_code == 409
    assert "Somebody has changed this customer meanwhile." in words(answer)
    assert "Theirs" in words(answer)
    assert customer(known.id).notes == "Theirs"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " ", "A customer needs a name."),
        ("name", "K" * 201, "cannot be longer than 200 characters"),
        ("notes", "n" * 5_001, "cannot be longer than 5000 characters"),
        ("language", "xx", "Not a valid choice."),
        ("company", "Nowhere", "There is no company of this name."),
    ],
)
def test_what_cannot_be_known(
    field: str, value: str, said: str, desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    opened = wrote(desk, "kim@example.org", "Kim", now)
    known = customer(opened.customer_id)
    answer = browser_as(desk.bob).post(f"/customers/{known.id}", data=sent(known, **{field: value}))
    assert (answer.status_code, said in words(answer)) == (422, True)
    assert told(desk.board.id, "customer.changed") == []


def test_a_customer_without_a_ticket_is_the_desks(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    with writing(desk.board):
        known = customers.find_or_make("kim@example.org", "Kim", None, now=now)
    dana = browser_as(desk.dana)
    assert dana.post(f"/customers/{known.id}", data=sent(customer(known.id), vip="y")).status_code == 303
    assert len(told(0, "customer.changed")) == 1
    assert browser_as(desk.bob).get(f"/customers/{known.id}").status_code == 404


# companies


def test_the_life_of_a_company(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    old = wrote(desk, "kim@eu.acme.example", "Kim", now)
    wrote(desk, "lou@notacme.example", "Lou", now)
    alice = browser_as(desk.alice)
    data = {"name": " Acme ", "domains": "ACME.example, @müller.example", "notes": "Big."}
    answer = alice.post("/companies", data=data)
    assert answer.status_code == 303
    acme = db.session.scalars(select(Company)).one()
    assert (acme.name, [one.domain for one in acme.domains]) == (
        "Acme",
        ["acme.example", "xn--mller-kva.example"],
    )
    id = acme.id
    page = words(alice.get(f"/companies/{id}"))
    assert "1 customer writes from these domains and belongs to no company. Add 1 customer" in page
    assert alice.post(f"/companies/{id}/customers").status_code == 303
    assert customer(old.customer_id).company_id == id
    assert len(told(desk.board.id, "customer.changed")) == 1
    assert ticket(old.id).wake_at is not None
    new = wrote(desk, "mia@ACME.example", "Mia", now + timedelta(hours=1))
    assert customer(new.customer_id).company_id == id
    page = words(alice.get(f"/companies/{id}"))
    assert "Kim kim@eu.acme.example 1 ticket" in page
    assert "From Mia #" in page
    assert "Acme acme.example, xn--mller-kva.example 2 2" in words(alice.get("/companies"))
    assert "2 customers stay and belong to no company then." in page
    db.session.rollback()
    assert "From Kim" in words(alice.get("/tickets?q=acme"))
    changed = {"name": "Zenith", "domains": "", "notes": "", "expected": acme.stamp}
    assert alice.post(f"/companies/{id}", data=changed).status_code == 303
    assert "From Mia" in words(alice.get("/tickets?q=zenith"))
    late = alice.post(f"/companies/{id}", data={**changed, "name": "Other"})
    assert (late.status_code, "Somebody has changed this company meanwhile." in words(late)) == (409, True)
    assert browser_as(desk.bob).post(f"/companies/{id}/removal").status_code == 403
    assert alice.post(f"/companies/{id}/removal").status_code == 303
    assert customer(old.customer_id).company_id is None
    assert "From Mia" not in words(alice.get("/tickets?q=zenith"))
    assert [len(told(0, f"company.{verb}")) for verb in ("added", "changed", "removed")] == [1, 1, 1]
    assert alice.get(f"/companies/{id}").status_code == 404


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("gmail.com", "Anybody can have an address at gmail.com, so it tells no company."),
        ("someone@Hotmail.FR", "Anybody can have an address at hotmail.fr"),
        ("yahoo.co.jp", "Anybody can have an address at yahoo.co.jp"),
        ("naver.com", "Anybody can have an address at naver.com"),
        ("co.uk", "co.uk is the ending of many domains, so it tells no company."),
        ("localhost", "localhost is not a domain such as acme.com."),
        ("<b>.com", "<b>.com is not a domain such as acme.com."),
        ("taken.example", "taken.example belongs to another company."),
    ],
)
def test_domains_that_tell_no_company(
    domain: str, said: str, desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    company(desk, "First", now, "taken.example")
    answer = browser_as(desk.bob).post(
        "/companies", data={"name": "Second", "domains": f"fine.example {domain}"}
    )
    assert (answer.status_code, said in words(answer)) == (422, True)
    assert db.session.scalars(select(Company.name)).all() == ["First"]


@pytest.mark.parametrize(
    "domain", ["live.nightclub.example", "gmx-partner.com", "outlook.acme.co.kr.example"]
)
def test_domains_that_only_look_public(domain: str, desk: SmallDesk, now: datetime) -> None:
    assert [one.domain for one in company(desk, "Club", now, domain).domains] == [domain]


def test_the_nearest_domain_tells_the_company(desk: SmallDesk, now: datetime) -> None:
    company(desk, "Whole", now, "acme.example")
    part = company(desk, "Part", now, "eu.acme.example")
    opened = wrote(desk, "kim@mail.eu.acme.example", "Kim", now)
    assert customer(opened.customer_id).company_id == part.id


def test_a_company_is_not_removed_past_who_is_hidden(
    desk: SmallDesk, wholesale: Board, now: datetime, browser_as: Open
) -> None:
    acme = company(desk, "Acme", now, "acme.example")
    wrote(desk, "kim@acme.example", "Kim", now)
    lou = wrote(desk, "lou@acme.example", "Lou", now, wholesale)
    alice = browser_as(desk.alice)
    assert "Lou" not in words(alice.get(f"/companies/{acme.id}"))
    answer = alice.post(f"/companies/{acme.id}/removal")
    assert (answer.status_code, "Customers of boards that you do not see" in words(answer)) == (422, True)
    assert customer(lou.customer_id).company_id == acme.id
    with writing(desk.row):
        db.session.add(BoardPerson(board_id=wholesale.id, person_id=desk.alice.id))
    assert alice.post(f"/companies/{acme.id}/removal").status_code == 303
    assert {event.kind for event in told(wholesale.id, "company.removed")} == {"company.removed"}


def test_a_strangers_verb_is_refused(desk: SmallDesk, now: datetime) -> None:
    opened = wrote(desk, "kim@example.org", "Kim", now)
    values = {"name": "K", "language": None, "company": None, "vip": True, "notes": ""}
    with writing(desk.board) as board:
        row = db.session.get_one(Customer, opened.customer_id)
        with pytest.raises(Refused) as error:
            customers.change(board, row, **values, by=By("person", desk.charlie.id), now=now)
    assert error.value.status == 404


def test_fields_offer_what_one_may_see(
    desk: SmallDesk, wholesale: Board, now: datetime, browser_as: Callable[..., Any]
) -> None:
    """While somebody types a customer's name or address, or a company's name."""
    lamps = company(desk, "Lamps & Sons", now, "lamps.example")
    wrote(desk, "kim@lamps.example", "Kim Seoyeon", now)
    wrote(desk, "kim@else.example", "", now, wholesale)
    bob, charlie = browser_as(desk.bob), browser_as(desk.charlie)
    assert (
        '<option value="kim@lamps.example" label="Kim Seoyeon">'
        in bob.get("/customers/offered?email=KIM").text
    )
    assert (
        '<option value="Kim Seoyeon" label="kim@lamps.example">'
        in bob.get("/customers/offered?name=seo").text
    )
    assert "else.example" not in bob.get("/customers/offered?email=kim").text
    assert "else.example" in charlie.get("/customers/offered?email=kim").text
    assert "lamps.example" not in charlie.get("/customers/offered?email=kim").text
    assert "Seoyeon" not in charlie.get("/customers/offered?name=kim").text
    assert '<option value="Lamps &amp; Sons">' in bob.get("/companies/offered?company=lamp").text
    assert "<option" not in charlie.get("/companies/offered?company=lamp").text
    for nothing in ("", "%20", "%00", "%25"):
        assert "<option" not in bob.get(f"/customers/offered?email={nothing}").text
    assert customer(1).company_id == lamps.id
    assert 'hx-get="/companies/offered"' in bob.get("/customers/1").text
    assert 'hx-get="/customers/offered"' in bob.get("/tickets/new").text
