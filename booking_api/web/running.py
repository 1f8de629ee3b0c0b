"""A member's running sessions: meters and cost so far, what an hour more costs, and how to end one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.billing import service as billing
from booking_api.billing.ahead import Ahead, Running, look_ahead
from booking_api.billing.visits import price_lists, readings_of
from booking_api.machines.models import Machine
from booking_api.machines.service import policy_of
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.web.render import Page
from booking_api.web.statement import metered_words
from booking_api.web.vocabulary import amount_words, component_name
from floor.meter import Reading
from floor.policy import OnLeave
from floor.texts import say
from floor.wire.messages import Station
from floor.words import Activity, StationState


@dataclass(frozen=True, slots=True)
class RunningCard:
    """One running session in the reader's words.

    `lost_ms` is when its gateway was last heard of, 0 while it is in touch: then all figures are of then.
    `readings` are what the meters show, `eaten` what is used of what is free; `account` is a team's name.
    """

    machine: str
    name: str
    state: StationState
    state_text: str
    started_ms: int
    elapsed_ms: int
    readings: tuple[tuple[str, str], ...]
    price: str
    hour: str
    eaten: tuple[tuple[str, str], ...]
    account: str
    hint: str
    lost_ms: int
    working: bool = False
    job: str = ""
    left: str = ""
    progress: int | None = None


class _Work(TypedDict, total=False):
    working: bool
    job: str
    left: str
    progress: int | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A use as station and books know it: one of them may be missing."""

    machine: Machine
    station: Station | None
    row: MachineSession | None


def read_running(session: Session, page: Page, member: Member) -> list[RunningCard]:
    """Return what a member uses now: by the stations, and what a gateway that is out of touch began."""
    stations = page.context.live.snapshot().stations
    mine = {one.session_id: one for one in stations.values() if one.member == member.id and one.session_id}
    query = select(MachineSession).where(
        MachineSession.member == member.id, col(MachineSession.state) == SessionState.OPEN
    )
    rows = {row.id: row for row in session.exec(query) if row.stop_type is None}
    ids = {one.machine for one in mine.values()} | {row.machine for row in rows.values()}
    if not ids:
        return []
    there = {one.id: one for one in session.exec(select(Machine).where(col(Machine.id).in_(ids)))}
    shown = [
        _Shown(there[machine], mine.get(id), rows.get(id))
        for id in {**rows, **mine}
        if (machine := mine[id].machine if id in mine else rows[id].machine) in there
    ]
    lists = price_lists(session, {one.machine.tariff for one in shown if one.machine.tariff})
    names = _accounts(session, rows.values(), member)
    since = billing.since_of(session, [member.id], page.f.zone).get(member.id)
    cards = []
    for one in shown:
        used = _running(session, one, member, page, since)
        prices = lists.get(one.machine.tariff or "")
        ahead = look_ahead(session, used, prices, page.f.zone) if prices else None
        cards.append(_card(one, used, ahead, names, page))
    return sorted(cards, key=lambda card: card.started_ms)


def _running(session: Session, one: _Shown, member: Member, page: Page, since: date | None) -> Running:
    """Put together what was read of a use: its checkpoints in the books, and what the station shows."""
    row, station = one.row, one.station
    now_ms = page.context.clock.now_ms()
    elapsed_ms = station.elapsed_ms if station else 0
    started_ms = row.started_ms if row else now_ms - elapsed_ms
    kept = readings_of(session, [row.id]).get(row.id, []) if row else []
    if station is None and kept:
        elapsed_ms = kept[-1].at_ms
    last = station.counters if station else kept[-1].counters if kept else {}
    between = [Reading(started_ms + k.at_ms, k.counters) for k in kept if k.at_ms < elapsed_ms]
    readings = (Reading(started_ms, {}), *between, Reading(started_ms + elapsed_ms, last))
    account = row.account if row else member.charges_to or member.account
    id, tier = (row.id, row.tier) if row else (station.session_id or "" if station else "", member.tier)
    return Running(id, account, member.id, tier, one.machine.id, readings, since)


def _card(
    one: _Shown, used: Running, ahead: Ahead | None, names: Mapping[str, str], page: Page
) -> RunningCard:
    f, station, machine = page.f, one.station, one.machine
    first, last = used.readings[0], used.readings[-1]
    lost_ms = _lost_ms(one, page)
    state = station.state if station and not lost_ms else StationState.OFFLINE
    price, hour = _prices(station, ahead, page)
    eaten = ahead.eaten if ahead else ()
    return RunningCard(
        machine=machine.id,
        name=machine.name,
        state=state,
        state_text=say(state, f.language),
        started_ms=first.at_ms,
        elapsed_ms=last.at_ms - first.at_ms,
        readings=metered_words({str(k): v for k, v in last.counters.items()}, f),
        price=price,
        hour=hour,
        eaten=tuple((component_name(e.component, f), amount_words(e.component, e.units, f)) for e in eaten),
        account=names.get(used.account, ""),
        hint=_hint(machine, state, page),
        lost_ms=lost_ms,
        **_work(station, page),
    )


def _prices(station: Station | None, ahead: Ahead | None, page: Page) -> tuple[str, str]:
    """Say the cost so far, as the station shows it, and what the next hour adds."""
    if ahead is None:
        return "", ""
    f, code = page.f, ahead.commodity
    micro = station.price_micro if station and station.price_micro is not None else ahead.now_micro
    return f.money(micro, code), "" if ahead.hour_micro is None else f.money(ahead.hour_micro, code)


def _lost_ms(one: _Shown, page: Page) -> int:
    live = page.context.live
    gateway = live.snapshot().gateways.get(live.gateway_of(one.machine.id) or "")
    if gateway is not None and gateway.online and one.station is not None:
        return 0
    if gateway is not None and gateway.seen_ms:
        return gateway.seen_ms
    return (one.row.started_ms if one.row else 0) or page.context.clock.now_ms()


def _work(station: Station | None, page: Page) -> _Work:
    if station is None or station.activity not in {Activity.BUSY, Activity.HELD}:
        return {}
    left = ""
    if station.left_s is not None:
        left = page.f.texts.gettext("%(time)s left") % {"time": page.f.span(station.left_s * 1000)}
    progress = None if station.progress is None else round(station.progress * 100)
    is_told = progress is not None or bool(station.job)
    return {"working": is_told, "job": station.job, "left": left, "progress": progress}


def _hint(machine: Machine, state: StationState, page: Page) -> str:
    """Say how the session ends."""
    gettext, policy = page.f.texts.gettext, policy_of(machine)
    if state is StationState.HOLDING:
        return gettext("You have gone. It ends when the job is done.")
    if state is StationState.RUN_ON:
        return gettext("It is over; the machine runs on a little and then ends by itself.")
    if policy.card_must_stay:
        return gettext("To end it, take your card out of the reader.")
    if policy.on_leave is OnLeave.HOLD_FOR_JOB:
        return gettext("To end it, hold your badge to the reader. A job that still works is finished first.")
    return gettext("To end it, hold your badge to the reader again.")


def _accounts(session: Session, rows: Iterable[MachineSession], member: Member) -> dict[str, str]:
    """Return the names of accounts that pay in the member's stead."""
    ids = {row.account for row in rows} | {member.charges_to or member.account}
    query = select(Account.id, Account.name).where(col(Account.id).in_(ids - {member.account}))
    return dict(session.exec(query).all())
