"""Real-looking messages of the mail programs and languages we serve, each with what must come out of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from app.mail.parse import Message, ParseError, parse

MESSAGES = Path(__file__).parent / "messages"


@dataclass(frozen=True)
class Expected:
    address: str
    name: str
    subject: str
    text: str
    attachments: tuple[str, ...] = ()
    automatic: str | None = None
    protection: str | None = None


EXPECTED = {
    "gmail-en-reply": Expected(
        "emma.clarke@gmail.example", "Emma Clarke", "Re: Your order A-1042",
        "Hi Bob,\n\nthe lamp still hasn't arrived – could you check?\n\nEmma",
    ),
    "gmail-ko-reply": Expected(
        "gildong.hong@gmail.example", "홍길동", "Re: 배송 문의",
        "안녕하세요.\n감사합니다. 그런데 아직 상품을 받지 못했습니다.\n확인 부탁드립니다.",
    ),
    "naver-ko-original-message": Expected(
        "minji.kim@naver.example", "김민지", "RE: 환불 요청",
        "환불은 언제 처리되나요?\n주문번호는 2026110312345 입니다.",
    ),
    "outlook-ko-cp949": Expected(
        "seojun.park@corp.example", "박서준", "똠방각하 세트 누락",
        "안녕하세요. 똠방각하 세트를 주문했는데 펲시 컵이 빠졌습니다.\n다시 보내 주세요.",
    ),
    "ko-euc-kr-8bit": Expected("lee@shop.example", "Lee", "교환 문의드립니다", "색상을 검정색으로 교환하고 싶습니다."),
    "ko-no-charset": Expected("choi@shop.example", "Choi", "Question", "결제가 두 번 되었습니다. 확인해 주세요."),
    "outlook-de-reply": Expected(
        "j.mueller@firma.example", "Jürgen Müller", "AW: Lieferung verzögert",
        "Guten Tag,\n\ndas Gerät kostet laut Rechnung 49 €, abgebucht wurden 59 €.\n\n"
        "Mit freundlichen Grüßen\nJürgen Müller",
    ),
    "outlook-html-de-reply": Expected("ralf@firma.example", "Ralf", "AW: Angebot", "Wir nehmen das Angebot an."),
    "thunderbird-de-inline": Expected(
        "anna@schmidt.example", "Anna Schmidt", "Re: Rechnung 77",
        "Es ist schwarz, und das Kabel ist ebenfalls schwarz.\n\nAm 1. Oktober.",
    ),
    "gmx-de-html": Expected(
        "k.weber@gmx.example", "Klaus Weber", "Aw: Garantie", "Hallo,\n\ndie Garantie gilt doch noch bis März?"
    ),
    "apple-de-iphone": Expected("lena@icloud.example", "Lena Vogel", "Re: Termin", "Ja, Donnerstag passt."),
    "apple-ko-iphone": Expected("yuna@icloud.example", "Yuna", "Re: 예약", "네, 목요일 괜찮습니다."),
    "fr-gmail-reply": Expected(
        "helene@orange.example", "Hélène Dubois", "Re: Commande reçue",
        "Bonjour,\n\nle colis est arrivé, mais la vitre est cassée.\n\nHélène",
    ),
    "fr-windows-1252": Expected(
        "paul@free.example", "Paul Martin", "Problème de paiement – 500 €",
        "Le paiement de 500 € a échoué – “erreur 12”.",
    ),
    "outlook-fr-reply": Expected("marie@societe.example", "Marie Petit", "RE: Devis", "Merci, le devis me convient."),
    "ja-iso-2022-jp": Expected(
        "hanako.sato@docomo.example", "佐藤花子", "注文のキャンセル",
        "お世話になっております。\n注文をキャンセルしたいです。",
    ),
    "ja-shift-jis": Expected(
        "tanaka@softbank.example", "", "届きません①", "商品がまだ届きません。番号は①と②です。"
    ),
    "ja-gmail-reply": Expected(
        "ichiro@gmail.example", "鈴木一郎", "Re: 返品について", "返品の手続きを教えてください。"
    ),
    "ja-unencoded-headers": Expected(
        "yamada@shop.example", "山田", "領収書をください", "領収書をください。よろしくお願いします。"
    ),
    "zh-gb18030": Expected("wang@qq.example", "王伟", "订单没有收到", "您好，我的订单还没有收到，镕先生。"),
    "utf8-as-ascii": Expected("zoe@web.example", "Zoë", "Größe", "Welche Größe passt? Gruß, Zoë"),
    "unknown-8bit": Expected("ute@web.example", "Ute", "Frage", "Die Tür schließt nicht."),
    "rfc2047-split-character": Expected("cs@corp.example", "고객센터", "배송이 너무 늦어요", "빨리 보내 주세요."),
    "rfc2231-names": Expected(
        "max@web.example", "Max", "Dateien", "Anbei.", ("Rechnung für Müller.pdf", "사진.png", "evilgnp.exe")
    ),
    "missing-date-and-id": Expected("tom@web.example", "Tom", "Hello", "Is anybody there?"),
    "several-from": Expected("real@web.example", "Real One", "Two of us", "We both ask."),
    "empty-body": Expected("kim@web.example", "Kim", "Please call me back", ""),
    "html-only-newsletter-style": Expected(
        "sofia@web.example", "Sofia", "Broken glass",
        "Hello,\n\nthe glass is broken.\nSee the photo <https://photos.example/1>.\n\nOrder A-7",
    ),
    "nested-inline-images": Expected(
        "eva@icloud.example", "Eva", "Kratzer", "Siehe Bild: [image: kratzer.png]\n\nDanke!",
        ("kratzer.png", "log.zip"),
    ),
    "forward-as-attachment": Expected(
        "olga@web.example", "Olga", "Fwd: complaint", "Please see the attached mail.", ("Beschwerde über Tür.eml",)
    ),
    "forward-inline": Expected(
        "olga@web.example", "Olga", "Fwd: complaint",
        "Can you help this customer?\n\n---------- Forwarded message ---------\n"
        "From: Somebody <somebody@else.example>\nDate: Mon, Nov 2, 2026 at 8:00 AM\nSubject: complaint\n"
        "To: <olga@web.example>\n\nThe door is broken.",
    ),
    "winmail-dat": Expected(
        "user@corp.example", "Exchange User", "Meeting notes", "Notes attached.", ("winmail.dat",)
    ),
    "calendar-invite": Expected("petra@corp.example", "Petra", "Besprechung", "Bitte zusagen.", ("invite.ics",)),
    "smime-signed": Expected(
        "secure@bank.example", "Dr. Secure", "Signed", "This is signed.", ("smime.p7s",), protection="smime-signed"
    ),
    "smime-encrypted": Expected(
        "secure@bank.example", "Dr. Secure", "Encrypted", "", ("smime.p7m",), protection="smime-encrypted"
    ),
    "pgp-inline-signed": Expected(
        "hacker@ccc.example", "Hacker", "Key question", "Which key do you use?\n- one", protection="pgp-signed"
    ),
    "pgp-encrypted": Expected(
        "hacker@ccc.example", "Hacker", "...", "", ("version.asc", "encrypted.asc"), protection="pgp-encrypted"
    ),
    "bounce-postfix": Expected(
        "mailer-daemon@mx.example", "Mail Delivery System", "Undelivered Mail Returned to Sender",
        "I'm sorry to have to inform you that your message could not be delivered.",
        ("delivery-status.txt", "Your order.eml"), automatic="report",
    ),
    "vacation-en": Expected(
        "exec@corp.example", "Exec", "Out of Office: Your order A-1042", "I am away until Monday.",
        automatic="vacation-subject",
    ),
    "vacation-de": Expected(
        "chef@corp.example", "Chef", "Abwesenheitsnotiz: Ihre Bestellung", "Ich bin bis Montag nicht im Haus.",
        automatic="vacation-subject",
    ),
    "vacation-fr": Expected(
        "chef@corp.example", "Chef", "Réponse automatique : Votre commande", "Je suis absent.",
        automatic="vacation-subject",
    ),
    "vacation-ko": Expected(
        "kim@corp.example", "Kim", "[부재중] 자동 응답", "휴가 중입니다.", automatic="vacation-subject"
    ),
    "vacation-ja": Expected(
        "sato@corp.example", "Sato", "自動返信: お問い合わせの件", "不在にしております。", automatic="vacation-subject"
    ),
    "mailing-list": Expected(
        "lister@web.example", "Lister", "[widgets] Release 2.0", "New release.", automatic="list"
    ),
    "own-group": Expected("customer@web.example", "Customer", "My lamp", "It flickers."),
    "base64-garbage": Expected("spotty@web.example", "Spotty", "Garbled", "The text is whole here"),
    "truncated-multipart": Expected(
        "cut@web.example", "Cut", "Cut off", "The first part is whole.", ("half.png",)
    ),
    "no-boundary": Expected("odd@web.example", "Odd", "No boundary", "Just text after all."),
    "nul-bytes": Expected("null@web.example", "Null", "Nul in subject", "Beforeafter í\xa0€ end"),
    "broken-headers": Expected("broken@web.example", "Inc.", "Still readable", "The body is fine."),
    "idn-address": Expected("info@xn--bcher-kva.example", "Jürgen", "Bücher", "Hallo."),
    "encoded-from-whole": Expected("cs@kakao.example", "카카오", "Whole", "Hi."),
    "bottom-post-en": Expected("bottom@web.example", "Bottom", "Re: Question", "Blue, please."),
    "only-quoted": Expected(
        "quiet@web.example", "Quiet", "Re: Question", "> Which colour do you want?\n> Blue or red?"
    ),
}  # fmt: skip


def read(name: str) -> Message:
    raw = (MESSAGES / f"{name}.eml").read_bytes()
    return parse(raw, channel_addresses=frozenset({"support@desk.example"}))


@pytest.mark.parametrize("name", EXPECTED)
def test_message(name: str) -> None:
    message = read(name)
    found = Expected(
        message.from_address,
        message.from_name,
        message.subject,
        message.text.replace("\xa0", " "),
        tuple(attachment.name for attachment in message.attachments),
        message.automatic,
        message.protection,
    )
    expected = EXPECTED[name]
    assert found == Expected(
        expected.address, expected.name, expected.subject, expected.text.replace("\xa0", " "),
        expected.attachments, expected.automatic, expected.protection,
    )  # fmt: skip


def test_every_message_is_in_the_table() -> None:
    assert {path.stem for path in MESSAGES.glob("*.eml")} == {*EXPECTED, "missing-from"}


def test_the_whole_text_stays_one_click_away() -> None:
    message = read("thunderbird-de-inline")
    assert "Welche Farbe" in message.full_text
    assert "Tel. 030 1234" in message.full_text


def test_a_message_from_nobody_is_refused() -> None:
    with pytest.raises(ParseError, match="sender"):
        read("missing-from")


def test_inline_pictures_are_known_by_their_content_id() -> None:
    picture, archive = read("nested-inline-images").attachments
    assert (picture.content_id, picture.inline, picture.size) == ("ii_kratzer@icloud", True, 70)
    assert picture.content.startswith(b"\x89PNG")
    assert (archive.content_id, archive.inline, archive.media_type) == (None, False, "application/zip")


def test_a_delivery_report_names_its_message_and_who_was_not_reached() -> None:
    report = read("bounce-postfix").report
    assert report is not None
    assert (report.original_id, report.failed, report.status) == (
        "original.42@desk.example",
        ("nobody@gone.example",),
        "5.1.1",
    )


def test_threading_headers() -> None:
    message = read("gmail-en-reply")
    assert message.in_reply_to == ("nd.1@desk.example",)
    assert message.references == ("first@mail.example", "nd.1@desk.example")
    assert message.message_id == "20261103081245.4711@mail.example"


def test_a_missing_message_id_is_made_from_what_the_sender_wrote() -> None:
    raw = (MESSAGES / "missing-date-and-id.eml").read_bytes()
    again = parse(b"Received: from elsewhere\r\n" + raw.replace(b"\r\n", b"\n"))
    message = parse(raw)
    assert message.message_id == again.message_id == f"{message.digest[:40]}@digest.invalid"
    assert message.digest != parse(raw + b"More.").digest


@pytest.mark.parametrize("name", ["several-from", "gmail-en-reply"])
def test_dates_are_aware_utc(name: str) -> None:
    date = read(name).date
    assert date is not None
    assert date.utcoffset() is not None
    assert date.isoformat().endswith("+00:00")
