"""A gateway's settings: what is wrong, where, and what would be right."""

import pytest

from floor.errors import ConfigError, MachineFault
from gateway import config
from gateway.cli import main
from gateway.devices import refuse_shared_pins
from hardware.simulated import SimulatedInput

GOOD = """
name = "floor-1"
badge_key = "{hex}"
server_key = "{base64}"

[broker]
port = 1883

[http]
port = 0

[[stations]]
machine = "laser-1"
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
""".format(hex="00" * 32, base64="A" * 43 + "=")


@pytest.fixture
def write(tmp_path):
    def writer(text: str):
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return path

    return writer


def test_a_good_file_is_read(write, tmp_path):
    read = config.load(write(GOOD))
    assert (read.name, read.data, len(read.stations)) == ("floor-1", tmp_path, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "floor-1"', 'name = "Floor 1"', "name: is 'Floor 1'. Use small letters"),
        ('name = "floor-1"', "", "name: is missing. Write name = a text in quotes."),
        ('name = "floor-1"', 'nmae = "floor-1"', "nmae: is not a key here. Use one of: name"),
        ("port = 1883", "port = 70000", "broker.port: is 70000. Write a number from 1 to 65535."),
        ("port = 1883", 'ca = "no.pem"', "broker.ca: names no.pem, which is no file"),
        ("port = 1883", "prot = 1", "broker.prot: is not a key here"),
        ("port = 1883", "closing_grace_s = 5", "Write it at the top of the file, above the first table"),
        ("[broker]", "broker = 1\n[brokers]", "broker"),
        ("0000", "00zz", "badge_key: is not 32 bytes written as 64 hex digits"),
        ("AAAA=", "AAA", "server_key: is not 32 bytes written as base64"),
        ('machine = "laser-1"', "", "stations[1].machine: is missing"),
        ('reader = {kind = "simulated"}', "", "stations[1].reader: is not a table with a kind"),
        (
            'relay = {kind = "simulated"}',
            "node = 1",
            "reader: stands beside a node. Leave it out",
        ),
        ("[[stations]]", "[stations]", "stations: there is none"),
        ("[http]", "[http", "it is not TOML"),
        ("[http]", '[journal]\nstorage = "ram"\n[http]', "journal.storage: is 'ram'"),
        ("[http]", "[journal]\ncheckpoint_s = 0\n[http]", "journal.checkpoint_s: is 0"),
    ],
)
def test_a_bad_file_is_named_with_key_and_remedy(write, old, new, words):
    path = write(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_two_stations_of_one_machine_are_refused(write):
    station = GOOD[GOOD.index("[[stations]]") :]
    with pytest.raises(ConfigError, match="'laser-1' stands twice"):
        config.load(write(GOOD + station))


def test_a_missing_file_is_said_in_one_sentence(tmp_path, capsys):
    assert main(["--config", str(tmp_path / "no.toml"), "check"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("makerfloor-gateway: ")
    assert "there is no such file" in error
    assert "Traceback" not in error


def test_an_unknown_device_names_station_and_kinds(write, capsys):
    path = write(GOOD.replace('relay = {kind = "simulated"}', 'relay = {kind = "gpoi"}'))
    assert main(["--config", str(path), "check"]) == 2
    assert "station laser-1" in capsys.readouterr().err


def test_check_builds_every_device(write, capsys):
    path = write(GOOD.replace("[http]", '[journal]\nstorage = "volatile"\n[http]'))
    assert main(["--config", str(path), "check"]) == 0
    assert "laser-1: simulated, simulated: can be built" in capsys.readouterr().out


INPUTS = """inputs = [
  {role = "emergency_stop", kind = "simulated"},
  {role = "interlock", kind = "simulated", name = "lid"},
]
"""


def with_inputs(inputs=INPUTS):
    text = GOOD.replace("[http]", '[journal]\nstorage = "volatile"\n[http]')
    return text.replace('relay = {kind = "simulated"}\n', 'relay = {kind = "simulated"}\n' + inputs)


def test_check_reads_each_input_and_says_its_state(write, capsys, monkeypatch):
    path = write(with_inputs())
    assert main(["--config", str(path), "check"]) == 0
    said = capsys.readouterr().out
    assert "laser-1: input emergency_stop (emergency_stop): released\n" in said
    assert "laser-1: input lid (interlock): closed\n" in said

    def broken(one):
        raise MachineFault(f"input {one.name} on pin 5: bad handle")

    monkeypatch.setattr(SimulatedInput, "read", broken)
    assert main(["--config", str(path), "check"]) == 1
    assert "laser-1: input lid on pin 5: bad handle\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ('inputs = {kind = "simulated"}\n', "is not a list of tables with a kind"),
        ('inputs = [{role = "door"}]\n', "is not a list of tables with a kind"),
        ('inputs = [{kind = "simulated"}]\n', "role: this setting is missing"),
        (INPUTS.replace("emergency_stop", "interlock").replace(', name = "lid"', ""), "stands twice"),
    ],
)
def test_wrong_inputs_are_said_in_one_sentence(write, capsys, inputs, words):
    assert main(["--config", str(write(with_inputs(inputs))), "check"]) == 2
    assert words in capsys.readouterr().err


DOOR = '{role = "door", kind = "gpio", pin = 5}'


@pytest.mark.parametrize(
    ("devices", "shared"),
    [
        ('relay = {kind = "gpio", pin = 5}\ninputs = [{role = "door", kind = "gpio", pin = 5}]', True),
        ('relay = {kind = "gpio", pin = 5}\nextraction = {kind = "gpio", pin = 5}', True),
        ('relay = {kind = "gpio", pin = 4, feedback_pin = 5}\npanel = {kind = "stack_light", red = 5}', True),
        (
            'relay = {kind = "gpio", pin = 5}\nreader = {kind = "pn532", port = "/dev/x", reset_pin = 5}',
            True,
        ),
        (f'relay = {{kind = "simulated"}}\ninputs = [{DOOR}, {DOOR}]', False),
    ],
)
def test_a_pin_that_is_driven_has_one_use(write, devices, shared):
    text = GOOD.replace('relay = {kind = "simulated"}', devices)
    if "reader" in devices:
        text = text.replace('reader = {kind = "simulated"}\n', "")
    read = config.load(write(text))
    if shared:
        with pytest.raises(ConfigError, match="pin 5 is used at laser-1 too"):
            refuse_shared_pins(read)
    else:
        refuse_shared_pins(read)


@pytest.mark.parametrize("command", ["check", "run"])
def test_neither_check_nor_run_drives_a_pin_that_has_two_uses(write, capsys, command):
    path = write(with_inputs(f'extraction = {{kind = "gpio", pin = 5}}\ninputs = [{DOOR}]\n'))
    assert main(["--log", "error", "--config", str(path), command]) == 2
    assert "pin 5 is used at laser-1 too" in capsys.readouterr().err


def test_a_port_in_use_is_said_in_one_sentence(write, capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = GOOD.replace("port = 0", f"port = {port}")
        path = write(text.replace("[http]", '[journal]\nstorage = "volatile"\n[http]'))
        assert main(["--log", "error", "--config", str(path), "run"]) == 2
    error = capsys.readouterr().err
    assert f"http.port: 127.0.0.1:{port} cannot be used" in error
    assert "Choose a free port" in error


@pytest.mark.parametrize(
    ("wired", "words"),
    [
        ('on_process_loss = "maybe"', 'Write "open" or "keep".'),
        ('on_process_loss = "keep"\nextraction = {kind = "simulated"}', '"keep" beside a extraction'),
    ],
)
def test_what_cannot_be_kept_is_said_in_one_sentence(write, wired, words):
    with pytest.raises(ConfigError) as error:
        config.load(write(GOOD + wired))
    assert words in str(error.value)


def test_check_says_where_nothing_is_kept(write, capsys):
    path = write(
        GOOD.replace("[http]", '[journal]\nstorage = "volatile"\n[http]') + 'on_process_loss = "keep"'
    )
    assert main(["--config", str(path), "check"]) == 0
    said = capsys.readouterr().out
    assert 'laser-1: on_process_loss = "keep" is refused: hazardous, or unknown to the roster' in said


def test_waiting_for_idle_needs_a_gateway_that_runs(write, capsys):
    assert main(["--config", str(write(GOOD.replace("port = 0", "port = 1"))), "wait-idle"]) == 2
    assert "no gateway answers at 127.0.0.1:1" in capsys.readouterr().err
