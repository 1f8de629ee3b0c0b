"""Every recording in tests/recordings plays to today's driver as it was recorded, and holds no secret."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_bridge.recordings import file
from firmware_bridge.recordings.replay import Replayed, replay
from floor.errors import ConfigError
from gateway.cli import main
from tests.contract.firmware import grbl_peers
from tests.kit.mosquitto import mosquitto, plug

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = sorted((ROOT / "tests" / "recordings").glob("*.jsonl"))
MOST_BYTES = 60_000
OF_A_MACHINE = re.compile(
    r"127\.0\.0\.1|/(?:tmp|home|root)/|/dev/pts|localhost|://(?!machine-\d)[\w.]+\.\w+:\d"
)


def played(path: Path) -> Replayed:
    return replay(file.load(path), str(path))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_plays_as_it_was_recorded(path: Path) -> None:
    outcome = played(path)
    assert (outcome.difference, outcome.written) == ("", [])
    assert outcome.events


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_is_small_and_free_of_secrets_and_places(path: Path) -> None:
    text = path.read_text()
    header = json.loads(text.splitlines()[0])
    assert len(text.encode()) < MOST_BYTES
    assert not OF_A_MACHINE.search(text)
    assert header["names"] == "replaced"
    assert {header["settings"][key] for key in header["removed"]} <= {"removed"}
    for value in re.findall(r'\\"(?:session|apikey|password|token)\\":\s*\\"([^"\\]+)', text):
        assert value.startswith("removed-")


def test_kinds_of_every_transport_are_recorded() -> None:
    assert {file.load(path).kind for path in RECORDINGS} >= {"grbl", "octoprint", "shelly"}


def changed(path: Path, change: Callable[[dict], None], folder: Path) -> Path:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    other = folder / "changed.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return other


def test_what_the_driver_says_otherwise_is_the_first_difference(tmp_path: Path) -> None:
    octoprint = next(path for path in RECORDINGS if "octoprint" in path.name)

    def another_outcome(line: dict) -> None:
        if line.get("event", {}).get("outcome") == "cancelled":
            line["event"]["outcome"] = "done"

    other = changed(octoprint, another_outcome, tmp_path)
    assert "JobEnded done: outcome was 'done' and is 'cancelled'" in played(other).difference
    assert main(["replay", "--quiet", str(other)]) == 1


def test_a_counter_and_a_missing_event_are_noticed(tmp_path: Path) -> None:
    grbl = next(path for path in RECORDINGS if "grbl" in path.name)

    def more(line: dict) -> None:
        counters = line.get("event", {}).get("counters", {})
        if "laser_time_ms" in counters:
            counters["laser_time_ms"] = counters["laser_time_ms"] * 2 + 1000

    assert "laser_time_ms was" in played(changed(grbl, more, tmp_path)).difference

    def fewer(line: dict) -> None:
        if line.get("event", {}).get("event") == "JobEnded":
            del line["event"]

    assert played(changed(grbl, fewer, tmp_path)).difference


def test_what_the_driver_writes_otherwise_is_said_and_fails_when_strict(tmp_path: Path) -> None:
    octoprint = next(path for path in RECORDINGS if "octoprint" in path.name)

    def another_body(line: dict) -> None:
        if line.get("asked") == "POST /api/login":
            line["sent"] = {"passive": False}

    other = changed(octoprint, another_body, tmp_path)
    assert any("POST /api/login" in words for words in played(other).written)
    assert main(["replay", "--quiet", str(other)]) == 0
    assert main(["replay", "--quiet", "--strict", str(other)]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no recording"),
        ("{}\n", "no recording"),
        ("[]\n", "line 1"),
        ('{"makerfloor_recording":1,"kind":"grbl"}\nx\n', "line 2"),
        ('{"makerfloor_recording":1,"kind":"grbl"}\n{"at":2}\n{"at":1}\n', "line 3"),
        ('{"makerfloor_recording":1,"kind":"grbl"}\n{"at":1,"on":"x"}\n', "url"),
        ('{"makerfloor_recording":1,"kind":"none"}\n{"at":1,"on":"x"}\n', "kind"),
        ('{"makerfloor_recording":1,"kind":"pulse"}\n{"at":1}\n', "nothing of a machine"),
        ('{"makerfloor_recording":1,"kind":"grbl","settings":{"mode":"proxy"}}\n{"at":1}\n', "proxy"),
    ],
)
def test_a_file_that_is_no_recording_says_so(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        played(path)
    assert main(["replay", str(path)]) == 2


def test_the_command_records_a_plug_without_the_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, password, prefix = tmp_path / "plug.jsonl", "correct horse “battery”/+", "shelly-a1"
    with mosquitto(tmp_path) as broker, plug(broker, "shelly", prefix) as peer:
        leak = {"wifi": {"ssid": "Makers", "pass": "x"}, "token": "9f8e7d6c5b4a", "words": password}
        told = threading.Timer(0.8, lambda: peer.say(f"{prefix}/events/rpc", json.dumps(leak)))
        told.start()
        settings = [f"broker={broker.url}", f"prefix={prefix}", "username=u", f"password={password}"]
        flags = [flag for one in [*settings, "poll_s=0.2"] for flag in ("--set", one)]
        assert main(["record", "--driver", "shelly", *flags, "--seconds", "1.6", str(path)]) == 0
        told.join()
    text = path.read_text()
    assert f"{prefix}/events/rpc" in text
    for secret in (password, json.dumps(password)[1:-1], "battery", "9f8e7d6c5b4a", "Makers", "127.0.0.1"):
        assert secret not in text
    assert played(path).difference == ""
    shown = capsys.readouterr()
    assert "secret settings left out: password" in shown.out
    assert shown.err == ""
    assert main(["record", "--driver", "shelly", *flags, str(path)]) == 2  # it is there already


def test_a_recording_stops_at_its_limit_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grbl.jsonl"
    with grbl_peers.simulated("tcp") as peer:
        began = time.monotonic()
        limit = ["--limit-kb", "1", "--seconds", "60"]
        assert main(["record", "--driver", "grbl", "--set", f"url={peer.url}", *limit, str(path)]) == 0
        assert time.monotonic() - began < 50
    assert "the limit was reached" in capsys.readouterr().err
    assert json.loads(path.read_text().splitlines()[-1])["ended"] == "limit"
    assert played(path).difference == ""
