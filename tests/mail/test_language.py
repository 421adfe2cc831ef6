"""Sentences customers really write, and their language."""

import pytest

from app.mail.language import detect

DESK = ("en", "de", "fr", "ko", "ja")
SENTENCES = [
    ("en", "Where is my order? I have been waiting for two weeks."),
    ("en", "I would like to return the lamp, it arrived broken."),
    ("en", "Please cancel order A-1042 and refund my card."),
    ("en", "The app crashes every time I open the settings page."),
    ("en", "Can you tell me when you are open on Saturday?"),
    ("en", "my password does not work anymore"),
    ("en", "Thanks, that solved it!"),
    ("en", "I was charged twice: https://bank.example/t/1234 see the statement"),
    ("en", "THIS IS THE THIRD TIME I AM WRITING TO YOU"),
    ("en", "How do I change the delivery address for PayPal orders?"),
    ("de", "Wo bleibt meine Bestellung? Ich warte seit zwei Wochen."),
    ("de", "Ich möchte die Lampe zurückgeben, sie kam kaputt an."),
    ("de", "Bitte stornieren Sie die Bestellung A-1042 und erstatten Sie den Betrag."),
    ("de", "Die App stürzt jedes Mal ab, wenn ich die Einstellungen öffne."),
    ("de", "Haben Sie am Samstag geöffnet?"),
    ("de", "mein passwort geht nicht mehr"),
    ("de", "Vielen Dank, jetzt funktioniert es!"),
    ("de", "Mir wurde zweimal abgebucht, siehe https://bank.example/t/1234"),
    ("de", "DAS IST JETZT SCHON DAS DRITTE MAL, DASS ICH IHNEN SCHREIBE"),
    ("de", "Wie kann ich die Lieferadresse bei DHL ändern?"),
    ("fr", "Où est ma commande ? J'attends depuis deux semaines."),
    ("fr", "Je voudrais renvoyer la lampe, elle est arrivée cassée."),
    ("fr", "Veuillez annuler la commande A-1042 et me rembourser."),
    ("fr", "L'application plante chaque fois que j'ouvre les paramètres."),
    ("fr", "Êtes-vous ouverts le samedi ?"),
    ("fr", "mon mot de passe ne marche plus"),
    ("fr", "Merci beaucoup, cela fonctionne maintenant !"),
    ("fr", "J'ai été débité deux fois, voir https://bank.example/t/1234"),
    ("fr", "C'EST LA TROISIÈME FOIS QUE JE VOUS ÉCRIS"),
    ("fr", "Comment changer l'adresse de livraison chez UPS ?"),
    ("ko", "주문한 상품이 아직 도착하지 않았습니다."),
    ("ko", "환불해 주세요."),
    ("ko", "A-1042 주문 취소 부탁드립니다. https://shop.example/orders/1042"),
    ("ko", "iPhone 15 Pro Max 케이스 교환 문의"),
    ("ko", "비밀번호가 안 돼요"),
    ("ko", "안녕하세요, PayPal 결제가 두 번 되었습니다. Order A-99 입니다."),
    ("ko", "배송 언제 와요?"),
    ("ko", "감사"),
    ("ja", "注文した商品がまだ届きません。"),
    ("ja", "返品したいです。"),
    ("ja", "A-1042の注文をキャンセルしてください。https://shop.example/orders/1042"),
    ("ja", "iPhone 15 Pro Maxのケースの交換について"),
    ("ja", "パスワードが使えません"),
    ("ja", "お世話になっております。PayPalで二重に請求されました。"),
    ("ja", "領収書発行希望"),
    ("ja", "いつ届きますか？"),
]


@pytest.mark.parametrize(("language", "text"), SENTENCES)
def test_sentences(language: str, text: str) -> None:
    found, confidence = detect(text, DESK)
    assert found == language
    assert 60 <= confidence <= 100


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "OK", "??", "A-1042", "1234567890", "https://shop.example/orders/this-is-where-my-order-is", "ada@web.example", ":-)",
        "SKU_7 v2 12.50", "Info", "Order 88213", "> where is my order, I have been waiting\n> for two weeks now", "DHL UPS",
        "Hola, quería saber dónde está mi pedido porque llevo dos semanas esperando.",
        "Где мой заказ? Я жду уже две недели.", "您好，我的订单还没有收到，请退款。",
    ],
)  # fmt: skip
def test_too_short_too_unsure_or_not_ours(text: str) -> None:
    assert detect(text, DESK)[0] is None


@pytest.mark.parametrize(
    ("text", "languages", "expected"),
    [
        ("환불해 주세요", ("en", "de"), None),
        ("您好，我的订单还没有收到", ("en", "zh", "ja"), "zh"),
        ("返品希望", ("en", "ja", "zh"), None),
        ("返品希望", ("en", "ja"), "ja"),
        ("Where is my order? I am waiting.", ("en", "ko"), "en"),
        ("Wo bleibt meine Bestellung? Ich warte schon lange darauf.", ("en", "ko"), None),
        ("Where is my order?", (), None),
        ("Where is my order?", ("xx",), None),
        ("Please refund the 환불 order as soon as you possibly can, thank you very much", DESK, "en"),
    ],
)
def test_only_the_languages_of_the_desk(text: str, languages: tuple[str, ...], expected: str | None) -> None:
    assert detect(text, languages)[0] == expected


def test_a_long_text_is_judged_by_its_beginning() -> None:
    assert detect("Where is my order? " * 200_000, DESK)[0] == "en"
