"""What the rules on reservations say of one machine, a sentence each, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import groupby

from babel.dates import format_date

from booking_api.web.formats import Formats
from floor.reservation import calendar, opening
from floor.reservation.model import Extend, FeeRule, Limit, Policies, Rules, Span
from floor.wire.roster import OnReserved

WEEK = 7
Say = Callable[..., str]


def reservation_words(policies: Policies, machine: str, tier: str, f: Formats, currency: str) -> list[str]:
    """Say what the rules in force say of a machine to members of a tier."""
    rules = policies.of(machine).rules_for(tier)
    return list(_sentences(policies, machine, rules, tier, f, currency))


def opening_words(policies: Policies, machine: str, tier: str, today: date, f: Formats) -> list[str]:
    """Say when it is open in the seven days from today on, alike days together; empty: always."""
    rules = policies.of(machine).rules_for(tier)
    if policies.hours is None and rules.hours is None and not policies.holidays:
        return []
    days = [today + timedelta(days=n) for n in range(WEEK)]
    hours = [(day, _hours(policies, rules, machine, day, f)) for day in days]
    if all(said == hours[0][1] for _, said in hours):
        return [f"{f.texts.gettext('Every day')} {hours[0][1]}"]
    made = []
    for said, group in groupby(hours, key=lambda one: one[1]):
        alike = [day for day, _ in group]
        first, last = (format_date(day, "EEE", locale=f.locale) for day in (alike[0], alike[-1]))
        made.append(f"{first if len(alike) == 1 else f'{first}–{last}'} {said}")
    return made


def _hours(policies: Policies, rules: Rules, machine: str, day: date, f: Formats) -> str:
    begins = calendar.at(day, 0, f.zone)
    ends = calendar.at(day + timedelta(days=1), 0, f.zone)
    times = opening.open_times(policies, rules, machine, begins, ends, f.zone)
    said = [f"{f.clock(low)}–{'24:00' if high == ends else f.clock(high)}" for low, high in times]
    return f.texts.gettext(", ").join(said) or f.texts.gettext("closed")


def _sentences(
    policies: Policies, machine: str, rules: Rules, tier: str, f: Formats, currency: str
) -> Iterator[str]:
    def say(text: str, **values: object) -> str:
        said = f.texts.gettext(text)
        return said % values if values else said

    if not rules.reserve:
        yield say("It is not reserved: come, and use it when it is free.")
    elif rules.only_tiers and tier not in rules.only_tiers:
        yield say("It is reserved by others than you.")
    else:
        yield from _lengths(rules, say, f)
        yield from _when(rules, say, f)
    yield from _walk_in(rules, say, f)
    if rules.reserve:
        yield from _not_come(rules, say, f, currency)
        found = [*policies.limits, *rules.limits]
        for limit in found:
            if limit.meant_for(tier) and policies.meant_at(limit.over, machine):
                yield _limit(limit, say, f)


def _lengths(rules: Rules, say: Say, f: Formats) -> Iterator[str]:
    least, most = f.span(rules.length_min_ms), f.span(rules.length_max_ms)
    if rules.lengths_ms:
        lengths = say(", ").join(f.span(one) for one in rules.lengths_ms)
        yield say("A reservation lasts one of these: %(lengths)s.", lengths=lengths)
    elif rules.length_min_ms and rules.length_max_ms:
        yield say("A reservation lasts from %(least)s to %(most)s.", least=least, most=most)
    elif rules.length_max_ms:
        yield say("A reservation lasts %(most)s at most.", most=most)
    elif rules.length_min_ms:
        yield say("A reservation lasts %(least)s at least.", least=least)
    if rules.buffer_before_ms + rules.buffer_after_ms:
        free = f.span(rules.buffer_before_ms + rules.buffer_after_ms)
        yield say("%(time)s lie free between two reservations.", time=free)


def _when(rules: Rules, say: Say, f: Formats) -> Iterator[str]:
    if rules.ahead is not None:
        yield say("It is reserved at most %(span)s ahead.", span=_span(rules.ahead, f))
    if not rules.same_day:
        yield say("Reserve it on an earlier day: not for the same day.")
    elif rules.lead is not None:
        yield say("Reserve it at least %(span)s before.", span=_span(rules.lead, f))


def _walk_in(rules: Rules, say: Say, f: Formats) -> Iterator[str]:
    if not rules.walk_in:
        yield say("It is used with a reservation only.")
        return
    if rules.reserve and rules.walk_in_max_ms:
        most = f.span(rules.walk_in_max_ms)
        yield say(
            "Without a reservation you may use it for %(most)s, while nobody has reserved it.", most=most
        )
    elif rules.reserve:
        yield say("You may use it without a reservation, while nobody has reserved it.")
    if rules.reserve and rules.on_others is OnReserved.WARN:
        yield say("Who comes without a reservation is only warned that it is reserved.")


def _not_come(rules: Rules, say: Say, f: Formats, currency: str) -> Iterator[str]:
    if rules.no_show_ms:
        late = f.span(rules.no_show_ms)
        yield say("If you have not come %(time)s after the begin, others may have it.", time=late)
    if rules.no_show_fee is not None and (fee := _fee(rules.no_show_fee, say, f, currency)):
        yield say("Who does not come pays %(fee)s.", fee=fee)
    if rules.cancel_free is not None:
        yield say("You may give it up for free until %(span)s before.", span=_span(rules.cancel_free, f))
    if rules.late_cancel_fee is not None and (fee := _fee(rules.late_cancel_fee, say, f, currency)):
        yield say("Who gives it up later pays %(fee)s.", fee=fee)
    if rules.extend is not Extend.NEVER:
        waits = rules.extend is Extend.NOBODY_WAITS
        yield (
            say("You may go on when it ends, if nobody waits.")
            if waits
            else say("You may go on when it ends, while it is free.")
        )


def _fee(fee: FeeRule, say: Say, f: Formats, currency: str) -> str:
    if not fee.micro:
        return say("a fee")
    amount = f.money(fee.micro, currency)
    return say("%(fee)s for each hour", fee=amount) if fee.per_hour else amount


def _limit(limit: Limit, say: Say, f: Formats) -> str:
    most = str(limit.number) if limit.ms is None else f.span(limit.ms)
    if limit.name:
        return say("There is a limit: %(name)s (%(most)s).", name=limit.name, most=most)
    return say("There is a limit of %(most)s.", most=most)


def _span(span: Span, f: Formats) -> str:
    ngettext = f.texts.ngettext
    said = []
    if span.months:
        said.append(ngettext("%(n)s month", "%(n)s months", span.months) % {"n": span.months})
    if span.days:
        said.append(ngettext("%(n)s day", "%(n)s days", span.days) % {"n": span.days})
    if span.ms or not said:
        said.append(f.span(span.ms))
    return " ".join(said)
