"""What waits of what gateways sent: bounded in number, in bytes, and in what one of them may take of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Generic, TypeVar

import aiomqtt

from floor.errors import PeerError
from floor.wire.topics import DELIVERY, parse

BYTES_MAX = 64 << 20
"""So much may wait in all. What comes beyond is dropped: gateways send again what was not acknowledged."""
T = TypeVar("T")


class Incoming(asyncio.Queue[aiomqtt.Message]):
    """Messages as the broker delivers them. Of what no channel carries so much is kept as refuses it."""

    _bytes = 0

    def full(self) -> bool:
        """Whether no more may wait."""
        return super().full() or self._bytes >= BYTES_MAX

    def _put(self, message: aiomqtt.Message) -> None:
        limit = _limit(message.topic.value)
        if isinstance(message.payload, bytes) and len(message.payload) > limit:
            message.payload = message.payload[: limit + 1]
        self._bytes += _size(message)
        super()._put(message)

    def _get(self) -> aiomqtt.Message:
        message: aiomqtt.Message = super()._get()
        self._bytes -= _size(message)
        return message


def _limit(topic: str) -> int:
    try:
        return DELIVERY[parse(topic)[1]].limit_bytes
    except PeerError:
        return 0


def _size(message: aiomqtt.Message) -> int:
    return len(message.payload) if isinstance(message.payload, bytes) else 0


class Shared(Generic[T]):
    """Work of many gateways, in the order in which it came; each may have only so much of it waiting."""

    def __init__(self, most: int, each_most: int) -> None:
        self._waiting: asyncio.Queue[tuple[str, T]] = asyncio.Queue(most)
        self._of: Counter[str] = Counter()
        self._each_most = each_most

    def put_nowait(self, gateway: str, work: T) -> None:
        """Leave work; raises asyncio.QueueFull when too much waits, of this gateway or in all."""
        if self._of[gateway] >= self._each_most:
            raise asyncio.QueueFull
        self._waiting.put_nowait((gateway, work))
        self._of[gateway] += 1

    async def get(self) -> tuple[str, T]:
        """Return the work that waits longest, with its gateway."""
        gateway, work = await self._waiting.get()
        self._of[gateway] -= 1
        if not self._of[gateway]:
            del self._of[gateway]
        return gateway, work
