"""What search compares: the same tokens for what is stored and for what is looked for."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.tokens import BETWEEN, LONGEST_WORD, document, excerpt, fold, phrase, places

STORED = [
    ("Where is my order?", " where is my order "),
    ("ORDER-4711, 1.234,50 €", " order 4711 1 234 50 "),
    ("Kim.Seoyeon@Example.org", " kim seoyeon example org "),
    ("Où est ma commande ? Größe, Łódź, smørrebrød", " ou est ma commande grosse lodz smorrebrod "),
    ("Đơn hàng của tôi", " don hang cua toi "),
    ("ＡＢＣ １２３ ﾃﾞｰﾀ", " abc 123 デー ータ タ "),
    ("환불은 언제", " 환불 불은 은 언제 제 "),
    ("東京タワー", " 東京 京タ タワ ワー ー "),
    ("我要退款。", " 我要 要退 退款 款 "),
    ("3개월", " 3 개월 월 "),
    ("हिन्दी में", " हिन्दी में "),
    ("مُحَمَّد", " محمد "),
    ("I'd 🙂👍🏽 order_42", " i d 🙂 👍 order 42 "),
    ("━━━ *** ___ %", "  "),
    ("", "  "),
]
FOUND = [
    ("ord", "Where is my order?", True),
    ("rder", "Where is my order?", False),
    ("is my o", "Where is my order?", True),
    ("is order", "Where is my order?", False),
    ("i my", "Where is my order?", False),
    ("ORDER", "order", True),
    ("commande", "Où est ma Commandé", True),
    ("example.org", "kim.seoyeon@example.org", True),
    ("@example", "kim.seoyeon@example.org", True),
    ("seoyeon@example.com", "kim.seoyeon@example.org", False),
    ("불", "환불은 언제", True),
    ("환불", "환불은 언제", True),
    ("불은 언", "환불은 언제", True),
    ("환불 언제", "환불은 언제", False),
    ("환불", "교환 불가", False),
    ("제", "환불은 언제", True),
    ("京", "東京タワー", True),
    ("京タワ", "東京タワー", True),
    ("テータ", "データ", False),
    ("退款", "我要退款。", True),
    ("3개", "3개월", True),
    ("🙂", "thanks 🙂", True),
    ("🙁", "thanks 🙂", False),
]
ALPHABET = "ab AB é ß İ ﬁ 1２ 환불은 가각 ﾃﾞ デ京都 ไทย हिन्दी مُح 🙂👍🏽 .,@-_%'\"\\*·\u0301\u3099\u00ad\u200d½"
TEXTS = st.one_of(st.text(max_size=40), st.text(ALPHABET, max_size=25))


@pytest.mark.parametrize(("text", "stored"), STORED)
def test_what_is_stored(text: str, stored: str) -> None:
    assert document([text]) == stored


@pytest.mark.parametrize(("wanted", "text", "there"), FOUND)
def test_what_is_found(wanted: str, text: str, there: bool) -> None:
    looked_for = phrase(wanted)
    assert looked_for is not None
    assert (looked_for.needle in document([text])) is there


@pytest.mark.parametrize("text", ["", " ", "...", "%", "_", "-", "\u0301", "　", BETWEEN])
def test_nothing_to_look_for(text: str) -> None:
    assert phrase(text) is None


def test_no_phrase_spans_two_parts() -> None:
    stored = document(["broken lamp", "Kim", "", "Acme"])
    assert stored == f" broken lamp {BETWEEN} kim {BETWEEN} acme "
    assert phrase("lamp kim").needle not in stored  # type: ignore[union-attr]


def test_a_long_word_is_cut_on_both_sides() -> None:
    word = "x" * 500
    assert document([word]) == f" {'x' * LONGEST_WORD} "
    assert phrase(word).needle in document([word])  # type: ignore[union-attr]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_tokens_hold_nothing_that_a_pattern_or_an_index_means(text: str) -> None:
    for token in document([text]).split(" "):
        assert not any(sign.isascii() and not sign.isalnum() for sign in token)
        assert not any(sign.isspace() or sign == BETWEEN for sign in token)
        assert token == token.lower() or not token.isascii()


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_text_finds_itself_within_another(before: str, text: str, after: str) -> None:
    wanted = phrase(text)
    if wanted is not None:
        assert wanted.needle in document([f"{before} {text} {after}"])
        assert wanted.needle in document([unicodedata.normalize("NFD", f"{before} {text} {after}")])


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_case_and_composition_do_not_matter(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    assert fold(fold(text)) == fold(text)


@given(TEXTS, st.lists(TEXTS, max_size=3))
@settings(max_examples=300, deadline=None)
def test_places_are_apart_and_within_the_text(text: str, wanted: list[str]) -> None:
    phrases = [found for found in map(phrase, wanted) if found]
    end = -1
    for start, until in places(text, phrases):
        assert end < start < until <= len(text)
        end = until


@pytest.mark.parametrize(
    ("text", "wanted", "marked"),
    [
        ("Où est ma Commande ?", ["commande", "ou est"], ["Où est", "Commande"]),
        ("환불은 언제 되나요", ["불은 언", "요"], ["불은 언", "요"]),
        ("AB-1234 ﾃﾞｰﾀ Größe", ["ab 12", "データ", "gros"], ["AB-12", "ﾃﾞｰﾀ", "Größ"]),
        ("refund, Refunds", ["ref"], ["ref", "Ref"]),
    ],
)
def test_what_is_marked(text: str, wanted: list[str], marked: list[str]) -> None:
    phrases = [found for found in map(phrase, wanted) if found]
    assert [text[start:until] for start, until in places(text, phrases)] == marked


def test_an_excerpt_is_the_part_around_what_was_looked_for() -> None:
    lamp = phrase("lamp")
    assert lamp is not None
    assert excerpt("My Lamp\n is  broken", [lamp]) == [("My ", False), ("Lamp", True), (" is broken", False)]
    assert excerpt("nothing of it", [lamp], 8) == [("nothing", False), ("…", False)]
    long = f"{'before ' * 50}lamp{' after' * 50}"
    pieces = excerpt(long, [lamp], 60)
    assert pieces[0] == pieces[-1] == ("…", False)
    assert ("lamp", True) in pieces
    assert len("".join(piece for piece, _ in pieces)) <= 62
    assert pieces[1][0].startswith("before ")
    assert pieces[-2][0].endswith(" after")
    assert excerpt("", [lamp], 10) == []


@given(TEXTS, st.lists(TEXTS, max_size=2), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_an_excerpt_says_only_what_the_text_says(text: str, wanted: list[str], longest: int) -> None:
    phrases = [found for found in map(phrase, wanted) if found]
    whole = " ".join(text.split())
    assert "".join(piece for piece, _ in excerpt(text, phrases)) == whole
    assert (
        "".join(piece for piece, _ in excerpt(text, phrases, longest)).strip("…") in whole.strip("…")
        or "…" in text
    )
