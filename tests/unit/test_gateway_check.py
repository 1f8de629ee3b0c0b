"""`check`: what is missing is named, the disk is measured, and a relay is clicked only where that is safe."""

import os
import time
from pathlib import Path

import pytest

from floor.session import Free
from floor.wire.messages import LockOut
from floor.words import InputRole
from gateway import card, checking
from gateway.app import locked
from gateway.cli import main
from gateway.click import Click
from gateway.config import load
from gateway.wiring import Devices, Ordered
from hardware.simulated import SimulatedInput, SimulatedReader, SimulatedRelay
from tests.kit.gateway import Bench

GOOD = f"""name = "g"
badge_key = "{"00" * 32}"
server_key = "{"A" * 43}="
journal = {{storage = "volatile"}}
[[stations]]
machine = "laser"
reader = {{kind = "rdm6300", port = "PORT"}}
relay = {{kind = "simulated"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    port = tmp_path / "ttyUSB0"
    port.touch()
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD.replace("PORT", str(port)))
    return file


def run(file: Path, *arguments: str) -> int:
    return main(["--config", str(file), "check", *arguments])


def test_what_is_there_and_what_is_missing_is_said_by_name(file: Path, capsys) -> None:
    port = file.parent / "ttyUSB0"
    assert run(file) == 0
    said = capsys.readouterr().out
    assert f"ok       laser: reader: {port} is there, and may be opened\n" in said
    assert "not yet  roster: there is no roster yet" in said
    assert "broker 127.0.0.1:1883" in said
    assert said.endswith("nothing that is wired is missing\n")
    port.unlink()
    assert run(file) == 1
    said = capsys.readouterr().out
    assert f"MISSING  laser: reader: there is no {port}" in said
    assert said.endswith("1 to mend\n")


def test_the_group_that_may_open_a_device_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    problem = checking.unusable(file)
    assert "may not open" in problem
    assert "sudo usermod -aG " in problem


def test_a_display_that_is_not_there_or_hangs_is_missing(file: Path, capsys, monkeypatch) -> None:
    file.write_text(file.read_text() + 'panel = {kind = "oled", bus = 31}\n')
    assert run(file) == 1
    assert "MISSING  laser: display oled: I2C device not found: /dev/i2c-31" in capsys.readouterr().out
    monkeypatch.setattr(checking, "PROVE_S", 0.05)
    monkeypatch.setattr("hardware.panels.oled.OledPanel.prove", lambda _: time.sleep(0.5))
    assert run(file) == 1
    assert "does not answer" in capsys.readouterr().out


def test_one_station_that_cannot_be_built_hides_no_other(file: Path, capsys) -> None:
    other = '[[stations]]\nmachine = "saw"\nreader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
    file.write_text(file.read_text().replace('"simulated"', '"absent"') + other)
    assert run(file) == 2
    said = capsys.readouterr()
    assert "station laser" in said.err
    assert "saw: simulated, simulated: can be built" in said.out


@pytest.mark.parametrize(
    ("took_s", "means"), [([0.0], "fit for taps"), ([0.0, 0.04], "some do not"), ([0.04], "MISSING")]
)
def test_the_disk_is_measured_and_judged(tmp_path: Path, took_s: list[float], means: str) -> None:
    lines: list[str] = []
    count = iter(range(1000))

    def sync(_: int) -> None:
        time.sleep(took_s[-1] if next(count) == 9 or len(took_s) == 1 else 0.0)

    report = checking.Report(lines.append)
    card.report(tmp_path, report.fine, report.lacks, 10, sync)
    assert means in lines[0]
    assert list(tmp_path.iterdir()) == [], "it leaves nothing"


def test_a_folder_that_cannot_be_written_is_missing(tmp_path: Path) -> None:
    lines: list[str] = []
    report = checking.Report(lines.append)
    card.report(tmp_path / "absent", report.fine, report.lacks)
    assert lines[0].startswith("MISSING  disk: ")


def clicked(relay: SimulatedRelay, *answers: bool, active: bool = False) -> tuple[str, list[bool]]:
    """What is said of a click, and each level that the relay was in when somebody was asked."""
    lines: list[str] = []
    asked: list[bool] = []
    said = iter(answers)

    def ask(_: str) -> bool:
        asked.append(relay.is_on)
        return next(said)

    report = checking.Report(lines.append)
    stop = SimulatedInput("stop", InputRole.EMERGENCY_STOP, active)
    built = Devices(SimulatedReader("reader"), relay, inputs=(stop,))
    Click(["laser"], ask if answers else None).station("laser", built, report.fine, report.lacks)
    assert not relay.is_on
    return lines[-1], asked


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.click.ON_S", 0.02)
    monkeypatch.setattr("gateway.click.MOVES_S", 0.1)


@pytest.mark.usefixtures("quick")
def test_a_click_proves_feedback_both_ways_and_asks_what_was_heard() -> None:
    said, asked = clicked(SimulatedRelay("r", True), True, True)
    assert said == "ok       laser: relay r: clicked; feedback followed both ways, it was heard"
    assert asked == [False, False], "it is off while somebody thinks"
    assert "no feedback to prove it, nobody was asked" in clicked(SimulatedRelay("r", False))[0]
    assert clicked(SimulatedRelay("r", True), True, False)[0].startswith(
        "MISSING  laser: relay r: nobody heard"
    )


@pytest.mark.usefixtures("quick")
def test_what_is_not_safe_is_not_clicked() -> None:
    class Watched(SimulatedRelay):
        closed = 0

        def on(self) -> None:
            self.closed += 1
            super().on()

    for welded, active, answers, words in (
        (False, True, (), "stop is active"),
        (False, False, (False,), "nobody said yes"),
        (True, False, (), "closed although the relay is off"),
    ):
        relay = Watched("r", True)
        if welded:
            relay.on()
            relay.weld()
            relay.off()
            relay.closed = 0
        said, _ = clicked(relay, *answers, active=active)
        assert words in said
        assert relay.closed == 0


@pytest.mark.usefixtures("quick")
def test_a_contact_that_does_not_move_is_told() -> None:
    class Stuck(SimulatedRelay):
        def feedback(self) -> bool | None:
            return False

    assert "did not close" in clicked(Stuck("r", True))[0]

    class Welds(SimulatedRelay):
        def on(self) -> None:
            super().on()
            self.weld()

    assert "did not open again" in clicked(Welds("r", True))[0]


@pytest.mark.usefixtures("quick")
async def test_no_relay_is_clicked_in_a_session_nor_out_of_order_nor_while_a_gateway_runs(
    tmp_path: Path, file: Path, capsys
) -> None:
    assert run(file, "--click", "laser", "--yes") == 0
    assert run(file, "--click", "mill", "--yes") == 2
    assert "Use one of: laser" in capsys.readouterr().err
    with locked(load(file)):
        assert run(file, "--click", "laser", "--yes") == 2
    bench = Bench(tmp_path)
    await bench.tap()
    await bench.entries()
    assert run(file, "--click", "laser", "--yes") == 2
    assert "the journal has a session that is open there" in capsys.readouterr().err
    await bench.tap()
    assert bench.station.state == Free()
    await bench.entries()
    assert run(file, "--click", "laser", "--yes") == 0
    await lock_out(bench)
    assert run(file, "--click", "laser", "--yes") == 2
    assert "out of order: smoke" in capsys.readouterr().err
    bench.journal.close()


async def lock_out(bench: Bench) -> None:
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="smoke"), "tech"), 0.0)
    await bench.entries()


@pytest.mark.usefixtures("quick")
def test_no_relay_is_clicked_while_the_fire_alarm_of_all_stations_is_active(
    file: Path, capsys, monkeypatch
) -> None:
    file.write_text(
        file.read_text().replace(
            "[[stations]]", '[[inputs]]\nrole = "fire_alarm"\nkind = "simulated"\n[[stations]]'
        )
    )
    assert run(file, "--click", "laser", "--yes") == 0
    assert capsys.readouterr().out.count("(fire_alarm)") == 1, "it is no station's"
    monkeypatch.setattr(SimulatedInput, "read", lambda _: True)
    assert run(file, "--click", "laser", "--yes") == 1
    assert "laser: not clicked: fire_alarm is active" in capsys.readouterr().out
