"""A customer's HTML made safe to show in a frame without scripts."""

import html as entities
import re
from collections.abc import Callable, Mapping

import nh3

from app.mail.charsets import clean
from app.mail.weight import heavy, without_tags

MAX_HTML = 1_000_000

_TAGS = {
    "a", "abbr", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup",
    "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "wbr",
}  # fmt: skip
_DROPPED_WHOLE = {
    "script", "style", "title", "template", "svg", "math", "object", "applet", "iframe", "frameset", "noframes", "noembed",
    "audio", "video", "canvas", "select", "textarea",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"align", "dir", "lang", "style", "valign"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "font": {"color", "face", "size"},
    "table": {"border", "bgcolor", "cellpadding", "cellspacing", "width"},
    "tr": {"bgcolor"},
    "td": {"bgcolor", "colspan", "rowspan", "width", "height", "nowrap"},
    "th": {"bgcolor", "colspan", "rowspan", "width", "height", "nowrap"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
}
# None of these can load anything or leave the flow of the text.
_STYLE = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font-family",
    "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-indent", "text-transform", "vertical-align",
    "white-space", "width", "word-break", "overflow-wrap",
}  # fmt: skip
_UNSAFE_STYLE = re.compile(r"(?i)url|image|expression|element|import|attr\s*\(|var\s*\(|[\\@<>{}]|/\*")
_LINK = re.compile(r"(?i)\s*(?:https?://|mailto:|tel:)")
_REMOTE = re.compile(r"(?i)\s*(?:https?:)?//")
# Written into src while nh3 runs and turned into title afterwards, for its filter cannot rename an attribute. It has
# the form of an allowed address and a name that cannot resolve, should it ever stay behind.
_BLOCKED = "https://blocked.invalid/?"
_BLOCKED_SOURCE = re.compile(r' src="' + re.escape(_BLOCKED) + r'([^"]*)"')


def sanitise(html: str, inline: Mapping[str, str] | None = None, *, remote_images: bool = False) -> str:
    """`html` without anything that runs, loads, submits or reaches outside its frame. `inline` maps a Content-ID to
    the URL of its attachment. Pictures from elsewhere lose their src, and carry its URL as title, unless
    `remote_images`. Links open elsewhere and tell nobody where from. Reads at most 1 MB; of what is built to
    choke a reader only the words remain."""
    pictures = {cid.lower(): url for cid, url in (inline or {}).items()}

    def source(value: str) -> str | None:
        if value.strip().lower().startswith("cid:"):
            return pictures.get(value.strip()[4:].strip("<>").lower())
        if not _REMOTE.match(value):
            return None
        url = value.strip() if value.strip().lower().startswith("http") else "https:" + value.strip()
        return url if remote_images else _BLOCKED + url

    cleaned = _cleaned(html, source)
    return _BLOCKED_SOURCE.sub(r' title="\1"', cleaned)


def has_remote_images(html: str) -> bool:
    """Whether `sanitise` would block a picture, so that "Show remote images" is worth offering."""
    found = False

    def source(value: str) -> str | None:
        nonlocal found
        found = found or bool(_REMOTE.match(value))
        return None

    _cleaned(html, source)
    return found


def _cleaned(html: str, source: Callable[[str], str | None]) -> str:
    """`html` through nh3; `source` says what becomes of the src of a picture."""

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "style":
            safe = [part for part in value.split(";") if part.strip() and not _UNSAFE_STYLE.search(part)]
            return ";".join(safe) or None
        if name == "href":
            return value if _LINK.match(value) else None
        return source(value) if tag == "img" and name == "src" else value

    html = clean(html[:MAX_HTML])
    if heavy(html):
        return f'<div style="white-space:pre-wrap">{entities.escape(without_tags(html))}</div>'
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        filter_style_properties=_STYLE,
    )
