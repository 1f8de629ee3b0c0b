import asyncio
import io

import pytest

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, InputChanged, ReaderFound, ReaderLost
from hardware.panels.console import ConsolePanel
from hardware.ports import Lamp, Screen, Sound
from hardware.simulated import SimulatedInput, SimulatedPanel, SimulatedReader, SimulatedRelay


async def test_what_changed_while_a_reader_was_lost_is_told_once_it_is_found() -> None:
    reader = SimulatedReader("laser")
    events = reader.events()
    await reader.tap(b"one", BadgeKind.NTAG424)
    await reader.lose("unplugged")
    await reader.lose("unplugged again")
    await reader.tap(b"two")
    await reader.find()
    await reader.find()
    assert [await anext(events) for _ in range(6)] == [
        ReaderFound(),
        BadgeTapped(b"one", BadgeKind.NTAG424),
        ReaderLost("unplugged"),
        ReaderFound(),
        BadgeRemoved(b"one"),
        BadgeTapped(b"two", BadgeKind.UID_125KHZ),
    ]


async def test_taps_that_nobody_hears_are_bounded() -> None:
    reader = SimulatedReader("laser")
    for _ in range(64):
        await reader.noise("hum")
    with pytest.raises(asyncio.QueueFull):
        await reader.noise("hum")


async def test_an_input_tells_its_state_and_then_its_changes() -> None:
    door = SimulatedInput("door")
    events = door.events()
    assert await anext(events) == InputChanged("door", False)
    await door.change(True)
    await door.change(True)
    await door.change(False)
    assert [await anext(events), await anext(events)] == [
        InputChanged("door", True),
        InputChanged("door", False),
    ]
    await door.aclose()
    assert [event async for event in events] == []


def test_a_relay_remembers_its_changes_and_has_the_faults_of_a_real_one() -> None:
    relay = SimulatedRelay("saw")
    for command in (relay.on, relay.on, relay.off):
        command()
    assert list(relay.history) == [False, True, False]
    relay.stick_open()
    relay.on()
    assert (relay.is_on, relay.feedback()) == (True, False)
    relay.repair()
    assert relay.feedback() is True
    assert SimulatedRelay("saw", feedback_wired=False).feedback() is None


def test_a_panel_keeps_its_last_screens() -> None:
    panel = SimulatedPanel("saw", kept=2)
    screens = [Screen((text,)) for text in "abc"]
    for screen in screens:
        panel.show(screen)
    assert list(panel.screens) == screens[1:]


def test_the_console_prints_changes_only() -> None:
    out = io.StringIO()
    panel = ConsolePanel("saw", out)
    refused = Screen(("Not for you", "See staff"), Lamp.RED, Sound.REFUSED, blink=True)
    for screen in (Screen(("Free",), Lamp.GREEN), refused, refused):
        panel.show(screen)
    assert out.getvalue() == "saw [green] Free\nsaw [red, blinking] Not for you | See staff (refused)\n"
