"""Keeps what a rule was after each change, and tells how one version differs from the one before."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from app.database import db
from app.desk import quarrels, rule_names
from app.desk.refused import Refused
from app.models import vocabulary
from app.models.event import By
from app.models.person import Person
from app.models.rule import Rule
from app.models.rule_version import RuleVersion, version_of, versions_of
from app.words import N_, gettext
from rules import query, stored
from rules.vocabulary import Names

WRITTEN = ("added", "changed", "returned")  # by whom the rule is what it says

CAUSES = {
    "added": N_("Added"),
    "changed": N_("Changed"),
    "switched": N_("Switched off"),
    "moved": N_("Moved"),
    "returned": N_("Went back to version %(about)s"),
    "merged": N_("A tag that it names was merged"),
    "broken": N_("Switched off by the desk: %(about)s is missing"),
    "removed": N_("Removed"),
}
ONCE_PER = {
    "episode": N_("Each time the condition becomes true"),
    "ticket": N_("Once for each ticket"),
}


def keep(rule: Rule, cause: str, *, by: By, now: datetime, about: str = "") -> None:
    """The rule has just changed: it has another number, and what it is now is kept under it. Where it rested, it is asked
    anew."""
    text, named = _with_names(rule)
    quarrels.end(rule.id)
    rule.version += 1
    db.session.flush()
    db.session.add(
        RuleVersion(
            rule_id=rule.id,
            number=rule.version,
            cause=cause,
            name=rule.name,
            text=text,
            query=rule.query,
            actions=rule.actions,
            named=named,
            once_per=rule.once_per,
            stop_after=rule.stop_after,
            enabled=rule.enabled,
            position=rule.position,
            about=about,
            by_kind=by.kind,
            by_id=by.id,
            at=now,
            hourly_cap=rule.hourly_cap,
        )
    )


def _with_names(rule: Rule) -> tuple[str, list[dict[str, Any]]]:
    """The query and the actions as they read now; of what cannot be read, that much."""
    names = vocabulary.names()
    try:
        tree, _ = stored.query_of(rule.query), stored.actions_of(rule.actions)
    except stored.UNREADABLE:
        return "?", []
    return query.to_text(tree, names=names), rule_names.named(rule.actions, names)


def found(rule: Rule, number: int) -> RuleVersion:
    version = version_of(rule.id, number)
    if version is None:
        raise Refused(N_("The rule has no such version."))
    return version


def demand_unchanged(rule: Rule, since: int) -> None:
    """Refused when what the rule says was changed after that version."""
    later = select(RuleVersion).where(
        RuleVersion.rule_id == rule.id,
        RuleVersion.number > since,
        RuleVersion.cause.in_((*WRITTEN, "merged", "broken")),
    )
    version = db.session.scalars(later.order_by(RuleVersion.number.desc()).limit(1)).one_or_none()
    if version is not None:
        person = db.session.get(Person, version.by_id) if version.by_kind == "person" else None
        raise Refused(
            N_("%(name)s was faster and has changed this rule meanwhile. Save again to replace that."),
            status=409,
            name=person.name if person else "Nightdesk",
        )


def owner(rule: Rule) -> Person | None:
    """Who wrote the rule as it is: the last person who changed what it says."""
    wrote = select(RuleVersion.by_id).where(
        RuleVersion.rule_id == rule.id, RuleVersion.by_kind == "person", RuleVersion.cause.in_(WRITTEN)
    )
    person_id = db.session.scalars(wrote.order_by(RuleVersion.number.desc()).limit(1)).one_or_none()
    return db.session.get(Person, person_id) if person_id is not None else None


def text_of(version: RuleVersion, names: Names) -> str:
    """Its query as it read then; of what is older than versions are as it reads now."""
    if version.text is not None:
        return version.text
    return query.to_text(query.from_json(version.query), names=names)


def actions_of(version: RuleVersion, names: Names) -> list[str]:
    """What it did, in words with the names of that time."""
    actions = version.named if version.named is not None else rule_names.named(version.actions, names)
    return [rule_names.said(action) for action in actions]


def whole(versions: Sequence[RuleVersion]) -> dict[int, tuple[str, list[str], str]]:
    """number -> all that the rule said in that version: its query, what it did, and what else was set."""
    names = vocabulary.names()
    return {one.number: (text_of(one, names), actions_of(one, names), _set(one)) for one in versions}


def told(rule: Rule) -> list[tuple[RuleVersion, str, list[str]]]:
    """The versions, the newest first, each with its cause and what differs from the one before, in words."""
    kept, names = versions_of(rule.id), vocabulary.names()
    return [(new, _cause(new), _difference(old, new, names)) for new, old in pairwise([*kept, None]) if new]


def _cause(version: RuleVersion) -> str:
    if version.cause == "switched" and version.enabled:
        return gettext(N_("Switched on"))
    return gettext(CAUSES[version.cause], about=version.about)


def _set(version: RuleVersion) -> str:
    said = [gettext(ONCE_PER[version.once_per])]
    if version.stop_after:
        said.append(gettext(N_("rules behind it are skipped")))
    if version.hourly_cap is not None:
        said.append(gettext(N_("at most %(n)s times an hour"), n=version.hourly_cap))
    return " · ".join(said)


def _difference(old: RuleVersion | None, new: RuleVersion, names: Names) -> list[str]:
    if (
        old is None or new.cause == "broken"
    ):  # what is missing has no name any more, and nobody has written anything
        return []
    said = []
    changed = N_("%(what)s: %(old)s → %(new)s")
    was, text = text_of(old, names), text_of(new, names)
    if old.name != new.name:
        said.append(gettext(changed, what=gettext(N_("Name")), old=old.name, new=new.name))
    if was != text:
        everything = gettext(N_("everything"))
        said.append(gettext(changed, what=gettext(N_("When")), old=was or everything, new=text or everything))
    said += _actions(actions_of(old, names), actions_of(new, names))
    if old.once_per != new.once_per:
        often = (gettext(ONCE_PER[one.once_per]) for one in (old, new))
        said.append(
            gettext(
                changed,
                what=gettext(N_("How often it acts")),
                **dict(zip(("old", "new"), often, strict=True)),
            )
        )
    if old.stop_after != new.stop_after:
        rests = N_("Rules behind it are skipped now while its condition holds")
        acts = N_("Rules behind it act again while its condition holds")
        said.append(gettext(rests if new.stop_after else acts))
    if old.hourly_cap is not None and old.hourly_cap != new.hourly_cap:
        most = gettext(N_("Times an hour at most"))
        said.append(gettext(changed, what=most, old=old.hourly_cap, new=new.hourly_cap))
    if old.enabled != new.enabled and new.cause != "switched":
        said.append(gettext(N_("Switched on") if new.enabled else N_("Switched off")))
    if new.cause == "moved":
        said.append(gettext(changed, what=gettext(N_("Place")), old=old.position, new=new.position))
    return said


def _actions(old: Sequence[str], new: Sequence[str]) -> list[str]:
    gone, more = [one for one in old if one not in new], [one for one in new if one not in old]
    said = [gettext(N_("No longer: %(action)s"), action=one) for one in gone]
    said += [gettext(N_("New: %(action)s"), action=one) for one in more]
    if not said and list(old) != list(new):
        said.append(gettext(N_("Its actions stand in another order")))
    return said
