"""The drawing of a station: each pin of its settings stands there once, and a person can read it."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.cli import main
from hardware.wires.handbook import DRAWN, sheet_of
from hardware.wires.header import HEADER, PHYSICAL, Rail
from hardware.wires.plan import Sheet, sheets, table
from hardware.wires.svg import drawing

WIRING = Path(__file__).parents[2] / "docs" / "wiring"
SVG = "{http://www.w3.org/2000/svg}"
FULL = [
    ("reader", {"kind": "pn532", "port": "/dev/serial0", "reset_pin": 22}),
    ("relay", {"kind": "gpio", "pin": 4, "feedback_pin": 27, "active": "low", "feedback_active": "high"}),
    ("extraction", {"kind": "gpio", "pin": 23, "name": "a fan with a name that is long enough"}),
    ("panel", {"kind": "stack_light", "red": 9, "amber": 10, "green": 11, "blue": 24, "buzzer": 25}),
    ("input", {"kind": "gpio", "role": "emergency_stop", "pin": 5}),
    ("input", {"kind": "gpio", "role": "interlock", "pin": 6, "pull": "down", "active": "low"}),
    ("input", {"kind": "gpio", "role": "oops", "pin": 2}),
    ("driver", {"kind": "pulse", "source": "pin:16"}),
]
SAW = [("relay", {"kind": "gpio", "pin": 26}), ("reader", {"kind": "keyboard", "port": "/dev/input/event0"})]


def configured(devices: list[tuple[str, dict[str, object]]]) -> set[int]:
    pins = {value for _, one in devices for value in one.values() if isinstance(value, int)}
    return pins | {14, 15, 16}  # the serial port's, and the pulse's


def texts(sheet: Sheet) -> list[tuple[float, float, float, float, str]]:
    """Each text with the box that it takes, at most."""
    found = []
    for one in ElementTree.fromstring(drawing(sheet)).iter(f"{SVG}text"):
        words, css = one.text or "", (one.get("class") or "").split()
        size = 16 if "h" in css else 9 if "n" in css else 11 if "s" in css else 12
        width = len(words) * size * 0.56
        x, y = float(one.get("x", "0")), float(one.get("y", "0"))
        left = x - {"end": width, "middle": width / 2}.get(one.get("text-anchor", ""), 0)
        found.append((left, y - size * 0.75, left + width, y + size * 0.2, words))
    return found


def test_the_header_is_the_pis() -> None:
    assert len(HEADER) == 40
    assert set(PHYSICAL) == set(range(28))
    assert {PHYSICAL[pin]: pin for pin in (2, 17, 15, 0, 26, 21)} == {
        3: 2,
        11: 17,
        10: 15,
        27: 0,
        37: 26,
        40: 21,
    }
    assert [n for n, what in enumerate(HEADER, 1) if what is Rail.GND] == [6, 9, 14, 20, 25, 30, 34, 39]
    assert [HEADER[n - 1] for n in (1, 17, 2, 4)] == [Rail.V3, Rail.V3, Rail.V5, Rail.V5]


def test_each_configured_pin_stands_in_the_drawing_exactly_once() -> None:
    sheet = sheets([("laser", FULL)])[0]
    svg = drawing(sheet)
    wired = [int(pin) for pin in re.findall(r'data-pin="(\d+)"', svg)]
    signals = [HEADER[pin - 1] for pin in wired if isinstance(HEADER[pin - 1], int)]
    assert sorted(signals) == sorted(configured(FULL))
    for pin in range(28):
        assert len(re.findall(rf">GPIO {pin}<", svg)) == 1
    text = table(sheet)
    for pin in configured(FULL):
        assert len(re.findall(rf" {PHYSICAL[pin]} +GPIO {pin}\b", text)) == 1


@pytest.mark.parametrize("page", DRAWN)
def test_every_page_shows_its_drawing_with_every_pin_of_its_example(page: str) -> None:
    text = (WIRING / f"{page}.md").read_text()
    assert f"](pictures/{page}.svg)" in text
    example = text.partition("```toml")[2].partition("```")[0]
    wanted = {int(pin) for pin in re.findall(r"(?:pin|red|amber|green|blue|buzzer) = (\d+)", example)}
    assert wanted <= {HEADER[pin - 1] for pin in sheet_of(page).used}


@pytest.mark.parametrize("page", [*DRAWN, ""])
def test_no_text_lies_on_another_or_leaves_the_picture(page: str) -> None:
    sheet = sheet_of(page) if page else sheets([("laser", FULL), ("saw", SAW)])[0]
    placed = texts(sheet)
    for one, other in combinations(placed, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, f"{one[4]!r} lies on {other[4]!r}"
    root = ElementTree.fromstring(drawing(sheet))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    assert all(left >= 0 and right <= width and bottom <= height for left, _, right, bottom, _ in placed)


def test_what_is_to_be_minded_is_said() -> None:
    sheet = sheets([("laser", [*FULL, ("input", {"kind": "gpio", "role": "end", "pin": 14})])])[0]
    said = "\n".join(sheet.warnings)
    for words in (
        "may lift TXD to 5 V",
        "An active-low board is on while its input is low",
        "GPIO 4 is pulled up while the Pi boots: a relay there may close",
        "GPIO 9, 10, 11: free only where SPI is off",
        "GPIO 2: I²C",
        "GPIO 14 is used by reader: pn532 and by end: gpio",
    ):
        assert words in said
    assert sheet.config == ("enable_uart=1", "dtparam=strict_gpiod")
    assert "dtparam=i2c_arm=on" in sheet_of("oled").config
    assert "may give 5 V" in "\n".join(sheet_of("rdm6300").warnings)


def test_stations_of_one_pi_share_its_rails_and_see_each_others_pins() -> None:
    laser, saw = sheets([("laser", FULL), ("saw", SAW)])
    assert saw.others[PHYSICAL[4]] == "laser"
    assert ">GPIO 26 (saw)<" in drawing(laser)
    grounds = [pin for sheet in (laser, saw) for pin in sheet.used if HEADER[pin - 1] is Rail.GND]
    assert len(grounds) == len(set(grounds)), "each ground once, while there are any"
    many = sheets([(f"m{n}", [("relay", {"kind": "gpio", "pin": 17 + n})]) for n in range(10)])
    assert all(any(HEADER[pin - 1] is Rail.GND for pin in sheet.used) for sheet in many)


def test_the_pins_of_an_unknown_kind_are_drawn_all_the_same() -> None:
    sheet = sheets([("x", [("reader", {"kind": "new", "data_pin": 12, "pin": 13, "reverse": True})])])[0]
    assert set(sheet.used) == {PHYSICAL[12], PHYSICAL[13]}


SETTINGS = """name = "g"
badge_key = "{key}"
server_key = "{public}="
[[stations]]
machine = "laser <1>"
reader = {{kind = "rdm6300", port = "/dev/serial0"}}
relay = {{kind = "gpio", pin = {pin}}}
inputs = [{{kind = "gpio", role = "end", pin = 19}}]
"""


def test_the_command_writes_a_drawing_and_prints_the_table(tmp_path: Path, capsys) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.format(key="00" * 32, public="A" * 43, pin=17))
    assert main(["wiring", str(file), "--out", str(tmp_path / "drawings")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"relay: gpio +IN +11 +GPIO 17", said)
    drawn = tmp_path / "drawings" / "wiring-laser__1_.svg"
    assert str(drawn) in said
    assert ElementTree.fromstring(drawn.read_text()).tag == f"{SVG}svg"
    file.write_text(SETTINGS.format(key="00" * 32, public="A" * 43, pin=40))
    assert main(["wiring", str(file)]) == 2
    assert "relay: pin: is 40" in capsys.readouterr().err
    shared = '[[inputs]]\nrole = "fire_alarm"\nkind = "gpio"\npin = 12\n'
    file.write_text(SETTINGS.format(key="00" * 32, public="A" * 43, pin=17) + shared)
    assert main(["wiring", str(file), "--out", str(tmp_path)]) == 0
    assert "fire_alarm: gpio" in capsys.readouterr().out.partition("all stations")[2]
    assert (tmp_path / "wiring-all_stations.svg").exists()
    file.write_text(SETTINGS.format(key="00" * 32, public="A" * 43, pin=12) + shared)
    assert main(["wiring", str(file)]) == 2
    assert "pin 12 is used at laser <1> too. Choose another pin." in capsys.readouterr().err
