"""A Raspberry Pi that runs the real gateway: its relays, its two clocks, its disk, and how each fails."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import ClassVar

from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.config import BrokerConfig, GatewayConfig
from gateway.link import client_id
from gateway.wiring import Devices
from hardware.simulated import SimulatedReader
from tests.simulation.virtual import QueueModule, StepQueue, VirtualLoop
from tests.simulation.wire import Hub

DAY_MS = 86_400_000
CHECKPOINT_S = 10
SECTOR = 512
QUEUES = QueueModule()
"""Where a journal that is made gets its queue; each Pi takes its own from here."""


@dataclass
class Use:
    """One time for which a machine had power: the truth that bills are held against. Times are virtual s."""

    machine: str
    member: str
    boot_id: str
    on_s: float
    off_s: float = 0.0
    how: str = ""
    proven_s: float = 0.0
    """Until when the disk took all that the gateway wrote, as far as the use goes."""

    @property
    def lasted_s(self) -> float:
        return self.off_s - self.on_s


@dataclass
class Contact:
    """What holds the power of one machine, whoever commands it."""

    machine: str
    pi: Pi
    uses: list[Use] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        return bool(self.uses) and not self.uses[-1].how

    def close(self) -> None:
        if not self.closed:
            tapped_s, member = self.pi.taps.get(self.machine, (0.0, "nobody"))
            if self.pi.loop.now_s - tapped_s > 1:
                member = "nobody"
            self.uses.append(Use(self.machine, member, self.pi.boot_id, self.pi.loop.now_s))

    def open(self, how: str) -> None:
        if self.closed:
            self.uses[-1].off_s, self.uses[-1].how = self.pi.loop.now_s, how


class PiClock(SystemClock):
    """The gateway's own clock, which reads the clocks of its computer: `read` is whose they are just now."""

    read: ClassVar[Pi]

    def __init__(self, pi: Pi) -> None:
        super().__init__()
        self._pi, self.boot_id = pi, pi.boot_id

    def wall_ms(self) -> int:
        PiClock.read = self._pi
        return super().wall_ms()

    def monotonic_ms(self) -> int:
        PiClock.read = self._pi
        return super().monotonic_ms()


class Coil:
    """A relay as one process has it; a dead process commands nothing. Implements hardware.ports.Relay."""

    def __init__(self, contact: Contact) -> None:
        self.name = contact.machine
        self._contact = contact
        self._life = contact.pi.lives
        self._on = False
        self.off()

    @property
    def is_on(self) -> bool:
        return self._on

    def on(self) -> None:
        self._on = True
        if self._alive:
            self._contact.close()

    def off(self) -> None:
        self._on = False
        if self._alive:
            self._contact.open("stop" if self._contact.pi.stopping else "end")

    def feedback(self) -> bool | None:
        return self._contact.closed if self._alive else None

    def close(self) -> None:
        self.off()

    @property
    def _alive(self) -> bool:
        return self._life == self._contact.pi.lives and not self._contact.pi.dead


class Pi:
    """One gateway's computer. `dead`: its process has no effect any more. `lives` counts processes.

    `name` is the gateway's; a second computer with a copy of its card has the same one and another `label`.
    """

    def __init__(
        self,
        folder: Path,
        hub: Hub,
        random: Random,
        base_ms: int,
        keys: tuple[bytes, bytes],
        machines: list[str],
        name: str = "gw",
        label: str = "gw",
        checkpoint_s: int = CHECKPOINT_S,
    ) -> None:
        self.loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self.folder, self.hub, self.random, self.base_ms = folder, hub, random, base_ms
        self.keys, self.name, self.label = keys, name, label
        self.checkpoint_s = checkpoint_s
        self.queue = StepQueue()
        self.lives = self.boots = 0
        self.dead, self.stopping = True, False
        self.taps: dict[str, tuple[float, str]] = {}
        self.contacts = {machine: Contact(machine, self) for machine in machines}
        self.readers: dict[str, SimulatedReader] = {}
        self.offsets: list[tuple[float, int]] = [(0.0, 0)]
        self.kernel_error_ms: int | None = 50
        self.began: dict[str, float] = {}
        self.lied: set[str] = set()
        self.slow_since_s: float | None = None
        self.died_s = 0.0
        self.tearing = False
        self._size = 0
        self.happened: Counter[str] = Counter()
        self.gateway: Gateway | None = None
        self._running: asyncio.Task[None] | None = None
        self.boot()

    # Time

    def true_ms(self, at_s: float | None = None) -> int:
        return self.base_ms + round(((self.loop.now_s if at_s is None else at_s) - 1_000) * 1000)

    def wall_ms(self, at_s: float | None = None) -> int:
        """Return what this computer's wall clock shows, or showed."""
        at_s = self.loop.now_s if at_s is None else at_s
        index = bisect_right(self.offsets, at_s, key=lambda entry: entry[0]) - 1
        return max(0, self.true_ms(at_s) + self.offsets[index][1])

    def monotonic_ms(self) -> int:
        return round((self.loop.now_s - self.began[self.boot_id]) * 1000) + 5_000

    def when_s(self, boot_id: str, monotonic_ms: int) -> float:
        """Return the virtual time of an instant of one boot."""
        return self.began[boot_id] + (monotonic_ms - 5_000) / 1000

    def step_clock(self, offset_ms: int, error_ms: int | None) -> None:
        """Set the wall clock to true time plus an offset; the kernel says that it is wrong by `error_ms`."""
        self.offsets.append((self.loop.now_s, offset_ms))
        self.kernel_error_ms = error_ms
        if error_ms is not None and abs(offset_ms) > error_ms:
            self.lied.add(self.boot_id)

    @property
    def boot_id(self) -> str:
        return f"{self.label}-boot-{self.boots}"

    @property
    def identifier(self) -> str:
        """What the broker knows its gateway by."""
        return client_id(self.name, BrokerConfig().password)

    def boot(self) -> None:
        """Switch the computer on: another boot, a monotonic clock that begins anew."""
        self.boots += 1
        self.began[self.boot_id] = self.loop.now_s

    # The process

    @property
    def data(self) -> Path:
        return self.folder / f"disk-{self.label}-{self.lives}"

    def start(self) -> None:
        """Start the gateway's process on what the disk holds."""
        before = self.data
        self.lives += 1
        if before.exists():
            before.rename(self.data)
        self.data.mkdir(exist_ok=True)
        self.dead = self.stopping = self.tearing = False
        self.readers = {machine: SimulatedReader(machine) for machine in self.contacts}
        wired = {
            machine: Devices(self.readers[machine], Coil(contact))
            for machine, contact in self.contacts.items()
        }
        config = GatewayConfig(
            file="gateway.toml",
            name=self.name,
            data=self.data,
            badge_key=self.keys[0],
            server_key=self.keys[1],
            broker=BrokerConfig(),
            stations=(),
            http_port=0,
            http_stations="off",
            checkpoint_s=self.checkpoint_s,
        )
        self.gateway = Gateway(config, wired, PiClock(self))
        self.queue = QUEUES.made.pop()
        self.queue.before, self.queue.after = self._before_write, self._after_write
        self.queue.slow = self.slow_since_s is not None
        self._running = asyncio.create_task(self.gateway.run())
        self.happened["starts"] += 1

    async def stop(self) -> None:
        """End the process as systemd does, with SIGTERM; it has time to write."""
        self.stopping = True
        self.mend_disk()
        await self._end()
        self.dead = True
        self.died_s = self.loop.now_s

    async def kill(self) -> None:
        """End the process with SIGKILL: what it wrote is kept, what it had in memory is gone. Relays stay."""
        await self._die(self.copy_disk())

    async def lose_power(self) -> None:
        """Take the power: as `kill`, and every contact opens."""
        image = None if self.dead else self.copy_disk()
        for contact in self.contacts.values():
            contact.open("cut")
        if image:
            await self._die(image)

    def stop_post(self) -> None:
        """What the unit does after its process: every relay off."""
        for contact in self.contacts.values():
            contact.open("kill")

    async def _die(self, image: Path) -> None:
        self.dead, self.died_s = True, self.loop.now_s
        for contact in self.contacts.values():
            for use in contact.uses[-3:]:
                self._unprove(use)
        self.hub.sever(self.identifier)
        await self._end()
        self._replace_disk(image)

    def _unprove(self, use: Use) -> None:
        """Note what the disk had not taken of a use when the process died."""
        lost_since_s = self.died_s
        if self.tearing:
            lost_since_s -= 0.2
        if self.slow_since_s is not None:
            lost_since_s = min(lost_since_s, self.slow_since_s)
        if not use.how or use.off_s >= lost_since_s:
            use.proven_s = lost_since_s

    def _replace_disk(self, image: Path) -> None:
        shutil.rmtree(self.data)
        image.rename(self.data)

    async def _end(self) -> None:
        assert self.gateway
        assert self._running
        gateway, self.gateway, self.readers = self.gateway, None, {}
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        await asyncio.sleep(0)
        gateway.journal.close()

    # The disk

    def slow_disk(self) -> None:
        """The disk takes nothing, but for what `queue.feed` gives it."""
        if self.slow_since_s is None and not self.dead:
            self.slow_since_s, self.queue.slow = self.loop.now_s, True

    def mend_disk(self) -> None:
        """The disk takes all that waits."""
        if self.slow_since_s is not None and not self.dead:
            self.queue.slow = False
            while self.queue.held and not self.dead:
                self.queue.feed()
        self.slow_since_s = None

    def _wal(self) -> int:
        try:
            return (self.data / "journal.db-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _before_write(self) -> None:
        self._size = self._wal()

    def _after_write(self) -> None:
        """Should the power fail during a write: keep what the disk then holds, for `lose_power` to find."""
        if self.tearing and not self.dead and self._wal() > self._size:
            for contact in self.contacts.values():
                contact.open("cut")
            image, self.dead = self.copy_disk(), True
            self._tear(image / "journal.db-wal")
            self._dying = asyncio.create_task(self._die(image))

    def _tear(self, wal: Path) -> None:
        """Leave of the last write a beginning, or some sectors of it and not others."""
        whole = bytearray(wal.read_bytes())
        end = self.random.randint(self._size, len(whole))
        if self.random.random() < 0.5:
            del whole[end:]
        else:
            for at in range(self._size, len(whole), SECTOR):
                if self.random.random() < 0.4:
                    stop = min(at + SECTOR, len(whole))
                    whole[at:stop] = bytes(stop - at)
        wal.write_bytes(whole)

    def copy_disk(self) -> Path:
        """Copy what the disk holds now into a folder of its own."""
        image = self.folder / f"image-{self.label}-{self.lives}"
        image.mkdir()
        for name in ("journal.db", "journal.db-wal", "roster.jsonl"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self.data / name, image / name)
        return image
