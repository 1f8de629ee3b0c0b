"""A block device whose every write and flush is recorded: a file of a FUSE of our own, below a loop device.

Between it and a program lie the real ext4 and the real loop driver; a flush of the file system is a FSYNC
here. The protocol is that of Linux' include/uapi/linux/fuse.h, 7.31. Needs root and /dev/fuse.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from tests.kit.disk.writes import Write

DISK, SAID = "disk", "said"
"""The file that a loop device lies on, and the one to which a program says what is durable."""
IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
INIT = struct.Struct("<IIIIHHIIHH32x")
ENTRY = struct.Struct("<QQQQII")
ATTRIBUTES = struct.Struct("<QQQ24x12xIIIIIII")
ATTRIBUTES_HEAD = struct.Struct("<QII")
WRITE = struct.Struct("<QQIIQII")
READ = struct.Struct("<QQI")
LARGEST_WRITE = 1 << 17
BIG_WRITES = 1 << 5
ROOT = 1
KEPT_S = 3600
"""How long the kernel may believe what it was told of a file: nobody else changes it."""


class Ask(IntEnum):
    """What the kernel asks for; what stands not here is answered with ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    RELEASEDIR = 29
    INTERRUPT = 36
    BATCH_FORGET = 42


class RecordedDisk:
    """Two files in memory; `writes` is what was done to them, in its order."""

    def __init__(self, image: bytes) -> None:
        self.writes: list[Write] = []
        self._files = {DISK: bytearray(image), SAID: bytearray()}
        self._nodes = {ROOT + 1: DISK, ROOT + 2: SAID}

    def serve(self, fuse: int) -> None:
        """Answer the kernel until the file system is unmounted."""
        while True:
            try:
                asked = os.read(fuse, LARGEST_WRITE + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                raise
            _, what, unique, node, *_ = IN_HEADER.unpack_from(asked)
            if what in (Ask.FORGET, Ask.BATCH_FORGET, Ask.INTERRUPT):
                continue
            answer = self._answer(what, node, asked[IN_HEADER.size :])
            failed, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
            os.write(fuse, OUT_HEADER.pack(OUT_HEADER.size + len(data), failed, unique) + data)

    def _answer(self, what: int, node: int, asked: bytes) -> bytes | int:
        """Return the answer, or the number of an error."""
        match what:
            case Ask.INIT:
                return INIT.pack(7, 31, LARGEST_WRITE, BIG_WRITES, 0, 0, LARGEST_WRITE, 1, 0, 0)
            case Ask.LOOKUP:
                return self._lookup(asked.rstrip(b"\0").decode())
            case Ask.GETATTR | Ask.SETATTR:
                return ATTRIBUTES_HEAD.pack(KEPT_S, 0, 0) + self._attributes(node)
            case Ask.OPEN | Ask.OPENDIR:
                return bytes(16)
            case Ask.STATFS:
                return bytes(80)
            case Ask.READ:
                _, offset, size = READ.unpack_from(asked)
                return bytes(self._files[self._nodes[node]][offset : offset + size])
            case Ask.WRITE:
                return self._write(self._nodes[node], asked)
            case Ask.FSYNC:
                self.writes.append(Write("S", self._nodes[node], 0, b""))
                return b""
            case Ask.RELEASE | Ask.RELEASEDIR | Ask.FLUSH:
                return b""
        return errno.ENOSYS

    def _write(self, name: str, asked: bytes) -> bytes:
        _, offset, size, *_ = WRITE.unpack_from(asked)
        data = asked[WRITE.size : WRITE.size + size]
        self.writes.append(Write("W", name, offset, data))
        self._files[name][offset : offset + size] = data
        return struct.pack("<II", size, 0)

    def _lookup(self, name: str) -> bytes | int:
        for node, held in self._nodes.items():
            if held == name:
                return ENTRY.pack(node, 0, KEPT_S, KEPT_S, 0, 0) + self._attributes(node)
        return errno.ENOENT

    def _attributes(self, node: int) -> bytes:
        size = len(self._files[self._nodes[node]]) if node in self._nodes else 0
        mode = 0o600 | (stat.S_IFREG if node in self._nodes else stat.S_IFDIR | 0o100)
        return ATTRIBUTES.pack(node, size, -(-size // 512), mode, 1, 0, 0, 0, 4096, 0)


@contextmanager
def recorded_disk(folder: Path, image: bytes) -> Iterator[RecordedDisk]:
    """Lay a disk's file into an empty folder; it may be mounted by `mounted`."""
    disk = RecordedDisk(image)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0"
    command = ["mount", "-i", "-t", "fuse", "-o", options, "recorded", str(folder)]
    subprocess.run(command, check=True, pass_fds=[fuse], timeout=60)
    server = threading.Thread(target=disk.serve, args=[fuse], daemon=True)
    server.start()
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=60)
        server.join(60)
        os.close(fuse)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """Mount an image with ext4 as a Pi does its card."""
    command = ["mount", "-t", "ext4", "-o", "loop,data=ordered", str(image), str(folder)]
    subprocess.run(command, check=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=60)
