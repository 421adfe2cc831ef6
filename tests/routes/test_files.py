"""Files of what is being written: kept until it is sent, gone with it, back when it is taken back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import select

from app import sweeps
from app.database import db
from app.desk import drafts
from app.models.draft import DraftFile
from app.models.message import Attachment, Blob, Message
from tests.routes.conversation import PICTURE, newest
from tests.sink import Sink
from tests.small import SmallDesk

HTMX = {"HX-Request": "true"}


def upload(browser: Any, number: int, *files: tuple[str, bytes], **headers: str) -> Any:
    """By hand: Flask's own client leaves the temporary files of large bodies open."""
    body = b"".join(
        f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/pdf\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files
    )
    return browser.post(
        f"/tickets/{number}/files",
        data=body + b"--cut--\r\n",
        content_type="multipart/form-data; boundary=cut",
        headers=headers or HTMX,
    )


def tokens() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(DraftFile.token).order_by(DraftFile.id)))


def test_files_arrive_with_the_answer_as_they_were(
    smtp_sink: Sink, bob: Any, number: int, now: datetime, travel: Any
) -> None:
    data = bytes(range(256)) * 5000
    upload(bob, number, ("영수증 2026.pdf", data), ("../../notes.txt", b"one\r\ntwo\x00"))
    shown = bob.get(f"/tickets/{number}").text
    assert "영수증 2026.pdf" in shown
    assert "notes.txt" in shown
    assert "../" not in shown
    form = {"text": "Here they are.", "seen": newest(), "file": tokens()}
    assert bob.post(f"/tickets/{number}/replies", data=form).status_code == 303
    assert tokens() == []
    assert f"/attachments/{newest_attachment().token}/" in bob.get(f"/tickets/{number}").text
    sweeps.send_due(now + timedelta(minutes=1))
    mail = smtp_sink.wait_for(1)[0].message
    assert mail.get_content_type() == "multipart/mixed"
    assert mail.get_body(("plain",)).get_content().strip() == "Here they are."
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in mail.iter_attachments()] == [
        ("영수증 2026.pdf", data),
        ("notes.txt", b"one\r\ntwo\x00"),
    ]


def newest_attachment() -> Attachment:
    return db.session.scalars(select(Attachment).order_by(Attachment.id.desc())).first()  # type: ignore[return-value]


def test_without_script_they_come_with_the_message(bob: Any, number: int) -> None:
    form = {"text": "Look.", "files": [(BytesIO(PICTURE), "lamp.png")]}
    assert bob.post(f"/tickets/{number}/notes", data=form).status_code == 303
    assert [file.name for file in db.session.get_one(Message, newest()).attachments] == ["lamp.png"]
    refused = {"text": "", "seen": newest(), "files": [(BytesIO(PICTURE), "lamp.png")]}
    page = bob.post(f"/tickets/{number}/replies", data=refused)
    assert page.status_code == 422
    assert f'name="file" value="{tokens()[0]}"' in page.text  # it need not be chosen again


def test_undo_send_gives_them_back(bob: Any, number: int) -> None:
    upload(bob, number, ("lamp.png", PICTURE))
    bob.post(f"/tickets/{number}/replies", data={"text": "Look", "seen": newest(), "file": tokens()})
    part = bob.post(f"/tickets/{number}/replies/{newest()}/withdrawal", headers=HTMX)
    assert f'name="file" value="{tokens()[0]}"' in part.text
    bob.post(f"/tickets/{number}/replies", data={"text": "Look", "seen": newest(), "file": tokens()})
    assert [file.name for file in db.session.get_one(Message, newest()).attachments] == ["lamp.png"]


def test_removes_one_and_keeps_what_was_written(bob: Any, number: int) -> None:
    upload(bob, number, ("a.png", PICTURE))
    assert upload(bob, number, ("b.png", b"other")).text.count('name="file"') == 2
    first, second = tokens()
    part = bob.post(f"/tickets/{number}/files/{first}/removal", headers=HTMX).text
    assert ("a.png" in part, "b.png" in part) == (False, True)
    page = bob.post(f"/tickets/{number}/files/{second}/removal", data={"text": "Half", "kind": "note"}).text
    assert "Half</textarea>" in page
    assert tokens() == []
    assert db.session.scalar(select(Blob.size).where(Blob.data == b"other")) is None
    assert db.session.scalar(select(Blob.size).where(Blob.data == PICTURE))  # Kim's own picture


def test_they_are_nobody_elses(
    desk: SmallDesk, bob: Any, number: int, browser_as: Callable[..., Any]
) -> None:
    upload(bob, number, ("lamp.png", PICTURE))
    alice = browser_as(desk.alice)
    token = tokens()[0]
    assert token not in alice.get(f"/tickets/{number}").text
    alice.post(f"/tickets/{number}/files/{token}/removal")
    assert tokens() == [token]
    stolen = alice.post(f"/tickets/{number}/notes", data={"text": "Mine", "file": token})
    assert stolen.status_code == 422
    assert "A file is not there any more." in stolen.text
    assert bob.get(f"/attachments/{token}/lamp.png").status_code == 404


@pytest.mark.parametrize(
    ("limits", "status", "said"),
    [
        ({"attachments": 2}, 422, "Attach at most 2 files to one message."),
        ({"attachments_mb": 1}, 413, "The files of one message may have 1 MB together."),
    ],
)
def test_limits_are_named(bob: Any, number: int, limits: dict[str, int], status: int, said: str) -> None:
    current_app.config["SETTINGS"] = replace(current_app.config["SETTINGS"], **limits)
    some = [(f"{n}.bin", bytes(500_000)) for n in range(3)]
    refused = upload(bob, number, *some)
    assert (refused.status_code, said in refused.text) == (status, True)
    assert len(tokens()) == 2  # those that fit
    assert upload(bob, number, *some, Accept="text/html").status_code == status


def test_more_than_any_request_may_have_is_refused_in_the_same_words(bob: Any, number: int) -> None:
    refused = upload(bob, number, ("huge.bin", bytes(27 * 1024 * 1024)))
    assert refused.status_code == 413
    assert "may have 18 MB together" in refused.text


def test_what_is_never_sent_is_forgotten(bob: Any, number: int, now: datetime) -> None:
    upload(bob, number, ("lamp.png", PICTURE), ("once.txt", b"only here"))
    sweeps.tidy(now + drafts.KEEP_FOR - timedelta(minutes=1))
    assert len(tokens()) == 2
    assert sweeps.tidy(now + drafts.KEEP_FOR + timedelta(minutes=1))["files"] == 2
    assert tokens() == []
    assert db.session.scalar(select(Blob.size).where(Blob.data == b"only here")) is None
    assert db.session.scalar(select(Blob.size).where(Blob.data == PICTURE))
