"""A small display: what it shows, in both languages, and that it delays nobody whatever becomes of it."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from luma.core.interface.serial import i2c
from PIL import Image, ImageChops

from floor.errors import ConfigError, MachineFault
from floor.wire.roster import RosterMachine
from gateway.station import Station
from gateway.wiring import Devices
from hardware.panels import oled
from hardware.panels.oled_picture import SIZE, Letters, picture, wrapped
from hardware.ports import Closes, Follows, Lamp, Proves, Screen
from hardware.registry import build_panel
from tests.kit.gateway import ADA, TARIFF, Bench
from tests.kit.oled_chip import Bus, Chip

CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
DEADLINE_S = 20
ENGLISH = Screen(("Laser cutter", "In use", "Ada"), Lamp.GREEN)
TEAM = "李雷 · 创客团队"
CHINESE = Screen(("激光切割机", "使用中", TEAM), english=("Laser cutter", "In use", "李雷 · Team"))


@pytest.fixture(params=["ssd1306", "sh1106"])
def chip(request: pytest.FixtureRequest) -> Chip:
    made = Chip(request.param)
    made.kind = request.param  # type: ignore[attr-defined]
    return made


def made(chip: Chip, bus: Bus, font: str = "") -> oled.OledPanel:
    return oled.OledPanel("laser", chip.kind, lambda: i2c(bus=bus, address=0x3C), Letters(font))  # type: ignore[attr-defined]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "what was awaited did not come"
        time.sleep(0.01)


def same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.logical_xor(one, other).getbbox() is None


def test_what_is_shown_reaches_the_chips_memory(chip: Chip) -> None:
    panel = made(chip, Bus(chip))
    assert isinstance(panel, Follows)
    assert isinstance(panel, Closes)
    assert isinstance(panel, Proves)
    panel.show(ENGLISH)
    panel.follow("1.20 EUR", "58 min")
    expected = picture(ENGLISH, "1.20 EUR", "58 min", Letters())
    assert expected.getbbox()
    until(lambda: same(chip.picture(), expected))
    panel.close()
    until(lambda: not chip.lit)


def test_a_display_that_hangs_or_is_gone_blocks_nobody_and_comes_back(
    chip: Chip, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(oled, "AGAIN_S", (0.05, 0.05))
    bus = Bus(chip)
    bus.there = False
    panel = made(chip, bus)
    with pytest.raises(MachineFault, match="laser"):
        panel.prove()
    panel.show(Screen(("a", "b", "c")))
    until(lambda: bus.tried > 5)
    assert len(caplog.records) == 1, "told once"
    bus.there = True
    until(lambda: chip.lit)
    panel.prove()
    bus.free.clear()  # hung: nothing that is sent comes back
    for n in range(1000):
        panel.show(Screen((str(n), "b", "c")))
    panel.show(ENGLISH)
    bus.free.set()
    until(lambda: same(chip.picture(), picture(ENGLISH, "", "", Letters())))
    panel.close()


def test_a_display_whose_power_was_gone_is_set_up_anew(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oled, "ANEW_S", 0.2)
    panel = made(chip, Bus(chip))
    panel.show(ENGLISH)
    until(lambda: chip.lit)
    chip.power_up()
    until(lambda: same(chip.picture(), picture(ENGLISH, "", "", Letters())))
    panel.close()


async def test_a_hung_display_delays_no_tap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    chip = Chip("ssd1306")
    bus = Bus(chip)
    bus.free.clear()
    panel = oled.OledPanel("laser", "ssd1306", lambda: i2c(bus=bus), Letters())
    bench.station = Station("laser", Devices(bench.reader, bench.relay, panel), bench.services())
    for on in (True, False) * 5:
        await bench.tap()
        assert bench.relay.is_on is on
        await bench.pass_s(1)
    await bench.tap()
    await bench.pass_s(6)
    bus.free.set()
    screen = Screen(("Laser", "In use", "Ada"), Lamp.GREEN)
    shown = picture(screen, "0.10 EUR", "480 min", Letters())
    until(lambda: same(chip.picture(), shown))
    panel.close()
    bench.journal.close()


def test_chinese_is_drawn_with_a_font_that_has_it_and_in_english_without() -> None:
    latin, cjk = Letters(), Letters(str(CJK))
    assert not latin.has("使用中")
    assert cjk.has("使用中 In use ¥ · …")
    assert latin.drawable("使用中", "In use") == "In use"
    assert latin.drawable(TEAM, "李雷 · Team") == "Team", "no letter is drawn as another"
    assert cjk.drawable(TEAM, "李雷 · Team") == TEAM
    assert latin.drawable("two\nlines", "") == "two lines"
    english = Screen(("Laser cutter", "In use", "Team"))
    assert same(picture(CHINESE, "1.20 EUR", "", latin), picture(english, "1.20 EUR", "", latin))
    assert not same(picture(CHINESE, "", "", cjk), picture(english, "", "", cjk))


@pytest.mark.parametrize(
    "text", ["", "x" * 500, "Your training has lapsed. " * 20, "您的培训已过期，请先更新。" * 20]
)
def test_whatever_is_to_be_shown_fits(text: str) -> None:
    letters = Letters(str(CJK))
    assert picture(Screen((text, text, text)), text, "9 min", letters).size == SIZE
    lines = wrapped(text, 4, letters)
    assert len(lines) <= 4
    assert all(letters.of(11).getlength(line) <= SIZE[0] for line in lines)
    assert picture(Screen(()), "", "", letters).size == SIZE


async def test_a_member_reads_their_own_language(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    roster = bench.roster
    assert roster.version
    machine = RosterMachine(id="laser", name="激光", policy=bench.policy, tariffs=[TARIFF])  # type: ignore[arg-type]
    member = roster.member("ada")
    assert member
    members = {"ada": replace(member, language="zh", shown="李雷")}
    roster.take(bench.server.roster(2, members=members, machines=[machine]))
    await bench.tap(ADA)
    screen = bench.panel.screens[-1]
    assert screen.lines == ("激光", "使用中", "欢迎")
    assert screen.english == ("激光", "In use", "Welcome")
    bench.journal.close()


def test_a_display_is_built_without_a_display_and_names_what_is_missing(monkeypatch) -> None:
    assert build_panel("oled", {"bus": 1, "address": 0x3D}, "here").name == "oled"
    with pytest.raises(ConfigError, match=r"font.*NotoSansCJK"):
        build_panel("oled", {"font": "/absent.ttf"}, "here")
    monkeypatch.setitem(sys.modules, "luma.oled.device", None)
    monkeypatch.delitem(sys.modules, "hardware.panels.oled")
    with pytest.raises(ConfigError, match=r"makerfloor\[oled\]"):
        build_panel("oled", {}, "here")
