"""The newest text of a message, and text out of HTML."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail.text import html_to_text, newest

KEPT = "This is what I want to say."
HISTORY = {
    "gmail-en": "On Tue, Nov 3, 2026 at 9:12 AM Desk <desk@desk.example> wrote:\n\n> old\n> older",
    "gmail-en-wrapped": "On Tue, Nov 3, 2026 at 9:12 AM A Very Long Department Name Indeed\n<desk@desk.example> wrote:\n> old",
    "gmail-ko": "2026년 11월 3일 (화) 오전 9:12, 홍길동 <desk@desk.example>님이 작성:\n\n> old",
    "gmail-ko-unquoted": "2026년 11월 3일 (화) 오전 9:12, 홍길동 <desk@desk.example>님이 작성:\n\nold",
    "apple-ko": "2026. 11. 3. 오전 9:12, 홍길동 <desk@desk.example> 작성:\n\n> old",
    "thunderbird-ko": "2026-11-03 오전 9:12에 홍길동 이(가) 쓴 글:\n> old",
    "outlook-ko": "보낸 사람: 데스크 <desk@desk.example>\n보낸 날짜: 2026년 11월 3일 화요일 오전 9:12\n받는 사람: 홍길동\n제목: 환불\n\nold",
    "naver": '-----Original Message-----\nFrom: "데스크" <desk@desk.example>\nTo: 홍길동\nCc:\nSent: 2026-11-03 (화) 09:12:45 (GMT+09:00)\nSubject: 환불\n\nold',
    "gmail-ja": "2026年11月3日(火) 9:12 佐藤 <desk@desk.example>:\n\n> old",
    "gmail-ja-no-marks": "2026年11月3日(火) 9:12 佐藤 <desk@desk.example>:\n\nold",
    "becky-ja": "2026/11/03 9:12、佐藤 <desk@desk.example>のメール:\n> old",
    "outlook-ja": "差出人: デスク <desk@desk.example>\n送信日時: 2026年11月3日 9:12\n宛先: 佐藤\n件名: 返品\n\nold",
    "thunderbird-de": "Am 03.11.2026 um 09:12 schrieb Desk:\n> old",
    "gmail-de": "Am Di., 3. Nov. 2026 um 09:12 Uhr schrieb Desk <\ndesk@desk.example>:\n\n> old",
    "outlook-de": "Von: Desk <desk@desk.example>\nGesendet: Dienstag, 3. November 2026 09:12\nAn: Ich\nBetreff: Angebot\n\nold",
    "outlook-de-bold": "*Von:* Desk <desk@desk.example>\n*Gesendet:* Dienstag, 3. November 2026 09:12\n*An:* Ich\n*Betreff:* Angebot\n\nold",
    "old-outlook-de": "-----Ursprüngliche Nachricht-----\nVon: Desk\nGesendet: 3.11.2026\nAn: Ich\nBetreff: x\n\nold",
    "gmail-fr": "Le mar. 3 nov. 2026 à 09:12, Desk <desk@desk.example> a écrit :\n\n> old",
    "outlook-fr": "________________________________\nDe : Desk <desk@desk.example>\nEnvoyé : mardi 3 novembre 2026 09:12\nÀ : Moi\nObjet : Devis\n\nold",
    "outlook-fr-nbsp": "De\xa0: Desk <desk@desk.example>\nEnvoyé\xa0: mardi 3 novembre 2026 09:12\nÀ\xa0: Moi\nObjet\xa0: Devis\n\nold",
    "outlook-en": "From: Desk <desk@desk.example>\nSent: Tuesday, November 3, 2026 9:12 AM\nTo: Me\nSubject: Offer\n\nold",
    "bare-quote": "> old\n> older",
}  # fmt: skip
SIGNATURES = [
    "-- \nAda Lovelace\nTel. 1234",
    "--\nAda",
    "Sent from my iPhone",
    "Sent from Outlook for iOS<https://aka.ms/o0ukef>",
    "Get Outlook for Android<https://aka.ms/AAb9ysg>",
    "Von meinem iPhone gesendet",
    "Gesendet mit der GMX Mail App",
    "Gesendet von Mail für Windows",
    "Diese Nachricht wurde von meinem Android-Gerät mit GMX Mail gesendet.",
    "Envoyé de mon iPhone",
    "Envoyé depuis l’application Mail Orange",
    "나의 iPhone에서 보냄",
    "내 Galaxy에서 보냄",
    "네이버 메일앱에서 보냄",
    "iPhoneから送信",
]


@pytest.mark.parametrize("name", HISTORY)
def test_history_below_is_cut(name: str) -> None:
    assert newest(f"{KEPT}\n\n{HISTORY[name]}\n") == KEPT


@pytest.mark.parametrize("name", [name for name in HISTORY if "> old" in HISTORY[name]])
def test_an_answer_below_the_quote_is_kept(name: str) -> None:
    assert newest(f"{HISTORY[name]}\n\n{KEPT}\n") == KEPT


@pytest.mark.parametrize("name", HISTORY)
def test_history_alone_is_the_whole_text(name: str) -> None:
    assert newest(HISTORY[name]) == HISTORY[name].strip()


@pytest.mark.parametrize("signature", SIGNATURES)
def test_signature_is_cut(signature: str) -> None:
    assert newest(f"{KEPT}\n\n{signature}\n") == KEPT
    assert newest(f"{KEPT}\n\n{signature}\n\n{HISTORY['gmail-en']}") == KEPT


def test_answers_between_quotes_are_kept_in_order() -> None:
    text = "On 3 Nov 2026, Desk wrote:\n> Colour?\n\nBlue.\n\n> Size?\n\nLarge.\n-- \nAda\n"
    assert newest(text) == "Blue.\n\nLarge."


@pytest.mark.parametrize(
    "text",
    [
        "안녕하세요.\n감사합니다.\n추가 질문: 환불은 언제 되나요?",
        "Two things:\n- the lamp is broken\n- the cable is missing\nPlease send both.",
        "My trip:\nFrom: Berlin\nTo: Munich\nDate: 12 November\nCan you rebook it?",
        "On Monday I wrote: where is it?\nNo answer yet.",
        "昨日フォームから送信しました。\nまだ返事がありません。",
        "어제 네이버 메일에서 보냈습니다\n답장이 없습니다.",
        "Gesendet von Herrn Müller am Montag\nbis heute nicht da.",
        "Best regards are not enough.\nThanks, but where is it?",
        "2026-11-03 09:12 the log says:\nerror 5\nWhat now?",
        "Am 3. November schrieb ich Ihnen:\nKeine Antwort.",
        "A line\n--\n" + "\n".join(f"Item {n}" for n in range(30)),
    ],
)
def test_own_words_are_not_taken_for_history(text: str) -> None:
    assert newest(text) == text


def test_what_is_forwarded_is_kept() -> None:
    text = "See below.\n\nFrom: A <a@b.example>\nSent: today\nTo: me\nSubject: x\n\nThe door is broken."
    assert newest(text, forwarded=True) == text
    assert newest(text) == "See below."


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab>-: \n\t@<1月년년.\xa0"), max_size=300))
def test_nothing_is_invented_and_something_always_remains(text: str) -> None:
    result = newest(text)
    assert bool(result) == bool(text.strip())
    lines = {line.replace("\xa0", " ").strip() for line in text.split("\n")} | {""}
    assert all(line.replace("\xa0", " ").strip() in lines for line in result.split("\n"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a &amp; b &lt;c&gt; &euro; &#44032;", "a & b <c> € 가"),
        ("<ul><li>one<li>two</ul>after", "- one\n- two\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<head><title>T</title><style>p{}</style></head><script>x()</script><body>Body</body>", "Body"),
        ('<a href="https://x.example/a">here</a>', "here <https://x.example/a>"),
        ('<a href="https://x.example/">x.example</a>', "x.example"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ("Yes<blockquote>old<br>older</blockquote>more", "Yes\n\n> old\n> older\n\nmore"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('before <img src="x" alt=":-)"> after', "before :-) after"),
        ("  many \n\t blanks  ", "many blanks"),
        ("<!-- no --><p>yes</p><![if !x]>also<![endif]>", "yes\n\nalso"),
        ("unclosed <b>bold <i>both", "unclosed bold both"),
        ("", ""),
    ],
)
def test_html_to_text(html: str, text: str) -> None:
    assert html_to_text(html).strip() == text


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "deep",
        "".join(f"<b id={n}>" for n in range(5_000)) + "<p>deep" * 20_000,
        "&" * 500_000,
        "<" * 500_000,
    ],
)
def test_html_made_to_choke_a_reader_still_gives_its_words(html: str) -> None:
    assert html_to_text(html)
