"""A quiz as a page: begun, answered in one form, and what came of it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.certifications import quizzes
from booking_api.web.pages import Paged
from floor.errors import Refused

router = Router(prefix="/training/quizzes", include_in_schema=False)


@router.get("/{skill}")
def quiz_page(who: SignedIn, page: Paged, skill: str) -> Response:
    """Show a quiz: the questions of the open try, or what came of the last one."""
    require(who, Permission.ME_READ)
    now_ms = page.context.clock.now_ms()
    with page.context.database.read() as session:
        at = quizzes.desk(session, skill, who.id)
    last = at.past[-1] if at.past and at.open is None else None
    shown = last is not None and at.quiz.shows_wrong and last.version == at.skill.updated_ms
    wrong = [at.quiz.questions[place] for place in last.wrong] if last and shown else []
    return page.answer("quiz.html", {"at": at, "last": last, "wrong": wrong, "now_ms": now_ms})


@router.post("/{skill}/begin")
def begin(who: SignedIn, session: Writing, page: Paged, skill: str) -> Response:
    """Begin a try."""
    require(who, Permission.ME_WRITE)
    quizzes.begin(session, skill, who.id, page.context.clock.now_ms())
    return RedirectResponse(f"/training/quizzes/{skill}", 303)


@router.post("/{skill}")
async def answer(who: SignedIn, request: Request, page: Paged, skill: str) -> Response:
    """Take the answers: fields `qN` of the places that were chosen, as the page shows them."""
    require(who, Permission.ME_WRITE)
    form = await request.form()
    chosen: dict[int, frozenset[int]] = {}
    for key in form:
        if key != "csrf":
            chosen[_number(key.removeprefix("q"))] = frozenset(_number(v) for v in form.getlist(key))
    now_ms = page.context.clock.now_ms()
    done = await page.context.database.transact(
        lambda session: quizzes.answer(session, skill, who.id, chosen, now_ms)
    )
    return RedirectResponse(f"/training/quizzes/{skill}?notice={'passed' if done.passed else 'failed'}", 303)


def _number(text: object) -> int:
    if not isinstance(text, str) or not text.isdecimal() or len(text) > 4:
        raise Refused("form_malformed", "Something in the form is missing or not as it should be.")
    return int(text)
