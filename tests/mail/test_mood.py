"""How the customer who wrote a text feels, and by which words that is told. What cannot be told is unknown."""

import pytest

from app.mail import lexicon
from app.mail.mood import NOTHING, Mood, hear, judge

ANGRY, UNHAPPY, PLEASED, UNKNOWN = "angry", "unhappy", "pleased", None
TEXTS = [
    ("en", "This is unacceptable!!! I have been waiting for three weeks.", ANGRY, "unacceptable"),
    ("en", "THIS IS THE THIRD TIME I AM WRITING TO YOU", ANGRY, "THIRD TIME"),
    ("en", "I am not happy with this at all.", ANGRY, "not happy"),
    ("en", "I was a bit disappointed by the colour.", UNHAPPY, "disappointed"),
    ("en", "Thank you so much, the lamp is wonderful!", PLEASED, "wonderful"),
    ("en", "My laptop died after the update and I lost my files. Can you help me please?", UNKNOWN, ""),
    ("en", "I was charged twice, please refund one payment. Kind regards, Ann", UNKNOWN, ""),
    ("en", "The lamp is wonderful, but your service is terrible.", UNKNOWN, ""),
    ("en", "WHERE IS MY ORDER???", UNKNOWN, ""),
    ("de", "Das ist eine Frechheit! Ich warte seit drei Wochen.", ANGRY, "Frechheit"),
    ("de", "DAS IST UNVERSCHÄMT", ANGRY, "UNVERSCHÄMT"),
    ("de", "Ich bin leider nicht zufrieden mit der Lampe.", UNHAPPY, "nicht zufrieden"),
    ("de", "Wir sind sehr zufrieden, vielen Dank!", PLEASED, "sehr zufrieden"),
    ("de", "Können Sie mir bitte die Rechnung schicken? Mit freundlichen Grüßen", UNKNOWN, ""),
    ("fr", "C'est inadmissible, toujours aucune réponse.", ANGRY, "inadmissible"),
    ("fr", "Je ne suis pas satisfait du produit.", UNHAPPY, "pas satisfait"),
    ("fr", "Je suis ravie de ma lampe, bravo à toute l’équipe", PLEASED, "ravie"),
    ("fr", "Où puis-je trouver ma facture ? Merci beaucoup.", UNKNOWN, ""),
    ("es", "Estoy harta de esperar, es una verguenza", ANGRY, "harta"),
    ("es", "No estoy nada contenta con el pedido", UNHAPPY, "No estoy nada contenta"),
    ("es", "Todo perfecto, encantada con la lámpara", PLEASED, "encantada"),
    ("es", "¿Sería tan amable de enviarme la factura? Gracias", UNKNOWN, ""),
    ("ko", "정말 어이가 없네요. 벌써 몇 번을 문의했는데 답변이 없습니다.", ANGRY, "어이가 없네요"),
    ("ko", "정말 화가납니다. 당장 환불해 주세요", ANGRY, "화가납니다"),
    ("ko", "색상이 마음에 들지 않아요. 교환하고 싶습니다.", UNHAPPY, "마음에 들지 않아요"),
    ("ko", "덕분에 잘 해결됐어요. 정말 감사합니다!", PLEASED, "덕분에"),
    ("ko", "불만은 없습니다. 교환 방법만 알려 주세요.", UNKNOWN, ""),
    ("ko", "빠른 답변 부탁드립니다. 감사합니다.", UNKNOWN, ""),
    ("ja", "いつまで待たせるんですか。いい加減にしてください。", ANGRY, "いい加減にし"),
    ("ja", "対応に満足していません。返金してください。", UNHAPPY, "満足していません"),
    ("ja", "迅速な対応ありがとうございました。とても助かりました。", PLEASED, "迅速な対応ありがとう"),
    ("ja", "領収書を発行していただけると助かります。", UNKNOWN, ""),
    (None, "😡 123 my friend, look", ANGRY, "😡"),
    ("pt", "Isto é uma vergonha, estou furioso", UNKNOWN, ""),
]  # fmt: skip


def found(text: str, language: str | None, **context: object) -> Mood:
    return judge(hear(text, language, lexicon.seeded(language) if language else ()), **context)  # type: ignore[arg-type]


def called(score: int | None) -> str | None:
    if score is None:
        return UNKNOWN
    return ANGRY if score <= -50 else UNHAPPY if score < 0 else PLEASED


@pytest.mark.parametrize(
    ("language", "text", "expected", "word"), TEXTS, ids=[ascii(row[1][:30]) for row in TEXTS]
)
def test_texts(language: str | None, text: str, expected: str | None, word: str) -> None:
    mood = found(text, language)
    assert (called(mood.score), word) == (expected, dict(mood.reasons[:1]).get("word", ""))
    assert mood.score is None or 30 <= abs(mood.score) <= 100
    assert bool(mood.reasons) is (mood.score is not None)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "Terrible!", "OK", "??!!", "최악", "A-1042", "> This is unacceptable, you are thieves"],
)
def test_what_is_short_or_quoted_is_unknown(text: str) -> None:
    assert found(text, "en") == found(text, "ko") == Mood()


def test_what_came_before_counts_with_words_and_never_alone() -> None:
    text = "I am still waiting for my parcel. Is there any news of it?"
    assert found(text, "en") == Mood()
    third = found(text, "en", unanswered=3)
    assert third == Mood(-42, (("word", "still waiting"), ("unanswered", "3")))
    assert found(text, "en", unanswered=5, reopened=True).score == -72
    assert found("Here is the picture that you asked for.", "en", unanswered=5, reopened=True) == Mood()
    assert found("It is perfect now, thank you so much!", "en", unanswered=5, reopened=True).score == 60


def test_signs_say_how_strongly_and_not_what() -> None:
    calm, loud = "I am disappointed.", "I AM SO VERY DISAPPOINTED WITH THIS!!!"
    assert found(loud, "en").score == (found(calm, "en").score or 0) - 35
    assert found(loud, "en").reasons == (("word", "DISAPPOINTED"), ("signs", "!!!"), ("capitals", ""))
    assert found("Please send it to the HQ in USA, NRW or UK!!", "en") == Mood()


def test_without_a_list_a_language_says_nothing() -> None:
    assert hear("", None) == NOTHING
    assert lexicon.found("Frechheit", "de", ()) == ([], "Frechheit")
    assert lexicon.seeded("pt") == ()


def test_a_list_may_be_anybodys() -> None:
    words = (("lampenfieber", -80), ("no way*", -60), ("(.*)+", -90), ("  ", -90), ("*", -90))
    assert lexicon.found("(.*)+", "ko", (("*", -90), ("\0", 5)))[0] == []
    hits, rest = lexicon.found("No wayyy, LAMPENFIEBER! (.*)+ a\\b", "de", words)
    assert [(hit.text, hit.weight) for hit in hits[:2]] == [("No wayyy", -60), ("LAMPENFIEBER", -80)]
    assert "LAMPENFIEBER" not in rest


@pytest.mark.parametrize("language", lexicon.LANGUAGES)
def test_seeded_lists_are_whole(language: str) -> None:
    words = lexicon.seeded(language)
    assert len(words) >= 120
    assert len({word.casefold() for word, _ in words}) == len(words)
    for word, weight in words:
        hits, _ = lexicon.found(f" {word.replace('*', '')} ", language, words)
        assert [hit.weight for hit in hits] == [weight], word


@pytest.mark.parametrize("language", ["en", "de", "ko"])
@pytest.mark.parametrize("text", ["a", "not ", "!?", "no way ", "화 ", "\n", "\u0301", "\0\ud800"])
def test_any_text_gets_an_answer(text: str, language: str) -> None:
    assert found(text * 100_000, language).score in (None, *range(-100, 101))
