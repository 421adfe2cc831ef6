"""Figures for Prometheus: what this server has done, and how much waits in the database.

The workers of one server count together, in files that gunicorn.conf.py makes room for; whichever of them is asked
answers for all. Servers count for themselves; what is read from the database is the same in all of them.
"""

import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Flask, Response, current_app, g, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Select, distinct, func, select
from sqlalchemy.exc import SQLAlchemyError

from app.database import db, words_of
from app.models.alert import Alert
from app.models.clock import Heartbeat
from app.models.delivery import Delivery
from app.models.message import RawMessage
from app.models.person import SignIn
from app.models.ticket import Ticket

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
UNSENT = ("queued", "claimed", "held", "failed")


class Metrics:
    """The counters of one app in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        if _shared() is None:
            ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "nightdesk_requests", "Answers", ("method", "route", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "nightdesk_request_seconds",
            "Time to the answer, of a stream to its beginning",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.sweep_seconds = Histogram(
            "nightdesk_sweep_seconds",
            "Time of a run of a sweep in this process",
            ("sweep",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.swept = Counter(
            "nightdesk_swept", "What sweeps of this process did", ("sweep", "what"), registry=self.registry
        )
        self.sweep_failures = Counter(
            "nightdesk_sweep_failures", "Runs of a sweep that failed here", ("sweep",), registry=self.registry
        )
        self.streams = Gauge(
            "nightdesk_streams_open",
            "Boards that are watched here",
            multiprocess_mode="livesum",
            registry=self.registry,
        )


def init_app(app: Flask) -> None:
    app.extensions["metrics"] = Metrics()
    app.before_request(_begin)
    app.after_request(_end)


def of(app: Flask) -> Metrics:
    return cast(Metrics, app.extensions["metrics"])


def exposition(now: datetime) -> bytes:
    """Everything in Prometheus' text format; without the database's part when that does not answer."""
    registry = CollectorRegistry()
    registry.register(_Now(list(_waiting(now))))
    done = of(current_app).registry
    if shared := _shared():
        done = CollectorRegistry()
        multiprocess.MultiProcessCollector(done, str(shared))
        done.register(_Now(_processes(shared)))
    return generate_latest(done) + generate_latest(registry)


def forget(pid: int) -> None:
    """A worker has ended: what it did still counts, what it held does not."""
    if shared := _shared():
        multiprocess.mark_process_dead(pid, str(shared))


def forget_all() -> None:
    """Before a server begins and after it has ended."""
    if shared := _shared():
        for file in shared.glob("*.db"):
            file.unlink(missing_ok=True)


class _Now:
    """Figures that were read for one answer."""

    def __init__(self, figures: list[Metric]) -> None:
        self._figures = figures

    def collect(self) -> list[Metric]:
        return self._figures


def _waiting(now: datetime) -> Iterator[Metric]:
    reachable = True
    try:
        yield from _from_database(now)
    except SQLAlchemyError as error:
        current_app.logger.error("the database does not answer: %s", words_of(error))
        db.session.rollback()
        reachable = False
    yield GaugeMetricFamily("nightdesk_database_up", "1 while the database answers", value=int(reachable))


def _from_database(now: datetime) -> list[Metric]:
    """Each is one statement over an index."""
    tickets = select(func.count()).select_from(Ticket).where(Ticket.wake_at <= now)
    alerts = select(func.count()).select_from(Alert).where(Alert.state == "open")
    people = select(func.count(distinct(SignIn.person_id))).where(SignIn.expires_at > now)
    sent = select(Delivery.state, func.count()).where(Delivery.state.in_(UNSENT)).group_by(Delivery.state)
    kept = (
        select(RawMessage.state, func.count())
        .where(RawMessage.state.in_(("received", "failed")))
        .group_by(RawMessage.state)
    )
    return [
        _one("nightdesk_tickets_due", "Tickets that a sweep is to look at", tickets),
        _one("nightdesk_alerts_open", "Alerts that nobody has acknowledged", alerts),
        _one("nightdesk_people_signed_in", "People with a session", people),
        _by_state("nightdesk_deliveries", "Messages that have not left", sent, UNSENT),
        _by_state("nightdesk_messages", "Arrived, and not handled", kept, ("received", "failed")),
        *_sweeps(now),
    ]


def _one(name: str, text: str, counted: Select[int]) -> Metric:
    return GaugeMetricFamily(name, text, value=db.session.scalar(counted) or 0)


def _by_state(name: str, text: str, counted: Select[str, int], states: tuple[str, ...]) -> Metric:
    found = dict(db.session.execute(counted).all())
    family = GaugeMetricFamily(name, text, labels=("state",))
    for state in states:
        family.add_metric((state,), found.get(state, 0))
    return family


def _sweeps(now: datetime) -> tuple[Metric, Metric]:
    """By the heartbeats, which all clocks share; one is written every ten seconds at most."""
    age = GaugeMetricFamily("nightdesk_sweep_age_seconds", "Since its last run anywhere", labels=("sweep",))
    failing = GaugeMetricFamily("nightdesk_sweep_failing", "1 when that run failed", labels=("sweep",))
    for beat in db.session.scalars(select(Heartbeat).order_by(Heartbeat.job)):
        age.add_metric((beat.job,), (now - beat.at).total_seconds())
        failing.add_metric((beat.job,), int(beat.error is not None))
    return age, failing


def _shared() -> Path | None:
    """Where the workers of this server count together; None when there is only one."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None


def _processes(shared: Path) -> list[Metric]:
    """Memory and time of every worker that lives, by its pid."""
    found: dict[str, Metric] = {}
    names = (re.fullmatch(r"gauge_livesum_(\d+)\.db", file.name) for file in shared.iterdir())
    for pid in sorted(name[1] for name in names if name):
        for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            labelled = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                labelled.add_sample(sample.name, {"pid": pid}, sample.value)
    return list(found.values())


def _begin() -> None:
    g.counted_from = time.perf_counter()


def _end(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
    counters = of(current_app)
    counters.requests.labels(method, route, response.status_code).inc()
    counters.request_seconds.labels(route).observe(time.perf_counter() - g.counted_from)
    return response
