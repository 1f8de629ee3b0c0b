"""How the sites of a network stand now, in counts alone. Nobody is named."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import distinct
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from booking_api.gateways.models import Gateway
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import Alarm, MachineSession, SessionState
from booking_api.sites.courier import Courier, Open
from booking_api.sites.models import Visitor

WEEK_MS = 7 * 24 * 3_600_000
KEPT_S = 5.0
"""So long what was read is shown to whoever asks."""
WITHIN_S = 2.0
"""A site that has not answered by then is shown as one that cannot be reached."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a site stands; `reached` false: nothing else is known. Counts, and UTC milliseconds.

    `members` are those whose home it is, `used_ms` the machines' use in sessions that ended within a week.
    """

    id: str
    name: str
    address: str
    reached: bool = True
    machines: int = 0
    in_use: int = 0
    out_of_order: int = 0
    members: int = 0
    visitors: int = 0
    alarms: int = 0
    used_ms: int = 0
    last_contact_ms: int | None = None

    @property
    def free(self) -> int:
        """Machines that are neither in use nor out of order."""
        return max(0, self.machines - self.in_use - self.out_of_order)

    @property
    def utilisation(self) -> Fraction:
        """Which part of a week's hours machines were used."""
        return Fraction(self.used_ms, self.machines * WEEK_MS) if self.machines else Fraction(0)


class Standings:
    """What the sites that the network shows said last: asked at most every KEPT_S, however many look.

    Each is asked in a thread of its own, which may wait for ever: then nothing else waits with it.
    """

    def __init__(
        self, courier: Courier, now_ms: Callable[[], int], seconds: Callable[[], float] = time.monotonic
    ) -> None:
        shown = courier.network.sites
        self._sites = [site for id, site in courier.sites.items() if shown[id].board]
        self._now_ms, self._seconds = now_ms, seconds
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Thread] = {}
        self._said: dict[str, Standing] = {}
        self._kept: list[Standing] = []
        self._until_s = -math.inf

    def read(self) -> list[Standing]:
        """Return how each site stands, in the file's order; takes WITHIN_S at most."""
        with self._lock:
            if self._seconds() >= self._until_s:
                self._kept = self._read()
                self._until_s = self._seconds() + KEPT_S
            return self._kept

    def _read(self) -> list[Standing]:
        for site in self._sites:
            before = self._asking.get(site.id)
            if before is None or not before.is_alive():
                self._said.pop(site.id, None)
                asked = threading.Thread(target=self._ask, args=(site,), daemon=True)
                self._asking[site.id] = asked
                asked.start()
        ends_s = time.monotonic() + WITHIN_S
        for asked in self._asking.values():
            asked.join(max(0.0, ends_s - time.monotonic()))
        return [self._standing(site) for site in self._sites]

    def _standing(self, site: Open) -> Standing:
        silent = Standing(site.id, site.settings.space_name, site.settings.address, reached=False)
        return silent if self._asking[site.id].is_alive() else self._said.get(site.id, silent)

    def _ask(self, site: Open) -> None:
        with contextlib.suppress(SQLAlchemyError), site.db.read() as session:
            self._said[site.id] = _read(session, site, self._now_ms())


def _read(session: Session, site: Open, now_ms: int) -> Standing:
    def count(query: Any) -> int:
        return int(session.exec(query).one() or 0)

    mine, used = col(Machine.archived_ms).is_(None), col(MachineSession.machine)
    running = MachineSession.state == SessionState.OPEN
    locked = select(func.count()).where(mine, col(Machine.lockout_reason).is_not(None))
    in_use = select(func.count(distinct(used))).join(Machine, col(Machine.id) == used)
    visitors = count(select(func.count()).select_from(Visitor))
    people = count(select(func.count()).select_from(Member).where(col(Member.erased_ms).is_(None)))
    ended = select(func.sum(MachineSession.elapsed_ms)).where(
        col(MachineSession.ended_ms) > now_ms - WEEK_MS, col(MachineSession.ended_ms) <= now_ms
    )
    return Standing(
        site.id,
        site.settings.space_name,
        site.settings.address,
        machines=count(select(func.count()).select_from(Machine).where(mine)),
        in_use=count(in_use.where(mine, running, col(Machine.lockout_reason).is_(None))),
        out_of_order=count(locked),
        members=people - visitors,
        visitors=visitors,
        alarms=count(select(func.count()).select_from(Alarm).where(col(Alarm.seen_ms).is_(None))),
        used_ms=count(ended),
        last_contact_ms=session.exec(select(func.max(Gateway.last_seen_ms))).one(),
    )
