"""The clock: which sweep runs how often, in the web process or alone, and what it leaves behind to show that it lives."""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from sqlalchemy import case, func, literal, or_, select, true, update
from sqlalchemy.exc import SQLAlchemyError

from app import logs, metrics
from app.channels.idle import Watchers
from app.database import bookkeeping, db, insert_new, trouble, words_of
from app.ending import asked_to_end
from app.models.clock import Heartbeat, Lease
from app.models.desk import Desk, the_desk
from app.sweeps import SWEEPS, set_back
from app.sweeps.process import process

log = logging.getLogger(__name__)
# It warns whenever a run takes longer than the pause between two, which is as it should be.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Job:
    """`sweep` names one of sweeps.SWEEPS; `every` is in seconds. `leased` ones are run by one process at a time, which
    saves work; the others by every clock there is, so that nothing waits until the lease of a dead one runs out."""

    sweep: str
    every: int
    leased: bool = True


JOBS = (
    Job("mailboxes", 2),
    Job("messages", 15),
    Job("tickets", 1),
    Job("alerts", 2),
    Job("notifications", 5),
    Job("shifts", 15),
    Job("deliveries", 1, leased=False),
    Job("backtests", 1, leased=False),
    Job("webhooks", 2, leased=False),
    Job("tidy", 3600),
)
BEAT_FOR = timedelta(seconds=10)  # a heartbeat is written at most this often
STOPPED_AFTER = timedelta(seconds=60)  # without a heartbeat of its sweep the clock counts as stopped
LEASE_FOR = timedelta(seconds=15)
LEASE = "clock"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SET_BACK = timedelta(
    seconds=5
)  # of the machine's clock against the time that passes; less is how clocks are kept right


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
    ended = threading.Event()
    watch = threading.Thread(target=_watch_time, args=(app, scheduler, ended), name="time", daemon=True)
    watch.start()

    def stop() -> None:
        ended.set()
        scheduler.shutdown(wait=True)
        watch.join()
        beating.end()

    return stop


def run_alone(app: Flask) -> None:
    """Runs the clock until SIGTERM or SIGINT."""

    async def run() -> None:
        ended = asked_to_end()
        stop = start(app)
        await ended.wait()
        stop()

    asyncio.run(run())


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
            "alive": (beat is None or beat.error is None)
            and abs(now - (beat.at if beat else began_at)) <= late,
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
    """Takes or keeps a lease by the database's clock; returns its fencing number, None while another one holds it.

    One that ends later than any lease can was taken before that clock was set back: nobody waits for its end.
    """
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
            where=or_(Lease.owner == owner, Lease.until < now, Lease.until > until),
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
        self._beat_again_at: dict[str, float] = {}  # by time.monotonic(), which nobody sets back
        self._ask_again_at = 0.0
        self._lock = threading.Lock()
        self._watchers = Watchers(app)

    def run(self, job: Job) -> None:
        with self._app.app_context():
            try:
                if the_desk() is None:
                    return
                db.session.rollback()
                holds = not job.leased or self._holds()
                if holds:
                    self._sweep(job)
                if job.sweep == "mailboxes":
                    self._watchers.keep() if holds else self._watchers.end()
            except Exception as error:
                if trouble(error):
                    log.warning("the sweep %s waits for the database: %s", job.sweep, words_of(error))
                else:
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
            self._beat_again_at.pop(job.sweep, None)
            if not trouble(error):
                beat(job.sweep, now, f"{type(error).__name__}: {error}"[:500])
            raise
        for what, count in counts.items():
            counters.swept.labels(job.sweep, what).inc(count)
        if counts.total():
            took = datetime.now(UTC) - now
            ms = round(took.total_seconds() * 1000, 1)
            log.info("sweep", extra=logs.fields(sweep=job.sweep, did=dict(counts), ms=ms))
        if time.monotonic() >= self._beat_again_at.get(job.sweep, 0.0):
            db.session.rollback()
            beat(job.sweep, now)
            self._beat_again_at[job.sweep] = time.monotonic() + BEAT_FOR.total_seconds()

    def _holds(self) -> bool:
        """Asks the database for the lease when a third of it is used up."""
        with self._lock:
            asked_at = time.monotonic()
            if asked_at < self._ask_again_at:
                return True
            if hold(LEASE, self._owner, LEASE_FOR) is None:
                return False
            self._ask_again_at = asked_at + LEASE_FOR.total_seconds() / 3
            return True


def _watch_time(app: Flask, scheduler: BackgroundScheduler, ended: threading.Event) -> None:
    """Jobs and rows wait for instants. When the machine's clock is set back these are far away: they are brought near,
    or the desk would stand still for as long as the clock was set back."""
    with app.app_context():
        was_set_back = _beats_ahead()  # perhaps while no process ran
    ahead = _ahead()
    while True:
        before, ahead = ahead, _ahead()
        was_set_back = was_set_back or before - ahead >= SET_BACK.total_seconds()
        if was_set_back:
            was_set_back = not _bring_near(app, scheduler)
        if ended.wait(1):
            return


def _bring_near(app: Flask, scheduler: BackgroundScheduler) -> bool:
    """False when the database is in trouble, so that it is to be tried again."""
    now = datetime.now(UTC)
    log.warning("the machine's clock was set back to %s", now.isoformat(timespec="seconds"))
    for job in scheduler.get_jobs():
        job.modify(next_run_time=now)
    with app.app_context():
        try:
            set_back(now)
        except Exception:
            log.exception("what waits for a time that is far away now could not be brought near")
            db.session.rollback()
            return False
    return True


def _beats_ahead() -> bool:
    """Whether a sweep has left a heartbeat that lies in the future."""
    try:
        latest = db.session.scalar(select(func.max(Heartbeat.at)))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return latest is not None and latest > datetime.now(UTC) + STOPPED_AFTER


def _ahead() -> float:
    """How far the machine's clock is ahead of the time that has passed since it was started, in seconds."""
    return time.time() - time.monotonic()


def _database_now(length: timedelta) -> tuple[object, object]:
    """Now, and now plus `length`, by the clock of the database; on SQLite that is this machine's."""
    if db.engine.dialect.name == "postgresql":
        return func.now(), func.now() + literal(length)
    now = datetime.now(UTC)
    return now, now + length
