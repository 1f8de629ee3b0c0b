"""What a list of uses would cost, in order, with every line explained: `makerfloor quote`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from booking_api.tariffs.source import read
from booking_api.tariffs.usage_file import UsageFile, Use, read_usage, shown, zone_of
from floor.errors import ConfigError
from floor.money import MICRO, Commodity, plain, round_fraction, round_to
from floor.tariff import Bill, Charge, History, Line, RoundWhere, Tariff, price_visit

LABELS = {
    "minimum": "brought up to the minimum",
    "maximum": "brought down to the maximum",
    "cap": "above the cap",
    "repriced": "earlier use at the price of the bracket reached",
    "tax": "tax added",
}


@dataclass(frozen=True, slots=True)
class Owed:
    """What an account owes for a month: its charges' sum, rounded where the tariff rounds statements."""

    account: str
    period: str
    commodity: str
    total_micro: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Uses with their bills, in the order priced, the statements' sums, and what accounts carry on."""

    usage: UsageFile
    bills: tuple[tuple[Use, Bill], ...]
    owed: tuple[Owed, ...]
    histories: Mapping[str, History]

    def unexpected(self) -> list[tuple[Use, Bill]]:
        """Return the uses that cost something else than the usage file expects."""
        return [(u, b) for u, b in self.bills if u.expect_micro not in (None, b.total_micro)]


def open_tariffs(path: Path, zone: tzinfo = UTC) -> dict[str, list[Tariff]]:
    """Read a tariff file, or every *.toml of a folder as versions and lists; raises ConfigError.

    `zone` is the clock of a `valid_from` that says none.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(str(path), "", "holds no .toml file", "Name a tariff file, or a folder of them.")
    return _by_id({str(file): text_of(file) for file in files}, zone)


def _by_id(texts: Mapping[str, str], zone: tzinfo) -> dict[str, list[Tariff]]:
    found: dict[str, list[Tariff]] = {}
    for name, text in texts.items():
        tariff = read(text, name, zone)
        known = found.setdefault(tariff.id, [])
        if any(other.valid_from_ms == tariff.valid_from_ms for other in known):
            problem = f"is that of another version of {tariff.id} here"
            raise ConfigError(name, "valid_from", problem, "Give each version its own begin.")
        known.append(tariff)
    return found


def text_of(file: Path) -> str:
    """Return a file's text; raises ConfigError when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), "", f"cannot be read ({error})", "Name a file of UTF-8 text.") from error


def quote(tariffs: Mapping[str, Sequence[Tariff]], usage: UsageFile) -> Quote:
    """Price uses in the order of the file, each account's allowances carried from one to the next.

    Raises ValueError when a tariff changes to another commodity while a use runs.
    """
    histories: dict[str, History] = {}
    bills: list[tuple[Use, Bill]] = []
    for use in usage.uses:
        account = use.visit.account
        before = histories.get(account, History())
        made, histories[account] = price_visit(use.visit, use.versions, before, usage.zone)
        bills.append((use, made))
    by_version = {tariff.version: tariff for versions in tariffs.values() for tariff in versions}
    return Quote(usage, tuple(bills), tuple(_owed(bills, by_version)), histories)


def quote_files(tariff: Path, usage: Path) -> Quote:
    """Quote what a usage file lists by a tariff file or folder; raises ConfigError."""
    text = text_of(usage)
    tariffs = open_tariffs(tariff, zone_of(text, str(usage)))
    return quote(tariffs, read_usage(text, str(usage), tariffs))


def quote_texts(tariffs: Sequence[str], usage: str) -> Quote:
    """Quote what the text of a usage file lists by texts of tariffs; raises ConfigError, ValueError."""
    texts = {f"tariffs[{at}]": text for at, text in enumerate(tariffs)}
    known = _by_id(texts, zone_of(usage, "usage"))
    return quote(known, read_usage(usage, "usage", known))


def _owed(bills: Sequence[tuple[Use, Bill]], tariffs: Mapping[str, Tariff]) -> Iterator[Owed]:
    groups: dict[tuple[str, str, str, str], list[Charge]] = {}
    for _, one in bills:
        for charge in one.charges:
            key = one.account, charge.period, charge.commodity, tariffs[charge.tariff].id
            groups.setdefault(key, []).append(charge)
    sums: dict[tuple[str, str, str], int] = {}
    for (account, period, commodity, _), charges in groups.items():
        total = sum(charge.total_micro for charge in charges)
        rounding = tariffs[charges[-1].tariff].rounding
        if rounding.where is RoundWhere.STATEMENT:
            total = round_to(total, rounding.unit_micro, rounding.mode)
        sums[account, period, commodity] = sums.get((account, period, commodity), 0) + total
    for whose in sorted(sums):
        yield Owed(*whose, sums[whose])


def written(value: Fraction) -> str:
    """Write an exact number in at most six decimals, without zeros at its end."""
    micro = Decimal(round_fraction(value * MICRO)) / MICRO
    return f"{micro.normalize():f}"


def money(micro: int | Fraction, commodity: Commodity) -> str:
    """Write an amount with the commodity's decimals, or as many as it needs."""
    whole = round_fraction(Fraction(micro))
    if whole % commodity.minor_micro == 0:
        return plain(whole, commodity).rpartition(" ")[0]
    return written(Fraction(whole, MICRO))


def explain(line: Line, tariff: Tariff) -> str:
    """Say how one line came about."""
    component = next((c for c in tariff.components if c.id == line.component), None)
    if component is None:
        name = LABELS.get(line.bound, line.bound or "a pack bought")
        return name if line.component in (line.bound, "cap", "tax") else f"{line.component} ({name})"
    if line.bound == "repriced":
        return f"{line.component}: {LABELS['repriced']}, {written(line.billed)} {line.unit}"
    each = money(line.price_micro, tariff.commodity)
    said = f"{line.component}: {written(line.billed)} × {each}"
    if line.unit:
        block = "" if component.block is None else f"started {written(component.block)} "
        per = f"{block}{line.unit}"
        billed = written(line.billed) + ("" if block else f" {line.unit}")
        said = f"{line.component}: {billed} at {each} per {per}"
        if block or line.metered != line.billed:
            said += f" ({written(line.metered)} {line.unit} used)"
    notes = [f"window {line.window}"] if line.window else []
    notes += [LABELS[line.bound]] if line.bound else []
    return "; ".join([said, *notes])


def lines_of(quoted: Quote) -> Iterator[str]:
    """Write a quote for people."""
    tariffs = {t.version: t for use, _ in quoted.bills for t in use.versions}
    for use, one in quoted.bills:
        visit, zone = use.visit, quoted.usage.zone
        words = [visit.on, visit.account, visit.tier, visit.machine]
        yield f"{visit.id}  {shown(visit.started_ms, zone)} – {shown(visit.ended_ms, zone)}  " + ", ".join(
            word for word in words if word
        )
        for charge in one.charges:
            yield from _charge_lines(charge, tariffs)
        if use.expect_micro not in (None, one.total_micro):
            expected = money(use.expect_micro or 0, tariffs[one.charges[0].tariff].commodity)
            yield f"    EXPECTED {expected}, which is not what it costs"
    yield ""
    for owed in quoted.owed:
        places = next(t.commodity for t in tariffs.values() if t.commodity.code == owed.commodity)
        yield f"{owed.account}  {owed.period}  {money(owed.total_micro, places)} {owed.commodity}"
    for account, name, left in held(quoted):
        yield f"{account}  {name}: {left} left"


def _charge_lines(charge: Charge, tariffs: Mapping[str, Tariff]) -> Iterator[str]:
    commodity = tariffs[charge.tariff].commodity

    def row(words: str, micro: int) -> str:
        return f"    {words:<78} {money(micro, commodity):>12}"

    for line in charge.lines:
        yield row(explain(line, tariffs[line.tariff]), line.amount_micro)
    if charge.rounding_micro:
        yield row("rounding", charge.rounding_micro)
    yield row(f"{charge.period}, {charge.tariff}: {charge.commodity}", charge.total_micro)
    if charge.tax_micro:
        yield row("  of which tax", charge.tax_micro)
    for share in charge.shares:
        yield row(f"  {share.fund} pays beside it", share.total_micro)
    if worth := tariffs[charge.tariff].worth:
        value = Fraction(charge.total_micro * worth.amount_micro, MICRO * MICRO)
        yield f"      worth {written(value)} {worth.commodity}"


def held(quoted: Quote) -> Iterator[tuple[str, str, str]]:
    """Yield account, pack and what is left of it, in the component's unit."""
    for account, history in sorted(quoted.histories.items()):
        for key, position in sorted(history.positions.items()):
            what, name, _, _ = key.split("|")
            if what == "pack":
                yield account, name, written(position)


def as_json(quoted: Quote) -> dict[str, Any]:
    """Return a quote for programs: amounts and quantities as texts of decimals."""
    tariffs = {t.version: t for use, _ in quoted.bills for t in use.versions}
    return {
        "uses": [
            {
                "id": use.visit.id,
                "account": one.account,
                "total": written(Fraction(one.total_micro, MICRO)),
                "charges": [_charge_json(charge, tariffs) for charge in one.charges],
            }
            for use, one in quoted.bills
        ],
        "owed": [
            {
                "account": owed.account,
                "period": owed.period,
                "commodity": owed.commodity,
                "total": written(Fraction(owed.total_micro, MICRO)),
            }
            for owed in quoted.owed
        ],
        "packs": [{"account": account, "pack": name, "left": left} for account, name, left in held(quoted)],
        "unexpected": [use.visit.id for use, _ in quoted.unexpected()],
    }


def _charge_json(charge: Charge, tariffs: Mapping[str, Tariff]) -> dict[str, Any]:
    def amount(micro: int | Fraction) -> str:
        return written(Fraction(micro) / MICRO)

    return {
        "tariff": charge.tariff,
        "tier": charge.tier,
        "period": charge.period,
        "commodity": charge.commodity,
        "lines": [
            {
                "component": line.component,
                "tariff": line.tariff,
                "unit": line.unit,
                "metered": written(line.metered),
                "billed": written(line.billed),
                "price": amount(line.price_micro),
                "amount": amount(line.amount_micro),
                "bound": line.bound,
                "window": line.window,
                "says": explain(line, tariffs[line.tariff]),
            }
            for line in charge.lines
        ],
        "gross": amount(charge.gross_micro),
        "rounding": amount(charge.rounding_micro),
        "tax": amount(charge.tax_micro),
        "total": amount(charge.total_micro),
        "shares": [{"fund": share.fund, "total": amount(share.total_micro)} for share in charge.shares],
    }
