"""The commands: `flask --app wsgi ...`. Each is an entry point that owns its transaction and calls one verb."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from app import clock, sweeps
from app.config import settings
from app.database import db, writing
from app.desk import inbox, invitations, people, setup
from app.desk.refused import Refused
from app.files import whole_file
from app.models.board import all_boards
from app.models.event import OPERATOR
from app.models.person import ROLES, person_by_email
from app.words import LOCALES, N_

if TYPE_CHECKING:
    from app.backup import Manifest

# What only a command needs is imported by it: every web process has this module, and starts with it.

people_commands = AppGroup("people", help="People who work here.")


def init_app(app: Flask) -> None:
    app.cli.add_command(migrate)
    app.cli.add_command(people_commands)
    app.cli.add_command(demo)
    app.cli.add_command(receive)
    app.cli.add_command(clock_command)
    app.cli.add_command(backup_command)
    app.cli.add_command(restore_command)
    app.cli.add_command(export_command)
    app.cli.add_command(lmtp_command)


@click.command()
@with_appcontext
def migrate() -> None:
    """Brings the database to this version's schema."""
    from app import migrations

    migrations.upgrade(db.engine)


@click.command()
@with_appcontext
def demo() -> None:
    """Fills an empty desk with a month of tickets, and prints how to sign in; leaves any other desk alone."""
    from app.demo import fill

    if all_boards():
        click.echo(
            f"This desk has data already. Sign in at {settings().base_url}/sign-in\n"
            "A forgotten password: flask --app wsgi people invite EMAIL prints a link to choose a new one."
        )
        return
    password = fill.new_password()
    with writing(setup.ensure_desk(now())) as desk:
        fill.fill(desk, password=password, now=now())
    click.echo(
        f"A demo desk was made. Sign in at {settings().base_url}/sign-in\n\n"
        f"    admin     {fill.ADMIN}\n"
        f"    manager   minji.kim@northlight.example\n"
        f"    agent     ben.novak@northlight.example\n"
        f"    password  {password}   (for everybody; shown only now)\n"
    )


@people_commands.command("add")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--role", type=click.Choice(list(ROLES)), default="agent", show_default=True)
@click.option("--locale", type=click.Choice(list(LOCALES)), default="en", show_default=True)
@click.option("--zone", default="UTC", show_default=True, help="As Europe/Berlin.")
@click.option(
    "--password", help="At least 12 characters; - reads it from standard input. Asked for when left out."
)
@with_appcontext
def add_person(name: str, email: str, role: str, locale: str, zone: str, password: str | None) -> None:
    """Adds a person who can sign in with a password, to every board that there is."""
    if password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    elif password == "-":  # noqa: S105 - the sign for standard input
        password = sys.stdin.readline().rstrip("\n")
    try:
        with writing(setup.ensure_desk(now())) as desk:
            people.add(
                desk,
                name=name,
                email=email,
                role=role,
                locale=locale,
                zone=zone,
                password=password,
                boards=[board.id for board in all_boards()] if role != "member" else [],
                by=OPERATOR,
                now=now(),
            )
    except Refused as error:
        click.echo(error.said(), err=True)
        sys.exit(1)
    click.echo(f"{email} can sign in at {settings().base_url}/sign-in")


@people_commands.command("invite")
@click.argument("email")
@with_appcontext
def invite_person(email: str) -> None:
    """Prints a link by which a person chooses a new password: good for a week, and for one use."""
    try:
        with writing(setup.ensure_desk(now())) as desk:
            person = person_by_email(email)
            if person is None:
                raise Refused(N_("Nobody here has the address %(email)s."), email=email)
            link = invitations.invite(desk, person, by=OPERATOR, now=now())
    except Refused as error:
        click.echo(error.said(), err=True)
        sys.exit(1)
    click.echo(link)


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


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup_command(file: Path) -> None:
    """Writes the whole desk into FILE while it runs, and prints what is in it."""
    from app import backup

    try:
        manifest = backup.write(file, now())
    except (backup.Impossible, OSError) as error:
        _give_up(f"There is no backup. {_reason(error, file)}")
    _print_tables(manifest)
    click.echo(
        f"{file} holds the desk as of {manifest.made_at}. Keep SECRET_KEY, or the file `secret`, with it."
    )


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def restore_command(file: Path) -> None:
    """Fills an empty desk with the backup in FILE, reads it back, and prints what was found there."""
    from app import backup, restore

    try:
        manifest = restore.restore(file)
    except (backup.Impossible, OSError) as error:
        _give_up(f"Nothing was restored. {_reason(error, file)}")
    _print_tables(manifest)
    click.echo(f"The desk of {manifest.made_at} is here again: every table has these rows and this SHA-256.")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@with_appcontext
def export_command(file: Path | None) -> None:
    """Writes people, customers and tickets as JSON lines into FILE, or to standard output."""
    from app import export

    if file is None:
        for line in export.lines():
            click.echo(line)
        return
    try:
        with whole_file(file) as out:
            for line in export.lines():
                out.write(line.encode() + b"\n")
    except OSError as error:
        _give_up(f"Nothing was exported. {_reason(error, file)}")


def _print_tables(manifest: "Manifest") -> None:
    for copied in manifest.tables:
        click.echo(f"{copied.name:20} {copied.rows:>10} {copied.sha256}")


def _reason(error: Exception, file: Path) -> str:
    return f"{file}: {error.strerror or error}" if isinstance(error, OSError) else f"{file}: {error}"


def _give_up(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(1)


@click.command("lmtp")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=2424, show_default=True)
@click.option(
    "--socket", "path", type=click.Path(path_type=Path), help="A socket file to listen on instead of a port."
)
@with_appcontext
def lmtp_command(host: str, port: int, path: Path | None) -> None:
    """Takes mail from the mail server of this machine, by LMTP, until it is stopped."""
    from app.channels import lmtp

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        lmtp.serve(
            app, host=host, port=port, path=path, ready=lambda at: click.echo(f"LMTP is at {at}", err=True)
        )
    except OSError as error:
        click.echo(f"{path or f'{host}:{port}'} cannot be used: {error.strerror or error}", err=True)
        sys.exit(1)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an instant like 2026-11-21T09:00:00+01:00") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def now() -> datetime:
    return datetime.now(UTC)
