"""The words of moods in the settings: listed by language, changed, tried on a text, and reset."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField, TextAreaField
from wtforms.validators import Length

from app.auth import acting, allowed, now
from app.database import writing
from app.desk import access, mood_lists
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page
from app.mail import lexicon, mood
from app.mail.lexicon import Words
from app.models.mood_list import changed_lists, words_of
from app.routes import mood_words
from app.words import N_, gettext, language_name

bp = Blueprint("mood_lists", __name__)

LONGEST_TRIED = 4_000
ROWS = 24
EMPTY = N_("Without any words no mood is found by words in this language. Say that you mean it.")


class MoodListForm(Form):
    words = TextAreaField(N_("Words and what they weigh"), [Length(max=mood_lists.LONGEST_TEXT)])
    empty = BooleanField(N_("Yes, without any words"))
    tried = TextAreaField(
        N_("Try a text"),
        [Length(max=LONGEST_TRIED)],
        description=N_("What a customer might write. Nothing is saved by trying."),
    )


@bp.get("/settings/moods")
@allowed("edit_moods")
def index() -> Response:
    changed = changed_lists()
    rows = sorted((language_name(code), code) for code in lexicon.LANGUAGES)
    return page(
        "settings/moods.html",
        lists=[
            {"code": code, "name": name, "count": len(words_of(code)), "changed": code in changed}
            for name, code in rows
        ],
    )


@bp.get("/settings/moods/<language>")
@allowed("edit_moods")
def edit(language: str) -> Response:
    _refuse_unknown(language)
    return _page(language, MoodListForm(words=mood_lists.written(words_of(language))))


@bp.post("/settings/moods/<language>")
@allowed("edit_moods")
def update(language: str) -> Response:
    """With `try` in the form nothing is saved: the text is read with these words."""
    _refuse_unknown(language)
    form = MoodListForm.from_request()
    if not form.validate():
        return _page(language, form, status=422)
    try:
        words = mood_lists.read(form.words.data or "")
        if "try" in request.form:
            return _page(language, form, found=_tried(form.tried.data or "", language, words))
        if not words and words_of(language) and not form.empty.data:
            form.refuse(Refused(EMPTY, field="words"))
            return _page(language, form, asks=True, status=422)
        with writing(ensure_desk(now())) as desk:
            mood_lists.change(desk, language, words, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(language, form, status=refused.status)
    flash(gettext("The words are changed. They count for what arrives from now on."))
    return redirect(url_for("mood_lists.index"), code=303)


@bp.post("/settings/moods/<language>/removal")
@allowed("edit_moods")
def reset(language: str) -> Response:
    _refuse_unknown(language)
    with writing(ensure_desk(now())) as desk:
        mood_lists.reset(desk, language, by=acting(), now=now())
    flash(gettext("The words that come with the desk count again."))
    return redirect(url_for("mood_lists.edit", language=language), code=303)


def _tried(text: str, language: str, words: Words) -> dict[str, Any]:
    """What a text says: the mood in words, and each word that was found with its weight."""
    heard = mood.hear(text, language, words)
    judged = mood.judge(heard)
    said = mood_words.told(judged.score, judged.reasons) if judged.score is not None else None
    return {"said": said, "score": judged.score, "words": [(hit.text, hit.weight) for hit in heard.words]}


def _page(
    language: str, form: MoodListForm, *, found: Any = None, asks: bool = False, status: int = 200
) -> Response:
    return page(
        "settings/mood.html",
        form=form,
        code=language,
        name=language_name(language),
        changed=language in changed_lists(),
        found=found,
        asks=asks,
        rows=ROWS,
        status=status,
    )


def _refuse_unknown(language: str) -> None:
    if language not in lexicon.LANGUAGES:
        raise access.not_found()
