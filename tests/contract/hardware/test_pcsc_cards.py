"""Badges that prove themselves through the real pcscd, with a virtual reader and cards in software."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest
from desfire import DESFire, DESFireKey

from floor.errors import ConfigError
from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, ReaderEvent, ReaderFound, ReaderLost, ReaderNoise
from hardware.ports import Reader
from hardware.readers import pcsc, pcsc_lite
from hardware.readers.cards.proof import Proven
from hardware.readers.keys import BadgeKey, TakesKeys
from hardware.readers.pcsc_lite import Card, Seen, Service
from hardware.readers.proving import begin_proof
from hardware.registry import build_reader
from tests.kit.pcsc_stand import PcscStand, stand

DEADLINE_S = 40
KEY, OTHER = bytes([7] * 16), bytes([8] * 16)
PLAIN, NTAG, FORGED, DECLINES, DESFIRE = (bytes.fromhex(f"04DE5F1EACC0{last:02X}") for last in range(5))
WEAK = BadgeKind.UID_13MHZ


class Keys:
    """What the gateway's roster knows of the badges."""

    def key_of(self, uid: bytes) -> BadgeKey | None:
        known = dict.fromkeys((NTAG, FORGED, DECLINES), BadgeKind.NTAG424) | {DESFIRE: BadgeKind.DESFIRE}
        return BadgeKey(known[uid], KEY) if uid in known else None


@pytest.fixture
def pcscd() -> PcscStand:
    one = stand()
    one.renew()
    return one


@asynccontextmanager
async def reading(**settings: object) -> AsyncIterator[AsyncIterator[ReaderEvent]]:
    reader: Reader = build_reader("pcsc", {"reader": "00 00", **settings}, "bench")
    assert isinstance(reader, TakesKeys)
    reader.trust(Keys())
    async with asyncio.timeout(DEADLINE_S):
        yield reader.events()
        await reader.aclose()


async def test_every_badge_is_what_it_proves(pcscd: PcscStand) -> None:
    async with reading(sun=True) as events:
        assert await anext(events) == ReaderFound()
        pcscd.say("lay", uid=PLAIN.hex(), kind="ntag424", key=KEY.hex())
        pcscd.say("lay", uid=NTAG.hex(), kind="ntag424", key=KEY.hex())
        pcscd.say("lay", uid=FORGED.hex(), kind="ntag424", key=OTHER.hex())
        pcscd.say("lay", uid=DECLINES.hex(), kind="ntag424", key=KEY.hex(), declines=True)
        pcscd.say("lay", uid=DESFIRE.hex(), kind="desfire", key=KEY.hex())
        seen: list[ReaderEvent] = []
        while not seen or seen[-1] != BadgeTapped(DESFIRE, BadgeKind.DESFIRE):
            seen.append(await anext(events))
    assert [event for event in seen if isinstance(event, BadgeTapped)] == [
        BadgeTapped(PLAIN, WEAK),
        BadgeTapped(NTAG, BadgeKind.NTAG424),
        BadgeTapped(FORGED, WEAK),
        BadgeTapped(DECLINES, BadgeKind.NTAG424, 1),
        BadgeTapped(DESFIRE, BadgeKind.DESFIRE),
    ]
    assert [type(event) for event in seen].count(ReaderNoise) == 1
    assert [event.uid for event in seen if isinstance(event, BadgeRemoved)] == [PLAIN, NTAG, FORGED, DECLINES]


async def test_one_that_does_not_authenticate_is_weak_where_messages_do_not_do(pcscd: PcscStand) -> None:
    pcscd.say("lay", uid=DECLINES.hex(), kind="ntag424", key=KEY.hex(), declines=True)
    async with reading() as events:
        assert await anext(events) == ReaderFound()
        assert isinstance(await anext(events), ReaderNoise)
        assert await anext(events) == BadgeTapped(DECLINES, WEAK)


async def test_a_pcscd_that_hangs_holds_nobody_up_and_is_found_again(
    pcscd: PcscStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcsc, "LONGEST_CALL_S", 1.0)
    async with reading() as events:
        assert await anext(events) == ReaderFound()
        pcscd.say("hang")
        try:
            lost = asyncio.ensure_future(anext(events))
            turns = 0
            while not lost.done():
                await asyncio.sleep(0.01)
                turns += 1
            assert isinstance(lost.result(), ReaderLost)
            assert turns > 5
        finally:
            pcscd.say("go_on")
        assert await anext(events) == ReaderFound()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [("", "several are attached"), ("ACR122U", '"ACR122U" stands in the names of 0 readers')],
)
async def test_a_reader_that_is_not_clear_is_lost_with_the_names_that_there_are(
    pcscd: PcscStand, wanted: str, reason: str
) -> None:
    async with reading(reader=wanted) as events:
        lost = await anext(events)
    assert isinstance(lost, ReaderLost)
    assert lost.reason == f"pcscd: {reason}; there are: Virtual PCD 00 00, Virtual PCD 00 01"


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcsc_lite, "LIBRARY", "libnothing-of-this-name.so.1")
    with pytest.raises(ConfigError, match="apt-get install pcscd"):
        build_reader("pcsc", {}, "bench")


class Oracle:
    """python-desfire's device: its native frames in APDUs, through pcscd."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def transceive(self, frame: list[int]) -> list[int]:
        code, *data = frame
        size = [len(data), *data] if data else []
        reply = self.card.transmit(bytes([0x90, code, 0, 0, *size, 0]))
        assert reply
        return [reply[-1], *reply[:-2]]


def on_the_reader(act: Callable[[Card], None]) -> None:
    service = Service(pcsc_lite.load())
    service.open()
    with closing(service):
        reader, seen = "Virtual PCD 00 00", Seen()
        while not seen.is_card:
            seen = service.wait(reader, seen, 1000)
        card = service.connect(reader)
        assert card
        with closing(card):
            act(card)


def test_anothers_library_finds_the_same_card_there(pcscd: PcscStand) -> None:
    """python-desfire 0.1.5 by AuthenticateAES, ours by AuthenticateEV2First."""

    def both(card: Card) -> None:
        theirs = DESFire(Oracle(card))
        theirs.select_application([0x46, 0x4B, 0x4D])
        theirs.authenticate(1, DESFireKey(theirs.get_key_setting(), list(KEY)))
        assert theirs.is_authenticated
        ours = begin_proof(DESFIRE, BadgeKey(BadgeKind.DESFIRE, KEY), lambda size: bytes(range(size)))
        step = ours.step()
        while isinstance(step, bytes):
            step = ours.step(card.transmit(step))
        assert step == Proven()

    pcscd.say("lay", uid=DESFIRE.hex(), kind="desfire", key=KEY.hex())
    on_the_reader(both)
