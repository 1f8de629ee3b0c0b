"""Which report a request asks for: of which time, of which machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from sqlmodel import col, select

from booking_api.auth.guards import Ctx
from booking_api.machines.models import Machine
from booking_api.reports.utilisation import LONGEST_DAYS, Days, Period, Utilisation
from booking_api.reports.whatif import Answer, WhatIfs

MOST_MACHINES = 24
"""A floor of more is shown by kind, until somebody asks for one of them."""
Of = Annotated[str, Query(max_length=120, description="`kind:…`, `area:…` or `machine:…`; empty: all.")]
First = Annotated[date | None, Query(alias="from", description="The first day, instead of `period`.")]
Last = Annotated[date | None, Query(alias="to", description="The last day, with `from`.")]
MachineId = Annotated[str, Query(max_length=64, description="The same as `of=machine:…`.")]


@dataclass(frozen=True, slots=True)
class Known:
    """A machine that is there: what people call it, its kind and its area."""

    name: str
    kind: str
    area: str


class Asked:
    """What a request asks for. Days in the wrong order are turned, and cut to those that can be known."""

    def __init__(
        self,
        request: Request,
        context: Ctx,
        period: Period = Period.DAY,
        machine: MachineId = "",
        of: Of = "",
        first: First = None,
        last: Last = None,
    ) -> None:
        self._context = context
        self._state = request.app.state
        self.of = of or (f"machine:{machine}" if machine else "")
        self.now_ms = context.clock.now_ms()
        self.today = datetime.fromtimestamp(self.now_ms / 1000, UTC).astimezone(context.zone).date()
        self.period: Period | Days = period
        if first or last:
            ends = sorted(min(one or self.today, self.today) for one in (first, last))
            self.period = Days(max(ends[0], ends[1] - timedelta(days=LONGEST_DAYS - 1)), ends[1])
        with context.database.read() as session:
            columns = (Machine.id, Machine.name, Machine.kind, Machine.location)
            found = session.exec(
                select(*columns).where(col(Machine.archived_ms).is_(None)).order_by(Machine.name)
            ).all()
        self.floor: Mapping[str, Known] = {id: Known(*about) for id, *about in found}

    @property
    def machines(self) -> Sequence[str]:
        """The machines asked for; all where none are named."""
        sort, _, which = self.of.partition(":")
        if sort == "machine":
            return (which,)
        if sort in {"kind", "area"}:
            return tuple(id for id, one in self.floor.items() if getattr(one, sort) == which)
        return tuple(self.floor)

    @property
    def kind(self) -> str:
        """The kind that all machines asked for are of, "" when they are of several."""
        kinds = {self.floor[id].kind for id in self.machines if id in self.floor}
        return kinds.pop() if len(kinds) == 1 else ""

    def choices(self, sort: str) -> list[str]:
        """Return the kinds ("kind") or areas ("area") that there are, in order."""
        return sorted({value for one in self.floor.values() if (value := getattr(one, sort))})

    def kinds_machines(self, kind: str) -> tuple[str, ...]:
        """Return the machines of a kind."""
        return tuple(id for id, one in self.floor.items() if one.kind == kind)

    def named(self, kind_words: Mapping[str, str]) -> dict[str, tuple[str, Sequence[str]]]:
        """Return the rows of a timeline, by what asks for one alone: its name and machines."""
        if self.of or len(self.floor) <= MOST_MACHINES:
            names = {id: one.name for id, one in self.floor.items()}
            return {f"machine:{id}": (names.get(id, id), (id,)) for id in self.machines}
        return {
            f"kind:{kind}": (kind_words.get(kind, kind), self.kinds_machines(kind))
            for kind in self.choices("kind")
        }

    def query(self, **changes: str) -> str:
        """Return this question as a query string, with other parts."""
        if isinstance(self.period, Days):
            asks = {"from": str(self.period.first), "to": str(self.period.last)}
        else:
            asks = {"period": str(self.period)}
        if "period" in changes:
            asks = {}
        asks |= {"of": self.of} | changes
        return urlencode({name: value for name, value in asks.items() if value})

    async def read(self) -> Utilisation:
        """Return the report now. Raises NoFigures."""
        context = self._context
        among = self.machines if self.of else None
        return await context.utilisation.read(self.period, self.now_ms, context.clock.scale, among=among)

    def what_if(self, kind: str) -> Answer | None:
        """Say what one machine more of a kind would change; None when there is none of it."""
        context, state = self._context, self._state
        if not hasattr(state, "what_ifs"):
            state.what_ifs = WhatIfs(context.database, context.zone)
        answers: WhatIfs = state.what_ifs
        machines = self.kinds_machines(kind)
        return answers.answer(kind, machines, self.now_ms) if machines else None


Asks = Annotated[Asked, Depends()]
