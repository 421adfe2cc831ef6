"""The commands: `flask --app wsgi ...`. Each is an entry point that owns its transaction and calls one verb."""

import sys
from datetime import UTC, datetime

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app import migrations
from app.database import db
from app.desk.refused import Refused

people_commands = AppGroup("people", help="People who work here.")


def init_app(app: Flask) -> None:
    app.cli.add_command(migrate)
    app.cli.add_command(people_commands)


@click.command()
@with_appcontext
def migrate() -> None:
    """Brings the database to this version's schema."""
    migrations.upgrade(db.engine)


def say(text: str) -> None:
    click.echo(text)


def now() -> datetime:
    return datetime.now(UTC)


def refuse(error: Refused) -> None:
    """Prints the reason and ends with status 1."""
    click.echo(error.said(), err=True)
    sys.exit(1)
