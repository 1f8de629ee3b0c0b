"""The settings of a server, from `makerfloor.toml`; secrets may come from the environment instead."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stdnum import bic, iban
from stdnum.eu import at_02 as creditor_id

from booking_api.auth import settings as sign_in
from booking_api.auth.settings import SignInSettings
from booking_api.broker import settings as broker
from booking_api.members import settings as people
from booking_api.notices import settings as notices
from booking_api.notices.settings import NoticeSettings
from booking_api.reports import settings as reports
from booking_api.reports.settings import ReportSettings
from booking_api.spaceapi import settings as spaceapi
from floor import toml
from floor.errors import ConfigError
from floor.money import Commodity
from floor.texts import LANGUAGES

FILE = "makerfloor.toml"
SECRETS = {
    "database.url": "MAKERFLOOR_DATABASE_URL",
    "broker.password": "MAKERFLOOR_BROKER_PASSWORD",
    "payments.stripe_key": "MAKERFLOOR_STRIPE_KEY",
    "payments.stripe_webhook_secret": "MAKERFLOOR_STRIPE_WEBHOOK_SECRET",
} | notices.SECRETS
KEYS: dict[str, tuple[str, ...]] = {
    "space": ("name", "timezone", "language", "currency", "decimals", "wall"),
    "server": ("data", "host", "port", "address"),
    "database": ("url",),
    "broker": broker.KEYS,
    "prometheus": ("url",),
    "invoice": (
        "name",
        "address",
        "country",
        "contact",
        "vat_id",
        "iban",
        "bic",
        "note",
        "prefix",
        "credit_prefix",
        "term_days",
    ),
    "payments": (
        "creditor_id",
        "block_after_days",
        "reminders",
        "stripe_key",
        "stripe_webhook_secret",
        "stripe_address",
    ),
    "people": people.KEYS,
    "reports": reports.KEYS,
    "prints": ("max_file_mib", "max_waiting", "max_total_mib", "keep_days", "expire_days"),
    "sign_in": sign_in.KEYS,
    "spaceapi": spaceapi.KEYS,
} | notices.KEYS
Table = Mapping[str, object]
PREFIX = r"[A-Za-z0-9.-]{1,12}"
PREFIX_WORDS = "at most 12 letters, digits, hyphens and dots"


@dataclass(frozen=True, slots=True)
class InvoiceSettings:
    """Who issues invoices, how they are numbered, and until when they are paid (days after the issue).

    `lines` are the address below the name, `note` stands on every invoice (why no tax is asked, for one).
    """

    name: str
    lines: tuple[str, ...]
    country: str
    contact: str
    vat_id: str
    iban: str
    bic: str
    note: str
    prefix: str
    credit_prefix: str
    term_days: int


@dataclass(frozen=True, slots=True)
class PaymentSettings:
    """Who collects by direct debit, when a debt blocks (days overdue; 0: never), and the online provider.

    `reminders` is the file of reminder levels, None for those that docs/payments.md shows.
    """

    creditor_id: str
    block_after_days: int
    reminders: Path | None
    stripe_key: str
    stripe_webhook_secret: str
    stripe_address: str

    def __repr__(self) -> str:
        return f"PaymentSettings({self.creditor_id!r})"


@dataclass(frozen=True, slots=True)
class PrintSettings:
    """Bounds of the print queue: bytes of a file, prints and bytes of a member; how long files are kept after
    their print is over, and prints that nobody starts (days).
    """

    max_file_bytes: int = 64 << 20
    max_waiting: int = 10
    max_total_bytes: int = 256 << 20
    keep_days: int = 7
    expire_days: int = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; docs/install-server.md says what each means. Paths are absolute.

    `wall`: whether the board for a wall is shown to anybody.
    """

    file: Path
    data: Path
    database_url: str
    space_name: str
    timezone: str
    language: str
    currency: Commodity
    wall: bool
    host: str
    port: int
    address: str
    broker: broker.BrokerSettings
    prometheus_url: str | None
    invoice: InvoiceSettings
    payments: PaymentSettings
    prints: PrintSettings
    people: people.PeopleSettings
    sign_in: SignInSettings
    notices: NoticeSettings
    spaceapi: spaceapi.SpaceApiSettings
    reports: ReportSettings

    def __repr__(self) -> str:
        return f"Settings({str(self.file)!r})"


def read_settings(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a settings file; raises ConfigError with file, key and remedy."""
    return settings_of(FileTables(file, load(file), os.environ if environment is None else environment))


def settings_of(tables: "FileTables") -> Settings:
    """Read the settings from a file's tables; raises ConfigError."""
    tables.check_keys()
    file = tables.file
    data = (file.parent / tables.text("server.data", "data")).resolve()
    host, port = tables.text("server.host", "127.0.0.1"), tables.whole("server.port", 8080, 1, 65535)
    return Settings(
        file=file,
        data=data,
        database_url=tables.text("database.url", f"sqlite:///{data / 'makerfloor.db'}"),
        space_name=tables.text("space.name", "Makerfloor"),
        timezone=_timezone(tables),
        language=tables.choice("space.language", "en", LANGUAGES),
        currency=Commodity(
            tables.text("space.currency", "EUR")[:16], tables.whole("space.decimals", 2, 0, 6)
        ),
        wall=tables.flag("space.wall", True),
        host=host,
        port=port,
        address=_address(tables, "server.address") or f"http://{host}:{port}",
        broker=broker.read(tables),
        prometheus_url=_address(tables, "prometheus.url"),
        invoice=_invoice(tables),
        payments=_payments(tables),
        prints=PrintSettings(
            max_file_bytes=tables.whole("prints.max_file_mib", 64, 1, 1024) << 20,
            max_waiting=tables.whole("prints.max_waiting", 10, 1, 100),
            max_total_bytes=tables.whole("prints.max_total_mib", 256, 1, 65_536) << 20,
            keep_days=tables.whole("prints.keep_days", 7, 0, 365),
            expire_days=tables.whole("prints.expire_days", 30, 1, 365),
        ),
        people=people.read(tables),
        sign_in=sign_in.read(tables),
        notices=notices.read(tables),
        spaceapi=spaceapi.read(tables),
        reports=reports.read(tables),
    )


def load(file: Path) -> Table:
    """Return a settings file's tables; raises ConfigError for one that cannot be read."""
    try:
        return tables_of(file, file.read_bytes())
    except OSError as error:
        remedy = "Run `makerfloor init DIR` to make one, or name it with --config."
        raise ConfigError(str(file), "", f"cannot be read ({error.strerror})", remedy) from error


def tables_of(file: Path, content: bytes) -> Table:
    """Return the tables of what a file has, or is to have; raises ConfigError for what is not TOML."""
    try:
        return toml.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), "", f"is not TOML ({error})", "Correct that line.") from error


def _invoice(tables: "FileTables") -> InvoiceSettings:
    return InvoiceSettings(
        name=tables.text("invoice.name", "") or tables.text("space.name", "Makerfloor"),
        lines=tuple(line.strip() for line in tables.text("invoice.address", "").splitlines() if line.strip()),
        country=tables.matching("invoice.country", "", r"[A-Z]{2}", 'two letters such as "DE"'),
        contact=tables.text("invoice.contact", ""),
        vat_id=tables.text("invoice.vat_id", ""),
        iban=_account_number(tables, "invoice.iban", iban, 'an IBAN, such as "DE89 3704 0044 0532 0130 00"'),
        bic=_account_number(tables, "invoice.bic", bic, 'a BIC, such as "COBADEFFXXX"'),
        note=tables.text("invoice.note", ""),
        prefix=tables.matching("invoice.prefix", "INV-", PREFIX, PREFIX_WORDS),
        credit_prefix=tables.matching("invoice.credit_prefix", "CN-", PREFIX, PREFIX_WORDS),
        term_days=tables.whole("invoice.term_days", 14, 0, 365),
    )


def _payments(tables: "FileTables") -> PaymentSettings:
    levels = tables.text("payments.reminders", "")
    creditor = 'a SEPA creditor identifier, such as "DE98ZZZ09999999999"'
    return PaymentSettings(
        creditor_id=_account_number(tables, "payments.creditor_id", creditor_id, creditor),
        block_after_days=tables.whole("payments.block_after_days", 0, 0, 365),
        reminders=(tables.file.parent / levels).resolve() if levels else None,
        stripe_key=tables.text("payments.stripe_key", ""),
        stripe_webhook_secret=tables.text("payments.stripe_webhook_secret", ""),
        stripe_address=_address(tables, "payments.stripe_address") or "https://api.stripe.com",
    )


def _account_number(tables: "FileTables", key: str, kind: ModuleType, right: str) -> str:
    """Read a number that carries its own check, without its spaces."""
    text = tables.text(key, "")
    if text and not kind.is_valid(text):
        raise tables.error(key, f"is {text!r}, which is none", f"Write {right}.")
    return str(kind.compact(text)) if text else ""


def _timezone(tables: "FileTables") -> str:
    name = tables.text("space.timezone", "UTC")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = 'Write a name such as "Europe/Berlin".'
        raise tables.error("space.timezone", f"is {name!r}", remedy) from None
    return name


def _address(tables: "FileTables", key: str) -> str | None:
    value = tables.text(key, "")
    if value and not value.startswith(("http://", "https://")):
        raise tables.error(key, f"is {value!r}", "Write an address that begins with http:// or https://.")
    return value.rstrip("/") or None


class FileTables:
    """Typed values by "table.key"; each error says where it stands."""

    def __init__(self, file: Path, tables: Table, environment: Mapping[str, str]) -> None:
        self.file = file
        self._tables = tables
        self._environment = environment

    def environment(self, name: str) -> str | None:
        """Return a variable, which stands over the file."""
        return self._environment.get(name)

    def table(self, key: str) -> Table:
        """Return a table within a table."""
        value = self._value(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "is not a table", f"Write [{key}.NAME] and its keys below.")
        return value

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        """Return an error about a key."""
        return ConfigError(str(self.file), key, problem, remedy)

    def check_keys(self) -> None:
        """Raise ConfigError for a table or a key that is none of ours."""
        for name, table in self._tables.items():
            if name not in KEYS:
                raise self.error(name, "is not a table here", f"Use one of: {', '.join(KEYS)}.")
            if not isinstance(table, Mapping):
                raise self.error(name, "is not a table", f"Write [{name}] and its keys below.")
            for key in table:
                if key not in KEYS[name]:
                    remedy = f"Use one of: {', '.join(KEYS[name])}."
                    raise self.error(f"{name}.{key}", "is not a key here", remedy)

    def _value(self, key: str, default: object) -> object:
        name, _, inner = key.partition(".")
        if key in SECRETS and SECRETS[key] in self._environment:
            return self._environment[SECRETS[key]]
        table = self._tables.get(name, {})
        return table.get(inner, default) if isinstance(table, Mapping) else default

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self._value(key, default)
        if not isinstance(value, str) or (not value.strip() and default):
            raise self.error(key, f"is {value!r}, which is not a text", f'Write {key} = "{default or "…"}".')
        return value

    def matching(self, key: str, default: str, pattern: str, right: str) -> str:
        """Return a text of a form; `right` says what would be."""
        value = self.text(key, default)
        if value and not re.fullmatch(pattern, value):
            raise self.error(key, f"is {value!r}", f"Write {right}.")
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number in bounds."""
        value = self._value(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"is {value!r}", f"Write a whole number from {low} to {high}.")
        return value

    def number(self, key: str, low: float, high: float) -> float | None:
        """Return a number in bounds, None where there is none."""
        value = self._value(key, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"is {value!r}", f"Write a number from {low} to {high}.")
        return float(value)

    def choice(self, key: str, default: str, words: tuple[str, ...]) -> str:
        """Return one of some words."""
        value = self.text(key, default)
        if value not in words:
            raise self.error(key, f"is {value!r}", f"Write one of: {', '.join(words)}.")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {value!r}", "Write true or false.")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(key, f"is {value!r}, which is no list of texts", 'Write a list, such as ["a"].')
        return tuple(value)
