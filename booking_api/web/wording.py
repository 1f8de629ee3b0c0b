"""Tariffs and policies in plain words, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from booking_api.web.clauses import rules_words
from booking_api.web.formats import Formats
from booking_api.web.vocabulary import (
    EACH,
    EVERY,
    FREE,
    OCCASIONS,
    amount_words,
    bounds_words,
    component_name,
    component_unit,
    unit_text,
    with_period,
)
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnCreditSpent, OnLeave, OnProofLost, OnUnclaimedJob
from floor.tariff import Component, Occasion, Tariff
from floor.tariff.model import BracketMode, FreeMode, Window


def tariff_words(tariff: Tariff, formats: Formats) -> list[str]:
    """Say what a tariff asks of who uses a machine: components, then the rules."""
    code = tariff.commodity.code
    said = [component_words(one, code, formats, tariff.windows) for one in tariff.components]
    return said + rules_words(tariff, formats)


def component_words(component: Component, code: str, formats: Formats, windows: Sequence[Window] = ()) -> str:
    """Say what one component asks: "€1.50 for each started 15 min of machine time; at most €9.00"."""
    gettext = formats.texts.gettext
    parts = [_price(component, formats.money(component.price_micro, code, exact=True), formats)]
    parts += _bracket_words(component, code, formats)
    for window in windows:
        if window.id in component.window_prices:
            price = formats.money(component.window_prices[window.id], code, exact=True)
            parts.append(gettext("in %(window)s: %(price)s") % {"window": window.id, "price": price})
    if component.free:
        parts.append(free_words(component, component.free, formats))
    own = {tier: free_words(component, free, formats) for tier, free in component.frees.items()}
    prices = {tier: formats.money(price, code, exact=True) for tier, price in component.prices.items()}
    for tier, words in [*own.items(), *prices.items()]:
        parts.append(gettext("%(occasion)s: %(words)s") % {"occasion": tier, "words": words})
    parts += bounds_words(component.minimum_micro, component.maximum_micro, code, formats)
    if component.machines:
        machines = gettext(", ").join(sorted(component.machines))
        parts.append(gettext("only on %(machines)s") % {"machines": machines})
    said = gettext("; ").join(parts)
    if component.on is Occasion.SESSION:
        return said
    return gettext("%(occasion)s: %(words)s") % {"occasion": gettext(OCCASIONS[component.on]), "words": said}


def free_words(component: Component, free: Fraction, formats: Formats) -> str:
    """Say what of a component is free, and for how long it is counted."""
    words = {"free": amount_words(component, free, formats)}
    if component.free_mode is FreeMode.THRESHOLD:
        less = formats.texts.gettext("free below %(free)s, all of it is charged from there on") % words
        return with_period(less, component.free_per, formats)
    return formats.texts.gettext(FREE[component.free_per]) % words


def _price(component: Component, price: str, formats: Formats) -> str:
    gettext = formats.texts.gettext
    words = {"price": price, "unit": component_unit(component, formats)}
    words["what"] = component_name(component, formats)
    if component.quantity is None and component.each is not None:
        each = EACH if component.on is Occasion.SESSION else EVERY
        return gettext(each[component.each]) % words
    if component.quantity is None and component.count:
        return gettext("%(price)s per %(what)s") % words
    if component.quantity is None:
        session, once = gettext("%(price)s for each session"), gettext("%(price)s each time")
        return (session if component.on is Occasion.SESSION else once) % words
    if component.quantity is Quantity.JOBS:
        return gettext("%(price)s for each job") % words
    if component.block is not None:
        words["block"] = amount_words(component, component.block, formats)
        return gettext("%(price)s for each started %(block)s of %(what)s") % words
    return gettext("%(price)s per %(unit)s of %(what)s") % words


def _bracket_words(component: Component, code: str, formats: Formats) -> list[str]:
    gettext = formats.texts.gettext
    whole = component.brackets_mode is BracketMode.WHOLE
    said = []
    for bracket in component.brackets:
        words = {
            "above": amount_words(component, bracket.above, formats),
            "price": formats.money(bracket.price_micro, code, exact=True),
        }
        own = (
            gettext("above %(above)s: %(price)s for all of it")
            if whole
            else gettext("above %(above)s: %(price)s")
        )
        said.append(with_period(own % words, component.brackets_per, formats))
    return said


def short_price(tariff: Tariff, formats: Formats) -> str:
    """Say the main price in a few words, for a card: "€0.06 / min"; "" for a tariff that never asks any."""
    asking = [c for c in tariff.components if c.price_micro and c.on is Occasion.SESSION]
    if not asking:
        return ""
    component = next((c for c in asking if c.quantity is not None), asking[0])
    price = formats.money(component.price_micro, tariff.commodity.code, exact=True)
    if component.quantity is None:
        return price
    if component.block is not None:
        return f"{price} / {amount_words(component, component.block, formats)}"
    return f"{price} / {unit_text(component.unit, formats)}"


def policy_words(policy: MachinePolicy, formats: Formats) -> list[str]:
    """Say how a machine behaves, as far as a member needs to know."""
    gettext = formats.texts.gettext

    def span(seconds: int) -> dict[str, str]:
        return {"time": formats.span(seconds * 1000)}

    rules: list[tuple[bool, Callable[[], str]]] = [
        (policy.hazardous, lambda: gettext("Hazardous: never leave it alone while it works.")),
        (policy.card_must_stay, lambda: gettext("Your badge stays in the holder while you work.")),
        (
            policy.on_leave is OnLeave.HOLD_FOR_JOB,
            lambda: gettext("Tap out any time: the machine finishes its job, and you pay until then."),
        ),
        (policy.on_leave is OnLeave.OPEN, lambda: gettext("Tapping out takes the power away at once.")),
        (
            policy.idle_after_s > 0,
            lambda: gettext("Ends by itself after %(time)s without work.") % span(policy.idle_after_s),
        ),
        (True, lambda: gettext("A session lasts %(time)s at most.") % span(policy.max_duration_s)),
        (
            policy.run_on_s > 0,
            lambda: gettext("The extraction runs on for %(time)s.") % span(policy.run_on_s),
        ),
        (
            policy.on_unclaimed_job is not OnUnclaimedJob.REPORT,
            lambda: gettext(_UNCLAIMED[policy.on_unclaimed_job]) % span(policy.claim_s),
        ),
        (policy.takeover, lambda: gettext("Another member may take over while it stands idle.")),
        (policy.needs_supervisor, lambda: gettext("You begin once a supervisor taps too, within 30 s.")),
        (
            policy.proof_s != MachinePolicy().proof_s,
            lambda: (
                gettext("Extraction and cooling have %(time)s to start; else you are refused.")
                % span(policy.proof_s)
            ),
        ),
        (
            policy.on_proof_lost is OnProofLost.REPORT and not policy.hazardous,
            lambda: gettext("When extraction or cooling stops, staff are told and the machine goes on."),
        ),
        (
            not policy.break_glass,
            lambda: gettext("No emergency access: offline for too long, it refuses technicians too."),
        ),
        (not policy.accepts_weak_badges, lambda: gettext("Needs a badge that cannot be copied.")),
        (policy.accepts_weak_badges, lambda: gettext("Takes any badge, also one that can be copied.")),
        (True, lambda: gettext(_CREDIT[policy.on_credit_spent])),
    ]
    return [say() for applies, say in rules if applies]


_UNCLAIMED = {
    OnUnclaimedJob.HOLD: "A job sent before you tap waits on hold, and goes on when you tap.",
    OnUnclaimedJob.CANCEL: "A job sent before you tap is cancelled.",
    OnUnclaimedJob.CLAIM: "A job sent before you tap is yours if you tap within %(time)s.",
}
_CREDIT = {
    OnCreditSpent.FINISH_AND_OWE: "When your credit is spent you may finish, and owe the rest.",
    OnCreditSpent.STOP_WHEN_IDLE: "When your credit is spent it stops as soon as the work is done.",
    OnCreditSpent.STOP_AT_ONCE: "When your credit is spent it stops at once.",
}
