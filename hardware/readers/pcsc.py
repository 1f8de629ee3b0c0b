"""A reader behind pcscd, such as ACR122U or ACR1252: taps, removals, proofs; the event loop is never blocked.

Source of the UID's command: PC/SC Workgroup, Interoperability Specification part 3 (2.01.09), 3.2.2.1.3.
"""

import asyncio
import ctypes
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, closing, suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar, cast

from pydantic import Field

from floor.errors import ConfigError
from floor.words import BadgeKind
from hardware.events import ReaderEvent, ReaderFound, ReaderLost, ReaderNoise
from hardware.ports import Reader
from hardware.readers.cards.proof import NotProven, Proof, Verdict
from hardware.readers.keys import BadgeKeys
from hardware.readers.pcsc_lite import Card, Seen, Service, load
from hardware.readers.presence import Presence
from hardware.readers.proving import Proving
from hardware.settings import Settings

LONGEST_CALL_S = 5.0
"""How long pcscd may take for one call, such as a whole proof; then the reader counts as lost."""

GET_UID = bytes.fromhex("FFCA000000")
_OK = b"\x90\x00"
_UID_BYTES = range(4, 11)
_LOOK_MS = 200  # a card that comes or goes is told at once; so long at most until `aclose` is noticed
_ATTEMPTS = 3
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 5.0

_T = TypeVar("_T")


class _Hands:
    """A thread that does one call after the other, as each may block, at worst for good."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="pcsc", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether they have not come to an end after `leave`."""
        return self._thread.is_alive()

    async def do(self, call: Callable[[], _T]) -> _T:
        """Return what the call returns or raise its OSError; OSError too when it takes longer than 5 s."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T | None, error: OSError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(cast(_T, result))
            else:
                done.set_exception(error)

        def run() -> None:
            try:
                settled = partial(settle, call(), None)
            except OSError as error:
                settled = partial(settle, None, error)
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(settled)

        self._calls.put(run)
        try:
            async with asyncio.timeout(LONGEST_CALL_S):
                return await done
        except TimeoutError:
            raise OSError(f"pcscd: no answer for {LONGEST_CALL_S:g} s") from None

    def leave(self, last: Callable[[], None]) -> None:
        """Do one last thing and end; returns at once."""
        self._calls.put(last)
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class PcscReader:
    """A reader of pcscd. Implements hardware.ports.Reader and hardware.readers.keys.TakesKeys.

    `wanted` is a part of its name. Over a loss the badge in the field is remembered: if it still lies there
    afterwards it is not tapped again, if it does not it is removed.
    """

    def __init__(self, name: str, wanted: str, library: ctypes.CDLL, proving: Proving) -> None:
        self.name = name
        self._wanted = wanted
        self._library = library
        self._proving = proving
        self._uid: bytes | None = None
        self._attempts = 0
        self._hands: _Hands | None = None
        self._end = asyncio.Event()

    def trust(self, keys: BadgeKeys) -> None:
        """Use these keys from the next badge on."""
        self._proving.trust(keys)

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what happens; the wait between attempts to reach pcscd doubles from 0.2 s to 5 s."""
        retry_s, told = _FIRST_RETRY_S, False
        while not self._end.is_set():
            try:
                async with aclosing(self._watch()) as watch:
                    async for event in watch:
                        retry_s, told = _FIRST_RETRY_S, False
                        yield event
            except OSError as error:
                if not told:
                    told = True
                    yield ReaderLost(str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(retry_s):
                        await self._end.wait()
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)

    async def aclose(self) -> None:
        """End `events` within 0.2 s, and give the reader up."""
        self._end.set()

    async def _watch(self) -> AsyncGenerator[ReaderEvent, None]:
        """Yield what happens as long as pcscd and the reader are there; OSError when they are not."""
        if self._hands is not None and self._hands.is_busy:
            raise OSError("pcscd: it still hangs")
        hands = self._hands = _Hands()
        service = Service(self._library)
        try:
            await hands.do(service.open)
            reader = choose(self._wanted, await hands.do(service.readers))
            look = partial(service.wait, reader)
            seen = await hands.do(partial(look, Seen(), 0))
            self._uid, self._attempts = None, 0
            yield ReaderFound()
            while not self._end.is_set():
                for event in await self._judge(seen, hands, partial(service.connect, reader)):
                    yield event
                before, seen = seen, await hands.do(partial(look, seen, _LOOK_MS))
                if seen.count != before.count:
                    self._uid, self._attempts = None, 0
        finally:
            hands.leave(service.close)

    async def _judge(
        self, seen: Seen, hands: _Hands, connect: Callable[[], Card | None]
    ) -> Sequence[ReaderEvent]:
        noise: list[ReaderEvent] = []
        if seen.is_card and self._uid is None and self._attempts < _ATTEMPTS:
            self._attempts += 1
            reply = await hands.do(partial(_ask_uid, connect))
            if reply is not None and reply[-2:] == _OK and len(reply) - 2 in _UID_BYTES:
                self._uid = reply[:-2]
            elif reply is not None or self._attempts == _ATTEMPTS:
                self._attempts = _ATTEMPTS
                noise = [ReaderNoise("a card that names no UID, or that another program holds")]
        if not seen.is_card or self._uid is None:
            return [*noise, *self._proving.nobody(_monotonic_ms())]
        proof = self._proving.proof_of(self._uid)
        verdict = None if proof is None else await hands.do(partial(_prove, connect, proof))
        uid = self._uid
        if isinstance(verdict, NotProven) and verdict.silent:
            self._uid, self._attempts = None, 0  # another may lie there by now: it is asked who it is
        return self._proving.seen(uid, _monotonic_ms(), verdict)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def choose(wanted: str, readers: list[str]) -> str:
    """Return the one reader whose name has `wanted` in it; OSError says which there are."""
    fitting = [reader for reader in readers if wanted in reader]
    if len(fitting) == 1:
        return fitting[0]
    if not readers:
        raise OSError("pcscd: no reader is attached")
    which = f'"{wanted}" stands in the names of {len(fitting)} readers' if wanted else "several are attached"
    raise OSError(f"pcscd: {which}; there are: {', '.join(readers)}")


def _ask_uid(connect: Callable[[], Card | None]) -> bytes | None:
    """Return the reply; None when the card was not reached."""
    card = connect()
    if card is None:
        return None
    with closing(card):
        return card.transmit(GET_UID)


def _prove(connect: Callable[[], Card | None], proof: Proof) -> Verdict:
    card = connect()
    if card is None:
        return NotProven("the card was not reached", silent=True)
    with closing(card):
        step = proof.step()
        while isinstance(step, bytes):
            step = proof.step(card.transmit(step))
    return step


class PcscSettings(Settings):
    """A reader of kind `pcsc`."""

    reader: str = Field("", max_length=100, description="a part of the reader's name, as pcsc_scan says it")
    removal_ms: int = Field(
        500, ge=150, le=60_000, description="the time, 150 to 60000 ms, after which a badge counts as removed"
    )
    sun: bool = Field(False, description="true or false: whether an NTAG 424's message is proof enough")


def build_pcsc(given: PcscSettings, where: str) -> Reader:
    """Build a reader of pcscd; ConfigError where its library is not installed."""
    try:
        library = load()
    except OSError as error:
        remedy = "Install it: apt-get install pcscd libccid."
        raise ConfigError(where, "kind", f"pcscd's library cannot be had: {error}", remedy) from error
    presence = Presence(BadgeKind.UID_13MHZ, given.removal_ms)
    return PcscReader(given.name, given.reader, library, Proving(presence, given.sun))
