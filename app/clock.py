"""The clock: which sweep runs how often, in the web process or alone, and what it leaves behind to show that it lives."""

import logging
import secrets
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from sqlalchemy import case, func, literal, or_, select, true, update

from app import logs, metrics
from app.channels.idle import Watchers
from app.database import bookkeeping, db, insert_new
from app.models.clock import Heartbeat, Lease
from app.models.desk import Desk, the_desk
from app.sweeps import SWEEPS
from app.sweeps.process import process

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """`sweep` names one of sweeps.SWEEPS; `every` is in seconds."""

    sweep: str
    every: int


JOBS = (
    Job("mailboxes", 2),
    Job("messages", 15),
    Job("tickets", 1),
    Job("alerts", 2),
    Job("shifts", 15),
    Job("deliveries", 1),
    Job("tidy", 3600),
)
BEAT_FOR = timedelta(seconds=10)  # a heartbeat is written at most this often
STOPPED_AFTER = timedelta(seconds=60)  # without a heartbeat of its sweep the clock counts as stopped
LEASE_FOR = timedelta(seconds=15)
LEASE = "clock"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def start(app: Flask) -> Callable[[], None]:
    """Starts the clock in this process and returns what stops it. Call it after the fork, never at import."""
    beating = _Beating(app)
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(JOBS))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job in JOBS:
        scheduler.add_job(
            beating.run,
            "interval",
            seconds=job.every,
            args=[job],
            id=job.sweep,
            next_run_time=datetime.now(UTC),
        )
    scheduler.start()

    def stop() -> None:
        scheduler.shutdown(wait=True)
        beating.end()

    return stop


def run_alone(app: Flask) -> None:
    """Runs the clock until SIGTERM or SIGINT."""
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    stop = start(app)
    ended.wait()
    stop()


def health(now: datetime) -> dict[str, dict[str, object]]:
    """sweep -> when it last ran to its end and whether it is alive, by the heartbeats. One statement."""
    rows = db.session.execute(select(Desk.created_at, Heartbeat).outerjoin(Heartbeat, true())).all()
    beats = {beat.job: beat for _, beat in rows if beat is not None}
    began_at = rows[0].created_at if rows else now  # a sweep has its time to run first once there is a desk
    found: dict[str, dict[str, object]] = {}
    for job in JOBS:
        beat = beats.get(job.sweep)
        late = max(STOPPED_AFTER, timedelta(seconds=2 * job.every))
        found[job.sweep] = {
            "at": beat.at.isoformat() if beat else None,
            "alive": (beat is None or beat.error is None) and now - (beat.at if beat else began_at) <= late,
            "error": beat.error if beat else None,
        }
    return found


def beat(sweep: str, now: datetime, error: str | None = None) -> None:
    """Leaves the heartbeat of a sweep that has run."""
    values = {"at": now, "process": process(), "error": error}
    bookkeeping(
        insert_new(Heartbeat)
        .values(job=sweep, **values)
        .on_conflict_do_update(index_elements=["job"], set_=values)
    )


def hold(name: str, owner: str, length: timedelta) -> int | None:
    """Takes or keeps a lease by the database's clock; returns its fencing number, None while another one holds it."""
    now, until = _database_now(length)
    new = insert_new(Lease).values(name=name, owner=owner, until=until, fence=1)
    taken = bookkeeping(
        new.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "owner": owner,
                "until": until,
                "fence": case((Lease.owner == owner, Lease.fence), else_=Lease.fence + 1),
            },
            where=or_(Lease.owner == owner, Lease.until < now),
        ).returning(Lease.fence)
    ).rows
    return taken[0][0] if taken else None


def release(name: str, owner: str) -> None:
    """Gives a lease back, so that the next process need not wait for its end."""
    bookkeeping(update(Lease).where(Lease.name == name, Lease.owner == owner).values(until=LONG_AGO))


class _Beating:
    """The jobs of one process: each run asks for the lease, sweeps, and leaves a heartbeat."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._owner = f"{process()}:{secrets.token_hex(4)}"
        self._last: dict[str, datetime] = {}
        self._ask_again_at = LONG_AGO
        self._lock = threading.Lock()
        self._watchers = Watchers(app)

    def run(self, job: Job) -> None:
        with self._app.app_context():
            try:
                if the_desk() is None:
                    return
                db.session.rollback()
                holds = self._holds()
                if holds:
                    self._sweep(job)
                if job.sweep == "mailboxes":
                    self._watchers.keep() if holds else self._watchers.end()
            except Exception:
                log.exception("the sweep %s failed", job.sweep)
                db.session.rollback()

    def end(self) -> None:
        self._watchers.end()
        with self._app.app_context():
            try:
                release(LEASE, self._owner)
            except Exception:
                log.exception("the lease could not be given back")

    def _sweep(self, job: Job) -> None:
        now = datetime.now(UTC)
        counters = metrics.of(self._app)
        try:
            with counters.sweep_seconds.labels(job.sweep).time():
                counts = SWEEPS[job.sweep](now)
        except Exception as error:
            counters.sweep_failures.labels(job.sweep).inc()
            db.session.rollback()
            beat(job.sweep, now, f"{type(error).__name__}: {error}"[:500])
            self._last.pop(job.sweep, None)
            raise
        for what, count in counts.items():
            counters.swept.labels(job.sweep, what).inc(count)
        if counts.total():
            took = datetime.now(UTC) - now
            ms = round(took.total_seconds() * 1000, 1)
            log.info("sweep", extra=logs.fields(sweep=job.sweep, did=dict(counts), ms=ms))
        if now - self._last.get(job.sweep, LONG_AGO) >= BEAT_FOR:
            db.session.rollback()
            beat(job.sweep, now)
            self._last[job.sweep] = now

    def _holds(self) -> bool:
        """Asks the database for the lease when a third of it is used up."""
        with self._lock:
            now = datetime.now(UTC)
            if now < self._ask_again_at:
                return True
            if hold(LEASE, self._owner, LEASE_FOR) is None:
                return False
            self._ask_again_at = now + LEASE_FOR / 3
            return True


def _database_now(length: timedelta) -> tuple[object, object]:
    """Now, and now plus `length`, by the clock of the database; on SQLite that is this machine's."""
    if db.engine.dialect.name == "postgresql":
        return func.now(), func.now() + literal(length)
    now = datetime.now(UTC)
    return now, now + length
