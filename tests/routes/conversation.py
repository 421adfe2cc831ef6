"""A ticket to look at: Kim's mail with quotes, HTML, a picture inside it and a file."""

from datetime import datetime
from email.message import EmailMessage

from sqlalchemy import func, select

from app.database import db
from app.desk import inbox
from app.models.message import Message
from tests.small import ADDRESS

PICTURE = b"\x89PNG\r\n\x1a\nnot much of a picture"
HTML = """<p onclick="x()">It flickers since <b>yesterday</b>.</p><script>alert(1)</script>
<img src="cid:lamp@example.org"><img src="https://tracker.example/p.png">
<blockquote>On Monday you wrote: is it plugged in?</blockquote>"""
TEXT = "It flickers since yesterday: https://example.org/lamp에서\n\nOn Mon, 2 Nov 2026 at 09:00, Bob <support@example.com> wrote:\n> Is it plugged in?\n"


def kim_writes(now: datetime, text: str = TEXT, number: int = 1, subject: str = "The lamp <flickers>") -> int:
    """Kim's mail, handled as it arrives; returns its ticket."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Kim Byrne <kim@example.org>", ADDRESS, subject
    mail["Message-ID"] = f"<lamp-{number}@example.org>"
    mail.set_content(text)
    mail.add_alternative(HTML, subtype="html")
    mail.get_payload()[1].add_related(
        PICTURE, maintype="image", subtype="png", cid="<lamp@example.org>", filename="lamp.png"
    )
    mail.add_attachment(
        b"<script>alert(1)</script>", maintype="text", subtype="html", filename='영수증 "1".html'
    )
    ticket = inbox.receive(mail.as_bytes(), now=now, source="command", sent_to=ADDRESS).ticket
    assert ticket is not None
    return ticket


def newest() -> int:
    """The id of the message that was written last."""
    db.session.rollback()
    return db.session.scalar(select(func.max(Message.id))) or 0
