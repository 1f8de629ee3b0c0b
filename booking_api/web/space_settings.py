"""The settings page: every key with its value and where it comes from, and a form for what may be changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlmodel import Session, col, select
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.clock import make_id
from booking_api.configured import told
from booking_api.configured.models import SettingChange
from booking_api.settings import KEYS, SECRETS
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.settings_words import LABELS, SECTIONS, SOURCES, WORDS
from floor.errors import ConfigError

router = Router(prefix="/settings", include_in_schema=False)
Sets = Annotated[Who, Depends(holds(Permission.SETTINGS_WRITE))]
LATELY = 20


async def _sent(request: Request) -> FormData:
    return await request.form()


@router.get("")
def settings_page(who: Sets, session: Reading, page: Paged) -> Response:
    """Show the settings by section."""
    return _shown(session, page, {}, None)


@router.post("")
def change_settings(
    who: Sets, session: Writing, page: Paged, sent: Annotated[FormData, Depends(_sent)]
) -> Response:
    """Write what was typed into the settings file; all of it or nothing."""
    typed = {key: str(value) for key, value in sent.items() if key in LABELS}
    try:
        found = told.read_changes(page.context.settings.file, typed)
        for key, (before, after) in found.keys.items():
            at_ms = page.context.wall.now_ms()
            row = SettingChange(
                id=make_id(at_ms), at_ms=at_ms, author=who.id, key=key, before=before, after=after
            )
            session.add(row)
        session.flush()
        told.write_changes(page.context.settings.file, found)
    except ConfigError as error:
        session.rollback()
        return _shown(session, page, typed, error, 422)
    notice = "settings_kept" if found.keys else "settings_same"
    return RedirectResponse(f"/settings?notice={notice}", 303)


@router.post("/test-mail")
def test_mail(who: SignedIn, may: Sets, request: Request, page: Paged) -> Response:
    """Send the reader a mail by the settings with which the server runs, and say whether it was taken."""
    from booking_api.notices.sending import send_mail
    from booking_api.notices.trying import NotSent

    gettext, address = page.f.texts.gettext, who.member.email or ""
    title = gettext("%(space)s: test") % {"space": page.context.settings.space_name}
    body = gettext("Mails of this space arrive.")
    problem = ""
    try:
        send_mail(page.context.settings.notices, address, title, f"{body}\n")
    except NotSent as error:
        problem = str(error)
    part = page.part("part_settings_mail.html", address=address, problem=problem)
    if request.headers.get("hx-request"):
        return HTMLResponse(part)
    return page.answer("settings_mail.html", {"part": part})


def _shown(
    session: Session, page: Page, typed: dict[str, str], wrong: ConfigError | None, status: int = 200
) -> Response:
    # Here, so that no server waits for what examines its database.
    from booking_api.doctor import check_tariffs, letters_waiting

    settings, now_ms = page.context.settings, page.context.wall.now_ms()
    explained = told.explain(settings.file)
    lately = list(
        session.exec(select(SettingChange).order_by(col(SettingChange.at_ms).desc()).limit(LATELY)).all()
    )
    sections = [(name, [one for one in explained.told if one.key.startswith(f"{name}.")]) for name in KEYS]
    values = {
        "file": str(settings.file),
        "sections": sections,
        "titles": SECTIONS,
        "labels": LABELS,
        "sources": SOURCES,
        "words": WORDS,
        "secrets": SECRETS,
        "typed": typed,
        "wrong": wrong,
        "problems": explained.problems,
        "newer": told.is_newer(settings),
        "findings": [finding.words for finding in check_tariffs(session)],
        "waiting": list(letters_waiting(session, now_ms)),
        "lately": lately,
        "names": names_of(session, {one.author for one in lately}, staff=True),
    }
    return page.answer("settings.html", values, status)
