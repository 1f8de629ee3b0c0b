"""`makerfloor` as an operator types it; what is wrong is one sentence, never a traceback."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from booking_api import cli
from tests.kit.engine import IS_POSTGRESQL
from tests.kit.initialised import asked, initialised
from tests.kit.server import TARIFF

Run = Callable[..., "Said"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 1, written.out, written.err)

    return type_in


@pytest.fixture
def floor(run: Run, tmp_path: Path) -> Path:
    initialised(tmp_path, run, "--name", "Space", "--timezone", "Europe/Berlin")
    return tmp_path


def test_a_floor_is_set_up_from_the_command_line(run: Run, floor: Path) -> None:
    (floor / "laser.toml").write_text(TARIFF)
    steps = [
        ("tariff", "check", str(floor / "laser.toml")),
        ("tariff", "add", str(floor / "laser.toml")),
        ("gateway", "enrol", "north", "--out", str(floor / "gateway.toml")),
        (
            "machine",
            "add",
            "laser-1",
            "Laser",
            "--gateway",
            "north",
            "--tariff",
            "laser",
            "--policy",
            "run_on_s=60",
        ),
        ("machine", "change", "laser-1", "--policy", "on_unclaimed_job=hold"),
        ("machine", "list"),
        ("member", "add", "Ada", "Byron", "--email", "ada@example.org", "--credit-limit", "0"),
        ("badge", "add", "ada@example.org", "04:a2:b3:c4"),
        ("certify", "2", "laser-1", "--until", "2099-12-31"),
        ("user", "add", "2", "--role", "technician"),
        ("user", "token", "2", "kiosk", "--scope", "machines:read"),
        ("payment", "2", "12.50"),
        ("broker", "files", str(floor / "broker")),
        ("doctor",),
    ]
    said = [run(*step) for step in steps]
    assert [one.code for one in said] == [0] * len(steps), said
    assert said[4].out == "laser-1: Laser; policy run_on_s=60, on_unclaimed_job=hold\n"
    assert "now owes -12.50 EUR" in said[11].out
    statement = run("statement", "ada@example.org").out.splitlines()
    assert "-12.50 EUR" in statement[2]
    assert re.search(r"Owed +-12.50 EUR$", statement[-1])
    assert "user north" in (floor / "broker" / "acl").read_text()
    assert (floor / "gateway.toml").stat().st_mode & 0o777 == 0o600


def test_a_gateways_keys_are_replaced_from_the_command_line(run: Run, floor: Path) -> None:
    def key(file: str) -> str:
        return str(tomllib.loads((floor / file).read_text())["server_key"])

    assert run("gateway", "enrol", "north", "--out", str(floor / "1.toml")).code == 0
    listed = run("gateway", "list").out
    assert re.search(r"^north +never heard +-; newest signing key not heard of; wiring of none$", listed)
    assert run("gateway", "rotate-signing").code == 0
    assert "being replaced already" in run("gateway", "rotate-signing").err
    assert run("gateway", "enrol", "north", "--again", "--out", str(floor / "2.toml")).code == 0
    assert key("2.toml") == key("1.toml"), "the next key signs nothing yet"
    heard = "UPDATE gateway SET last_seen_ms = 1, software = 'makerfloor 0.0.1'"
    asked(floor, heard)
    assert (
        "makerfloor 0.0.1 (older than the server); newest signing key NOT KNOWN" in run("gateway", "list").out
    )
    said = run("gateway", "rotate-signing", "--finish")
    assert (said.code, "Not told of the next key yet: north" in said.err) == (1, True)
    assert run("gateway", "rotate-signing", "--finish", "--anyway").code == 0
    words = run(
        "gateway", "rotate", "north", "--out", str(floor / "3.toml"), "--broker-files", str(floor / "b")
    )
    assert "kill -HUP" in words.out
    assert "north:$7$" in (floor / "b" / "passwords").read_text()
    assert key("3.toml") != key("1.toml")
    broken = run("gateway", "rotate-signing", "--compromised")
    assert run("gateway", "enrol", "north", "--again", "--out", str(floor / "4.toml")).code == 0
    assert key("4.toml") in broken.out
    assert key("4.toml") not in (key("1.toml"), key("3.toml"))
    assert run("gateway", "rotate", "south", "--out", str(floor / "5.toml")).code == 1


def test_members_come_from_a_file_or_none_of_them(run: Run, floor: Path) -> None:
    file = floor / "members.csv"
    header = "first_name,last_name,email,valid_until,badge\n"
    file.write_text(header + "Ada,Byron,ada@example.org,2099-01-31,04A2B3C4\nBen,Hall,ada@example.org,,\n")
    said = run("member", "import", str(file))
    assert (said.code, "members.csv:3" in said.err, "stands in line 2" in said.err) == (2, True, True)
    assert "Byron" not in run("member", "list").out
    file.write_text(header + "Ada,Byron,ada@example.org,2099-01-31,04A2B3C4\nBen,Hall,,,\n")
    assert run("member", "import", str(file)).out.startswith("2 members were admitted")
    again = run("member", "import", str(file), "--dry-run").out
    assert "0 members were admitted, 0 changed, 2 are as they were" in again
    assert run("member", "export", "--out", str(floor / "out.csv")).code == 0
    assert "04A2B3C4" in (floor / "out.csv").read_text()
    assert "Byron, Ada" in run("member", "list", "byr").out
    for kind, words in (("desfire", "as hex"), ("blue", "Write one of: uid")):
        file.write_text(f"first_name,last_name,badge,badge_kind\nEve,Li,04A2B3C5,{kind}\n")
        assert words in run("member", "import", str(file)).err
    file.write_text("first_name,pet\nEve,Cat\n")
    assert "Not read: pet." in run("member", "import", str(file)).out
    assert run("member", "import", str(file), "--column", "pet=last_name", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("member", "add", "", "Byron"), 1, "first_name"),
        (("member", "add", "A", "B", "--valid-until", "soon"), 1, "2026-12-31"),
        (("payment", "1", "12.3456789"), 1, "at most six decimals"),
        (("payment", "99", "1"), 1, "no member with the number"),
        (("payment", "1", "-5"), 2, "No such option"),
        (("certify", "1", "saw"), 1, "no machine saw"),
        (("machine", "add", "Laser 1", "Laser"), 1, "id"),
        (("machine", "add", "saw", "Saw", "--policy", "run_on_s=9999"), 1, "run_on_s"),
        (("machine", "add", "saw", "Saw", "--policy", "colour=red"), 1, "'colour' is not a key"),
        (("machine", "change", "saw", "--policy", "run_on_s=60"), 1, "no machine saw"),
        (("badge", "add", "1", "xyz"), 1, "not a badge's UID"),
        (("badge", "add", "1", "04A2B3C4", "--kind", "ntag424"), 1, "a UID of 7 bytes"),
        (("badge", "add", "1", "04A2B3C4", "--kind", "phone"), 1, "A phone is not enrolled"),
        (("gateway", "enrol", "North!", "--out", "x.toml"), 1, "cannot be a gateway's name"),
        (("tariff", "add", "nowhere.toml"), 2, "cannot be read"),
        (("serve", "--time-scale", "1:2:9999"), 2, "--time-scale"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    run: Run, floor: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = run(*arguments)
    assert (said.code, words in said.err) == (code, True), said.err
    assert "Traceback" not in said.err


def test_settings_that_are_there_are_not_overwritten(run: Run, floor: Path) -> None:
    before = (floor / "makerfloor.toml").read_text()
    assert run("init", str(floor)).code == 2
    assert (floor / "makerfloor.toml").read_text() == before


def test_wrong_settings_name_file_key_and_remedy(run: Run, floor: Path) -> None:
    (floor / "makerfloor.toml").write_text("[server]\nporrt = 1\n")
    said = run("doctor")
    assert said.code == 2
    assert (
        "makerfloor.toml: server.porrt: is not a key here. Use one of: data, host, port, address." in said.err
    )


def test_a_broken_book_makes_the_doctor_fail(run: Run, floor: Path) -> None:
    assert run("payment", "1", "5").code == 0
    trigger = "DROP TRIGGER ledger_posting_no_update" + (" ON ledger_posting" if IS_POSTGRESQL else "")
    asked(floor, trigger, "UPDATE ledger_posting SET amount_micro = amount_micro * 2")
    said = run("doctor")
    assert (said.code, "entry 1" in said.out) == (1, True)


def test_a_port_in_use_is_said_in_a_sentence(run: Run, floor: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = (floor / "makerfloor.toml").read_text()
        (floor / "makerfloor.toml").write_text(text.replace("port = 8080", f"port = {port}"))
        said = run("serve")
    assert said.code == 2
    assert f"server.port: {port} is in use" in said.err


def test_a_full_disk_is_said_in_a_sentence_and_keeps_what_was(run: Run, floor: Path) -> None:
    """`ulimit -f` makes a file that may not grow, which SQLite reports as a full disk.

    Nor may what Python compiles: it would keep the beginning of it, and every later run would read that.
    """
    assert run("payment", "1", "5").code == 0
    shell = 'ulimit -f 1; trap "" XFSZ; exec "$0" -B -m booking_api.cli payment 1 7'
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    assert re.search("full|cannot be", done.stderr), done.stderr
    assert "owes -10.00 EUR" in run("payment", "1", "5").out


def test_serve_answers_and_ends_at_a_signal(floor: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = floor / "makerfloor.toml"
    file.write_text(file.read_text().replace("port = 8080", f"port = {port}"))
    command = [sys.executable, "-m", "booking_api.cli", "--config", str(file), "serve"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert "Makerfloor is at" in server.stdout.readline()
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(transport=transport, trust_env=False) as client:
            assert client.get(f"http://127.0.0.1:{port}/healthz", timeout=30).text == "ok\n"
    finally:
        server.terminate()
        _, err = server.communicate(timeout=60)
    assert "Traceback" not in err, err


def test_a_badge_that_cannot_be_copied_is_enrolled_and_its_keys_go_into_a_file(run: Run, floor: Path) -> None:
    run("member", "add", "Ada", "Byron")
    strong, weak = "04DE5F1EACC040", "04A2B3C4"
    assert run("badge", "add", "1", weak).code == 0
    assert run("badge", "add", "1", strong, "--kind", "ntag424", "--label", "Green card").code == 0
    listed = run("badge", "list", "1").out.splitlines()
    assert "weak: can be copied" in listed[0]
    assert "proves itself, keys of version 1" in listed[1]
    file = floor / "keys.json"
    said = run("badge", "keys", "1", strong, "--out", str(file))
    keys = json.loads(file.read_text())
    assert (said.code, keys["uid"], sorted(keys["keys"])) == (0, strong, ["0", "1", "2", "3", "4"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert keys["keys"]["1"] not in said.out
    assert json.loads(run("badge", "keys", "1", strong, "--out", "-").out) == keys
    assert "has no keys" in run("badge", "keys", "1", weak, "--out", "-").err
    assert "has no badge with this UID" in run("badge", "keys", "1", "0102", "--out", "-").err
    assert "version 2" in run("badge", "new-master").out
    assert json.loads(run("badge", "keys", "1", strong, "--out", "-").out) == keys
