"""What a machine-access-control box posts, and what the station hears of it."""

from __future__ import annotations

import json

import pytest

from floor.words import StopType
from hardware.events import BadgeAsked, BadgeRemoved, ButtonPressed, PowerGone, ReaderEvent, ReaderNoise
from hardware.nodes import mac
from hardware.nodes.mac import MacBox, Update
from hardware.nodes.question import Verdict
from hardware.ports import Lamp, Screen

POSTED = (  # as esphome-configs/2025.11.2 writes it
    b'{"machine_name":"saw","oops":false,"rfid_value":"14916441","uptime":1234.5,"wifi_signal_db":-54,'
    b'"wifi_signal_percent":92,"internal_temperature_c":53.89,"second_relay_state":false}'
)
FOB = (14916441).to_bytes(4, "big")
ADA, BEN = b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"


def test_a_post_is_read() -> None:
    assert mac.parse(POSTED) == Update("saw", FOB, False, 1234.5)
    padded = POSTED.replace(b'"14916441"', b'"0014916441"')
    assert mac.parse(padded) == mac.parse(POSTED)
    assert mac.parse(b'{"machine_name":"saw","rfid_value":"","uptime":null}') == Update("saw", b"", False, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"saw"', b"7"),
        (b'"saw"', b'""'),
        (b"false,", b"0,"),
        (b'"14916441"', b'"-1"'),
        (b'"14916441"', b'"4294967296"'),
        (b'"14916441"', b'"00014916441"'),
        (b'"14916441"', b'"0"'),
        (b'"14916441"', '"\u0661"'.encode()),
        (b"1234.5", b"-1"),
        (b"1234.5", b"NaN"),
        (b"1234.5", b"true"),
    ],
)
def test_what_is_no_post_is_noise(old: bytes, new: bytes) -> None:
    assert isinstance(mac.parse(POSTED.replace(old, new, 1)), ReaderNoise)


def test_an_answer_has_what_the_box_reads() -> None:
    answer = mac.reply(Screen(("Table saw in the shed", "in use", "Ada"), Lamp.GREEN), relay=True)
    assert json.dumps(answer) == (
        '{"relay": true, "display": "Table saw in the\\nAda", "oops_led": false, '
        '"status_led_rgb": [0.0, 1.0, 0.0], "status_led_brightness": 0.5, "second_relay": false}'
    )
    chinese = mac.reply(Screen(("锯", "free", "请刷卡"), Lamp.OFF), relay=False)
    assert (chinese["display"], chinese["status_led_brightness"]) == ("?\nfree", 0.0)
    told = Screen(("锯", "使用中", "欢迎"), Lamp.OFF, english=("Saw", "In use", "Welcome"))
    assert mac.reply(told, relay=False)["display"] == "Saw\nWelcome"
    assert mac.reply(Screen(()), relay=False)["display"] == "\n"


class Run:
    """A box whose posts come at the second of its uptime."""

    def __init__(self) -> None:
        self.told: list[ReaderEvent] = []
        self.box = MacBox(self.told.append)
        self.post(100, found=True)

    def post(self, uptime_s: float, uid: bytes = b"", *, oops: bool = False, found: bool = False) -> None:
        self.box.heard(Update("saw", uid, oops, uptime_s), uptime_s, found=found)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.told]


def test_a_card_is_asked_about_once_and_its_going_is_told() -> None:
    run = Run()
    for uptime_s in (110, 115, 120):
        run.post(uptime_s, ADA)
    run.post(125)
    assert run.names() == ["BadgeAsked", "BadgeRemoved"]
    run.post(130, ADA)
    run.post(135, BEN)
    assert run.names()[2:] == ["BadgeAsked", "BadgeRemoved", "BadgeAsked"]
    assert run.told[3] == BadgeRemoved(ADA)


@pytest.mark.parametrize("found", [True, False])
def test_a_card_that_lies_there_after_a_loss_or_a_reboot_is_no_tap(found: bool) -> None:
    run = Run()
    run.post(110, ADA)
    run.post(200 if found else 20, ADA, found=found)
    run.post(210, ADA)
    assert run.names() == ["BadgeAsked"] + ["PowerGone"] * (not found)
    run.post(220)
    run.post(230, ADA)
    assert run.names()[-2:] == ["BadgeRemoved", "BadgeAsked"]


def test_a_falling_uptime_ends_the_session_and_an_overtaken_post_does_not() -> None:
    run = Run()
    run.post(500, ADA)
    run.post(495)
    assert run.names() == ["BadgeAsked"]
    run.post(8, ADA)
    assert run.told[1:] == [PowerGone(StopType.POWER_LOST)]


def test_oops_is_told_once_as_it_is_pressed() -> None:
    run = Run()
    for uptime_s, oops in ((110, True), (120, True), (130, False), (140, True)):
        run.post(uptime_s, oops=oops)
    assert run.told == [ButtonPressed("oops")] * 2


@pytest.mark.parametrize("how", ["expired", "removed", "rebooted"])
def test_a_late_yes_ends_what_it_began(how: str) -> None:
    run = Run()
    run.post(110, ADA)
    asked = run.told[0]
    assert isinstance(asked, BadgeAsked)
    if how == "expired":
        run.box.tick(111.4)
        assert asked.question.open
        run.box.tick(111.5)
    else:
        run.post(111 if how == "removed" else 5)
    assert not asked.question.open
    run.told.clear()
    asked.question.answer(Verdict(granted=True))
    assert run.told == [PowerGone(StopType.POWER_LOST)]


def test_a_yes_in_time_ends_nothing() -> None:
    run = Run()
    run.post(110, ADA)
    asked = run.told.pop()
    assert isinstance(asked, BadgeAsked)
    asked.question.answer(Verdict(granted=True))
    run.box.tick(1000)
    assert run.told == []
