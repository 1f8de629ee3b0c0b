"""What `makerfloor-gateway badge write` refuses before it looks at a reader, and that it shows no key."""

import io
import json
import sys
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.tools.badge_keys import read
from hardware.readers import pcsc_lite

ADDRESS = "https://floor.example.org/b?u=00000000000000&c=000000&m=0000000000000000"
SECRETS = [bytes([number] * 16).hex() for number in range(0xA0, 0xA5)]
TOLD: dict[str, object] = {
    "badge": "one",
    "uid": "04DE5F1EACC040",
    "kind": "ntag424",
    "key_version": 1,
    "keys": {str(number): key for number, key in enumerate(SECRETS)},
    "address": ADDRESS,
    "application": "",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys.json")


@pytest.fixture(autouse=True)
def _no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcsc_lite, "LIBRARY", "libnothing-of-this-name.so.1")


def written(path: Path, mode: int = 0o600, **changed: object) -> Path:
    path.write_text(json.dumps(TOLD | changed))
    path.chmod(mode)
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["badge", "write", *map(str, words)]) == 2
    said = "".join(capsys.readouterr())
    assert not any(secret[:8] in said.lower() for secret in SECRETS)
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_keys_that_others_may_read_are_refused(
    file: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file.chmod(mode)
    said = refused(capsys, file)
    assert (
        f"others than you may read these keys, or write them (mode {mode:04o}). Say: chmod 600 {file}" in said
    )


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"uid": "04DE5F1EACC0"}, "uid: is not what the server writes"),
        ({"uid": SECRETS[0]}, "uid: is not what the server writes"),
        ({"kind": "uid_13mhz"}, "kind: is not what the server writes"),
        ({"key_version": 0}, "key_version: is not what the server writes"),
        ({"keys": {"0": SECRETS[0] + "ff"}}, "keys: is not what the server writes"),
        ({"keys": {SECRETS[0]: SECRETS[1]}}, "keys: is not what the server writes"),
        ({"keys": {"0": SECRETS[0]}}, "keys: are not all the keys that such a badge has"),
        ({"kind": "desfire"}, "keys: are not all the keys that such a badge has"),
        ({"address": ""}, "cannot be written"),
        ({"address": "https://floor.example.org/b"}, "Set server.address in makerfloor.toml"),
    ],
)
def test_what_the_server_did_not_write_is_refused(
    tmp_path: Path, changed: dict[str, object], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refused(capsys, written(tmp_path / "keys.json", **changed))


def test_a_file_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read (No such file or directory)" in refused(capsys, tmp_path / "keys.json")
    file = written(tmp_path / "other.json")
    file.write_text(" ".join(SECRETS))
    assert "is not what the server writes" in refused(capsys, file)


def test_earlier_keys_are_of_the_same_badge(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old.json", uid="04958CAA5C5E80")
    assert "these are keys of another badge" in refused(capsys, file, "--from", old)
    old = written(tmp_path / "old.json", key_version=2)
    assert "apt-get install pcscd" in refused(capsys, file, "--from", old)
    old.chmod(0o644)
    assert "chmod 600" in refused(capsys, file, "--from", old)


def test_another_address_may_be_given(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "apt-get install pcscd" in refused(capsys, file, "--url", "https://other.example.org/b")
    said = refused(capsys, file, "--url", "other.example.org")
    assert "--url" in said
    assert "an address begins with https://" in said


def test_keys_may_come_by_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(TOLD).encode())))
    keys = read(Path("-"))
    assert [key.hex() for key in keys.key_set().keys] == SECRETS
    assert not any(secret in repr(keys) + repr(keys.key_set()) for secret in SECRETS)


def test_nothing_of_it_needs_a_gateways_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "apt-get install pcscd" in refused(capsys, written(tmp_path / "keys.json"))
