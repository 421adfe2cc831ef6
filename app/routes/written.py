"""What somebody is writing, as their page sends it or the server has kept it."""

from dataclasses import dataclass

from flask import request

from app.models.draft import Draft


@dataclass(frozen=True)
class Written:
    """What somebody is writing, as it was sent. `seen` is the newest message they had read, `anyway` the newest one
    that they want to answer over; with `despite_bounce` they write to an address from which mail came back; `files` are the tokens of what goes with it;
    `errors` are for the reader."""

    text: str = ""
    kind: str = "reply"
    then: str = "wait"
    seen: int = 0
    anyway: int | None = None
    despite_bounce: bool = False
    to: str = ""
    cc: str | None = None
    files: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    conflict: bool = False

    @classmethod
    def sent(cls, kind: str) -> "Written":
        """The draft in the request. Without a sign of what was read, nothing was."""
        return cls(
            text=request.form.get("text", ""),
            kind=kind,
            then=request.form.get("then", "wait"),
            seen=request.form.get("seen", 0, type=int),
            anyway=request.form.get("anyway", type=int),
            despite_bounce="despite_bounce" in request.form,
            to=request.form.get("to", ""),
            cc=request.form.get("cc"),
            files=tuple(request.form.getlist("file")),
        )

    @classmethod
    def kept(cls, draft: Draft | None) -> "Written":
        """What the server has kept of it, or nothing."""
        return (
            cls(text=draft.text, kind=draft.kind, to=draft.to_address, cc=draft.cc)
            if draft is not None
            else cls()
        )
