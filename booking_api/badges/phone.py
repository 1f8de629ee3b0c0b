"""Phones instead of badges: a code that a station shows is checked, used up, and becomes a tap."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete

from booking_api.badges.models import PhoneCodeUsed
from booking_api.context import Context
from booking_api.gateways.models import Gateway
from booking_api.machines.models import Machine
from booking_api.vault import Vault
from floor.errors import MachineUnreachable, Refused
from floor.gateway_keys import CODE_S, PhoneCode
from floor.wire.messages import PhoneTapped, Reply

SKEW_S = 10
"""So much later than this clock allows a station's own clock may say that its code ends."""
KEPT_MS = 86_400_000
NONCE = re.compile(r"[A-Za-z0-9_-]{16}")


@dataclass(frozen=True, slots=True)
class Scanned:
    """What an address in a code says; nothing of it is proven yet."""

    machine: str
    nonce: str
    expires_s: int
    signature: str


def check(session: Session, vault: Vault, scanned: Scanned, now_ms: int) -> Machine:
    """Return the machine whose station shows this code; `now_ms` is real time.

    Raises Refused for a code that no gateway of ours signed for it, and for one that has expired.
    """
    machine = session.get(Machine, scanned.machine)
    gateway = session.get(Gateway, machine.gateway) if machine and machine.gateway else None
    if machine is None or machine.archived_ms is not None or gateway is None:
        raise _forged()
    code = PhoneCode(gateway.name, machine.id, scanned.nonce, scanned.expires_s)
    key = vault.open(gateway.badge_key_sealed)
    if not NONCE.fullmatch(scanned.nonce) or not code.proven_by(scanned.signature, key):
        raise _forged()
    left_ms = scanned.expires_s * 1000 - now_ms
    if not 0 < left_ms <= (CODE_S + SKEW_S) * 1000:
        raise Refused("code_expired", "This code has expired. Scan the one that the station shows now.")
    return machine


def use(session: Session, vault: Vault, scanned: Scanned, member: str, now_ms: int) -> Machine:
    """Check a code and use it up in the same transaction; raises Refused when somebody has used it."""
    machine = check(session, vault, scanned, now_ms)
    used = session.get(PhoneCodeUsed, scanned.nonce)
    if used is not None and used.member == member:  # pressed twice, or no gateway answered
        raise Refused(
            "code_used",
            "You have used this code already. If the station did nothing, wait for its next code.",
        )
    if used is not None:
        raise _used()
    session.add(PhoneCodeUsed(nonce=scanned.nonce, machine=machine.id, member=member, at_ms=now_ms))
    try:
        session.flush()
    except IntegrityError:  # another worker was as quick
        raise _used() from None
    session.exec(delete(PhoneCodeUsed).where(col(PhoneCodeUsed.at_ms) < now_ms - KEPT_MS))
    return machine


async def tap(context: Context, scanned: Scanned, member: str) -> Reply:
    """Tap for a member where they scanned a code; the station's answer says what came of it.

    Raises Refused for a code that is not to be taken, and MachineUnreachable when no gateway answers: the
    code is used up all the same, so that no tap comes of it later.
    """
    now_ms = context.wall.now_ms()
    machine = await context.database.transact(
        lambda session: use(session, context.vault, scanned, member, now_ms)
    )
    if context.link is None or machine.gateway is None:
        raise MachineUnreachable("This machine has no gateway.")
    order = PhoneTapped(machine=machine.id, member=member, nonce=scanned.nonce)
    return await context.link.send_command(machine.gateway, order, member)


def _used() -> Refused:
    return Refused("code_used", "This code was used already. Scan the one that the station shows now.")


def _forged() -> Refused:
    return Refused("code_invalid", "No station here shows this code. Scan it at the machine.")
