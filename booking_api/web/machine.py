"""A machine's page: what it shows, what it costs, how it behaves, and what staff may order."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form
from markupsafe import Markup
from pydantic import ValidationError
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import service as certifications
from booking_api.machines import orders, service
from booking_api.machines.orders import Outcome
from booking_api.machines.service import MachineChanges
from booking_api.reservations import policies
from booking_api.sessions.late import session_late_by_ms
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.web import upkeep
from booking_api.web.board import draw, names_of, read_cards
from booking_api.web.live import stream
from booking_api.web.machine_facts import NOTHING, for_reader, notes_of
from booking_api.web.pages import Paged
from booking_api.web.readings import draw_readings
from booking_api.web.render import Page
from booking_api.web.training_words import asked_words
from booking_api.web.wording import policy_words, tariff_words
from floor import training
from floor.errors import Refused
from floor.tariff import Tariff, in_force
from floor.texts import say

router = Router(prefix="/machines/{id}", include_in_schema=False)
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
Writes = Annotated[Who, Depends(holds(Permission.MACHINES_WRITE))]
Notes = Annotated[str, Form(max_length=4_000)]
Reason = Annotated[str, Form(max_length=200)]
RECENT = 15


@router.get("")
def machine_page(page: Paged, id: str) -> Response:
    """Show a machine; anybody may read what it costs and how it behaves."""
    with page.context.database.read() as session:
        machine = service.get(session, id)
        cards = read_cards(session, page, frozenset({id}))
        now_ms = page.context.clock.now_ms()
        held = certifications.of_machine(session, id, now_ms)
        staff = page.may(Permission.CERTIFICATIONS_READ)
        values = {
            "machine": machine,
            "card": draw(cards[id], page.f.language) if id in cards else "",
            "price": _price_words(session, machine.tariff, page),
            "policy": policy_words(service.policy_of(machine), page.f),
            "held": held if staff else {},
            "certified": page.who is not None and training.in_force(held.get(page.who.id), now_ms),
            "reservable": page.who is not None and _is_reservable(session, id, page.who, now_ms),
            "asks": asked_words(session, machine, page.f),
            "notes": notes_of(machine, page.f.language),
            **(for_reader(session, page, machine, cards[id]) if id in cards else NOTHING),
            "people": names_of(session, set(held), staff=True) if staff else {},
            "recent": _recent(session, page, id),
            "now_ms": now_ms,
            "readings": draw_readings(page, id),
            **upkeep.of_machine(session, id, page),
        }
    return page.answer("machine.html", values)


@router.get("/live")
async def live_machine(page: Paged, id: str) -> Response:
    """Stream the machine's card."""

    def parts(reader: Page) -> dict[str, Markup]:
        with reader.context.database.read() as session:
            cards = read_cards(session, reader, frozenset({id}))
        drawn = {name: draw(card, reader.f.language, oob=True) for name, card in cards.items()}
        return drawn | {"/readings": draw_readings(reader, id, oob=True)}

    return stream(page, parts)


@router.post("/manual")
def set_manual(
    who: Writes,
    session: Writing,
    page: Paged,
    id: str,
    manual: Annotated[str, Form(max_length=500)] = "",
    notes_en: Notes = "",
    notes_zh: Notes = "",
) -> Response:
    """Keep the address of the machine's manual, and notes on safety and materials."""
    try:
        changes = MachineChanges(manual=manual, notes_en=notes_en, notes_zh=notes_zh)
    except ValidationError:
        sentence = "Write an address that begins with http:// or https://."
        raise Refused("manual_address_invalid", sentence) from None
    service.change(session, id, changes, page.context.clock.now_ms())
    return RedirectResponse(f"/machines/{id}?notice=kept", 303)


@router.post("/lockout")
async def lock_out(who: Operates, page: Paged, id: str, reason: Reason) -> Response:
    """Take the machine out of order."""
    return _back(id, await orders.lock_out(page.context, id, reason, who.id))


@router.post("/clear")
async def clear(who: Operates, page: Paged, id: str, reason: Reason) -> Response:
    """Put the machine in order again."""
    return _back(id, await orders.clear(page.context, id, reason, who.id))


@router.post("/stop")
async def stop(who: Operates, page: Paged, id: str) -> Response:
    """End the session that runs there."""
    return _back(id, await orders.stop(page.context, id, who.id))


@router.post("/identify")
async def identify(who: Operates, page: Paged, id: str) -> Response:
    """Make the station blink and beep."""
    return _back(id, await orders.identify(page.context, id, who.id))


def _back(id: str, outcome: Outcome) -> Response:
    notice = "done" if outcome.done else "recorded" if outcome.recorded else "refused"
    return RedirectResponse(f"/machines/{id}?notice={notice}", 303)


def _is_reservable(session: Session, machine: str, who: Who, now_ms: int) -> bool:
    """Whether the rules let the reader reserve it, or they may take it as staff."""
    rules = policies.read(session, now_ms).of(machine).rules_for(who.member.tier)
    return rules.reserve or who.may(Permission.RESERVATIONS_WRITE)


def _price_words(session: Session, tariff: str | None, page: Page) -> list[str]:
    current = _current(session, tariff, page.context.clock.now_ms()) if tariff else None
    return tariff_words(current, page.f) if current else []


def _current(session: Session, tariff: str, now_ms: int) -> Tariff | None:
    kept = tariffs.versions(session, [tariff]).get(tariff, [])
    read = [tariffs.parsed(version.text, version.id) for version in kept]
    return in_force(read, now_ms) if any(version.valid_from_ms <= now_ms for version in read) else None


def _recent(session: Session, page: Page, machine: str) -> list[dict[str, object]]:
    """Return the latest sessions that the reader may know of: staff all, a member their own."""
    if page.who is None:
        return []
    query = select(MachineSession).where(MachineSession.machine == machine)
    if not page.may(Permission.SESSIONS_READ):
        query = query.where(MachineSession.member == page.who.id)
    rows = list(session.exec(query.order_by(col(MachineSession.started_ms).desc()).limit(RECENT)))
    people = names_of(session, {row.member for row in rows}, staff=True)
    return [
        {
            "person": people.get(row.member, ""),
            "started_ms": row.started_ms,
            "elapsed_ms": row.elapsed_ms,
            "stop": say(row.stop_type, page.f.language) if row.stop_type else "",
            "late_by_ms": session_late_by_ms(row),
            "cost": _cost(row, page, page.who),
        }
        for row in rows
    ]


def _cost(row: MachineSession, page: Page, who: Who) -> str:
    if row.total_micro is None or not who.may_see(row.member, Permission.LEDGER_READ):
        return ""
    return page.f.money(row.total_micro, row.commodity or page.context.settings.currency.code)
