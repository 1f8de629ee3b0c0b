"""Waivers as pages: read and signed by members, published and seen by staff, on paper as PDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, Form, Query
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents import pdf
from booking_api.machines import service as machines
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms, day_of, read_day
from booking_api.waivers import service
from booking_api.waivers.endpoints import Agreement, signing_of
from booking_api.waivers.models import WaiverSignature, WaiverVersion
from booking_api.waivers.service import Asked, WaiverDetails
from booking_api.web.kinds import kind_words
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import machine_names
from floor.errors import Refused
from floor.texts import LANGUAGES

router = Router(include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Named = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=50_000)]
Several = Annotated[Sequence[str], Form()]
ROWS = 50


@router.get("/waivers")
def waiver_list(
    who: Reads, session: Reading, page: Paged, machine: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Show the texts that are signed, and who has to sign: for every machine, or for one."""
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    there = machines.listed(session)
    used = machines.get(session, machine) if machine else None
    unsigned = service.missing(session, None, today, used)
    people = select(Member).where(col(Member.id).in_(unsigned)).order_by(col(Member.sort)).limit(ROWS)
    values = {
        "rows": list(reversed(service.versions(session))),
        "missing": session.exec(people).all(),
        "count": len(unsigned),
        "languages": LANGUAGES,
        "today": today.isoformat(),
        "machines": there,
        "used": used,
        "kinds": sorted({one.kind for one in there}),
        "where": where_words(session, page),
        "name_of": lambda row: service.text_of(row, page.f.language)[0],
        "day": lambda one: page.f.day(begin_ms(one, page.f.zone)),
    }
    return page.answer("waivers.html", values)


@router.post("/waivers")
def publish(
    who: Keeps,
    session: Writing,
    page: Paged,
    kind: Annotated[str, Form(max_length=40)],
    name_en: Named = "",
    text_en: Words = "",
    name_zh: Named = "",
    text_zh: Words = "",
    due: Annotated[str, Form(max_length=10)] = "",
    again: Annotated[bool, Form()] = False,
    minors_only: Annotated[bool, Form()] = False,
    over: Annotated[bool, Form()] = False,
    machine: Several = (),
    machine_kind: Several = (),
) -> Response:
    """Publish a version; `over` ends that this kind has to be signed."""
    names = {"en": name_en.strip(), "zh": name_zh.strip()}
    texts = {"en": text_en.strip(), "zh": text_zh.strip()}
    try:
        details = WaiverDetails(
            kind=kind.strip(),
            names={key: name for key, name in names.items() if name},
            texts={key: text for key, text in texts.items() if text},
            again=again,
            minors_only=minors_only,
            required=not over,
            due=read_day(due),
            machines=list(machine),
            machine_kinds=list(machine_kind),
        )
    except ValueError:
        sentence = "Write a short name of small letters, and a name and a text in at least one language."
        raise Refused("waiver_invalid", sentence) from None
    service.publish(session, details, who.id, page.context.clock.now_ms())
    return RedirectResponse("/waivers?notice=published", 303)


@router.get("/waivers/{version}")
def read_waiver(
    who: SignedIn,
    session: Reading,
    page: Paged,
    version: str,
    member: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show a text, with the form to sign it for oneself, for one's ward, or as staff what is on paper."""
    person = members.get(session, member or who.id)
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    wards = {one.id for one in care.wards(session, who.id, today)}
    if person.id not in wards:
        own_or(who, person.id, Permission.MEMBERS_WRITE)
    row = service.get(session, version)
    name, text, language = service.text_of(row, page.f.language)
    is_minor = care.is_minor(session, person.id, today)
    values = {
        "row": row,
        "name": name,
        "paragraphs": text.split("\n"),
        "language": language,
        "person": person,
        "mine": person.id == who.id,
        "is_minor": is_minor,
        "where": where_words(session, page),
        "may_sign": service.is_newest(session, version) and (person.id != who.id or not is_minor),
    }
    return page.answer("waiver.html", values)


@router.post("/waivers/{version}")
def sign(
    who: SignedIn,
    session: Writing,
    page: Paged,
    version: str,
    name: Annotated[str, Form(max_length=200)],
    member: Annotated[str, Form(max_length=64)] = "",
    language: Annotated[str, Form(max_length=8)] = "",
    agreed: Annotated[bool, Form()] = False,
) -> Response:
    """Sign a text."""
    person = members.get(session, member or who.id).id
    agreement = Agreement(name=name, agreed=agreed, language=language or page.f.language)
    signing = signing_of(session, who, page.context, person, agreement)
    service.sign(session, person, version, signing, page.context.clock.now_ms())
    is_desk = who.id != person and who.may(Permission.MEMBERS_WRITE)
    return RedirectResponse(f"{f'/members/{person}' if is_desk else '/me'}/details?notice=signed", 303)


@router.get("/signatures/{id}.pdf")
def signature_pdf(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Give what was signed as PDF: the text as it was read, by whom and when."""
    row = session.get(WaiverSignature, id)
    if row is None:
        raise Refused("signature_not_found", "There is no such signature.")
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    if row.member not in {one.id for one in care.wards(session, who.id, today)}:
        own_or(who, row.member, Permission.MEMBERS_READ)
    version, person = service.get(session, row.version), members.get(session, row.member)
    body = pdf.pdf("waiver", _paper(page, row, person, version))
    head = {"Content-Disposition": f'inline; filename="{row.version.replace("@", "-")}.pdf"'}
    return Response(body, media_type="application/pdf", headers=head)


def where_words(session: Session, page: Page) -> Callable[[WaiverVersion], str]:
    """Return what names the machines at which a version is asked for; "" where it is at all of them."""
    names = machine_names(session)
    texts = page.f.texts

    def where(row: WaiverVersion) -> str:
        kinds = [kind_words(kind, texts) for kind in row.machine_kinds]
        return texts.gettext(", ").join([*(names.get(id, id) for id in row.machines), *kinds])

    return where


def asked_now(session: Session, page: Page, member: Member) -> list[Asked]:
    """Return what a member has to sign for machines that they may use otherwise."""
    now_ms = page.context.clock.now_ms()
    found = []
    for one in service.asked(session, member, day_of(now_ms, page.f.zone)):
        users = service.concerned(session, one.version, {member.id}, now_ms)
        if users is None or member.id in users:
            found.append(one)
    return found


def _paper(page: Page, row: WaiverSignature, person: Member, version: WaiverVersion) -> dict[str, object]:
    gettext = page.f.texts.gettext
    name, text, _ = service.text_of(version, row.language)
    facts = [
        (gettext("Member"), f"{person.whole_name} · {person.number}"),
        (gettext("Signed by"), f"{row.name} ({gettext('guardian')})" if row.guardian else row.name),
        (gettext("Signed"), page.f.when(row.at_ms)),
        (gettext("Version"), version.id),
        (gettext("SHA-256 of the text"), row.sha256),
    ]
    return {
        "language": row.language,
        "title": name,
        "space": page.context.settings.space_name,
        "paragraphs": [line.strip() for line in text.split("\n") if line.strip()],
        "facts": facts,
        "foot": [page.context.settings.space_name, version.id],
        "page_of": gettext("Page %(page)s of %(pages)s"),
    }
