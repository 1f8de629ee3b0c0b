"""`makerfloor demo`: says in a few lines what runs where, and ends it all at Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from booking_api.demo.floor import DemoFloor, DemoSettings, demo_floor
from floor.errors import ConfigError


def run(settings: DemoSettings) -> None:
    """Run until Ctrl-C or SIGTERM. Raises ConfigError for what keeps it from starting or running."""
    asyncio.run(_run(settings, lambda line: print(line, flush=True)))


async def _run(settings: DemoSettings, say: Callable[[str], None]) -> None:
    say(f"Makerfloor demo, floor time {settings.speed} times as fast as real time")
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(_until_it_ends(settings, say))
    ending = False

    def end() -> None:
        # Once: a second Ctrl-C must not leave half of the tree behind.
        nonlocal ending
        if not ending:
            ending = True
            say("Ending …")
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        await running
    except asyncio.CancelledError:
        say(f"Ended. The data stays in {settings.data}; the next start continues with it.")


async def _until_it_ends(settings: DemoSettings, say: Callable[[str], None]) -> None:
    async with demo_floor(settings, say) as floor:
        for line in _welcome(floor):
            say(line)
        sentence = await floor.ended()
    raise ConfigError("makerfloor demo", "", sentence, "Start again; the data is kept.")


def _welcome(floor: DemoFloor) -> list[str]:
    width = max(map(len, floor.sign_ins))
    return [
        "",
        f"Open {floor.address} and sign in as",
        *(f"  {name:{width}}  {password}" for name, password in floor.sign_ins.items()),
        "Ctrl-C ends it.",
    ]
