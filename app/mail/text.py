"""The text of a message: its newest part, and text out of HTML."""

import re
from html.parser import HTMLParser

import nh3

from app.mail.charsets import clean
from app.mail.quotes import written
from app.mail.weight import heavy, without_tags

MAX_HTML = 1_000_000
MAX_TEXT = 1_000_000

# A signature is short; a customer who draws a line with "--" writes on below it.
_MAX_SIGNATURE = 20
_MAILERS = (
    r"(?:outlook|mail\b|yahoo|gmail|google|samsung|galaxy|proton|gmx|web\.de|t-online|telekom|orange|thunderbird|spark"
    r"|airmail|bluemail|windows|naver|iphone|ipad|android|mobile)"
)
# Whole lines only, and only what programs write: "昨日フォームから送信しました" is a customer telling what they did.
_DEVICE = re.compile(
    rf"""(?ix)
      sent\s(?:from|via|using|with)\s (?: my\s[\w.-]+(?:\s[\w.-]+){{0,3}} | (?:the\s)?{_MAILERS}.{{0,60}}(?:<[^<>]{{1,100}}>)?) \.?
    | get\soutlook\sfor\s\w+ .{{0,100}}
    | (?:von|mit)\smeine[mr]\s.{{1,40}}\sgesendet\.?
    | gesendet\s(?:von|mit|über|via|aus)\s (?: meine[mr]\s.{{1,40}} | {_MAILERS}.{{0,60}} | de[rm]\s.{{1,40}}\b(?:app|mail)\b.{{0,20}} )
    | diese\snachricht\swurde\svon\smeinem\s.{{1,80}}\sgesendet\.?
    | envoyé\s(?:de|depuis|à\spartir\sde|avec)\s (?: m(?:on|a)\s.{{1,40}} | l['’]application\s.{{1,40}} | {_MAILERS}.{{0,60}} )
    | (?:나의|내)\s?.{{1,30}}에서\s?(?:보냄|보낸\s?메일(?:입니다)?)\.?
    | .{{1,20}}(?:앱|폰)에서\s?보(?:냄|낸\s?메일(?:입니다)?)\.?
    | (?:iphone|ipad|android|outlook|スマートフォン|携帯|.{{0,15}}メールアプリ).{{0,20}}(?:から|より)送信
    | (?:inviato\sda|enviado\sdesde|verzonden\svanaf|skickat\sfrån)\s(?:mi|mio|il\smio|mijn|min)\s.{{1,40}}
    """
)
_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END = "-----END PGP SIGNATURE-----"
_EMPTY_LINES = re.compile(r"\n{3,}")

_TAGS = {
    "a", "address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "img", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
}  # fmt: skip
_NOT_TEXT = {
    "script",
    "style",
    "title",
    "template",
    "svg",
    "math",
    "object",
    "iframe",
    "noframes",
    "noembed",
    "select",
    "textarea",
}
_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
)
_LINES = _TAGS - _PARAGRAPHS - {"a", "img", "td", "th"}


def newest(text: str, *, forwarded: bool = False) -> str:
    """What the sender wrote this time: without quoted history, whether answered above, between or below it, and
    without signature. The whole text where nothing would remain. `forwarded` keeps the history."""
    lines = _unsealed(text[:MAX_TEXT].replace("\xa0", " ").split("\n"))
    runs = [lines] if forwarded else written(lines)
    kept = ["\n".join(line.rstrip() for line in _without_signature(run)).strip("\n") for run in runs]
    result = _EMPTY_LINES.sub("\n\n", "\n\n".join(run for run in kept if run.strip())).strip()
    return result or text[:MAX_TEXT].strip()


def html_to_text(html: str) -> str:
    """HTML as plain text: paragraphs and lines as seen, "- " before list items, "> " before quotes, links with their
    address in <>. Reads at most 1 MB."""
    html = clean(html[:MAX_HTML])
    if heavy(html):
        return _EMPTY_LINES.sub("\n\n", clean(without_tags(html)))[:MAX_TEXT]
    # nh3 first: html.parser takes quadratic time on some broken markup, and what nh3 writes is never broken.
    tidy = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_NOT_TEXT,
        attributes={"a": {"href"}, "img": {"alt"}},
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
    )
    reader = _Reader()
    reader.feed(tidy)
    reader.close()
    return reader.text()


def _unsealed(lines: list[str]) -> list[str]:
    """Without the wrapping of an inline PGP signature; what is signed stays."""
    if not any(line.strip() == _SIGNED for line in lines):
        return lines
    kept: list[str] = []
    inside = ""
    for line in lines:
        mark = line.strip()
        if mark in (_SIGNED, _SIGNATURE):
            inside = mark
        elif inside == _SIGNED:
            inside = "" if not mark else inside  # "Hash: SHA256" lines end at an empty one.
        elif inside == _SIGNATURE:
            inside = "" if mark == _SIGNATURE_END else inside
        else:
            kept.append(line.removeprefix("- "))
    return kept


def _without_signature(lines: list[str]) -> list[str]:
    kept = [line for line in lines if len(line) > 200 or not _DEVICE.fullmatch(line.strip())]
    for at, line in enumerate(kept):
        if line.rstrip() == "--":
            below = sum(bool(one.strip()) for one in kept[at + 1 : at + 200])
            return kept[:at] if below <= _MAX_SIGNATURE else kept
    return kept


class _Reader(HTMLParser):
    """Collects lines; each knows its quote depth."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._depth = 0
        self._pre = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        self._end_line()
        return _EMPTY_LINES.sub("\n\n", "\n".join(self._lines)).strip("\n")[:MAX_TEXT]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self._links.append((values.get("href") or "", len(self._line)))
        elif tag == "img":
            self._add((values.get("alt") or "")[:100])
        elif tag in ("td", "th"):
            if self._line:
                self._add(" ")
        elif tag == "br":
            self._end_line(forced=True)
        else:
            self._end_line(gap=tag in _PARAGRAPHS)
            self._depth += tag == "blockquote"
            self._pre += tag == "pre"
            if tag == "li":
                self._add("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag in _PARAGRAPHS or tag in _LINES:
            if tag == "blockquote":
                self._end_line()
                self._depth = max(0, self._depth - 1)
            self._end_line(gap=tag in _PARAGRAPHS)
            self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._pre:
            first, *others = data.split("\n")
            self._line.append(first)
            for line in others:
                self._end_line(forced=True)
                self._line.append(line)
        else:
            self._add(data)

    def _add(self, data: str) -> None:
        self._line.append(re.sub(r"[ \t\r\n\f]+", " ", data))

    def _end_link(self) -> None:
        href, start = self._links.pop() if self._links else ("", 0)
        shown = "".join(self._line[start:]).strip()
        bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", href).rstrip("/")
        if (
            href.startswith(("http://", "https://", "mailto:"))
            and shown
            and bare not in shown
            and shown not in href
        ):
            self._line.append(f" <{href[:500]}>")

    def _end_line(self, *, gap: bool = False, forced: bool = False) -> None:
        joined = "".join(self._line)
        line = joined.rstrip() if self._pre else re.sub(r" {2,}", " ", joined).strip(" ")
        # "-- " must keep its blank: it is how a signature begins.
        line = "-- " if line == "--" else line
        if not line.strip():
            # A line of one no-break space is how some editors write an empty one.
            forced, line = forced or "\xa0" in line, ""
        self._line = []
        self._links = [(href, 0) for href, _ in self._links]
        mark = "> " * min(self._depth, 10)
        if line or forced:
            self._lines.append(mark + line)
        if gap and self._lines and self._lines[-1].strip("> "):
            self._lines.append(mark.rstrip())
