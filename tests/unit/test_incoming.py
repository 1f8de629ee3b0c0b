"""What waits for the server is bounded: in bytes, in number, and for each gateway."""

import asyncio

import aiomqtt
import pytest

from booking_api.incoming import BYTES_MAX, Incoming, Shared
from floor.wire.topics import DELIVERY, Channel, topic


def message(where: str, size: int) -> aiomqtt.Message:
    return aiomqtt.Message(where, bytes(size), 1, False, 1, None)


def test_of_what_is_too_long_only_enough_is_kept_to_refuse_it() -> None:
    waiting = Incoming(10)
    waiting.put_nowait(message(topic("gw", Channel.ALIVE), 8 << 20))
    waiting.put_nowait(message("mf/gw/up/else", 8 << 20))
    waiting.put_nowait(message(topic("gw", Channel.JOURNAL), 1_000))
    sizes = [len(waiting.get_nowait().payload) for _ in range(3)]
    assert sizes == [DELIVERY[Channel.ALIVE].limit_bytes + 1, 1, 1_000]


def test_no_more_than_so_many_bytes_wait() -> None:
    waiting, each = Incoming(4_096), DELIVERY[Channel.JOURNAL].limit_bytes
    while not waiting.full():
        waiting.put_nowait(message(topic("gw", Channel.JOURNAL), each))
    with pytest.raises(asyncio.QueueFull):
        waiting.put_nowait(message(topic("gw", Channel.JOURNAL), each))
    assert waiting.qsize() * each == BYTES_MAX
    waiting.get_nowait()
    waiting.put_nowait(message(topic("gw", Channel.JOURNAL), each))


async def test_one_that_floods_takes_no_others_place() -> None:
    work: Shared[int] = Shared(8, 3)
    taken = 0
    for n in range(100):
        try:
            work.put_nowait("flood", n)
            taken += 1
        except asyncio.QueueFull:
            continue
    work.put_nowait("other", 7)
    assert taken == 3
    assert [await work.get() for _ in range(4)] == [("flood", 0), ("flood", 1), ("flood", 2), ("other", 7)]
    work.put_nowait("flood", 9)
