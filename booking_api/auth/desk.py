"""The desk at which people sign in: slow for guessers, bounded in memory and CPU, the same for every way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlmodel import Session

from booking_api.auth import ceremonies, second, service
from booking_api.auth.ceremonies import Step
from booking_api.auth.models import Credential
from booking_api.auth.passwords import renewed_hash, verify_password
from booking_api.auth.service import SignedIn, Way
from booking_api.auth.throttle import Throttle, place_of
from booking_api.context import Context
from booking_api.members import service as members
from floor.errors import Refused

HASHING = 2
"""How many passwords are checked at a time: each takes 64 MiB."""
BY_LOGIN = Throttle("login", tries=8)
BY_PLACE = Throttle("place", tries=60)
BY_SECOND = Throttle("second", tries=8)
OFTEN = "Too many tries. Wait five minutes, then try again."


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that somebody signs in with: where it is, what it is, and the session that it had."""

    address: str
    device: str = ""
    old_token: str | None = None

    @property
    def place(self) -> str:
        """What its tries are counted by."""
        return place_of(self.address)


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is signed in; `lacking`: their role needs a second factor that they have not set up."""

    done: SignedIn
    lacking: bool
    next: str


@dataclass(frozen=True, slots=True)
class Halfway:
    """The first factor was right, and the second is asked for; `token` goes into a cookie of its own."""

    token: str


@dataclass(slots=True)
class Desk:
    """Counts failures by sign-in name and, more leniently, by address: a space shares one."""

    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HASHING))

    async def sign_in(
        self, context: Context, login: str, password: str, browser: Browser, next: str = "/"
    ) -> Entered | Halfway:
        """Check a password; Refused does not say whether the name or the password was wrong."""
        name, now_ms = service.folded(login)[:200], context.wall.now_ms()
        kept = await asyncio.to_thread(_look, context, name, browser.place, now_ms)
        # Counted before the password is checked, so that tries at the same time count too.
        allowed = await context.database.transact(lambda session: _count(session, name, browser, now_ms))
        if not allowed:
            raise Refused("sign_in_often", OFTEN)
        async with self.hashing:
            right = await asyncio.to_thread(verify_password, kept.password_hash if kept else None, password)
            fresh = (
                await asyncio.to_thread(renewed_hash, kept.password_hash, password)
                if kept and right
                else None
            )
        if not right or kept is None:
            raise Refused("sign_in_failed", "This name and password do not belong together.")
        member = kept.member

        def enter(session: Session) -> Entered | Halfway:
            BY_LOGIN.forgive(session, name)
            BY_PLACE.take_back(session, browser.place)
            if fresh:
                _renew_hash(session, kept, fresh)
            return let_in(session, context, member, Way.PASSWORD, browser, next, now_ms)

        return await context.database.transact(enter)

    async def check_password(self, context: Context, member: str, password: str) -> None:
        """Check a signed-in member's own password; raises Refused when it is wrong, or too often."""
        now_ms = context.wall.now_ms()
        kept = await asyncio.to_thread(_credential, context, member)
        if not await context.database.transact(
            lambda session: BY_LOGIN.count(session, kept.login if kept else member, now_ms)
        ):
            raise Refused("sign_in_often", OFTEN)
        async with self.hashing:
            right = await asyncio.to_thread(verify_password, kept.password_hash if kept else None, password)
        if not right or kept is None:
            raise Refused("password_wrong_invalid", "This is not your present password.")
        login = kept.login
        await context.database.transact(lambda session: BY_LOGIN.forgive(session, login))


def let_in(
    session: Session,
    context: Context,
    member: str,
    way: Way,
    browser: Browser,
    next: str,
    now_ms: int,
) -> Entered | Halfway:
    """Sign a member in whose first factor was right, or ask for the second; a passkey is both."""
    settings, person = context.settings.sign_in, members.get(session, member)
    if way is not Way.PASSKEY and second.is_asked(session, settings, member, person.role):
        token = ceremonies.begin(session, Step.SECOND, now_ms, member, way=way, next=next)
        return Halfway(token)
    return _begin(session, context, member, way, browser, next, now_ms, second_shown=way is Way.PASSKEY)


def second_step(
    session: Session, context: Context, token: str | None, code: str, browser: Browser, now_ms: int
) -> Entered | None:
    """Take a code for the second step; None when it is wrong.

    Raises Refused when the first step is too long ago, or codes were wrong too often. The caller commits.
    """
    step = ceremonies.look(session, Step.SECOND, token, now_ms)
    if step is None or step.member is None:
        raise Refused("sign_in_late", "The first step is too long ago. Begin again.")
    member = step.member
    if not BY_SECOND.count(session, member, now_ms):
        return None
    if not second.check_code(session, context.vault, member, code, now_ms):
        return None
    if ceremonies.take(session, Step.SECOND, token, now_ms) is None:
        raise Refused("sign_in_late", "The first step is too long ago. Begin again.")
    BY_SECOND.forgive(session, member)
    way, next = Way(step.data["way"]), step.data["next"]
    return _begin(session, context, member, way, browser, next, now_ms, second_shown=True)


def _begin(
    session: Session,
    context: Context,
    member: str,
    way: Way,
    browser: Browser,
    next: str,
    now_ms: int,
    *,
    second_shown: bool,
) -> Entered:
    settings, role = context.settings.sign_in, members.get(session, member).role
    done = service.begin_session(
        session, member, browser.old_token, now_ms, settings,
        how=way, shown_second=second_shown, device=browser.device,
    )  # fmt: skip
    lacking = not second_shown and second.remind(session, settings, member, role, now_ms)
    return Entered(done, lacking, next)


def _look(context: Context, login: str, place: str, now_ms: int) -> Credential | None:
    with context.database.read() as session:
        if BY_LOGIN.waits(session, login, now_ms) or BY_PLACE.waits(session, place, now_ms):
            raise Refused("sign_in_often", OFTEN)
        return service.credential_of(session, login)


def _count(session: Session, login: str, browser: Browser, now_ms: int) -> bool:
    by_login = BY_LOGIN.count(session, login, now_ms)
    return BY_PLACE.count(session, browser.place, now_ms) and by_login


def _renew_hash(session: Session, before: Credential, fresh: str) -> None:
    kept = session.get(Credential, before.member)
    if kept is not None and kept.password_hash == before.password_hash:
        kept.password_hash = fresh
        session.add(kept)


def _credential(context: Context, member: str) -> Credential | None:
    with context.database.read() as session:
        return session.get(Credential, member)
