"""Rules that name what is not there any more are switched off, and whoever wrote them is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from app.config import settings
from app.desk import access, notices, notifications, rule_versions, rules
from app.desk.events import record
from app.models import vocabulary
from app.models.desk import Desk
from app.models.event import By
from app.models.notification import wanted_by
from app.models.person import Person, people_working
from app.models.rule import Rule
from app.words import N_, gettext, speaking

SUBJECT = N_("The rule “%(name)s” is switched off")
TEXT = N_(
    "The rule “%(name)s” names what is not there any more: %(missing)s. It is switched off, so that it does nothing by mistake."
    " Change it and switch it on again, or remove it: %(address)s"
)


def broken(now: datetime) -> dict[Rule, tuple[str, ...]]:
    """The rules that act and what each of them misses."""
    acting = [rule for rule in rules.in_order() if rule.enabled and rules.fault(rule) is None]
    missing = rules.broken(acting, vocabulary.names(), now)
    return {rule: missing[rule.id] for rule in acting if rule.id in missing}


def switch_off(desk: Desk, *, called: Mapping[str, str] | None = None, by: By, now: datetime) -> int:
    """Switches off the rules that miss something and tells who wrote them; returns how many. `called` says what is just being
    deleted: `tag:#12` -> `tag:refund`."""
    called = called or {}
    found = broken(now)
    for rule, gone in found.items():
        missing = ", ".join(called.get(one, one) for one in gone)
        rule.enabled = False
        rule_versions.keep(rule, "broken", about=missing, by=by, now=now)
        record(
            desk,
            "rule.changed",
            ("rule", rule.id),
            by=by,
            now=now,
            new=rule.name,
            enabled=[True, False],
            missing=missing,
        )
        _tell(rule, missing, now)
    return len(found)


def _tell(rule: Rule, missing: str, now: datetime) -> None:
    """Who wrote it as it is; the managers when nobody did, or they are gone or may not change rules any more."""
    owner = rule_versions.owner(rule)
    people = [owner] if owner and _may(owner, now) else [one for one in people_working(now) if _may(one, now)]
    wanted = wanted_by([person.id for person in people])
    notifications.of_rule(
        [person.id for person in people if wanted[person.id]["broken", "page"]], rule.id, missing, now=now
    )
    _mail([person for person in people if wanted[person.id]["broken", "mail"]], rule, missing, now)


def _may(person: Person, now: datetime) -> bool:
    return access.can(person, "edit_rules", None, now)


def _mail(people: Sequence[Person], rule: Rule, missing: str, now: datetime) -> None:
    address = f"{settings().base_url}/rules/{rule.id}"
    for person in people:
        with speaking(person.locale):
            notices.queue(
                f"rule-{rule.id}-{rule.version}",
                person,
                subject=gettext(SUBJECT, name=rule.name),
                text=gettext(TEXT, name=rule.name, missing=missing, address=address),
                now=now,
            )
