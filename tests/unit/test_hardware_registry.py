import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from floor.errors import ConfigError
from gateway.cli import main
from hardware import registry
from hardware.panels.console import ConsolePanel
from hardware.readers.pn532 import Pn532Reader
from hardware.readers.port_reader import PortReader
from hardware.simulated import SimulatedPanel, SimulatedReader, SimulatedRelay

WHERE = "gateway.toml, station laser"
KEYBOARD = {"port": "/dev/input/event0", "number": "decimal", "badge": "uid_125khz"}
WIRING = Path(__file__).parents[2] / "docs" / "wiring"


def test_every_kind_that_needs_no_hardware_builds() -> None:
    built = [
        registry.build_reader("rdm6300", {"name": "laser", "port": "/dev/serial0", "removal_ms": 300}, WHERE),
        registry.build_reader("pn532", {"name": "laser", "port": "/dev/serial0", "poll_ms": 20}, WHERE),
        registry.build_reader("wiegand", {"name": "laser", "port": "/dev/ttyACM0", "alive_s": 3}, WHERE),
        registry.build_reader("keyboard", {"name": "laser", **KEYBOARD, "reverse": True}, WHERE),
        registry.build_reader("simulated", {}, WHERE),
        registry.build_relay("simulated", {"feedback": False}, WHERE),
        registry.build_panel("console", {}, WHERE),
        registry.build_panel("simulated", {}, WHERE),
    ]
    kinds = [
        PortReader,
        Pn532Reader,
        *[PortReader] * 2,
        SimulatedReader,
        SimulatedRelay,
        ConsolePanel,
        SimulatedPanel,
    ]
    assert [type(one) for one in built] == kinds
    assert [one.name for one in built[:5]] == [*["laser"] * 4, "simulated"]


@pytest.mark.parametrize(
    ("build", "kind", "settings", "key", "sentence"),
    [
        (
            registry.build_reader,
            "rdm630",
            {},
            "kind",
            'Did you mean "rdm6300"? Known: keyboard, mfrc522, osdp, pcsc, pn532, rdm6300',
        ),
        (registry.build_relay, "", {}, "kind", '"" is unknown. Known: gpio, rig, shelly, simulated'),
        (
            registry.build_panel,
            "lcd",
            {},
            "kind",
            '"lcd" is unknown. Known: console, oled, simulated, stack_light.',
        ),
        (registry.build_reader, "rdm6300", {}, "port", "missing. Give the serial device, such as"),
        (registry.build_reader, "rdm6300", {"prt": "/dev/x"}, "prt", 'unknown. Did you mean "port"? Known:'),
        (registry.build_reader, "rdm6300", {"port": 3}, "port", "3 does not fit. Give the serial device"),
        (registry.build_reader, "rdm6300", {"port": "x", "removal_ms": 10}, "removal_ms", "150 to 60000 ms"),
        (registry.build_reader, "pcsc", {"removal_ms": 10}, "removal_ms", "150 to 60000 ms"),
        (registry.build_reader, "pcsc", {"sun": "yes"}, "sun", "Give true or false"),
        (registry.build_reader, "pn532", {"port": "x", "poll_ms": 5}, "poll_ms", "20 to 1000 ms"),
        (registry.build_reader, "wiegand", {"port": "x", "alive_s": 1}, "alive_s", "3 to 600"),
        (registry.build_reader, "keyboard", {**KEYBOARD, "number": "octal"}, "number", '"decimal" or "hex"'),
        (registry.build_reader, "keyboard", {**KEYBOARD, "badge": "ntag424"}, "badge", "uid_13mhz"),
        (registry.build_relay, "gpio", {"pin": True}, "pin", "True does not fit. Give a BCM pin number"),
        (registry.build_relay, "gpio", {"pin": 28}, "pin", "28 does not fit"),
        (registry.build_relay, "gpio", {"pin": 17, "active": "hi"}, "active", '"high" or "low"'),
        (registry.build_relay, "gpio", {"pin": 17, "feedback_pin": 17}, "feedback_pin", "own pin"),
        (registry.build_relay, "rig", {"socket": "/absent"}, "name", "missing. Give the relay's name"),
        (registry.build_relay, "rig", {"name": "a", "socket": "/absent"}, "socket", "does not listen"),
    ],
)
def test_a_wrong_setting_names_file_key_and_remedy(
    build: Callable[[str, Mapping[str, object], str], object],
    kind: str,
    settings: dict[str, object],
    key: str,
    sentence: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(kind, settings, WHERE)
    assert (caught.value.file, caught.value.key) == (WHERE, key)
    assert sentence in str(caught.value)


def test_without_gpio_the_remedy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
    with pytest.raises(ConfigError, match="Install the gateway extra on a Raspberry Pi"):
        registry.build_relay("gpio", {"pin": 17}, WHERE)


def test_what_is_not_configured_is_not_loaded() -> None:
    """In a process of its own: in this one, other tests have loaded everything."""
    program = """
import sys
from gateway import app
from hardware import registry
registry.build_reader("simulated", {}, "here")
registry.build_relay("simulated", {}, "here")
kinds = {name.rpartition(".")[2] for name in sys.modules if name.startswith("hardware.kinds.")}
readers = {name for name in sys.modules if name.startswith("hardware.readers.")}
print(kinds, readers)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "{'simulated'} {'hardware.readers.keys'}\n"


def test_every_setting_stands_in_the_wiring_guide() -> None:
    guide = "".join(page.read_text(encoding="utf-8") for page in WIRING.glob("*.md"))
    tables = (registry.READERS, registry.RELAYS, registry.PANELS, registry.INPUTS, registry.NODES)
    models = [load()[0] for table in tables for load in table.values()]
    missing = {key for model in models for key in model.model_fields if f"`{key}`" not in guide}
    assert not missing, f"docs/wiring/ says nothing of {sorted(missing)}"


def test_check_accepts_every_kind_of_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readers = [
        '{kind = "pn532", port = "/dev/serial0", poll_ms = 50}',
        '{kind = "pn532", bus = "i2c", port = "/dev/i2c-1"}',
        f'{{kind = "osdp", port = "/dev/ttyUSB0", key = "{"5A" * 16}"}}',
        '{kind = "wiegand", port = "/dev/ttyACM0", alive_s = 5}',
        '{kind = "keyboard", port = "/dev/input/event0", number = "hex", badge = "uid_13mhz"}',
    ]
    text = f'name = "g"\nbadge_key = "{"00" * 32}"\nserver_key = "{"A" * 43}="\n'
    text += 'journal = {storage = "volatile"}\n'
    for number, reader in enumerate(readers):
        text += f'[[stations]]\nmachine = "m{number}"\nreader = {reader}\nrelay = {{kind = "simulated"}}\n'
    (tmp_path / "gateway.toml").write_text(text)
    assert main(["--config", str(tmp_path / "gateway.toml"), "check"]) < 2, "the settings are right"
    said = capsys.readouterr().out
    for kind in ("pn532", "osdp", "wiegand", "keyboard"):
        assert f"{kind}, simulated: can be built" in said
