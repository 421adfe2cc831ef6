"""How a board looks to one view, as HTML: its cards, the heads of its columns, and what changed since.

The same cards are in the page, in the answer to who moved one, and in the live stream. What is drawn names neither the
request nor the reader, so it is drawn once for everybody who looks the same way.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from flask import current_app
from markupsafe import Markup
from sqlalchemy import select

from app.database import db
from app.desk import afterwards, looks, rotas
from app.models import card as cards
from app.models.board import Board
from app.models.card import MOST_COUNTED, PER_COLUMN, Card, Head, View, place_of
from app.models.cell import Lane, most_in_each
from app.words import speaking
from rules.compile import possible_states

KEPT = 8192  # drawn cards, about 1 KB each


class Delta(NamedTuple):
    """What changed on a board between two of its events, for one view.

    `reload` asks for the whole page instead: too much has changed, or the columns themselves have. `cards` are the
    touched cards that belong to the view, `gone` the numbers of those that do not (any more); `heads` and `lanes` all there are.
    `rules` is what rules did after people, see desk.afterwards.
    """

    since: int
    seq: int
    reload: bool = False
    cards: Sequence[dict[str, Any]] = ()
    gone: Sequence[int] = ()
    heads: Sequence[dict[str, Any]] = ()
    lanes: Sequence[dict[str, Any]] = ()
    on_call: str = ""
    rules: Sequence[dict[str, Any]] = ()

    def to_json(self) -> str:
        return json.dumps(self._asdict(), ensure_ascii=False, separators=(",", ":"))


class Slot(NamedTuple):
    """Where a card stands in a view: the keys of its column and its lane there, and its place, which the browser compares.
    `asks` is what its dialog must know of the view."""

    column: str
    lane: str
    sort: str
    asks: str


def draw(found: Iterable[Card], view: View, now: datetime) -> Markup:
    """These cards as list items, one after the other."""
    return Markup("\n".join([draw_one(card, view, now) for card in found]))  # noqa: S704 - each is drawn by a template


def draw_one(card: Card, view: View, now: datetime) -> str:
    """A card. What it says of the time is part of what it is kept by, so a kept card is never out of date."""
    since = _rounded((now - card.last_message_at).total_seconds())
    due = _rounded((card.next_deadline_at - now).total_seconds()) if card.next_deadline_at else 0
    slot = Slot(*place_of(card, view), view.order.key(card), view.asks_to_move)
    return _drawn(card, since, card.deadline_state(now), due, slot, view.locale)


def cursor(card: Card, view: View) -> str:
    """Where a card stands in its column, as the browser and "Show more" say it."""
    return f"{view.order.key(card)}.{card.id}"


def address_of(view: View, column: int | str, lane: str = "") -> str:
    """Where the cards of a column, or of its cell in a lane, are as this view shows them; what to show of them may be added."""
    there = f"/boards/{view.board_id}/groups/{column}/cards" if view.grouped else f"/columns/{column}/cards"
    return f"{there}?{urlencode(view.asks | ({'lane': lane} if lane else {}))}"


@lru_cache(maxsize=512)
def draw_head(head: Head, by: str, locale: str) -> Markup:
    with speaking(locale):
        return cast(Markup, _macros("boards/_head.html").head(head, by))


@lru_cache(maxsize=512)
def draw_lane(lane: Lane, locale: str) -> Markup:
    with speaking(locale):
        return cast(Markup, _macros("boards/_lane_head.html").head(lane))


def draw_on_call(rota_id: int | None, now: datetime) -> Markup:
    """Who is on call for a rota, in the language being spoken; empty where there is no rota."""
    on_call = rotas.on_call(rota_id, now) if rota_id is not None else None
    return Markup(current_app.jinja_env.get_template("boards/_on_call.html").render(on_call=on_call))  # noqa: S704


def changes_since(view: View, since: int, now: datetime) -> Delta:
    """What a board that shows this view as it was at the event `since` has to change. In its locale."""
    board = db.session.execute(
        select(Board.seq, Board.rota_id).where(Board.id == view.board_id)
    ).one_or_none()
    if board is None or not 0 <= since <= board.seq:
        return Delta(since, board.seq if board else 0, reload=True)
    touched = cards.changes(view.board_id, since, board.seq)
    if touched.reload:
        return Delta(since, board.seq, reload=True)
    seen = cards.overview(view, now)
    heads = shown(seen.heads)
    columns, lanes = {str(head.id) for head in heads}, {lane.key for lane in seen.lanes} or {""}
    found = cards.cards_of(view, touched.tickets, now) if touched.tickets else []
    places = [(card, place_of(card, view)) for card in found]
    there = [card for card, (column, lane) in places if column in columns and lane in lanes]
    gone = set(touched.tickets) - {card.id for card in there}
    with speaking(view.locale):
        on_call = draw_on_call(board.rota_id, now)
        rules = afterwards.told(view.board_id, since, board.seq, view.zone, now) if touched.ruled else []
    return Delta(
        since=since,
        seq=board.seq,
        cards=[{"id": card.id, "html": draw_one(card, view, now)} for card in there],
        gone=sorted(gone),
        heads=[{"id": head.id, "html": draw_head(head, view.group, view.locale)} for head in heads],
        lanes=[{"id": lane.key, "html": draw_lane(lane, view.locale)} for lane in seen.lanes],
        on_call=on_call,
        rules=[one._asdict() for one in rules],
    )


def shown(heads: Iterable[Head]) -> list[Head]:
    """The columns that a board shows; what is archived is a link at its end."""
    return [head for head in heads if head.state != "archived"]


def columns_of(
    view: View, seen: cards.Overview, folded: Collection[int | str], now: datetime
) -> list[dict[str, Any]]:
    """What boards/_column.html takes, for each column; the cards of a board with lanes are in these."""
    heads = shown(seen.heads)
    shut = {head.id for head in heads if not view.laned and looks.made(view.group, head.id) in folded}
    open_ = [head for head in heads if head.id not in shut]
    found: dict[Any, list[Card]] = {}
    if view.grouped and not view.laned:
        found = dict(cards.first_of_groups(view, open_, now))
    elif not view.laned:
        states = possible_states(view.query)
        wanted = [head.id for head in open_ if head.state in states and isinstance(head.id, int)]
        found = dict(cards.first_cards(view, wanted, now, seen.first))
    return [_column(view, head, found.get(head.id, []), now, folded=head.id in shut) for head in heads]


def _column(view: View, head: Head, found: list[Card], now: datetime, *, folded: bool) -> dict[str, Any]:
    there = in_place(found, view, now, head.id, head.count, PER_COLUMN)
    return {
        **there,
        "state": head.state,
        "name": head.name,
        "late": head.late,
        "count_said": head.count_said,
        "head": draw_head(head, view.group, view.locale),
        "empty": not head.count if folded else there["empty"],
        "folded": folded,
        **_tools_of(view, head.id),
    }


def lanes_of(
    view: View, seen: cards.Overview, folded: Collection[int | str], now: datetime
) -> list[dict[str, Any]]:
    """What boards/_lanes.html takes, for each lane."""
    if not seen.lanes:
        return []
    most = min(PER_COLUMN, most_in_each(seen.lanes))
    found = cards.first_of_cells(view, now, most)

    def cell(head: Head, lane: Lane) -> dict[str, Any]:
        there = found.get((str(head.id), lane.key), [])
        return in_place(there, view, now, head.id, dict(lane.cells).get(str(head.id), 0), most, lane.key)

    return [
        {
            "key": lane.key,
            "count": lane.count,
            "head": draw_lane(lane, view.locale),
            "folded": looks.made(view.lanes, lane.key, lane=True) in folded,
            "folds": _tools_of(view, lane.key, lane=True)["folds"],
            "cells": [cell(head, lane) for head in shown(seen.heads)],
        }
        for lane in seen.lanes
    ]


def _tools_of(view: View, column: int | str, *, lane: bool = False) -> dict[str, str]:
    """Where a column or a lane is collapsed, and a form that opens tickets in it; that is empty where nobody can set what it is
    made of."""
    asks = urlencode(view.asks | ({"of_lane": "1"} if lane else {}))
    there = f"/columns/{column}" if isinstance(column, int) else f"/boards/{view.board_id}/groups/{column}"
    settable = view.grouped is None or view.grouped.form is not None
    query = f"?group={view.group}" if view.grouped else ""
    return {"folds": f"{there}/look?{asks}", "adds": f"{there}/tickets/new{query}" if settable else ""}


def in_place(
    found: Sequence[Card], view: View, now: datetime, column: int | str, count: int, most: int, lane: str = ""
) -> dict[str, Any]:
    """What a column, or its cell in a lane, shows of the cards `found` there, and the way to those of `count` that it does not."""
    first = found[:most]
    return {
        "id": column,
        "cards": draw(first, view, now),
        "empty": not first,
        "limit": most,
        "address": address_of(view, column, lane),
        "cursor": cursor(first[-1], view) if len(found) > most else None,
        "left": MOST_COUNTED if count >= MOST_COUNTED else max(0, count - len(first)),
    }


def _rounded(seconds: float) -> int:
    """Seconds cut to what a card says: minutes for the first three hours, hours for two days, then days."""
    minutes, sign = int(abs(seconds) // 60), -1 if seconds <= 0 else 1
    step = 1 if minutes < 180 else 60 if minutes < 2880 else 1440
    return sign * max(minutes // step * step * 60, 1)


@lru_cache(maxsize=KEPT)
def _drawn(card: Card, since: int, state: str, due: int, slot: Slot, locale: str) -> str:
    with speaking(locale):
        return str(_macros("_parts/card.html").card(card, since, state, due, slot))


def _macros(template: str) -> Any:
    return current_app.jinja_env.get_template(template).module
