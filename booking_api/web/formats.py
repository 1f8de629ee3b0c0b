"""How pages write money, times, durations and quantities in a language. Money never meets a float."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, get_currency_precision, is_currency

from booking_api.web.alarms import alarm_title
from booking_api.web.language import LOCALES, Catalogue, catalogue
from floor.meter import Quantity
from floor.money import MICRO
from floor.texts import why_locked_out

NO_BREAK = "\u00a0"
_UNIT_OF: dict[str, tuple[int, str]] = {
    "um": (1_000_000, "m"),
    "mg": (1_000, "g"),
    "mwh": (1_000_000, "kWh"),
    "ul": (1_000, "ml"),
    "mm3": (1_000, "cm³"),
}


@dataclass(frozen=True, slots=True)
class Formats:
    """The ways of one language in one place's time zone."""

    language: str
    zone: tzinfo

    @property
    def locale(self) -> Locale:
        """How Babel knows the language."""
        return LOCALES[self.language]

    @property
    def texts(self) -> Catalogue:
        """What pages say in it."""
        return catalogue(self.language)

    def money(self, amount_micro: int | Fraction, commodity: str, exact: bool = False) -> str:
        """Write an amount of micro-units; `exact` shows the decimals beyond the smallest coin that it has."""
        micro = Decimal(Fraction(amount_micro).numerator) / Decimal(Fraction(amount_micro).denominator)
        amount = micro / MICRO
        if not is_currency(commodity):
            return f"{format_decimal(amount, format='#,##0.######', locale=self.locale)} {commodity}"
        if exact and amount != round(amount, get_currency_precision(commodity)):
            return format_currency(
                amount, commodity, format="¤#,##0.00####", locale=self.locale, currency_digits=False
            )
        return format_currency(amount, commodity, locale=self.locale)

    def moment(self, at_ms: int) -> datetime:
        """Return an instant on the space's clock."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)

    def when(self, at_ms: int) -> str:
        """Write day and time: "3 May 2026 14:05"."""
        return f"{self.day(at_ms)} {self.clock(at_ms)}"

    def day(self, at_ms: int) -> str:
        """Write a day."""
        return format_date(self.moment(at_ms).date(), "medium", locale=self.locale)

    def month(self, at_ms: int) -> str:
        """Write a month with its year."""
        pattern = "y年M月" if self.language == "zh" else "MMMM y"
        return format_date(self.moment(at_ms).date(), pattern, locale=self.locale)

    def month_named(self, key: str) -> str:
        """Write the month that "2026-05" names with its year, and anything else as it is."""
        return self._month(key, "y年M月" if self.language == "zh" else "MMMM y")

    def month_short(self, key: str) -> str:
        """Write the month that "2026-05" names as it fits below a chart: "May 26"."""
        return self._month(key, "yy年M月" if self.language == "zh" else "MMM yy")

    def _month(self, key: str, pattern: str) -> str:
        try:
            first = date.fromisoformat(f"{key}-01")
        except ValueError:
            return key
        return format_date(first, pattern, locale=self.locale)

    def clock(self, at_ms: int) -> str:
        """Write hours and minutes."""
        return format_time(self.moment(at_ms), "HH:mm", locale=self.locale)

    def stamp(self, at_ms: int) -> str:
        """Write an instant for machines (a <time> element's `datetime`)."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")

    def span(self, ms: int) -> str:
        """Write a duration: "45 s", "12 min", "3 h 05 min", "2 d 4 h"."""
        seconds = max(0, ms) // 1000
        gettext = self.texts.gettext
        minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
        if minutes < 1:
            parts = [f"{seconds}", gettext("s")]
        elif hours < 1:
            parts = [f"{minutes}", gettext("min")]
        elif days < 1:
            rest = minutes % 60
            parts = [f"{hours}", gettext("h")] + ([f"{rest:02}", gettext("min")] if rest else [])
        else:
            rest = hours % 24
            parts = [f"{days}", gettext("d")] + ([f"{rest}", gettext("h")] if rest else [])
        return NO_BREAK.join(parts)

    def number(self, value: int | Fraction, digits: int = 2) -> str:
        """Write a number with at most so many decimals."""
        exact = Decimal(Fraction(value).numerator) / Decimal(Fraction(value).denominator)
        return format_decimal(
            round(exact, digits),
            format="#,##0." + "#" * digits,
            locale=self.locale,
            decimal_quantization=False,
        )

    def percent(self, part: float | Fraction) -> str:
        """Write a part from 0 to 1 as whole per cents."""
        return f"{round(part * 100)} %"

    def lockout(self, reason: str) -> str:
        """Say why a machine is out of order."""
        return why_locked_out(reason, self.language)

    def alarm(self, code: str) -> str:
        """Say what an alarm is called."""
        return alarm_title(code, self.texts)

    def rate(self, part: Fraction) -> str:
        """Write an exact part as per cents with at most two decimals: "7.7 %"."""
        return f"{self.number(part * 100)}{NO_BREAK}%"

    def quantity(self, quantity: Quantity, amount: int) -> str:
        """Write what was metered in a unit that people use."""
        base = quantity.rpartition("_")[2]
        if base == "ms":
            return self.span(amount)
        if base in _UNIT_OF:
            size, unit = _UNIT_OF[base]
            return f"{self.number(Fraction(amount, size))} {unit}"
        return self.number(amount)
