"""Codes that stations show for phones: each is taken once, at the station that showed it, for a minute.

They live in memory only: a gateway that began anew takes no code that it showed before.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from floor.gateway_keys import CODE_S, PhoneCode, phone_reference

ANEW_S = 30.0
"""After so long a station shows another code."""


@dataclass(slots=True)
class _Shown:
    code: PhoneCode
    at_s: float
    used: bool = False


class PhoneCodes:
    """The codes of one gateway. `server` is the address of the server's pages, "" for no codes at all.

    Their age is measured by a monotonic clock; `wall_s` (real UTC seconds) only tells the server when they
    end. Real time, also in a demonstration: a person scans no faster there.
    """

    def __init__(
        self,
        gateway: str,
        server: str,
        badge_key: bytes,
        *,
        wall_s: Callable[[], float] = time.time,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._server = server
        self._key = badge_key
        self._wall_s = wall_s
        self._now_s = now_s
        self._shown: dict[str, list[_Shown]] = {}

    @property
    def possible(self) -> bool:
        """Whether there is a server to lead phones to."""
        return bool(self._server)

    def show(self, machine: str) -> str:
        """Return the address in the code that a machine's station shows now; a new one when it is time."""
        shown = self._fresh(machine)
        if not shown or shown[-1].used or self._now_s() - shown[-1].at_s >= ANEW_S:
            expires_s = int(self._wall_s()) + CODE_S
            code = PhoneCode(self._gateway, machine, secrets.token_urlsafe(12), expires_s)
            shown.append(_Shown(code, self._now_s()))
        return shown[-1].code.address(self._server, self._key)

    def take(self, machine: str, nonce: str) -> bool:
        """Use a code up; returns False unless this machine's station showed it, in time, and it is unused."""
        for shown in self._fresh(machine):
            if shown.code.nonce == nonce and not shown.used:
                shown.used = True
                return True
        return False

    def reference(self, member: str) -> str:
        """Return what stands for a member's phone in the journal."""
        return phone_reference(self._key, member)

    def _fresh(self, machine: str) -> list[_Shown]:
        """Forget the codes that are over, and return those that are not."""
        oldest_s = self._now_s() - CODE_S
        self._shown[machine] = [one for one in self._shown.get(machine, []) if one.at_s > oldest_s]
        return self._shown[machine]
