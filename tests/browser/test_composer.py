"""Writing in a real browser: files by button, paste and drop; drafts that follow their writer."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from playwright.sync_api import expect
from sqlalchemy import select

from app.database import db, writing
from app.models.delivery import Delivery
from app.models.message import Attachment
from tests.small import SmallDesk
from tests.stories import fill
from tests.waiting import until

Page = Any

# Hands files to the page as the clipboard and the file manager do.
HAND_OVER = """([kind, selector, files]) => {
  const data = new DataTransfer();
  for (const [name, size] of files) data.items.add(new File([new Uint8Array(size)], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent("paste", { ...options, clipboardData: data })
    : new DragEvent(kind, { ...options, dataTransfer: data });
  document.querySelector(selector).dispatchEvent(event);
}"""


def composer(page: Page) -> Page:
    return page.get_by_role("textbox", name="Message")


def test_files_by_button_paste_and_drop(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    files = page.locator(".composer .file")
    sending = page.get_by_role("button", name="Send to customer")
    composer(page).fill("Here they are.")
    page.get_by_label("Attach files").set_input_files(
        [
            {"name": "영수증.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"},
            {"name": "b.txt", "mimeType": "text/plain", "buffer": b"b"},
        ]
    )
    expect(page.get_by_role("button", name="Remove b.txt")).to_be_visible()
    page.evaluate(HAND_OVER, ["paste", ".composer textarea", [["pasted.png", 10]]])
    expect(page.get_by_role("button", name="Remove pasted.png")).to_be_visible()
    page.evaluate(HAND_OVER, ["dragover", ".messages", [["dropped.png", 10]]])
    expect(page.locator(".composer.is-dropping")).to_be_visible()
    # One that takes long: its progress is seen, and sending waits.
    held: list[Any] = []
    page.route("**/files", lambda route: held.append(route))
    page.evaluate(HAND_OVER, ["drop", ".messages", [["dropped.png", 10]]])
    expect(page.locator("progress")).to_be_visible()
    sending.click()
    expect(page.locator(".toast")).to_contain_text("A file is still on its way.")
    page.get_by_role("button", name="Remove b.txt").click()
    expect(files.filter(has_text="b.txt")).to_have_count(0)
    held[0].abort("internetdisconnected")  # the network is cut
    expect(files.filter(has_text="dropped.png did not arrive.")).to_be_visible()
    page.unroute("**/files")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Remove dropped.png")).to_be_visible()
    page.evaluate(HAND_OVER, ["drop", ".composer", [["huge.png", 19 * 1024 * 1024]]])
    expect(files.filter(has_text="may have 18 MB together")).to_be_visible()
    page.reload()  # they belong to what is being written
    expect(files).to_have_count(3)
    sending.click()
    expect(page.locator(".message-us .attachments li")).to_have_count(3)
    expect(files).to_have_count(0)
    db.session.rollback()
    assert [file.name for file in db.session.scalars(select(Attachment)) if file.message_id > 1] == [
        "영수증.pdf",
        "pasted.png",
        "dropped.png",
    ]
    page.get_by_role("button", name="Undo send").click()
    expect(files).to_have_count(3)


def test_a_draft_follows_its_writer_and_a_cut_network_loses_nothing(
    open_ticket: Any, desk: SmallDesk, number: int
) -> None:
    page, elsewhere = open_ticket(desk.bob), open_ticket(desk.bob)
    saved = page.get_by_text("Draft saved")
    composer(page).fill("Half an answ")
    expect(saved).to_be_visible()
    elsewhere.reload()
    expect(composer(elsewhere)).to_have_value("Half an answ")
    page.context.set_offline(True)
    composer(page).press_sequentially("er")
    expect(page.get_by_text("Kept in this browser only")).to_be_visible()
    # Meanwhile it goes on elsewhere: whoever comes back chooses.
    composer(elsewhere).fill("Another answer")
    expect(elsewhere.get_by_text("Draft saved")).to_be_visible()
    again = page.context.new_page()
    page.close(run_before_unload=False)
    again.context.set_offline(False)
    again.goto(f"/tickets/{number}")
    expect(composer(again)).to_have_value("Half an answer")
    expect(again.locator(".composer-other")).to_contain_text("Another answer")
    again.get_by_role("button", name="Keep this").click()
    expect(again.get_by_text("Draft saved")).to_be_visible()
    composer(elsewhere).press_sequentially("!")
    expect(elsewhere.locator(".composer-other")).to_contain_text("Half an answer")
    elsewhere.get_by_role("button", name="Take that").click()
    expect(composer(elsewhere)).to_have_value("Half an answer")
    again.goto(f"/boards/{desk.board.id}")
    pencil = (
        f"getComputedStyle(document.querySelector('#ticket_{number} .card-foot .end'), '::before').content"
    )
    until(lambda: "✎" in again.evaluate(pencil))
    elsewhere.get_by_role("button", name="Send and resolve").click()
    expect(composer(elsewhere)).to_have_value("")
    again.goto(f"/tickets/{number}")
    expect(composer(again)).to_have_value("")
    discard = again.get_by_role("button", name="Discard draft")
    expect(discard).to_be_hidden()
    composer(again).fill("Not this")
    discard.click()
    expect(composer(again)).to_have_value("")
    expect(discard).to_be_hidden()
    again.get_by_role("button", name="Undo", exact=True).click()
    expect(composer(again)).to_have_value("Not this")
    expect(again.get_by_text("Draft saved")).to_be_visible()


def test_a_forward_follows_its_writer(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    """Its addresses, words and files: closed, on another device, in two windows at once, refused, sent and taken back."""
    page, elsewhere = open_ticket(desk.bob), open_ticket(desk.bob)

    def open_sheet(at: Page) -> Page:
        at.get_by_role("link", name="Forward").click()
        return at.get_by_role("dialog", name="Forward a message")

    form = open_sheet(page)
    form.get_by_label("To").fill("fix@lamps.example")
    form.get_by_label("Cc").fill("lee@example.net")
    form.get_by_label("Your words above it").fill("Please rep")
    expect(form.get_by_text("Draft saved")).to_be_visible()
    form.get_by_label("Your words above it").fill("Please repair it.")
    form.get_by_label("Attach files").set_input_files(
        [{"name": "own.txt", "mimeType": "text/plain", "buffer": b"b"}]
    )
    expect(form.get_by_role("button", name="Remove own.txt")).to_be_visible()
    form.get_by_role("link", name="Close").click()  # what was typed within the last second is kept, too
    expect(page.get_by_role("link", name="Forward You have begun to write")).to_be_visible()
    assert composer(page).input_value() == ""
    other = open_sheet(elsewhere)
    expect(other.get_by_label("To")).to_have_value("fix@lamps.example")
    expect(other.get_by_label("Cc")).to_have_value("lee@example.net")
    expect(other.get_by_label("Your words above it")).to_have_value("Please repair it.")
    expect(other.get_by_role("button", name="Remove own.txt")).to_be_visible()
    other.get_by_label("Your words above it").fill("Please look at it.")
    expect(other.get_by_text("Draft saved")).to_be_visible()
    page.reload()  # what is on the server is shown; then it changes there
    form = open_sheet(page)
    other.get_by_label("Your words above it").fill("Please look at it today.")
    expect(other.get_by_text("Draft saved")).to_be_visible()
    form.get_by_label("To").fill("kim@example.org")
    expect(form.locator(".composer-other")).to_contain_text("Please look at it today.")
    form.get_by_role("button", name="Take that").click()
    expect(form.get_by_label("To")).to_have_value("fix@lamps.example")
    form.get_by_label("To").fill("kim@example.org")
    form.get_by_role("button", name="Forward").click()
    expect(form.get_by_role("alert")).to_contain_text("the customer's own address")
    form.get_by_label("To").fill("fix@lamps.example")
    form.get_by_role("button", name="Forward").click()
    expect(form).to_be_hidden()
    sent = page.locator(".message-forward")
    expect(sent).to_contain_text("Please look at it today.")
    expect(sent.locator(".attachments")).to_contain_text("own.txt")
    expect(page.get_by_role("link", name="Forward You have begun to write")).to_have_count(0)
    sent.get_by_role("button", name="Undo send").click()
    expect(page.get_by_role("link", name="Forward You have begun to write")).to_be_visible()
    form = open_sheet(page)
    expect(form.get_by_label("Your words above it")).to_have_value("Please look at it today.")
    expect(form.get_by_role("button", name="Remove own.txt")).to_be_visible()


def test_answers_now_and_later_and_the_next_card_each_time(
    serve: Callable[..., Any], new_page: Callable[..., Page], desk: SmallDesk, now: datetime
) -> None:
    """One ticket is answered for tomorrow and sent after all, the next one sent on and resolved: the hands stay on the keys."""
    with writing(desk.board) as board:
        one, two, three = (fill(board, desk, "new", subject, now).id for subject in ("One", "Two", "Three"))
    page = new_page(serve(CLOCK="off").url, desk.bob)
    page.goto(f"/boards/{desk.board.id}")
    page.locator("#live[data-state=live]").wait_for()
    panel, title = page.locator("#panel"), page.locator("#panel_title")
    resolved = page.locator(f"#column_{desk.columns['resolved'].id}")

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(title).to_have_text("One")
    composer(page).fill("Try it tomorrow.")
    panel.get_by_text("Send later").click()
    panel.get_by_label("When it is sent").select_option(label="Resolve the ticket")
    panel.get_by_role("button", name=re.compile("^Tomorrow")).click()
    expect(panel.locator(".message-later")).to_contain_text("Then: Resolve the ticket")
    expect(page.locator(f"#c{two} a")).to_be_focused()
    expect(composer(page)).to_have_value("")
    panel.get_by_text("Send later").click()
    expect(panel.get_by_label("When it is sent")).to_have_value(
        "wait"
    )  # not what was chosen for the last one
    panel.get_by_text("Send later").click()
    panel.get_by_role("button", name="Send now").click()
    expect(panel.locator(".message-us .delivery")).to_contain_text("Sending in")
    expect(resolved.locator(f"#ticket_{one}")).to_be_visible()

    page.locator(f"#c{two} a").click()
    expect(title).to_have_text("Two")
    panel.get_by_role("link", name="Forward").click()
    sheet = page.get_by_role("dialog", name="Forward a message")
    sheet.get_by_label("To").fill("fix@lamps.example")
    sheet.get_by_role("button", name="Forward").click()
    expect(panel.locator(".message-forward")).to_contain_text("forwarded to fix@lamps.example")
    composer(page).fill("We have asked the workshop.")
    composer(page).press("Control+Shift+Enter")
    expect(resolved.locator(f"#ticket_{two}")).to_be_visible()
    expect(page.locator(f"#c{three} a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(title).to_have_text("Three")
    db.session.rollback()
    kinds = db.session.scalars(select(Delivery.kind).order_by(Delivery.id)).all()
    assert kinds == ["reply", "forward", "reply"]


def test_a_colleague_is_called_in_korean(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    with writing(desk.row):
        desk.alice.name = "김민지"
    page = open_ticket(desk.bob)
    field, offered = composer(page), page.locator(".calls").get_by_role("option")
    field.fill("@")
    expect(offered).to_have_count(0)  # not to the customer
    page.get_by_text("Internal note").click()
    field.fill("")
    field.press_sequentially("Ask @김")
    expect(offered).to_have_text(["김민지"])
    field.evaluate(
        """field => field.dispatchEvent(new KeyboardEvent("keydown",
             { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))"""
    )
    expect(offered).to_have_count(1)  # that Enter ended a syllable
    field.press("Enter")
    expect(field).to_have_value("Ask @김민지 ")
    field.press_sequentially("and @wo")
    expect(offered).to_have_text(["Dana Wolf"])
    offered.click()
    field.press_sequentially("or @")
    expect(offered).to_have_count(3)
    field.press("ArrowDown")
    expect(page.locator(".calls [aria-selected=true]")).to_have_text("Dana Wolf")
    field.press("Escape")
    expect(offered).to_have_count(0)
    field.press("Control+Enter")
    expect(page.locator(".message-note mark")).to_have_text(["@김민지", "@Dana Wolf"])
