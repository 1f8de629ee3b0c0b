"""Pages of what is watched and told: the audit log, webhooks, and what one is told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from booking_api.alerts.service import STAFF
from booking_api.api.routes import Router
from booking_api.audit import service as audit
from booking_api.audit.service import Filters
from booking_api.audit.tables import RECORDED
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.notices import choices
from booking_api.notices import service as notices
from booking_api.notices.endpoints import outgoing
from booking_api.notices.kinds import NAMES, WAYS, Kind, Way
from booking_api.web.board import names_of
from booking_api.web.moments import day_begins, day_ends
from booking_api.web.pages import Paged
from booking_api.web.records import happening, problem, record
from booking_api.web.render import Page
from booking_api.webhooks import service as webhooks
from booking_api.webhooks.endpoints import deliveries_of
from booking_api.webhooks.models import DeliveryState, Webhook
from booking_api.webhooks.service import WebhookDetails
from floor.errors import Refused

router = Router(include_in_schema=False)
ReadsLog = Annotated[Who, Depends(holds(Permission.AUDIT_READ))]
Keeper = Annotated[Who, Depends(holds(Permission.WEBHOOKS_WRITE))]
Text = Annotated[str, Query(max_length=200)]
ROWS = 50
STATES = {
    DeliveryState.PENDING: "Waiting",
    DeliveryState.DELIVERED: "Taken",
    DeliveryState.DEAD: "Given up",
}
CHANGES = {
    "added": "Added",
    "changed": "Changed",
    "removed": "Removed",
    "posted": "Posted",
    "signed in": "Signed in",
    "stopped": "Stopped",
    "identified": "Made to blink",
    "sent again": "Sent again",
}
"""What was done, in words; another word stands as it is."""
ID_LENGTH = 36
CHOICES = 20
NAMED_MAX = 2_000
"""Of the values on a page so many at most are looked up as people."""


@router.get("/audit")
def audit_log(
    who: ReadsLog,
    session: Reading,
    page: Paged,
    member: Text = "",
    about: Text = "",
    kind: Text = "",
    object: Text = "",
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    cursor: Text = "",
) -> Response:
    """Show what staff did, newest first."""
    asked = {"member": member, "about": about, "kind": kind, "object": object, "from": first, "to": last}
    first_ms = day_begins(first, page.f)
    last_ms = day_ends(last, page.f)
    actor, concerned = _meant(session, member), _meant(session, about)
    filters = Filters(actor.id, concerned.id, kind, object, first_ms, last_ms)
    acts, more = audit.listed(session, filters, cursor, ROWS)
    parts = [part for act in acts for part in act.parts]
    told = [value for part in parts for one in part.fields for value in (one.before, one.after)]
    ids = [one for one in told if isinstance(one, str) and len(one) == ID_LENGTH]
    people = names_of(
        session, {part.about for part in parts if part.about} | set(ids[:NAMED_MAX]), staff=True
    )
    values = {"acts": acts, "more": more, "asked": asked, "people": people, "changes": CHANGES}
    kinds = sorted((record(one, page.f), one) for one in RECORDED)
    searched = {"member": actor, "about": concerned}
    return page.answer("audit.html", values | {"record": record, "kinds": kinds, "searched": searched})


@router.get("/webhooks")
def webhook_list(who: Keeper, session: Reading, page: Paged) -> Response:
    """List the webhooks, and what does not go out to people."""
    return _webhook_list(session, page)


@router.post("/webhooks")
def add_webhook(
    who: Keeper,
    session: Writing,
    page: Paged,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    address: Annotated[str, Form(min_length=1, max_length=500)],
    happenings: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Register a webhook, and show its secret this once."""
    details = WebhookDetails(name=name, address=address, happenings=happenings or ["*"])
    context = page.context
    now_ms = context.wall.now_ms()
    made, secret = webhooks.add(
        session, context.vault, details, context.settings.notices.reach, who.id, now_ms
    )
    session.flush()
    return _webhook_list(session, page, made, secret)


@router.get("/webhooks/{id}")
def webhook_page(
    who: Keeper,
    session: Reading,
    page: Paged,
    id: str,
    state: DeliveryState | None = None,
    cursor: Text = "",
) -> Response:
    """Show a webhook and what was sent to it."""
    webhook = webhooks.get(session, id)
    rows, more = deliveries_of(session, id, state, cursor, ROWS)
    counts = webhooks.counts(session).get(id, webhooks.Counts())
    values = {"webhook": webhook, "rows": rows, "more": more, "state": state, "counts": counts}
    return page.answer(
        "webhook.html", values | {"states": STATES, "happening": happening, "problem": problem}
    )


@router.post("/webhooks/{id}/{act}")
def act_on_webhook(
    who: Keeper,
    session: Writing,
    page: Paged,
    id: str,
    act: str,
    delivery: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Ping, resume, remove a webhook, give it another secret, or send again what it did not take."""
    now_ms = page.context.wall.now_ms()
    match act:
        case "ping":
            webhooks.ping(session, id, now_ms)
        case "resume":
            webhooks.resume(session, id)
        case "again":
            webhooks.again(session, id, now_ms, delivery or None)
        case "secret":
            made, secret = webhooks.renew_secret(session, page.context.vault, id)
            return _webhook_list(session, page, made, secret)
        case "remove":
            webhooks.remove(session, id)
            return RedirectResponse("/webhooks", 303)
        case _:
            raise Refused("act_not_found", "There is no such page.")
    return RedirectResponse(f"/webhooks/{id}", 303)


@router.get("/me/notices")
def my_notices(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Show what one is told of, and how."""
    require(who, Permission.ME_READ)
    is_staff = who.member.role in STAFF
    values = {
        "kinds": {kind: NAMES[kind] for kind in Kind if kind is not Kind.ALERTS or is_staff},
        "ways": WAYS,
        "chosen": choices.choices(session, who.id),
        "push": choices.push_scheme(session, who.id),
        "allowed": page.context.settings.notices.push,
        "email": who.member.email,
    }
    return page.answer("notices.html", values)


@router.post("/me/notices")
async def choose_notices(who: SignedIn, request: Request, session: Writing, page: Paged) -> Response:
    """Choose what one is told of, and how."""
    require(who, Permission.ME_WRITE)
    form = await request.form()
    for kind in Kind:
        chosen = form.get(kind)
        if isinstance(chosen, str) and chosen in set(Way):
            choices.choose(session, who.id, kind, Way(chosen))
    url = form.get("push")
    if isinstance(url, str) and (url.strip() or form.get("forget")):
        settings, now_ms = page.context.settings.notices, page.context.wall.now_ms()
        choices.set_push(session, page.context.vault, who.id, url, settings, now_ms)
    return RedirectResponse("/me/notices?notice=told", 303)


@router.post("/me/notices/test")
def test_notices(who: SignedIn, session: Writing, page: Paged) -> Response:
    """Send the reader a message by each way on which they can be reached."""
    require(who, Permission.ME_WRITE)
    gettext, context = page.f.texts.gettext, page.context
    title, body = gettext("A test message"), gettext("If you read this, messages from the space reach you.")
    member = members.get(session, who.id)
    sent = notices.test(session, member, title, body, context.settings.notices, context.wall.now_ms())
    return RedirectResponse(f"/me/notices?notice={'tested' if sent else 'nowhere'}", 303)


@router.get("/notices/stop")
def ask_to_stop(page: Paged, member: Text, kind: Kind, sign: Text) -> Response:
    """Ask whether mails of a kind are to end; opening the address changes nothing."""
    choices.check_stop(page.context.vault, member, kind, sign)
    values = {"kind": kind, "name": NAMES[kind], "member": member, "sign": sign, "done": False}
    return page.answer("notices_stop.html", values)


@router.post("/notices/stop")
def stop(page: Paged, session: Writing, member: Text, kind: Kind, sign: Text) -> Response:
    """End the mails of a kind, as their link says (RFC 8058)."""
    choices.check_stop(page.context.vault, member, kind, sign)
    choices.choose(session, member, kind, Way.NOTHING)
    values = {"kind": kind, "name": NAMES[kind], "member": member, "sign": sign, "done": True}
    return page.answer("notices_stop.html", values)


@dataclass(frozen=True, slots=True)
class Meant:
    """Whom a filter means: an id, what the filter shows, and people to choose from if it fits several."""

    id: str
    words: str
    people: tuple[Member, ...] = ()


def _meant(session: Session, text: str) -> Meant:
    """Find a person by name, number or email; a text that fits nobody stays: ids outlive who was erased."""
    text = text.strip()
    if not text:
        return Meant("", "")
    exact = session.get(Member, text)
    found = [exact] if exact else members.listed(session, text, CHOICES)
    if len(found) == 1:
        return Meant(found[0].id, found[0].whole_name or text)
    return Meant(text, text, tuple(found))


def _webhook_list(session: Reading, page: Page, made: Webhook | None = None, secret: str = "") -> Response:
    values = {
        "webhooks": webhooks.listed(session),
        "counts": webhooks.counts(session),
        "nothing": webhooks.Counts(),
        "happenings": list(Happening),
        "outgoing": outgoing(session),
        "made": made,
        "secret": secret,
        "happening": happening,
        "problem": problem,
    }
    return page.answer("webhooks.html", values)
