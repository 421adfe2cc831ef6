"""What the rows of a ticket say about it, as tests/rules/reference.py wants to know it."""

from datetime import datetime

from sqlalchemy import select

from app.database import db
from app.models.alert import Alert
from app.models.calendar import Calendar
from app.models.message import Message
from app.models.rota import PRIMARY, Shift
from app.models.ticket import Ticket
from app.models.vocabulary import ROWS
from rules import hours
from tests.rules.reference import Facts, World


def facts_of(ticket: Ticket, now: datetime) -> Facts:
    said = db.session.scalars(
        select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id)
    ).all()
    alerts = db.session.scalars(select(Alert).where(Alert.ticket_id == ticket.id)).all()
    on_call = db.session.scalars(
        select(Shift.person_id).where(Shift.role == PRIMARY, Shift.starts_at <= now, Shift.ends_at > now)
    ).first()
    return Facts(
        subject=ticket.subject,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        state_since=ticket.state_since,
        texts=tuple(f"{one.subject}\n{one.text}" for one in said if one.kind == "customer"),
        addresses=tuple(one.address for one in ticket.customer.addresses),
        channel_kind=ticket.channel.kind,
        channel=ticket.channel_id,
        language=ticket.language,
        mood=ticket.mood,
        tags=frozenset(tag.id for tag in ticket.tags),
        state=ticket.state,
        assignee=ticket.assignee_id,
        on_call=on_call,
        team=ticket.team_id,
        board=ticket.board_id,
        vip=ticket.customer.vip,
        customer=ticket.customer.name,
        company=ticket.customer.company_id,
        priority=ticket.priority,
        closed_at=ticket.closed_at,
        waiting_since=None if ticket.closed_at else ticket.waiting_since,
        due_at=ticket.next_deadline_at,
        snoozed_until=ticket.snoozed_until,
        wrote_at=ticket.customer_wrote_at,
        automatic=ticket.automatic,
        unread=ticket.unread,
        messages=ticket.message_count,
        reopened=ticket.reopened,
        last_speaker=ticket.last_speaker,
        files=tuple((file.name, file.media_type) for one in said for file in one.attachments),
        alerts=tuple((alert.state, alert.level) for alert in alerts),
    )


def world_at(now: datetime, me: int | None, zone: str) -> World:
    """What there is in the database at `now`."""
    there = {name: frozenset(db.session.scalars(select(row.id))) for name, row in ROWS.items()}
    weeks = {one.id: hours.Calendar.from_json(one.hours) for one in db.session.scalars(select(Calendar))}
    return World(
        now, me, zone, there, lambda calendar, at: calendar in weeks and hours.is_open(weeks[calendar], at)
    )
