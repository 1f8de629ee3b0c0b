"""Limits: how much a member may have over a day, a week, a month, a term, a rolling window, or to come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo

from floor.reservation import calendar
from floor.reservation.calendar import LAST_MS, Times_ms
from floor.reservation.fees import is_late
from floor.reservation.model import Counted, Limit, Per, Policies, Rules, Then
from floor.reservation.slots import standing_at
from floor.reservation.terms import Kind, Known, Standing, Turned, Wanted

COMING = frozenset({Counted.RESERVATIONS, Counted.USE, Counted.WALK_IN})
SPAN_MS = 40 * calendar.DAY_MS


@dataclass(frozen=True, slots=True)
class Item:
    """Something that a limit counts: a time at a machine; `number` is 0 where it is one with another.

    `at_ms` is when a late cancellation came (0: at the begin).
    """

    machine: str
    begins_ms: int
    ends_ms: int
    number: int = 1
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a limit is asked for: one who wants a time at a machine, and what is known of them."""

    policies: Policies
    wanted: Item
    member: str
    tier: str
    known: Known
    now_ms: int
    zone: tzinfo
    changes: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A limit that would be passed: what there is with the wanted one, and in which time."""

    limit: Limit
    total: int
    is_number: bool
    from_ms: int
    to_ms: int
    again_ms: int = 0


def limits_at(policies: Policies, rules: Rules, machine: str, tier: str) -> list[Limit]:
    """Return the limits that a member of a tier has at a machine: the policy's, then the space's."""
    return [
        one
        for one in (*rules.limits, *policies.limits)
        if one.meant_for(tier) and policies.meant_at(one.over, machine)
    ]


def window_of(policies: Policies, wanted: Wanted, zone: tzinfo) -> Times_ms:
    """Return the time of which the member's reservations and uses, at any machine, must be known."""
    policy = policies.of(wanted.slot.machine)
    touched = calendar.windows_at(policies, wanted.slot.begins_ms, wanted.slot.ends_ms, zone)
    rules = policy.rules_for(wanted.tier, touched)
    begins, ends = wanted.slot.begins_ms, max(wanted.slot.ends_ms, wanted.slot.begins_ms + 1)
    reach = max(rules.gap_ms, rules.buffer_before_ms + rules.buffer_after_ms)
    low, high = begins - reach, ends + reach
    for limit in limits_at(policies, rules, wanted.slot.machine, wanted.tier):
        for from_ms, to_ms in _needed(policies, limit, begins, ends, wanted.now_ms, zone):
            low, high = min(low, from_ms), max(high, to_ms)
    return max(0, low), min(high, LAST_MS)


def reach(policies: Policies, limit: Limit, now_ms: int, ahead_ms: int, zone: tzinfo) -> Times_ms:
    """Return the time of which a member's own must be known for a limit, until `ahead_ms` from now."""
    found = list(_needed(policies, limit, now_ms, now_ms + ahead_ms, now_ms, zone)) or [(now_ms, now_ms)]
    return max(0, min(low for low, _ in found)), min(max(high for _, high in found), LAST_MS)


def _needed(
    policies: Policies, limit: Limit, begins: int, ends: int, now_ms: int, zone: tzinfo
) -> Iterator[Times_ms]:
    if not limit.counts & COMING:
        begins = calendar.shift(now_ms, limit.bars, zone, -1) if limit.bars else now_ms
        ends = now_ms + 1
        yield now_ms, now_ms + SPAN_MS  # what was cancelled late lies ahead
    if limit.per is Per.OPEN:
        yield now_ms, LAST_MS
    elif limit.per is Per.ROLLING:
        yield calendar.shift(begins, limit.window, zone, -1), calendar.shift(ends, limit.window, zone)
    else:
        yield from _periods(policies, limit.per, begins, ends, zone)


def _periods(policies: Policies, per: Per, begins: int, ends: int, zone: tzinfo) -> Iterator[Times_ms]:
    """Yield the calendar periods that a time touches."""
    day, last = calendar.day_of(begins, zone), calendar.day_of(max(begins, ends - 1), zone)
    while day <= last:
        found = calendar.period(policies, per, day)
        if found is None:
            day += timedelta(days=1)
            continue
        yield calendar.midnights(*found, zone)
        day = found[1]


def refuse(asked: Asked, limits: Iterable[Limit]) -> Turned | None:
    """Return what the first limit says that a wanted reservation would pass, or None."""
    for limit in limits:
        if limit.then is Then.REFUSE and (broken := passed(asked, limit)):
            return turned(asked, broken)
    return None


def passed(asked: Asked, limit: Limit) -> Broken | None:
    """Return how what is wanted would pass a limit, or None."""
    items = list(_items(asked, limit))
    if not limit.counts & COMING:
        return _past(asked, limit, items)
    wanted = asked.wanted
    if not _times(asked, limit, wanted):
        return None
    if limit.per is Per.OPEN:
        coming = [one for one in items if one.ends_ms > asked.now_ms]
        ends = [one.ends_ms for one in coming]
        return _over(asked, limit, [*coming, wanted], (asked.now_ms, LAST_MS), min(ends, default=0))
    for window in _windows(asked, limit, items):
        if broken := _over(asked, limit, [*items, wanted], window):
            return broken
    return None


def _windows(asked: Asked, limit: Limit, items: list[Item]) -> Iterator[Times_ms]:
    """Yield the times in which the wanted one counts together with others."""
    begins, ends = asked.wanted.begins_ms, asked.wanted.ends_ms
    if limit.per is not Per.ROLLING:
        if limit.number is not None and limit.ms is None:
            ends = begins + 1
        yield from _periods(asked.policies, limit.per, begins, ends, asked.zone)
        return
    zone, span = asked.zone, limit.window
    edges = [asked.wanted, *items]
    firsts = {one.begins_ms for one in edges}
    if limit.ms is not None:
        pieces = [piece for one in edges for piece in _times(asked, limit, one)]
        firsts |= {piece_begins for piece_begins, _ in pieces}
        firsts |= {calendar.shift(piece_ends, span, zone, -1) for _, piece_ends in pieces}
    for first in sorted(firsts):
        after = calendar.shift(first, span, zone)
        if first < ends and begins < after:
            yield first, after


def _over(
    asked: Asked, limit: Limit, items: list[Item], window: Times_ms, again_ms: int = 0
) -> Broken | None:
    from_ms, to_ms = window
    wanted = asked.wanted
    if limit.number is not None and wanted.number and from_ms <= wanted.begins_ms < to_ms:
        begun = [one for one in items if from_ms <= one.begins_ms < to_ms or limit.per is Per.OPEN]
        number = sum(one.number for one in begun)
        if number > limit.number:
            return Broken(limit, number, True, from_ms, to_ms, again_ms)
    if limit.ms is not None:
        counts = calendar.clipped(_times(asked, limit, wanted), from_ms, to_ms)
        total = _measure(asked, limit, items, window)
        if counts and total > limit.ms:
            return Broken(limit, total, False, from_ms, to_ms, again_ms)
    return None


def _measure(asked: Asked, limit: Limit, items: list[Item], window: Times_ms) -> int:
    """Return how long the items are inside of a window, a time at one machine counted once."""
    machines = {one.machine for one in items}
    total = 0
    for machine in machines:
        times = [time for one in items if one.machine == machine for time in _times(asked, limit, one)]
        total += sum(ends - begins for begins, ends in calendar.clipped(calendar.joined(times), *window))
    return total


def _times(asked: Asked, limit: Limit, item: Item) -> list[Times_ms]:
    """Return what of an item lies in the limit's window of the week, or outside of it."""
    whole = [(item.begins_ms, item.ends_ms)]
    if not limit.when:
        return whole if item.begins_ms < item.ends_ms else []
    times = asked.policies.windows[limit.when]
    inside = calendar.stretches(times, item.begins_ms, item.ends_ms, asked.zone)
    return calendar.without(whole, inside) if limit.outside else inside


def _items(asked: Asked, limit: Limit) -> Iterator[Item]:
    """Yield what the limit counts already, what it counts of nothing left out."""
    policies, machine = asked.policies, asked.wanted.machine
    found: list[Item] = []
    for one in asked.known.reservations:
        where = one.slot.machine
        if one.member != asked.member or one.id == asked.changes or one.kind is not Kind.USE:
            continue
        if policies.counted_with(limit.over, machine, where):
            policy = policies.of(where)
            standing = standing_at(one, policy, asked.now_ms)
            late = standing is Standing.CANCELLED and is_late(one, policy, one.closed_ms, asked.zone)
            if category(standing, late) in limit.counts:
                at_ms = one.closed_ms if late else one.slot.begins_ms
                found.append(Item(where, one.slot.begins_ms, one.slot.ends_ms, 1, at_ms))
    for use in asked.known.uses:
        if not policies.counted_with(limit.over, machine, use.machine):
            continue
        if Counted.USE in limit.counts or (use.walk_in and Counted.WALK_IN in limit.counts):
            alone = use.walk_in or Counted.RESERVATIONS not in limit.counts
            found.append(Item(use.machine, use.begins_ms, use.ends_ms, int(alone)))
    for tally in asked.known.tallied:
        if tally.what in limit.counts and policies.counted_with(limit.over, machine, tally.machine):
            at_ms = tally.at_ms or tally.begins_ms
            found.append(Item(tally.machine, tally.begins_ms, tally.ends_ms, 1, at_ms))
    return (one for one in found if one.begins_ms >= one.ends_ms or _times(asked, limit, one))


def category(standing: Standing, late: bool) -> Counted | None:
    """Return as what a reservation counts that stands like this; None: as nothing."""
    if standing is Standing.RELEASED:
        return Counted.NO_SHOWS
    if standing in (Standing.BOOKED, Standing.BEGUN, Standing.ENDED):
        return Counted.RESERVATIONS
    return Counted.LATE_CANCELS if late else None


def _past(asked: Asked, limit: Limit, items: list[Item]) -> Broken | None:
    """A limit of no-shows and the like looks back from now: who passed it books nothing until it is over.

    Where the limit says how long it bars, that is counted from each that passed it.
    """
    now_ms, done = asked.now_ms, sorted((one for one in items if one.at_ms <= asked.now_ms), key=_when)
    if limit.bars is None:
        return _looking_back(asked, limit, done, now_ms)
    for n in range(len(done), 0, -1):
        at_ms = done[n - 1].at_ms
        until_ms = calendar.shift(at_ms, limit.bars, asked.zone)
        if now_ms < until_ms and (broken := _looking_back(asked, limit, done[:n], at_ms)):
            return replace(broken, again_ms=until_ms)
    return None


def _looking_back(asked: Asked, limit: Limit, items: list[Item], at_ms: int) -> Broken | None:
    """Say how the limit was passed at an instant by items, in order, none of which is later."""
    zone = asked.zone
    if limit.per is Per.ROLLING:
        window: Times_ms | None = (calendar.shift(at_ms, limit.window, zone, -1), at_ms + 1)
    else:
        window = next(_periods(asked.policies, limit.per, at_ms, at_ms + 1, zone), None)
    if window is None:
        return None
    inside = [one for one in items if window[0] <= one.at_ms < window[1]]
    number, length = len(inside), sum(one.ends_ms - one.begins_ms for one in inside)
    is_over = limit.number is not None and number > limit.number
    if not is_over and (limit.ms is None or length <= limit.ms):
        return None
    again = window[1]
    if limit.per is Per.ROLLING:
        leaves = inside[number - limit.number - 1] if limit.number is not None and is_over else inside[0]
        again = calendar.shift(leaves.at_ms, limit.window, zone) + 1
    return Broken(limit, number if is_over else length, is_over, window[0], window[1], again)


def _when(item: Item) -> int:
    return item.at_ms


def reached_ms(asked: Asked, limit: Limit) -> int:
    """Return the instant at which a use that goes on from the wanted begin passes a limit; 0: not in 40 days.

    A limit of numbers that is passed already is reached at the begin.
    """
    begins, items = asked.wanted.begins_ms, list(_items(asked, limit))
    is_rolling_time = limit.per is Per.ROLLING and limit.number is None and not limit.when
    ends_now = is_rolling_time and bool(limit.counts & COMING) and all(one.ends_ms <= begins for one in items)

    def breaks(ends: int) -> bool:
        longer = Item(asked.wanted.machine, begins, ends, asked.wanted.number)
        if ends_now:  # of all windows, the one that ends with it holds most
            window = calendar.shift(ends, limit.window, asked.zone, -1), ends
            return _over(_with(asked, longer), limit, [*items, longer], window) is not None
        return passed(_with(asked, longer), limit) is not None

    low, high = begins, begins + SPAN_MS
    if not breaks(high):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if breaks(middle) else (middle, high)
    return low


def used(asked: Asked, limit: Limit) -> Broken | None:
    """Return what is used of a limit where the wanted time begins, without it; None: nothing counts there."""
    items, begins = list(_items(asked, limit)), asked.wanted.begins_ms
    if not limit.counts & COMING:
        return None
    if limit.per is Per.OPEN:
        items, window = [one for one in items if one.ends_ms > asked.now_ms], (asked.now_ms, LAST_MS)
    elif limit.per is Per.ROLLING:
        window = (calendar.shift(begins, limit.window, asked.zone, -1), begins)
    else:
        window = next(_periods(asked.policies, limit.per, begins, begins + 1, asked.zone), (0, 0))
    if limit.ms is not None:
        return Broken(limit, _measure(asked, limit, items, window), False, *window)
    inside = [one for one in items if window[0] <= one.begins_ms < window[1] or limit.per is Per.OPEN]
    return Broken(limit, sum(one.number for one in inside), True, *window)


def _with(asked: Asked, wanted: Item) -> Asked:
    return Asked(
        asked.policies,
        wanted,
        asked.member,
        asked.tier,
        asked.known,
        asked.now_ms,
        asked.zone,
        asked.changes,
    )


def reached_words(asked: Asked, limit: Limit, at_ms: int) -> str:
    """Say that a use reaches a limit at an instant."""
    most = f"{limit.number}" if limit.ms is None else calendar.said(limit.ms)
    name = f" ({limit.name})" if limit.name else ""
    what, where = _what(limit, limit.ms is None, limit.number == 1), _where(asked, limit)
    when = calendar.shown(at_ms, asked.zone)
    return f"At most {most} {what} {_per(limit)} on {where}{name}: this is reached at {when}."


def _where(asked: Asked, limit: Limit) -> str:
    if limit.over == "machine":
        return asked.wanted.machine
    return WHERE.get(limit.over, f"the machines of {limit.over}")


def turned(asked: Asked, broken: Broken) -> Turned:
    """Say which limit was passed, with its figures."""
    limit = broken.limit
    is_number = broken.is_number
    most = f"{limit.number}" if is_number else calendar.said(limit.ms or 0)
    total = f"{broken.total}" if is_number else calendar.said(broken.total)
    what = _what(limit, is_number)
    where = _where(asked, limit)
    days = _days(asked, broken)
    name = f" ({limit.name})" if limit.name else ""
    if limit.counts & COMING:
        what = _what(limit, is_number, limit.number == 1)
        sentence = f"At most {most} {what} {_per(limit)} on {where}{name}: this would be {total}{days}."
    else:
        were = "was" if total == "1" else "were"
        what = _what(limit, is_number, total == "1")
        sentence = f"There {were} {total} {what}{days}, and at most {most} {_per(limit)} are let pass."
        sentence += f" You may book again from {calendar.shown(broken.again_ms, asked.zone)} on."
    values = {"key": limit.key, "most": most, "total": total, "per": limit.per.value, "over": where}
    return Turned("limits", sentence, values | {"name": limit.name}, broken.again_ms)


WHERE = {"policy": "machines of this policy", "kind": "machines of this kind", "all": "all machines"}


def _per(limit: Limit) -> str:
    if limit.per is Per.ROLLING:
        return f"in {limit.window.words}"
    return "still to come" if limit.per is Per.OPEN else f"a {limit.per}"


def _what(limit: Limit, is_number: bool, is_one: bool = False) -> str:
    if limit.counts <= {Counted.NO_SHOWS, Counted.LATE_CANCELS}:
        names = " or ".join(sorted(one.replace("_", "-") for one in limit.counts))
        return names.replace("-shows", "-show").replace("-cancels", "-cancel") if is_one else names
    if Counted.RESERVATIONS not in limit.counts:
        what = ("use" if is_one else "uses") if is_number else "of use"
    elif limit.counts & {Counted.USE, Counted.WALK_IN}:
        both = "reservation or use" if is_one else "reservations and uses"
        what = both if is_number else "of reservations and use"
    else:
        what = ("reservation" if is_one else "reservations") if is_number else "of reservations"
    return what + (f" {'outside of' if limit.outside else 'in'} {limit.when}" if limit.when else "")


def _days(asked: Asked, broken: Broken) -> str:
    if broken.limit.per is Per.OPEN:
        return ""
    first: date = calendar.day_of(broken.from_ms, asked.zone)
    last = calendar.day_of(broken.to_ms - 1, asked.zone)
    return f" on {first:%a %Y-%m-%d}" if first == last else f" from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
