"""What a new demonstration begins with, in one transaction; the past is made by the floor alone."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from sqlmodel import Session, col, select

from booking_api.auth import service as auth
from booking_api.auth.models import ApiToken
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.demo.cast import EUR, GATEWAY, MACHINES, MEMBERS, STAFF_NAME, TARIFFS, DemoMember, Standing
from booking_api.gateways.enrol import enrol
from booking_api.gateways.models import Gateway
from booking_api.ledger import service as ledger
from booking_api.machines import service as machines
from booking_api.maintenance import plans, work
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.reservations import booking, policies
from booking_api.reservations.diary import Diary
from booking_api.tariffs import service as tariffs
from booking_api.vault import Vault
from floor.maintenance import Measure
from floor.words import BadgeKind

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
OPENING = {"guest": 25 * EUR, "student": 5 * EUR}
TOKEN = "simulated staff"
_SCOPES = frozenset(
    {Permission.MACHINES_READ, Permission.MACHINES_OPERATE, Permission.LEDGER_READ, Permission.LEDGER_WRITE}
)


def seed(session: Session, vault: Vault, sign_ins: Mapping[str, str], now_ms: int) -> bool:
    """Put gateway, tariffs, machines and members on the floor; False when they are there already.

    `sign_ins` holds the password of each sign-in.
    """
    if session.get(Gateway, GATEWAY) is not None:
        return False
    author = "demo"
    enrol(session, vault, GATEWAY, now_ms)
    for name in TARIFFS:
        tariffs.add(session, tariff_text(name), author, now_ms, f"{name}.toml")
    session.flush()
    for one in MACHINES:
        details = machines.MachineDetails(
            id=one.id,
            name=one.name,
            kind=one.kind,
            gateway=GATEWAY,
            location=one.location,
            policy=one.policy,
            tariff=one.kind if one.kind in TARIFFS else None,
            requires_certification=one.certified,
        )
        machines.add(session, details, now_ms)
    session.flush()
    policies.put(session, file_text("reservations.toml"), author, now_ms)
    for member in MEMBERS:
        _admit(session, vault, member, author, now_ms)
        if member.signs_in:
            id = members.find(session, str(member.number)).id
            auth.set_password(session, id, member.signs_in, sign_ins[member.signs_in], now_ms, chosen=False)
    _reserve(session, now_ms)
    _keep_up(session, now_ms)
    return True


def _keep_up(session: Session, now_ms: int) -> None:
    """Let work be due, and a fault be reported: technicians have something to do."""
    plans.put_file(session, file_text("maintenance.toml"), "maintenance.toml", now_ms)
    plans.done(session, "saw-blade", "saw-1", "demo", now_ms, {Measure.DAYS: 31 * DAY_MS})
    number = next(one.number for one in MEMBERS if one.name == "Hazel")
    fault = work.FaultDetails(title="The first layer does not stick", words="Since this morning, with PLA.")
    work.report(session, "printer-1", fault, members.find(session, str(number)).id, now_ms)


def _reserve(session: Session, now_ms: int) -> None:
    """Book what the coming days begin with: who signs in as a member has something to look at."""
    session.flush()
    begins_ms = (now_ms // HOUR_MS + 27) * HOUR_MS
    for name, machine in (("Juniper", "laser-1"), ("Hazel", "cnc-1"), ("桂花", "printer-1")):
        number = next(one.number for one in MEMBERS if one.name == name)
        holder = members.find(session, str(number)).id
        slot = booking.BookingDetails(machine=machine, begins_ms=begins_ms, ends_ms=begins_ms + 2 * HOUR_MS)
        booking.book(Diary(session, now_ms, holder, "EUR"), slot)


def tariff_text(name: str) -> str:
    """Return the tariff file of a kind of machine."""
    return file_text(f"tariffs/{name}.toml")


def file_text(name: str) -> str:
    """Return a file of the demonstration's space."""
    return (resources.files("booking_api.demo") / name).read_text(encoding="utf-8")


def _admit(session: Session, vault: Vault, one: DemoMember, author: str, now_ms: int) -> None:
    details = members.MemberDetails(
        first_name=one.name,
        last_name=f"({one.number})",
        number=str(one.number),
        tier=one.tier,
        language=one.language,
        role=one.role,
        valid_until_ms=now_ms - DAY_MS if one.standing is Standing.EXPIRED else None,
        credit_limit_micro=0 if one.prepaid else None,
    )
    id = members.add(session, details, now_ms).id
    badge = badges.enrol(session, vault, id, one.uid, BadgeKind.UID_13MHZ, "Card", now_ms)
    session.flush()
    for machine in one.machines:
        certifications.grant(session, id, machine, author, now_ms)
    if one.standing is Standing.LOST:
        badges.report_lost(session, badge.id, now_ms)
    if one.standing is Standing.SUSPENDED:
        members.suspend(session, id, "Membership paused", now_ms)
    if opening := OPENING.get(one.tier):
        source = f"demo:opening:{one.number}"
        ledger.take_payment(session, id, opening, "EUR", now_ms, author, "Opening balance", source)


def staff_token(session: Session, now_ms: int) -> str:
    """Return a new token for the simulated staff; the one of the last start is revoked. Real milliseconds."""
    member = session.exec(select(Member).where(Member.shown_name == STAFF_NAME)).one()
    mine = select(ApiToken.id).where(
        ApiToken.member == member.id, ApiToken.name == TOKEN, col(ApiToken.revoked_ms).is_(None)
    )
    for id in session.exec(mine).all():
        auth.revoke_token(session, member.id, id, now_ms)
    _, secret = auth.issue_token(session, Who(member, _SCOPES), TOKEN, _SCOPES, None, now_ms)
    return secret


def payers(session: Session) -> dict[str, bool]:
    """Return the id of each member of the demonstration, and whether they pay before they use."""
    prepaid = {str(one.number): one.prepaid for one in MEMBERS}
    known = select(Member.id, Member.number).where(col(Member.number).in_(prepaid))
    return {id: prepaid[number] for id, number in session.exec(known)}
