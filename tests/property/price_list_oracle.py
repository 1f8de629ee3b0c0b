"""What each published price list charges, by hand: one formula in decimals a list, from the list's own words.

It reads no tariff file and imports nothing of the product. Times are in milliseconds, lengths in
micrometres, masses in milligrams, volumes in cubic millimetres, as meters count them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, localcontext

MIN, H = Decimal(60_000), Decimal(3_600_000)
CENT = Decimal("0.01")


def micro(amount: Decimal) -> Decimal:
    """Round half up to a millionth, in which charges accrue."""
    return amount.quantize(Decimal("0.000001"), ROUND_HALF_UP, Context(prec=60))


def cents(amount: Decimal) -> Decimal:
    """Round half up to a cent, once, what has accrued in millionths."""
    return micro(amount).quantize(CENT, ROUND_HALF_UP, Context(prec=60))


def started(amount: Decimal, size: Decimal) -> Decimal:
    """Return how many blocks of a size are started."""
    with localcontext(Context(prec=60)):
        return (max(amount, Decimal(0)) / size).to_integral_value(ROUND_CEILING)


def p01(ms: int) -> Decimal:
    return 10 * started(ms - 10 * MIN, 20 * MIN)


def p02(ms: int, price: str) -> Decimal:
    return Decimal(price) * started(Decimal(ms), 20 * MIN)


def p03_laser(ms: int, tier: str) -> Decimal:
    part = {"guest": Decimal(1), "member": Decimal("0.5"), "volunteer": Decimal(0)}[tier]
    return started(Decimal(ms), 10 * MIN) * part


def p04(mg: int) -> Decimal:
    return cents(Decimal("0.03") * mg / 1000) if mg >= 30_000 else Decimal(0)


def p05(um: int, price: str) -> Decimal:
    return cents(Decimal(price) * um / 1_000_000)


def p06(mm3: int, price: int) -> Decimal:
    with localcontext(Context(prec=60)):
        return cents(max(Decimal("1.65"), price * Decimal(mm3) / Decimal("16387.064")))


def p07(minutes: Sequence[int]) -> list[Decimal]:
    """Minutes used one after another in one billing month with sixty included, at 1 a minute."""
    used, bills = 0, []
    for more in minutes:
        bills.append(Decimal(max(0, used + more - 60) - max(0, used - 60)))
        used += more
    return bills


def p08_session(ms: int) -> Decimal:
    return Decimal("2.50") * started(Decimal(ms), 15 * MIN)


def p08_tube(ms: int) -> Decimal:
    return cents(Decimal("0.30") * ms / MIN)


def capped(gross: Sequence[Decimal], steps: Sequence[tuple[int, str]]) -> list[Decimal]:
    """Charge amounts one after another; above each step only a part of what is gross is paid."""
    edges = [Decimal(0), *(Decimal(step) for step, _ in steps), Decimal("Infinity")]
    parts = [Decimal(1), *(Decimal(part) for _, part in steps)]

    def paid(total: Decimal) -> Decimal:
        bands = zip(edges, edges[1:], parts, strict=False)
        return sum((max(Decimal(0), min(total, high) - low) * part for low, high, part in bands), Decimal(0))

    total, bills = Decimal(0), []
    for amount in gross:
        bills.append(paid(total + amount) - paid(total))
        total += amount
    return bills


def p10(ms: int) -> Decimal:
    first, second = min(Decimal(ms), 2 * H), min(max(ms - 2 * H, Decimal(0)), H)
    third = max(ms - 3 * H, Decimal(0))
    return cents((first * Decimal("0.60") + second * 6 + third * 60) / H)


def p11(start_min: int, minutes: int) -> Decimal:
    """Count minute by minute from a Monday's midnight; 5/h, and 10/h on Mon and Tue from 16:00 to 20:00."""
    peak = 0
    for minute in range(start_min, start_min + minutes):
        day, rest = divmod(minute, 1440)
        peak += day % 7 in (0, 1) and 960 <= rest < 1200
    return cents(Decimal(5 * (minutes - peak) + 10 * peak) / 60)


def p12(ms: int) -> Decimal:
    return cents(60 * Decimal(ms) / H)


def p15(events: Sequence[int | None]) -> tuple[list[Decimal], int]:
    """Buy packs (None) and use minutes; return what each costs and the minutes left."""
    left, bills = 0, []
    for minutes in events:
        if minutes is None:
            left += 600
            bills.append(Decimal(200))
        else:
            drawn = min(left, minutes)
            left -= drawn
            bills.append(Decimal(minutes - drawn) / 2)
    return bills, left


def p16(items: Sequence[int], coupon: int) -> tuple[Decimal, Decimal]:
    """Return total and VAT in cents of items in cents, with a coupon in per cent and 20 % VAT included."""
    half_up = [Decimal(item * coupon) / 100 for item in items]
    left = [item - off.quantize(Decimal(1), ROUND_HALF_UP) for item, off in zip(items, half_up, strict=True)]
    with localcontext(Context(prec=60)):
        vat = [(one - one / Decimal("1.2")).quantize(Decimal(1), ROUND_HALF_UP) for one in left]
    return sum(left, Decimal(0)), sum(vat, Decimal(0))


def p18_discount_first(ms: int, credit: int) -> Decimal:
    gross = micro(10 * Decimal(ms) / H)
    return cents(max(Decimal(0), gross - micro(gross / 2) - credit))


def p18_credit_first(ms: int, credit: int) -> Decimal:
    left = max(Decimal(0), micro(10 * Decimal(ms) / H) - credit)
    return cents(left - micro(left / 2))


def p19_session(lengths: Sequence[int]) -> Decimal:
    return sum((cents(10 * Decimal(ms) / H) for ms in lengths), Decimal(0))


def p19_statement(lengths: Sequence[int]) -> Decimal:
    return cents(sum((micro(10 * Decimal(ms) / H) for ms in lengths), Decimal(0)))


def p20(before_ms: int, after_ms: int) -> tuple[Decimal, Decimal]:
    """Return what the first month pays, and what it leaves of the whole to the second."""
    first, whole = (micro(10 * Decimal(ms) / H) for ms in (before_ms, before_ms + after_ms))
    return cents(first), cents(whole - first)


def p21(before_ms: int, after_ms: int) -> Decimal:
    return cents((10 * Decimal(before_ms) + 100 * Decimal(after_ms)) / H)
