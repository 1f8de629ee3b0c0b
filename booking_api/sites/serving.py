"""`makerfloor network serve`: a server a site, each a process of its own, the courier, and the board."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from pathlib import Path

import uvicorn

from booking_api.child import spawn
from booking_api.clock import Clock
from booking_api.patience import Patient
from booking_api.sites.board import create_board
from booking_api.sites.carrying import SILENT_S, Carrying
from booking_api.sites.courier import Courier
from booking_api.sites.network import Site

log = logging.getLogger(__name__)
STOP_S = 20.0
STOP_BOARD_S = 5
AGAIN_S = (1.0, 60.0)
"""A site's server that ended is started again so long after, longer each time."""
STEADY_S = 300.0


async def serve(courier: Courier, logs: Path, door: socket.socket, *, sites: bool = True) -> None:
    """Serve the board at `door` until asked to end; with `sites` run the servers of all sites too."""
    network = courier.network
    config = uvicorn.Config(
        create_board(courier),
        http=Patient,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_BOARD_S,
    )
    # uvicorn raises the signal once more when it has ended: else this process would not outlive it.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    carrying = Carrying(courier, Clock().now_ms)
    tasks = [asyncio.create_task(_watch(carrying))]
    if sites:
        tasks += [asyncio.create_task(_keep(site, logs / f"{id}.log")) for id, site in network.sites.items()]
    carrying.start()
    try:
        await uvicorn.Server(config).serve(sockets=[door])
    finally:
        for task in tasks:
            task.cancel()
        for left in await asyncio.to_thread(carrying.stop):
            log.warning("%s still waits for a database: it is left", left)
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(carrying: Carrying) -> None:
    """Say what waits for a database that does not answer."""
    while True:
        await asyncio.sleep(SILENT_S)
        for name in carrying.silent(time.monotonic()):
            log.warning("%s: a database has not answered for %d s; the others are carried", name, SILENT_S)


async def _keep(site: Site, output: Path) -> None:
    """Keep a site's server running: one that ends is started again, and no other waits for it."""
    wait_s, loop = AGAIN_S[0], asyncio.get_running_loop()
    command = [sys.executable, "-m", "booking_api.cli", "--config", str(site.settings.file), "serve"]
    while True:
        began_s = loop.time()
        child = await spawn(command, output, STOP_S, append=True)
        try:
            words = await child.ended()
        finally:
            with contextlib.suppress(ProcessLookupError):
                await asyncio.shield(child.stop())
        log.error("the server of %s ended: %s", site.id, words)
        wait_s = AGAIN_S[0] if loop.time() - began_s > STEADY_S else min(AGAIN_S[1], 2 * wait_s)
        await asyncio.sleep(wait_s)
