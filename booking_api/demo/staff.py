"""The simulated staff: over the server's API they clear what broke, and take the money that members bring."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from booking_api.demo.cast import EUR

log = logging.getLogger(__name__)
SIMULATED = "(simulated)"
"""How the faults of simulated people's machines end: what a person locked out is left to people."""
REPAIR_S = 300.0
"""Floor seconds after which a machine is cleared; its fault is over by then."""
ROUND_S = 3.0
BILLING_S = 6 * 3600.0
OWED_MAX = 40 * EUR
TOP_UP = 20 * EUR
LEFT_MIN = 3 * EUR
ANSWER_S = 30.0


class Staff:
    """Goes round for ever. `token` holds what they may do; `speed` is floor seconds in a second."""

    def __init__(self, address: str, token: str, speed: int, members: Mapping[str, bool]) -> None:
        """`members`: ids, and whether they pay before they use."""
        self._address = address
        self._token = token
        self._speed = speed
        self._members = members
        self._found_s: dict[str, float] = {}

    async def run(self) -> str:
        """Go round every few seconds until cancelled; a server that is away is tried again."""
        headers = {"Authorization": f"Bearer {self._token}"}
        billed_s = time.monotonic()
        async with httpx.AsyncClient(
            base_url=self._address, headers=headers, timeout=ANSWER_S, trust_env=False
        ) as client:
            while True:
                await asyncio.sleep(ROUND_S)
                try:
                    await self._look_at_machines(client)
                    if time.monotonic() - billed_s > max(10.0, BILLING_S / self._speed):
                        billed_s = time.monotonic()
                        await self._take_payments(client)
                except httpx.HTTPError as error:
                    log.warning("staff: %s", error)

    async def _look_at_machines(self, client: httpx.AsyncClient) -> None:
        machines: list[dict[str, Any]] = await _ask(client, "GET", "/api/v1/machines")
        broken = {m["id"] for m in machines if (m["lockout_reason"] or "").endswith(SIMULATED)}
        self._found_s = {id: self._found_s.get(id, time.monotonic()) for id in broken}
        for id, found_s in self._found_s.items():
            if (time.monotonic() - found_s) * self._speed >= REPAIR_S:
                why = {"reason": f"Repaired and tried out {SIMULATED}"}
                await _ask(client, "POST", f"/api/v1/machines/{id}/clear", why)

    async def _take_payments(self, client: httpx.AsyncClient) -> None:
        for member, prepaid in self._members.items():
            balances: list[dict[str, Any]] = await _ask(client, "GET", f"/api/v1/members/{member}/balances")
            owed = {kept["commodity"]: int(kept["amount_micro"]) for kept in balances}.get("EUR", 0)
            if prepaid and owed > -LEFT_MIN:
                await self._pay(client, member, TOP_UP, "Top-up at the desk")
            elif not prepaid and owed > OWED_MAX:
                await self._pay(client, member, owed, "Paid at the desk")

    async def _pay(self, client: httpx.AsyncClient, member: str, amount_micro: int, memo: str) -> None:
        details = {"amount_micro": amount_micro, "commodity": "EUR", "memo": f"{memo} {SIMULATED}"}
        await _ask(
            client,
            "POST",
            f"/api/v1/members/{member}/payments",
            details,
            {"Idempotency-Key": uuid.uuid4().hex},
        )


async def _ask(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    answer = await client.request(method, path, json=body, headers=headers)
    answer.raise_for_status()
    return answer.json()
