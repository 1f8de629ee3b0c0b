"""A tariff being written: the form and the file side by side, tried, compared, and put in force."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.exports import sheet
from booking_api.machines import service as machines
from booking_api.memberships.days import begin_ms, read_day
from booking_api.tariffs import service
from booking_api.tariffs.compare import Comparison
from booking_api.tariffs.compare_words import histogram, round_to_tenth
from booking_api.tariffs.draft import (
    Asked,
    Draft,
    blank,
    counts_for,
    draft,
    example,
    tried,
    units_for,
)
from booking_api.tariffs.form import moved_to
from booking_api.tariffs.form_fields import CHOICES, TITLES, Group
from booking_api.tariffs.past import ONE_AT_A_TIME, Window, compare_past, covered, labels
from booking_api.tariffs.quote import written
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.tariffs import Writes, kept
from booking_api.web.vocabulary import EACH_NAME, OCCASIONS, QUANTITIES, unit_text
from booking_api.web.wording import tariff_words
from floor.errors import ConfigError, Refused
from floor.money import MICRO
from floor.tariff import Tariff
from floor.tariff.load import PER
from floor.tariff.load_components import CALENDAR

router = Router(prefix="/tariffs", include_in_schema=False)
COMPARED_MOST = 10_000
"""So many charges a page compares: a few seconds. `makerfloor tariff compare` compares all."""
DAYS = 90
"""The use of so many days is compared unless another day is chosen."""
Books = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]


async def _sent(request: Request) -> FormData:
    return await request.form()


Sent = Annotated[FormData, Depends(_sent)]


@dataclass(frozen=True, slots=True)
class Editor:
    """What the form sent: whose tariff, the draft, and the version that it follows (None for a new one)."""

    id: str
    draft: Draft
    old: Tariff | None
    typed: Mapping[str, str]


@router.get("/new")
def new_tariff(who: Writes, session: Reading, page: Paged) -> Response:
    """Begin a tariff that is not there yet."""
    begin = _next_month(page)
    text = blank("new-tariff", begin, page.context.settings.currency.code)
    return _whole(page, session, Editor("", draft(text, text, {}, page.f.zone), None, {}))


@router.get("/{id}/edit")
def edit_tariff(who: Writes, session: Reading, page: Paged, id: str, version: str = "") -> Response:
    """Write the next version of a tariff: it begins as a copy of the newest, or of the one asked for."""
    versions = kept(session, id)
    of = next((one for one in versions if one.id == version), versions[-1])
    text = moved_to(of.text, max(_next_month(page), _after(versions[-1].valid_from_ms, page)))
    return _whole(
        page, session, Editor(id, draft(text, text, {}, page.f.zone), _current(session, id, page), {})
    )


@router.post("/draft")
def redraw(who: Writes, session: Reading, page: Paged, sent: Sent, side: str = "") -> Response:
    """Bring form and file together; `side` says which was changed, and what of the page is answered."""
    editor = _editor(session, page, sent)
    if not side:
        return _whole(page, session, editor)
    values = _values(page, session, editor)
    told = page.part("part_tariff_told.html", oob=side != "try", **values)
    if side == "try":
        return HTMLResponse(told)
    if side == "form":
        marks = page.part("part_tariff_marks.html", before=str(sent.get("wrong") or ""), **values)
        return HTMLResponse(page.part("part_tariff_file.html", **values) + told + marks)
    if side == "file":
        return HTMLResponse(page.part("part_tariff_fields.html", with_base=True, **values) + told)
    return HTMLResponse(page.part("part_tariff_editor.html", **values))


@router.post("/keep")
def keep(who: Writes, session: Writing, page: Paged, sent: Sent) -> Response:
    """Put the draft in force from its own time, which lies ahead; what was used before costs what it cost."""
    editor, now_ms = _editor(session, page, sent), page.context.clock.now_ms()
    made = editor.draft
    if made.tariff is None or made.refused:
        return _whole(page, session, editor, 422)
    known = service.versions(session, [made.tariff.id]).get(made.tariff.id, [])
    if editor.id and made.tariff.id != editor.id:
        raise Refused("tariff_renamed", "The id names the tariff and stays. Begin a new tariff for another.")
    if not editor.id and known and all(one.text != made.text for one in known):
        raise Refused("tariff_exists", "There is a tariff of this id already. Write its next version.")
    if known and made.tariff.valid_from_ms <= now_ms and all(one.text != made.text for one in known):
        raise Refused("tariff_in_past", "Choose a time that lies ahead: what was used costs what it cost.")
    try:
        version = service.add(session, made.text, who.id, now_ms)
    except ConfigError as error:
        raise Refused("tariff_invalid", str(error)) from error
    return RedirectResponse(f"/tariffs/{version.tariff}?notice=tariff_kept", 303)


@router.post("/compare")
def compare(
    who: Writes, books: Books, request: Request, session: Reading, page: Paged, sent: Sent
) -> Response:
    """Show who would have paid more and who less, over past use."""
    editor = _editor(session, page, sent)
    values = _compared(session, page, editor, str(sent.get("since") or ""))
    part = page.part("part_tariff_compare.html", **values)
    if request.headers.get("hx-request"):
        return HTMLResponse(part)
    return page.answer("tariff_compare.html", {"id": editor.id, "part": part})


@router.post("/compare.csv")
def compare_csv(who: Writes, books: Books, session: Reading, page: Paged, sent: Sent) -> Response:
    """Return the comparison as a table: a row an account."""
    editor = _editor(session, page, sent)
    values = _compared(session, page, editor, str(sent.get("since") or ""))
    made = values.get("made")
    if not isinstance(made, Comparison):
        raise Refused("compare_invalid", "The file cannot be compared as it stands.")
    names = labels(session, made.accounts)
    rows: list[list[str | int]] = [["account", "name", "uses", "old", "new", "change", "commodity"]]
    for account, sums in sorted(made.accounts.items(), key=lambda one: -one[1].change_micro):
        amounts = [_decimal(micro) for micro in (sums.old_micro, sums.new_micro, sums.change_micro)]
        rows.append([account, names.get(account, ""), sums.visits, *amounts, made.commodity.code])
    return sheet.answer(rows, f"compare-{editor.id}")


def _decimal(micro: int) -> str:
    sign, rest = "-" if micro < 0 else "", abs(micro)
    return f"{sign}{rest // MICRO}.{rest % MICRO:06}"


def _next_month(page: Page) -> date:
    today = page.f.moment(page.context.clock.now_ms()).date()
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _after(at_ms: int, page: Page) -> date:
    return page.f.moment(at_ms).date() + timedelta(days=1)


def _current(session: Session, id: str, page: Page) -> Tariff | None:
    """Return what is in force now, else the newest version; None for a tariff that is not there."""
    found = service.versions(session, [id]).get(id, [])
    past = [one for one in found if one.valid_from_ms <= page.context.clock.now_ms()] or found
    return service.parsed(past[-1].text, past[-1].id) if past else None


def _editor(session: Session, page: Page, sent: FormData) -> Editor:
    typed = {name: value for name, value in sent.items() if isinstance(value, str)}
    id, text = typed.get("tariff", "")[:64], typed.get("text", "")
    asked = Asked(typed.get("add", ""), typed.get("new_tier", ""), typed.get("remove", ""))
    if typed.get("add") == "" and typed.get("new_tier", "").strip():
        asked = Asked("tiers", typed["new_tier"])
    made = draft(text, typed.get("base") or text, typed, page.f.zone, asked)
    return Editor(id, made, _current(session, id, page) if id else None, typed)


def _whole(page: Page, session: Session, editor: Editor, status: int = 200) -> Response:
    return page.answer("tariff_edit.html", _values(page, session, editor), status)


def _values(page: Page, session: Session, editor: Editor) -> dict[str, object]:
    made, now_ms = editor.draft, page.context.clock.now_ms()
    both = [one for one in (made.tariff, editor.old) if one]
    use = example(editor.typed, both, now_ms, page.f.zone)
    gettext = page.f.texts.gettext
    per = {"flat": gettext("flat price")} | {word: gettext(QUANTITIES[PER[word]]) for word in PER}
    per |= {word: gettext(EACH_NAME[period]) for word, period in CALENDAR.items()}
    return {
        "id": editor.id,
        "d": made,
        "old": editor.old,
        "words": tariff_words(made.tariff, page.f) if made.tariff else [],
        "groups": [
            (group, TITLES[group], [row for row in made.rows if row.group is group]) for group in Group
        ],
        "choices": CHOICES,
        "per": per,
        "occasions": {str(on): gettext(words) for on, words in OCCASIONS.items()},
        "quantities": {str(q): gettext(words) for q, words in QUANTITIES.items()},
        "units": units_for(both),
        "unit_of": lambda unit: unit_text(unit, page.f),
        "counts": counts_for(both),
        "use": use,
        "try_at": page.f.moment(use.at_ms).strftime("%Y-%m-%dT%H:%M"),
        "tried": tried(use, editor.old, made.tariff, page.f.zone) if made.tariff else [],
        "machines": [one for one in machines.listed(session) if one.tariff == editor.id] if editor.id else [],
        "since": (page.f.moment(now_ms).date() - timedelta(days=DAYS)).isoformat(),
        "most": COMPARED_MOST,
    }


def _compared(session: Session, page: Page, editor: Editor, since: str) -> dict[str, object]:
    """Compare, and say what of it is covered; a draft that is wrong says so instead."""
    new, now_ms = editor.draft.tariff, page.context.clock.now_ms()
    if new is None or not editor.id:
        return {"made": None, "problem": ""}
    day = read_day(since) or page.f.moment(now_ms).date() - timedelta(days=DAYS)
    asked = Window(editor.id, begin_ms(day, page.f.zone), now_ms)
    if not ONE_AT_A_TIME.acquire(blocking=False):
        return {
            "made": None,
            "problem": page.f.texts.gettext("Another comparison runs. Try again in a minute."),
        }
    begun = time.monotonic()
    try:
        window, counted = covered(session, asked, COMPARED_MOST)
        made = compare_past(session, window, None, new)
    except Refused as error:
        return {"made": None, "problem": str(error)}
    finally:
        ONE_AT_A_TIME.release()
    took_ms = round((time.monotonic() - begun) * 1000)
    most = made.most_affected()
    return {
        "made": made,
        "problem": "",
        "code": made.commodity.code,
        "window": window,
        "cut": window != asked,
        "counted": counted,
        "took": took_ms,
        "bars": _bars(made, page),
        "most": [(labels(session, [account]).get(account, account), sums) for account, sums in most],
        "machine_names": {one.id: one.name for one in machines.listed(session, archived=True)},
        "percent": lambda part: "" if part is None else f"{_signed_tenth(part)} %",
        "signed": lambda micro: _signed(micro, made.commodity.code, page),
    }


def _signed(micro: int, code: str, page: Page) -> str:
    text = page.f.money(abs(micro), code)
    return f"+{text}" if micro > 0 else f"−{text}" if micro < 0 else text


def _signed_tenth(part: Fraction) -> str:
    tenth = round_to_tenth(part)
    return ("+" if tenth > 0 else "−" if tenth < 0 else "") + written(abs(tenth))


def _bars(made: Comparison, page: Page) -> list[tuple[str, int, str]]:
    """Return a label, how many accounts, and which side of 0: less, same or more."""
    code, found = made.commodity.code, []
    for low, high, count in histogram(made.changes(), made.commodity):
        side = "same" if low == high else "more" if high > 0 else "less"
        label = (
            page.f.money(0, code)
            if low == high
            else f"{_signed(low, code, page)} … {_signed(high, code, page)}"
        )
        found.append((label, count, side))
    return found
