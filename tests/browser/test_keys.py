"""The desk by keyboard alone, in a real browser: on any layout, while composing, switched off, and what the help says of it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app import keys
from app.database import bookkeeping, db, writing
from app.models.person import Person
from app.models.ticket import Ticket
from tests.stories import fill, ticket_in

Page = Any
LISTEN = """document.addEventListener("keys:actions",
  (event) => (window.has ??= []).push(...Object.keys(event.detail)), true)"""
# What a browser tells of a key that this machine's layout does not have.
PRESS = """(told) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...told }))"""


@pytest.fixture
def open_page(serve: Callable[..., Any], new_page: Callable[..., Page], desk: Any) -> Callable[..., Page]:
    """Opens a page of the desk, whose clock stands still, in a browser of this person."""
    url = serve(CLOCK="off").url

    def open_it(person: Any, path: str = "", **options: Any) -> Page:
        page = new_page(url, person, **options)
        page.add_init_script(LISTEN)
        page.goto(path or f"/boards/{desk.board.id}")
        page.locator("#live[data-state=live]").wait_for()
        return page

    return open_it


def press(page: Page, *typed: str) -> None:
    for key in typed:
        page.keyboard.press(key)


def subject(page: Page) -> str:
    """Of the card in focus."""
    return page.evaluate(
        "document.activeElement.closest('.card')?.querySelector('.card-subject').textContent ?? ''"
    )


def column_of(ticket: Ticket) -> int:
    db.session.rollback()
    return db.session.get_one(Ticket, ticket.id, populate_existing=True).column_id


def test_the_focus_walks_over_the_board_where_each_column_is_one_stop_of_tab(
    open_page: Any, desk: Any, now: Any
) -> None:
    with writing(desk.board) as board:
        for name in ("New 1", "New 2", "New 3"):
            fill(board, desk, "new", name, now)
        fill(board, desk, "waiting", "Waiting 1", now)
    page = open_page(desk.bob)
    press(page, "j")  # from anywhere: the first card
    assert subject(page) == "New 1"
    walked = []
    for key in ("j", "ArrowDown", "ArrowDown", "k", "l", "ArrowLeft", "ArrowUp", "ArrowUp"):
        press(page, key)
        walked.append(subject(page))
    assert walked == ["New 2", "New 3", "New 3", "New 2", "Waiting 1", "New 1", "New 1", "New 1"]
    press(page, "j")
    stops = page.evaluate(
        "[...document.querySelectorAll('.card a, .show-more')].filter(a => a.tabIndex === 0)"
        ".map(a => a.getAttribute('href').split('?')[0])"
    )
    assert stops == ["/tickets/2", "/tickets/2/move", "/tickets/4", "/tickets/4/move"]
    press(page, "Tab")
    expect(page.locator("#ticket_2 .more")).to_be_focused()
    press(page, "j")
    assert subject(page) == "New 3"
    press(page, "Enter")
    expect(page).to_have_url(f"/tickets/{3}")


def test_cards_are_moved_and_the_next_one_has_the_focus(open_page: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        one, two, three = (fill(board, desk, "new", f"Ticket {n}", now) for n in (1, 2, 3))
    page = open_page(desk.bob)
    press(page, "j", "j", ".")
    page.locator(f"#column_{desk.columns['open'].id} #ticket_{two.id}").wait_for()
    expect(page.locator(f"#c{three.id} a")).to_be_focused()
    assert column_of(two) == desk.columns["open"].id
    press(page, ".")
    page.locator(f"#column_{desk.columns['open'].id} #ticket_{three.id}").wait_for()
    expect(page.locator(f"#c{one.id} a")).to_be_focused()  # there is none below
    press(page, ",")  # there is no column before
    press(page, "l", ",")
    expect(page.locator(f"#column_{desk.columns['new'].id} .card")).to_have_count(2)


LAYOUTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"key": "ㅓ", "code": "KeyJ"}, "One"),  # Korean: the key where Latin has j
    ({"key": "j", "code": "KeyC"}, "One"),  # Dvorak: what one reads, wherever it is
    ({"key": "J", "code": "KeyJ"}, "One"),  # CapsLock
    ({"key": "о", "code": "KeyJ"}, "One"),  # Russian
    ({"key": "c", "code": "KeyJ"}, "another page"),  # Dvorak's c stands at the place of j
    ({"key": "ü", "code": "KeyJ"}, ""),  # Latin, and not ASCII: nobody reads j there
    ({"key": "j", "code": "KeyJ", "ctrlKey": True}, ""),
    ({"key": "j", "code": "KeyJ", "altKey": True}, ""),
    ({"key": "j", "code": "KeyJ", "metaKey": True}, ""),
    ({"key": "J", "code": "KeyJ", "shiftKey": True}, ""),
    ({"key": "ㅓ", "code": "KeyJ", "isComposing": True}, ""),
    ({"key": "Process", "code": "KeyJ", "keyCode": 229}, ""),
    ({"key": "j", "code": "KeyJ", "keyCode": 229}, ""),
    ({"key": "?", "code": "Minus", "shiftKey": True}, "help"),  # German
    ({"key": "?", "code": "KeyX", "ctrlKey": True, "altKey": True, "modifierAltGraph": True}, "help"),
    ({"key": "?", "code": "Slash", "ctrlKey": True}, ""),
)


def test_layouts(open_page: Any, desk: Any, now: Any) -> None:
    ticket_in(desk, "new", "One", now)
    page = open_page(desk.bob)
    for told, goes in LAYOUTS:
        page.goto(f"/boards/{desk.board.id}")
        page.evaluate(PRESS, told)
        if goes == "another page":
            expect(page).to_have_url("/tickets/new?board=1")
        elif goes == "help":
            expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        else:
            assert (told, subject(page)) == (told, goes)


def test_keys_belong_to_what_one_types_into_and_to_what_is_on_top(
    open_page: Any, desk: Any, now: Any
) -> None:
    ticket_in(desk, "new", "One", now)
    page = open_page(desk.bob)
    press(page, "/")
    expect(page.locator("#find")).to_be_focused()
    press(page, "j", "?", "c")
    expect(page.locator("#find")).to_have_value("j?c")
    page.locator("#find").blur()
    press(page, "f")
    expect(page.locator("#query")).to_be_focused()
    page.locator("#query").blur()
    press(page, "j", "?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    press(page, "c", "q", "j")  # the dialog's own
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#c1 a")).to_be_focused()
    page.locator("details.views-menu summary").click()
    press(page, "c", "q")
    expect(page).to_have_url(f"/boards/{desk.board.id}")
    press(page, "Escape")
    expect(page.locator("details.views-menu")).not_to_have_attribute("open", "")
    page.evaluate("document.dispatchEvent(new CustomEvent('toast', { detail: { text: 'Hello' } }))")
    press(page, "Escape")
    expect(page.locator(".toast")).to_have_count(0)


WAYS = (
    ("c", "/tickets/new"),
    ("q", "/boards/1?q=is%3Aunresolved%20assignee%3Ame"),
    ("gm", "/boards/1?q=is%3Aunresolved%20assignee%3Ame"),
    ("gu", "/boards/1?q=is%3Aunresolved%20is%3Aunassigned"),
    ("gr", "/rota"),
    ("gs", "/settings"),
    ("gb", "/boards/1"),
    ("gxr", "/tickets/7"),  # after g something else: nothing, and r alone is no way to the rota
)


def test_ways_through_the_desk(open_page: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        numbers = [fill(board, desk, "new", "One", now).id for _ in range(7)]
    page = open_page(desk.bob, f"/tickets/{numbers[-1]}")
    for typed, url in WAYS:
        page.goto(f"/tickets/{numbers[-1]}")
        press(page, *typed)
        expect(page).to_have_url(url)


def test_the_help_and_the_tooltips_say_what_is_bound(open_page: Any, desk: Any, now: Any) -> None:
    """Each key of the table does something on a page, nothing else does, and the help is the same table."""
    ticket = ticket_in(desk, "new", "One", now)
    page = open_page(desk.bob)
    acts = set()
    for path in (f"/boards/{desk.board.id}", f"/tickets/{ticket.id}"):
        page.goto(path)
        acts |= set(
            page.evaluate(
                "[...(window.has ?? []), ...[...document.querySelectorAll('[data-key]')].map(e => e.dataset.key)]"
            )
        )
    own = {"new", "search", "close"}  # those of keys.js itself
    assert acts | own == {key.id for key in keys.KEYS if key.scope != "composer"}
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog.locator("dt")).to_have_text(
        [key.label for part in keys.SCOPES for key in keys.KEYS if key.scope == part]
    )
    expect(dialog.get_by_text("Go to my tickets").locator("xpath=..")).to_have_text(
        "Go to my ticketsQ or G M"
    )
    press(page, "Escape")
    page.goto(f"/boards/{desk.board.id}")
    new = page.get_by_role("link", name="New ticket")
    assert (new.get_attribute("title"), new.get_attribute("aria-keyshortcuts")) == ("New ticket (C)", "C")


def test_whoever_wants_has_no_keys_with_one_character(open_page: Any, desk: Any, now: Any) -> None:
    ticket_in(desk, "new", "One", now)
    ticket_in(desk, "new", "Two", now)
    page = open_page(desk.bob)
    page.goto("/profile")
    page.get_by_label("Keys with one character").uncheck()
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_label("Keys with one character")).not_to_be_checked()
    page.goto(f"/boards/{desk.board.id}")
    page.locator("#c1 a").focus()
    press(page, "c", "?", "q", "g", "s", "j", ".")
    assert (subject(page), page.url.rpartition("/")[2]) == ("One", str(desk.board.id))
    press(page, "ArrowDown")  # no character
    assert subject(page) == "Two"
    assert page.get_by_role("link", name="New ticket").get_attribute("title") is None
    page.get_by_role("link", name="Keys").click()
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Keys with one character are switched off.")
    assert dialog.locator("dt").all_inner_texts() == [
        key.label
        for part in keys.SCOPES
        for key in keys.KEYS
        if key.scope == part and key.bound(single=False)
    ]


def test_in_korean(open_page: Any, desk: Any, now: Any) -> None:
    bookkeeping(update(Person).where(Person.id == desk.bob.id).values(locale="ko"))
    page = open_page(desk.bob)
    page.evaluate(PRESS, {"key": "?", "code": "Slash", "shiftKey": True})
    expect(page.get_by_role("dialog", name="단축키")).to_contain_text("내 티켓으로 이동")
