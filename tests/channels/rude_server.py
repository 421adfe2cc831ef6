"""An IMAP server that does as a test wants: a folder of messages, and what it says instead to some commands."""

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from imaplib import Time2Internaldate
from types import TracebackType

HANG, CLOSE = b"hang", b"close"  # as answers: say nothing more; end the connection


@dataclass
class RudeServer:
    """`messages` are uid -> (bytes, when they came). `instead` holds (pattern of a command without its tag, answer):
    in an answer %s stands for the tag. `heard` are the commands, `greeting` is what it says first."""

    messages: dict[int, tuple[bytes, datetime]] = field(default_factory=dict)
    uid_validity: int = 7
    uid_next: int | None = None
    capability: str = "IMAP4rev1"
    greeting: bytes = b"* OK ready\r\n"
    instead: list[tuple[str, bytes]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def put(self, *messages: bytes, at: datetime) -> None:
        """Puts messages behind those that there are."""
        for message in messages:
            self.messages[self._uid_next()] = (message, at)

    def __enter__(self) -> "RudeServer":
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                made, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(made)
            threading.Thread(target=self._serve, args=[made], daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        with made, made.makefile("rb") as lines:
            try:
                if not self._say(made, self.greeting):
                    return
                for line in lines:
                    tag, _, command = line.decode().strip().partition(" ")
                    self.heard.append(command)
                    if not self._say(made, self._answer(command).replace(b"%s", tag.encode())):
                        return
            except OSError:
                return  # whoever asked has gone

    def _say(self, made: socket.socket, answer: bytes) -> bool:
        if answer == HANG:
            self._ended.wait()
        if answer in (HANG, CLOSE):
            return False
        made.sendall(answer)
        return True

    def _answer(self, command: str) -> bytes:
        for pattern, answer in self.instead:
            if re.match(pattern, command):
                return answer
        for pattern, meaning in self._meanings.items():
            if found := re.match(pattern, command):
                return meaning(self, *found.groups()) + b"%s OK done\r\n"
        return b"%s BAD what?\r\n"

    def _capabilities(self) -> bytes:
        return f"* CAPABILITY {self.capability}\r\n".encode()

    def _examine(self) -> bytes:
        return (
            f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.uid_validity}] .\r\n"
            f"* OK [UIDNEXT {self._uid_next()}] .\r\n"
        ).encode()

    def _search_uids(self, first: str, last: str | None) -> bytes:
        most = max(self.messages, default=0) if last == ":*" else int(first)
        return self._found(uid for uid in self.messages if int(first) <= uid <= most)

    def _search_since(self, day: str) -> bytes:
        since = datetime.strptime(day, "%d-%b-%Y").replace(tzinfo=UTC)
        return self._found(uid for uid, (_, at) in self.messages.items() if at >= since)

    def _found(self, uids: object) -> bytes:
        return f"* SEARCH {' '.join(map(str, uids))}".strip().encode() + b"\r\n"  # type: ignore[call-overload]

    def _sizes(self, uids: str) -> bytes:
        said = b""
        for uid in map(int, uids.split(",")):
            if uid in self.messages:
                raw, at = self.messages[uid]
                came = Time2Internaldate(at.timestamp())
                said += f"* 1 FETCH (UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE {came})\r\n".encode()
        return said

    def _body(self, uid: str, part: str) -> bytes:
        if int(uid) not in self.messages:
            return b""
        raw = self.messages[int(uid)][0]
        raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if part else raw
        return b"* 1 FETCH (UID %s BODY[%s] {%d}\r\n%s)\r\n" % (uid.encode(), part.encode(), len(raw), raw)

    def _nothing(self) -> bytes:
        return b""

    def _uid_next(self) -> int:
        return self.uid_next or max(self.messages, default=0) + 1

    _meanings: "dict[str, Callable[..., bytes]]" = field(
        init=False,
        default_factory=lambda: {
            "CAPABILITY$": RudeServer._capabilities,
            r"(?:LOGIN|NOOP|LOGOUT)\b": RudeServer._nothing,
            "EXAMINE ": RudeServer._examine,
            r"UID SEARCH UID (\d+)(:\*)?$": RudeServer._search_uids,
            r"UID SEARCH SINCE (\S+)$": RudeServer._search_since,
            r"UID FETCH ([\d,]+) \(UID RFC822.SIZE INTERNALDATE\)$": RudeServer._sizes,
            r"UID FETCH (\d+) \(UID BODY.PEEK\[(HEADER|)\]\)$": RudeServer._body,
        },
    )
