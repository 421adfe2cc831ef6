"""The starter pack says what it means, in five languages."""

from pathlib import Path

import pytest

from rules.actions import AddTag, SetPriority
from rules.query import And, Or, Words, fold, parse, to_text
from rules.rule import STARTERS, Starter, StarterError, load_starters

PACK = {starter.key: starter for starter in load_starters()}


def words_of(starter: Starter) -> set[str]:
    def walk(tree: object) -> set[str]:
        if isinstance(tree, Words):
            return {fold(tree.text)}
        return {word for part in tree.parts for word in walk(part)} if isinstance(tree, And | Or) else set()

    return walk(starter.query)


@pytest.mark.parametrize("starter", PACK.values(), ids=PACK)
def test_a_starter_is_whole(starter: Starter) -> None:
    assert starter.query != And(())
    assert parse(starter.text) == starter.query == parse(to_text(starter.query))
    assert starter.actions
    assert starter.name("ko") != starter.name("en") == starter.name("fr")


def test_the_pack_covers_the_usual_matters() -> None:
    assert {
        "german",
        "korean",
        "refund",
        "delivery",
        "broken",
        "cancel",
        "vip",
        "angry",
        "unanswered",
    } <= set(PACK)
    assert PACK["german"].actions == (AddTag("german"),)
    assert PACK["unanswered"].actions == (SetPriority("high"),)
    assert PACK["unanswered"].once_per == "ticket"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("refund", "I would like a refund for this"),
        ("refund", "Ich möchte mein Geld zurück"),
        ("refund", "Je souhaite un remboursement"),
        ("refund", "환불 부탁드립니다"),
        ("refund", "返品したいです"),
        ("delivery", "My order has not arrived yet"),
        ("delivery", "Mein Paket ist nicht angekommen"),
        ("delivery", "Mon colis n'est pas arrivé"),
        ("delivery", "배송이 언제 되나요"),
        ("delivery", "商品が届かないのですが"),
        ("broken", "The lamp arrived damaged"),
        ("broken", "Der Artikel ist leider defekt"),
        ("broken", "L'article est cassé"),
        ("broken", "제품이 파손되어 왔어요"),
        ("broken", "壊れていました"),
        ("cancel", "Please CANCEL my order"),
        ("cancel", "Bitte stornieren Sie die Bestellung"),
        ("cancel", "Je veux annuler ma commande"),
        ("cancel", "주문 취소해 주세요"),
        ("cancel", "注文をキャンセルしたい"),
        ("angry", "This is unacceptable"),
        ("angry", "Das ist eine Frechheit"),
        ("angry", "C'est inadmissible"),
        ("angry", "정말 최악이네요"),
        ("angry", "対応がひどいです"),
        ("urgent", "URGENT: wrong address"),
        ("urgent", "Es ist dringend"),
        ("urgent", "Répondez au plus vite"),
        ("urgent", "긴급합니다"),
        ("urgent", "至急お願いします"),
    ],
)
def test_a_customers_sentence_meets_its_starter(key: str, text: str) -> None:
    assert any(word in fold(text) for word in words_of(PACK[key]))


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for the template, it will do later",
        "Vielen Dank für die Auskunft",
        "감사합니다",
        "ありがとうございます",
        "Merci beaucoup",
    ],
)
def test_an_ordinary_sentence_meets_none(text: str) -> None:
    assert not [key for key, starter in PACK.items() if any(word in fold(text) for word in words_of(starter))]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            '[a]\nname.en = "A"\nwhen = "langauge:de"\nthen = [{kind = "assign_on_call"}]',
            "a: column 1: unknown field",
        ),
        ('[a]\nname.en = "A"\nwhen = " "\nthen = [{kind = "assign_on_call"}]', "a: a rule needs a condition"),
        ('[a]\nname.en = "A"\nwhen = "x"\nthen = [{kind = "explode"}]', "a: an action of an unknown kind"),
        ('[a]\nname.en = "A"\nwhen = "x"\nthen = []', "a: wants name.en"),
        ('[a]\nname.ko = "A"\nwhen = "x"\nthen = [{kind = "assign_on_call"}]', "a: wants name.en"),
        ('[a]\nname.en = "A"\nwhne = "x"\nthen = [{kind = "assign_on_call"}]', "a: wants name.en"),
        (
            '[a]\nname.en = "A"\nwhen = "x"\nthen = [{kind = "assign_on_call"}]\nonce_per = "day"',
            "a: wants name.en",
        ),
    ],
)
def test_a_mistake_in_the_file_names_its_rule(tmp_path: Path, text: str, mistake: str) -> None:
    path = tmp_path / "starter.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StarterError, match=mistake):
        load_starters(path)


def test_the_pack_lies_beside_the_code() -> None:
    assert STARTERS.is_file()
