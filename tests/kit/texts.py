"""Every text that pages may say, gathered from templates and sources."""

from __future__ import annotations

import ast
from pathlib import Path

from babel.messages.extract import extract

from booking_api.alerts import words as alert_words
from booking_api.auth import desk, identities, letters
from booking_api.documents import pdf
from booking_api.members import cells
from booking_api.notices import kinds
from booking_api.prints.applied import CUT_SHORT
from booking_api.reports import endpoints as reports
from booking_api.reports import year_words
from booking_api.tariffs import form_fields
from booking_api.web import (
    alarms,
    badge_reading,
    billing_run,
    closing,
    documents,
    errors,
    explain,
    funds,
    health_words,
    join,
    phone,
    records,
    remedies,
    render,
    reserve,
    reserve_words,
    sentences,
    settings_words,
    sign_in,
    upkeep_words,
    vocabulary,
    watch,
    wording,
)
from firmware_bridge.bambu import wording as bambu_words
from firmware_bridge.grbl import codes
from floor.tariff.model import UNITS
from floor.words import Role

WEB_SOURCES = (
    "booking_api/web",
    "booking_api/api",
    "booking_api/auth",
    "booking_api/badges",
    "booking_api/certifications",
    "booking_api/machines",
    "booking_api/reports",
    "booking_api/accounts",
    "booking_api/billing",
    "booking_api/memberships",
    "booking_api/documents",
    "booking_api/payments",
    "booking_api/disputes",
    "booking_api/costing",
    "booking_api/periods",
    "booking_api/prints",
    "booking_api/reservations",
    "booking_api/households",
    "booking_api/members",
    "booking_api/privacy",
    "booking_api/registrations",
    "booking_api/waivers",
    "booking_api/maintenance",
    "booking_api/audit",
    "booking_api/webhooks",
    "booking_api/notices",
    "booking_api/tariffs",
    "booking_api/configured",
)
_CALLS = frozenset({"gettext", "_"})


def of_templates(templates: Path) -> dict[str, str]:
    """Texts of `_("…")` in templates, each with where it stands."""
    found: dict[str, str] = {}
    for path in sorted(templates.glob("*.html")):
        with path.open("rb") as file:
            for line, message, _, _ in extract("jinja2.ext:babel_extract", file, {"_": None}):
                texts = [message] if isinstance(message, str) else list(message)
                found |= {text: f"{path.name}:{line}" for text in texts if text}
    return found


def of_sources(root: Path) -> dict[str, str]:
    """Texts of `gettext("…")` in Python, and of refusals that a form on a page can meet, where constant."""
    found: dict[str, str] = {}
    for room in WEB_SOURCES:
        for path in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and (text := _text(node)):
                    found[text] = f"{path.name}:{node.lineno}"
    return found


def _text(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            at = 0 if name in _CALLS else 1 if name == "Refused" else None
            if at is not None and len(call.args) > at:
                argument = call.args[at]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    return argument.value
    return None


def of_tables() -> set[str]:
    """Texts that stand in tables: names of quantities and units, of pages and roles, notices."""
    said = (
        set(vocabulary.QUANTITIES.values()) | set(wording._CREDIT.values()) | set(wording._UNCLAIMED.values())
    )
    said |= set(vocabulary.KINDS.values()) | set(explain.BOUNDS.values()) | set(documents.NAMES.values())
    tables = (vocabulary.COUNTED, vocabulary.FREE, vocabulary.EACH, vocabulary.EVERY)
    tables += (vocabulary.EACH_NAME, vocabulary.OCCASIONS)
    said |= {text for table in (*closing.TEXTS, *funds.TEXTS) for text in table.values()}
    said |= {text for one in billing_run.ODD.values() for text in one} | {*billing_run.KINDS.values()}
    said |= {text for table in year_words.TEXTS for text in table.values()}
    said |= {text for table in tables for text in table.values() if text} | {
        pdf.NO_TYPST,
        pdf.NO_FONT,
        CUT_SHORT,
    }
    said |= set(alarms.ALARMS.values()) | set(reserve.KINDS.values())
    said |= {*sentences.PATTERNS, *sentences.WORDS}
    said |= set(reserve_words.RULES.values()) | set(reserve_words.STANDINGS.values())
    said |= (
        set(alarms.ALARMS.values()) | set(join.WRONG.values()) | {join.OTHERWISE} | set(cells.RIGHT.values())
    )
    said |= set(alarms.ALARMS.values()) | set(errors.SENTENCES.values())
    said |= {desk.OFTEN, identities.UNKNOWN, letters.OVER, sign_in.NOT_PROVEN}
    said |= {phone.UNKNOWN, *phone.DONE.values()} | {text for _, text in badge_reading.STATES.values()}
    said |= {text for _, text in render.NOTICES.values()} | {title for title, _ in render._NAV if title}
    said |= {name for _, links in render._NAV for _, name, _ in links}
    said |= {text for row in kinds.MEMBER.values() for text in row[1:]} | {*kinds.DETAILS.values()}
    said |= {text for row in (*kinds.STAFF.values(), *kinds.LETTERS.values()) for text in row}
    said |= {*alert_words.NAMES.values()}
    said |= {*kinds.DECLINED, *kinds.KNOWN, *kinds.MOVED}
    said |= {kinds.UNASKED, *kinds.NAMES.values(), *kinds.WAYS.values(), *watch.STATES.values()}
    said |= set(watch.CHANGES.values()) | {upkeep_words.UNKNOWN}
    said |= set(remedies.REMEDIES.values()) | {text for row in remedies.MEANINGS for text in row[1:] if text}
    health = (health_words.TROUBLES, health_words.USES, health_words.GAUGES, health_words.SEVERITIES)
    said |= {text for table in health for text in table.values()} | machines_own()
    said |= {text for one in upkeep_words.TEXTS for text in one.values()}
    said |= set(watch.CHANGES.values()) | set(vocabulary.TIERS)
    said |= {text for table in reports.TEXTS for text in table}
    kept = (records.RECORDS, records.HAPPENINGS, records.PROBLEMS)
    said |= {text for table in kept for text in table.values()}
    units = {unit for units in UNITS.values() for unit in units}
    said |= {vocabulary.SYMBOLS.get(unit, unit) for unit in units} | {role.value for role in Role}
    said |= {*form_fields.TEXTS} | {text for table in settings_words.TEXTS for text in table.values()}
    return said


def machines_own() -> set[str]:
    """Texts of the drivers' own tables, which pages translate where a machine's words have them."""
    tables = (codes.ALARMS, codes.GRBLHAL_ALARMS, codes.FLUIDNC_ALARMS)
    return {text for table in tables for text in table.values()} | {*bambu_words.PARTS.values()} - {"AMS"}
