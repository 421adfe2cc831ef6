"""Which messages count as written by a machine, and above all which do not."""

import pytest

from app.mail.automatic import reason

OURS = frozenset({"support@desk.example"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Message-ID": "<nd.1@desk.example>"}, "own-message"),
        ({"Content-Type": "multipart/report; report-type=delivery-status"}, "report"),
        ({"Return-Path": "<>"}, "empty-return-path"),
        ({"Return-Path": "<ada@web.example>"}, None),
        ({"Auto-Submitted": "auto-replied"}, "auto-submitted"),
        ({"Auto-Submitted": "auto-generated; owner-email=a@b.example"}, "auto-submitted"),
        ({"auto-submitted": "Auto-Notified (rule)"}, "auto-submitted"),
        ({"Auto-Submitted": "no"}, None),
        ({"Auto-Submitted": "No (a person wrote)"}, None),
        ({"X-Autoreply": "yes"}, "x-autoreply"),
        ({"X-Autorespond": ""}, "x-autoreply"),
        ({"X-AutoReply-From": "a@b.example"}, "x-autoreply"),
        ({"X-Mail-Autoreply": "x"}, "x-autoreply"),
        ({"X-Autoreply": "no"}, None),
        ({"X-Loop": "a@b.example"}, "x-loop"),
        ({"X-Auto-Response-Suppress": "All"}, "x-auto-response-suppress"),
        ({"X-Auto-Response-Suppress": "DR, OOF, AutoReply"}, None),
        ({"X-Auto-Response-Suppress": "None"}, None),
        ({"Precedence": "bulk"}, "precedence"),
        ({"Precedence": "Junk"}, "precedence"),
        ({"Precedence": "auto_reply"}, "precedence"),
        ({"Precedence": "first-class"}, None),
        ({"Precedence": "normal"}, None),
        ({"List-Id": "Widgets <widgets.lists.example>"}, "list"),
        ({"List-Unsubscribe": "<https://news.example/leave>"}, "list"),
        ({"List-Id": "<support.desk.example>", "Precedence": "list"}, None),
        ({"List-Id": "<support.groups.desk.example>"}, None),
        (
            {
                "Mailing-List": "list support@desk.example; contact support+owners@desk.example",
                "List-Post": "x",
            },
            None,
        ),
        ({"List-Id": "<othersupport.desk.example>"}, "list"),
        ({"List-Id": "<support.desk.example.evil.example>"}, "list"),
        ({"List-Post": "<mailto:tech-support@desk.example>"}, "list"),
        ({"List-Id": "<support.desk.example>", "Precedence": "junk"}, "precedence"),
        ({"List-Id": "<support.desk.example>", "Auto-Submitted": "auto-replied"}, "auto-submitted"),
    ],
)
def test_headers(headers: dict[str, str], expected: str | None) -> None:
    found = reason(headers.items(), own_id=lambda one: one == "nd.1@desk.example", channel_addresses=OURS)
    assert found == expected


def test_a_list_may_be_declared_ours() -> None:
    headers = [("List-Id", "<help.elsewhere.example>"), ("Precedence", "list")]
    assert reason(headers) == "list"
    assert reason(headers, list_is_ours=True) is None


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Your order", "Auto-Reply: hello", "Autoreply: Re: x", "Out of office", "Out of Office: Re: Your order",
        "Out of the office Re: x", "Out-of-Office Autoreply", "I am out of the office", "Abwesenheitsnotiz", "Abwesend: Rechnung",
        "Abwesenheitsnotiz: Ihre Bestellung", "Automatische Antwort: Rechnung", "Réponse automatique : Commande",
        "Réponse automatique: Commande", "Absence du bureau", "Message d'absence : x", "자동 응답", "자동응답: 배송 문의", "자동 회신: 문의",
        "[자동응답] 문의하신 내용", "부재중", "부재 중: 배송 문의", "[부재중] 자동 응답", "부재중 자동 응답", "不在通知", "不在通知: 返品", "自動返信",
        "自動返信: お問い合わせの件", "【自動応答】お問い合わせ", "自動応答：受付", "Undelivered Mail Returned to Sender",
        "Delivery Status Notification (Failure)", "Mail delivery failed: returning message to sender", "Undeliverable: Your order",
        "Unzustellbar: Ihre Bestellung", "failure notice",
    ],
)  # fmt: skip
def test_subjects_of_responders(subject: str) -> None:
    assert reason([("Subject", subject)]) == "vacation-subject"


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Automatic reply: Your order", "Out of office chairs, when back in stock?", "Automatic reply does not work",
        "Automatische Antwort funktioniert nicht", "Réponse automatique de votre site incorrecte", "부재중 배송 문의", "부재중 전화가 왔어요",
        "자동 응답 전화가 안 됩니다", "不在通知が届きました", "不在票について", "自動返信メールが届きません", "Delivery question", "Undelivered parcel",
        "Mail delivery to my new address", "Abwesenheit des Hausmeisters", "Holiday opening hours?", "Absence de réponse", "",
    ],
)  # fmt: skip
def test_subjects_of_people(subject: str) -> None:
    assert reason([("Subject", subject)]) is None
