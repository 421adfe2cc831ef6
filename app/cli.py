"""The commands: `flask --app wsgi ...`. Each is an entry point that owns its transaction and calls one verb."""

import json
import sys
from datetime import UTC, datetime

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from app import clock, migrations, sweeps
from app.database import db
from app.desk import inbox
from app.desk.refused import Refused

people_commands = AppGroup("people", help="People who work here.")


def init_app(app: Flask) -> None:
    app.cli.add_command(migrate)
    app.cli.add_command(people_commands)
    app.cli.add_command(receive)
    app.cli.add_command(clock_command)


@click.command()
@with_appcontext
def migrate() -> None:
    """Brings the database to this version's schema."""
    migrations.upgrade(db.engine)


@click.command()
@click.option("--to", "sent_to", help="The address it was sent to, when its headers do not say.")
@with_appcontext
def receive(sent_to: str | None) -> None:
    """Reads one message from standard input and prints what became of it as one line of JSON.

    Ends with 0 once the message is kept, also when it cannot be parsed; with 75 when it should be sent again.
    """
    raw = sys.stdin.buffer.read()
    try:
        receipt = inbox.receive(raw, now=now(), source="command", sent_to=sent_to)
    except inbox.Unavailable as error:
        click.echo(f"try again later: {error}", err=True)
        sys.exit(75)
    click.echo(json.dumps(receipt.as_json(), ensure_ascii=False))


@click.command("clock")
@click.option("--once", is_flag=True, help="Do everything that is due, print what it was as JSON, and end.")
@click.option("--now", "at", help="With --once: the instant to take for now, as 2026-11-21T09:00:00+01:00.")
@with_appcontext
def clock_command(once: bool, at: str | None) -> None:
    """Runs the clock: tags, watches, alerts, hands over and sends, until it is stopped."""
    if at and not once:
        raise click.UsageError("--now goes with --once")
    if not once:
        clock.run_alone(current_app._get_current_object())  # type: ignore[attr-defined]
        return
    click.echo(json.dumps(sweeps.everything(_instant(at) if at else now())))


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an instant like 2026-11-21T09:00:00+01:00") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def now() -> datetime:
    return datetime.now(UTC)


def refuse(error: Refused) -> None:
    """Prints the reason and ends with status 1."""
    click.echo(error.said(), err=True)
    sys.exit(1)
