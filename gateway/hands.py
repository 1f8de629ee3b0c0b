"""Gives a station's orders to its machine, one after another: a machine that is slow to obey stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from firmware_bridge.driver import Driver
from floor.errors import MachineError

ORDER_S = 900.0
MAX_WAITING = 8
Order = Callable[[Driver], Awaitable[None]]


class Hands:
    """The orders to one machine. `failed` is told what was ordered, and why it was not done."""

    def __init__(self, driver: Driver | None, failed: Callable[[str, str], None]) -> None:
        self._driver = driver
        self._failed = failed
        self._orders: asyncio.Queue[tuple[str, Order]] = asyncio.Queue(MAX_WAITING)

    def give(self, what: str, order: Order) -> None:
        """Queue an order; without a driver there is nobody to obey it, and nothing happens."""
        if self._driver is None:
            return
        try:
            self._orders.put_nowait((what, order))
        except asyncio.QueueFull:
            self._failed(what, f"{MAX_WAITING} orders wait already")

    def authorise(self, allowed: bool) -> None:
        """Let the machine's jobs start from now on, or not; where it has a gate, that takes no time."""
        if self._driver is not None:
            self._driver.authorise(allowed)

    async def run(self) -> None:
        """Carry out orders for ever, each within ORDER_S."""
        while self._driver is not None:
            what, order = await self._orders.get()
            try:
                async with asyncio.timeout(ORDER_S):
                    await order(self._driver)
            except TimeoutError:
                self._failed(what, f"it was not done within {ORDER_S:g} s")
            except MachineError as error:
                self._failed(what, str(error))
