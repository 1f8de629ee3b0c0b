"""The desk at which people sign in with a password: slow for guessers, bounded in memory and CPU."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from booking_api.auth import service
from booking_api.auth.passwords import verify_password
from booking_api.auth.service import SignedIn
from booking_api.auth.throttle import Throttle
from booking_api.context import Context
from floor.errors import Refused

HASHING = 2
"""How many passwords are checked at a time: each takes 64 MiB."""


@dataclass(slots=True)
class Desk:
    """Counts failures by sign-in name and, more leniently, by address: a space shares one."""

    by_login: Throttle = field(default_factory=lambda: Throttle(tries=8))
    by_address: Throttle = field(default_factory=lambda: Throttle(tries=60))
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HASHING))

    async def sign_in(
        self, context: Context, login: str, password: str, address: str, old_token: str | None
    ) -> SignedIn:
        """Sign a browser in; Refused does not say whether the name or the password was wrong."""
        name, now_s = service.folded(login)[:200], time.monotonic()
        if self.by_login.wait_s(name, now_s) or self.by_address.wait_s(address, now_s):
            raise Refused("sign_in_often", "Too many tries. Wait five minutes, then try again.")
        # Counted before the password is checked, so that tries at the same time count too.
        self.by_login.failed(name, now_s)
        self.by_address.failed(address, now_s)
        kept = await asyncio.to_thread(_kept_hash, context, name)
        async with self.hashing:
            right = await asyncio.to_thread(verify_password, kept and kept[1], password)
        if not right or kept is None:
            raise Refused("sign_in_failed", "This name and password do not belong together.")
        self.by_login.succeeded(name)
        self.by_address.succeeded(address)
        member, now_ms = kept[0], context.wall.now_ms()
        return await context.database.transact(
            lambda session: service.begin_session(session, member, old_token, now_ms)
        )


def _kept_hash(context: Context, login: str) -> tuple[str, str] | None:
    with context.database.read() as session:
        found = service.credential_of(session, login)
        return (found.member, found.password_hash) if found else None
