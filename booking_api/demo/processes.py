"""A program of ours beside the demonstration: found where it was installed, watched until it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from booking_api.child import Child, spawn
from floor.errors import ConfigError

START_S = 90.0
STOP_S = 20.0


@contextlib.asynccontextmanager
async def running(program: str, arguments: Sequence[str], log: Path) -> AsyncIterator[Child]:
    """Run a program for as long as the block lasts. Raises ConfigError when it is not installed."""
    path = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if path is None:
        raise ConfigError(program, "", "is not installed", 'Install "makerfloor[gateway,server]".')
    child = await spawn([path, *arguments], log, STOP_S, append=True)
    try:
        yield child
    finally:
        await asyncio.shield(child.stop())


async def wait_for(name: str, child: Child, ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the child is ready; raises ConfigError with its log when it ends or takes 90 s."""
    if not await child.answers(ready, START_S):
        problem = f"the {name} did not start: {child.last_words()}"
        raise ConfigError(str(child.log), "", problem, "See this log.")
