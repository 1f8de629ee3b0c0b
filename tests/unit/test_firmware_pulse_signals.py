"""One signal as a machine: thresholds, counting, pins, files, and what cannot be read."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from firmware_bridge.events import ActivityChanged, ReadingTaken
from firmware_bridge.pulse import driver as pulse_driver
from firmware_bridge.pulse.driver import PulseDriver, PulseSettings
from firmware_bridge.pulse.sampler import FileSampler, PinSampler
from firmware_bridge.pulse.tracker import Limits, PulseTracker
from firmware_bridge.registry import build
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity
from tests.kit.watch import watching


def tracked(values: list[float], *, step_s: float = 0.1, steady_s: float = 0.0) -> dict[Quantity, int]:
    tracker = PulseTracker(Limits(6.0, 4.0, steady_s, 1.0, counts_jobs=True))
    shown: dict[Quantity, int] = {}
    for at, value in enumerate(values):
        for event in tracker.sample(value, at * step_s):
            if isinstance(event, ReadingTaken):
                shown = dict(event.counters)
    return shown


@pytest.mark.parametrize(
    ("values", "jobs", "busy_ms"),
    [
        ([0, 9, 9, 0, 0], 1, 200),
        ([0, 9, 5, 5, 0], 1, 300),  # between the thresholds nothing changes
        ([0, 5, 5, 0, 0], 0, 0),
        ([9, 9, 0, 9, 0], 1, 300),  # on when first seen: time, but no pulse
        ([9, 9, 9, 9], 0, 0),  # said at the first sample, then once a second
    ],
)
def test_pulses_and_time(values: list[float], jobs: int, busy_ms: int) -> None:
    shown = tracked(values)
    assert (shown[Quantity.JOBS], shown[Quantity.BUSY_TIME_MS]) == (jobs, busy_ms)


def test_what_is_shorter_than_steady_is_passed_over() -> None:
    bounce = [0, 0, 9, 0, 9, 0, 9, 9, 9, 9, 0, 9, 9, 9, 0, 0, 0, 0]
    assert tracked(bounce, steady_s=0.2)[Quantity.JOBS] == 1


def test_a_stall_counts_neither_time_nor_a_pulse() -> None:
    tracker = PulseTracker(Limits(0.5, 0.5, 0.0, 1.0, counts_jobs=True))
    events = [tracker.sample(value, at) for value, at in ((0, 0), (1, 0.1), (1, 50), (1, 50.1), (0, 50.2))]
    readings = [event for group in events for event in group if isinstance(event, ReadingTaken)]
    assert readings[-1].counters == {Quantity.BUSY_TIME_MS: 200, Quantity.JOBS: 1}


class Pins:
    """The interface of RPi.GPIO over a dict of levels."""

    BCM, IN, PUD_OFF, PUD_UP, PUD_DOWN = "BCM", "IN", 20, 22, 21

    def __init__(self) -> None:
        self.levels = {17: 1}
        self.pulls: dict[int, int] = {}

    def setwarnings(self, flag: bool) -> None: ...

    def setmode(self, mode: str) -> None: ...

    def setup(self, channel: int, direction: str, *, pull_up_down: int) -> None:
        self.pulls[channel] = pull_up_down

    def input(self, channel: int) -> int:
        if channel not in self.levels:
            raise RuntimeError("not allocated")
        return self.levels[channel]


async def test_a_pin_that_is_active_low_is_lost_and_comes_back() -> None:
    pins = Pins()
    settings = PulseSettings(source="pin:17", active="low", pull="up", sample_s=0.01, steady_s=0.0)
    driver = PulseDriver(settings, take=PinSampler(17, "up", lambda: pins))
    async with watching(driver) as watch:
        await watch.activity(Activity.IDLE)
        pins.levels[17] = 0
        await watch.activity(Activity.BUSY)
        assert pins.pulls == {17: Pins.PUD_UP}
        del pins.levels[17]
        assert "pin 17 cannot be read: not allocated" in (await watch.activity(Activity.UNREACHABLE)).words
        pins.levels[17] = 1
        await watch.activity(Activity.IDLE)
        with pytest.raises(MachineFault, match="cannot be told"):
            await driver.hold()


async def test_a_converter_that_hangs_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    class Hangs:
        def sample(self) -> float:
            free.wait(20)
            return 0.0

    monkeypatch.setattr(pulse_driver, "SAMPLE_S", 0.05)
    async with watching(PulseDriver(PulseSettings(source="pin:17"), take=Hangs())) as watch:
        assert "was not read within" in (await watch.activity(Activity.UNREACHABLE)).words
        free.set()
        await watch.activity(Activity.IDLE)
    assert [e for e in watch.seen if isinstance(e, ActivityChanged)][-1].activity is Activity.IDLE


@pytest.mark.parametrize("text", ["", "x", "nan", "1e99", "\0", "1 2"])
def test_a_file_without_a_number_is_unreachable(tmp_path: Path, text: str) -> None:
    file = tmp_path / "in_voltage0_raw"
    with pytest.raises(MachineUnreachable, match="cannot be read"):
        FileSampler(file).sample()
    file.write_text("1234\n")
    assert FileSampler(file).sample() == 1234
    file.write_text(text)
    with pytest.raises(MachineUnreachable, match="holds no number"):
        FileSampler(file).sample()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"source": "pin:28"}, "source"),
        ({"source": "GPIO17"}, "source"),
        ({"source": "pin:17", "on_above": 1, "off_below": 2}, "off_below"),
        ({"source": "/sys/x", "pull": "up"}, "pull"),
        ({"source": "pin:17", "active": "down"}, "active"),
    ],
)
def test_wrong_settings(settings: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build("pulse", settings, "gateway.toml")
    assert caught.value.key == key
