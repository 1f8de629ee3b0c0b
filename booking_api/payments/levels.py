"""Levels of reminders: after how many days, in which words, with which fee. A TOML file may say others."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template

from floor import toml
from floor.errors import ConfigError
from floor.money import parse

LEVELS_MAX = 9
PLACES = ("name", "amount", "due", "invoices", "space", "fee")
"""What a text may name as `$name`: who, how much in all, since when, which invoices, the space, the fee."""
KEYS = {"days", "fee", "subject_en", "text_en", "subject_zh", "text_zh"}


@dataclass(frozen=True, slots=True)
class Level:
    """A reminder `days` after something fell due; `fee_micro` is charged with it. Texts are by language."""

    days: int
    fee_micro: int
    subjects: Mapping[str, str]
    texts: Mapping[str, str]

    def written(self, language: str, values: Mapping[str, str]) -> tuple[str, str]:
        """Return subject and text in a language, English where it is lacking."""
        spoken = language if language in self.texts else "en"
        subject = Template(self.subjects[spoken]).safe_substitute(values)
        return subject, Template(self.texts[spoken]).safe_substitute(values)


_TEXT_EN = """Hello $name,

$amount of your account has been due since $due ($invoices). Please pay it, or tell us what is wrong.
If your payment is on its way, thank you: then this letter needs no answer.

$space
"""
_TEXT_ZH = """$name，您好：

您的账户有 $amount 自 $due 起到期未付（$invoices）。请尽快付款；如有疑问，请告诉我们。
如果您已付款，谢谢，请忽略本信。

$space
"""
_LAST_EN = """Hello $name,

$amount of your account has been due since $due ($invoices), and we have written before. Please pay it now.
Until it is paid your account may be blocked, and then opens no machine.

$space
"""
_LAST_ZH = """$name，您好：

您的账户有 $amount 自 $due 起到期未付（$invoices），此前我们已经提醒过您。请立即付款。
付清之前，您的账户可能被停用，无法使用机器。

$space
"""
DEFAULT = (
    Level(7, 0, {"en": "A reminder", "zh": "付款提醒"}, {"en": _TEXT_EN, "zh": _TEXT_ZH}),
    Level(21, 0, {"en": "A second reminder", "zh": "第二次付款提醒"}, {"en": _TEXT_EN, "zh": _TEXT_ZH}),
    Level(35, 0, {"en": "The last reminder", "zh": "最后一次付款提醒"}, {"en": _LAST_EN, "zh": _LAST_ZH}),
)
"""The levels where no file says others: after 7, 21 and 35 days, without fees."""


def load(file: Path | None) -> tuple[Level, ...]:
    """Return the levels of a file, `DEFAULT` without one; raises ConfigError with file, key and remedy."""
    if file is None:
        return DEFAULT
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), "", "cannot be read as UTF-8 text", "Name another file.") from error
    return read(text, str(file))


def read(text: str, file: str) -> tuple[Level, ...]:
    """Return the levels that a text says, in order of their days; raises ConfigError."""
    try:
        document = toml.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.") from error
    rows = document.get("levels")
    if set(document) != {"levels"} or not isinstance(rows, list) or not 0 < len(rows) <= LEVELS_MAX:
        remedy = f"Write 1 to {LEVELS_MAX} of them, each below a line [[levels]]."
        raise ConfigError(file, "levels", "has no list of levels", remedy)
    levels = [_level(row, file, f"levels[{n}]") for n, row in enumerate(rows)]
    days = [level.days for level in levels]
    if days != sorted(set(days)):
        raise ConfigError(file, "levels", "are not in the order of their days", "Sort them; no two alike.")
    return tuple(levels)


def _level(row: object, file: str, where: str) -> Level:
    if not isinstance(row, Mapping) or set(row) - KEYS:
        remedy = f"Use: {', '.join(sorted(KEYS))}."
        raise ConfigError(file, where, "has a key that is none here", remedy)
    days, fee = row.get("days"), row.get("fee", 0)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 365:
        raise ConfigError(file, f"{where}.days", f"is {days!r}"[:60], "Write a whole number from 0 to 365.")
    try:
        if isinstance(fee, bool) or not isinstance(fee, int | Decimal):
            raise ValueError
        fee_micro = parse(f"{fee:f}" if isinstance(fee, Decimal) else str(fee))
        if fee_micro < 0:
            raise ValueError
    except ValueError:
        raise ConfigError(file, f"{where}.fee", f"is {fee!r}"[:60], "Write an amount like 5.00.") from None
    subjects, texts = _spoken(row, "subject", file, where), _spoken(row, "text", file, where)
    if set(subjects) != set(texts):
        raise ConfigError(file, where, "has a language with a text and no subject", "Write both.")
    return Level(days, fee_micro, subjects, texts)


def _spoken(row: Mapping[str, object], key: str, file: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for language in ("en", "zh"):
        value = row.get(f"{key}_{language}")
        if value is None and language != "en":
            continue
        name = f"{where}.{key}_{language}"
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(file, name, "is missing", "Write a text.")
        template = Template(value)
        if not template.is_valid() or set(template.get_identifiers()) - set(PLACES):
            remedy = f"Use only: {', '.join(f'${place}' for place in PLACES)}; write $$ for a $."
            raise ConfigError(file, name, "names a place that there is not", remedy)
        found[language] = value
    return found
