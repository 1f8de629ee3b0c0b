"""`makerfloor backup` and `restore` as they are typed: what they take, and one sentence for what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from booking_api import migrations
from booking_api.backups import last
from booking_api.clock import Clock
from tests.kit.initialised import initialised
from tests.kit.typed import Run, typed

HELD = {
    "database.sqlite",
    "settings/makerfloor.toml",
    "settings/certificates/ca.crt",
    "data/audit-heads.log",
    "data/badge-master-1.key",
    "data/photos/ab/abcd",
    "data/secrets.key",
    "also/broker/acl",
}
LEFT_OUT = ("roster-version", "backing-up/left", "prints/incoming/half", "makerfloor.db-journal", "x.key.new")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    run = typed(monkeypatch, capsys, tmp_path / "space" / "makerfloor.toml")
    initialised(tmp_path / "space", run, "--name", "Space", "--timezone", "Europe/Berlin")
    monkeypatch.chdir(tmp_path)
    assert run("backup", "--new-key", "key").code == 0
    (tmp_path / "out").mkdir()
    return run


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_it_takes_everything_and_restores_all_of_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = tmp_path / "space"
    write(space / "data", "photos/ab/abcd", "badge-master-1.key", *LEFT_OUT)
    write(tmp_path, "broker/acl", "space/certificates/ca.crt")
    settings = space / "makerfloor.toml"
    settings.write_text(settings.read_text().replace('# ca = "ca.pem"', 'ca = "certificates/ca.crt"'))
    monkeypatch.setenv("MAKERFLOOR_BROKER_PASSWORD", "of the environment")

    said = run("backup", "out/today", "--key-file", "key", "--also", "broker")
    assert (said.code, said.err) == (0, "")
    revision = migrations.newest()
    assert f"of form {revision}: 1 members, 0 sessions, 0 entries in the books, 8 files." in said.out
    assert (tmp_path / "out" / "today").stat().st_mode & 0o777 == 0o600
    assert list((space / "data" / "backing-up").iterdir()) == []
    said = run("restore", "out/today", "--to", "anew", "--key-file", "key")
    assert (said.code, said.err) == (0, ""), said
    assert said.out.endswith("The books are sound.\n")
    for words in ("Set MAKERFLOOR_BROKER_PASSWORD in", "anew/also has what lay elsewhere: broker."):
        assert words in said.out
    anew = tmp_path / "anew"
    found = {str(path.relative_to(anew)) for path in anew.rglob("*") if path.is_file()}
    placed = {name.removeprefix("settings/") for name in HELD - {"database.sqlite"}}
    assert found == placed | {"data/makerfloor.db", "data/roster-version"}
    for name in placed:
        old = tmp_path / name.removeprefix("also/") if name.startswith("also/") else space / name
        if name != "data/audit-heads.log":
            assert (anew / name).read_bytes() == old.read_bytes()
    assert run("--config", "anew/makerfloor.toml", "doctor").code == 0


def test_the_newest_backups_are_kept_and_nothing_else_is_touched(run: Run, tmp_path: Path) -> None:
    old = [f"out/makerfloor-2026010{n}T000000Z.backup" for n in range(1, 5)]
    write(tmp_path, *old, "out/makerfloor-notes.txt")
    assert "No backup was ever taken" in run("doctor").out
    said = run("backup", "out", "--key-file", "key", "--keep", "3")
    assert [f"{name} is deleted." for name in old[:2]] == said.out.splitlines()[1:]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 4
    assert {"makerfloor-notes.txt", *(name[4:] for name in old[2:])} < set(names)
    assert "backup" not in run("doctor").out
    last.note(tmp_path / "space" / "data", Clock().now_ms() - 3 * 86_400_000)
    assert "The last backup was taken 3 days ago." in run("doctor").out


def test_what_is_wrong_is_one_sentence_and_nothing_is_changed(run: Run, tmp_path: Path) -> None:
    assert run("backup", "good", "--key-file", "key").code == 0
    good = (tmp_path / "good").read_bytes()
    (tmp_path / "flipped").write_bytes(good[:3000] + bytes([good[3000] ^ 1]) + good[3001:])
    (tmp_path / "cut").write_bytes(good[:-1])
    (tmp_path / "other").write_text("ab" * 32)
    (tmp_path / "words").write_text("too short\n")
    key = ("--key-file", "key")
    for code, words, arguments in (
        (1, "is damaged: bytes 69 to", ("restore", "flipped", "--to", "anew", *key)),
        (1, "cut off", ("restore", "cut", "--to", "anew", *key)),
        (2, "does not open with this key", ("restore", "good", "--to", "anew", "--key-file", "other")),
        (2, "is not empty, and nothing is ever written over", ("restore", "good", "--to", "space", *key)),
        (
            2,
            "is no server's",
            ("restore", "good", "--to", "anew", *key, "--database", "sqlite://"),
        ),
        (2, "less than 12 characters", ("backup", "new", "--passphrase-file", "words")),
        (2, "nothing to seal or open a backup with", ("backup", "new")),
        (2, "does not hold a key of 32 bytes", ("backup", "new", "--key-file", "words")),
        (2, "is there already", ("backup", "good", *key)),
        (2, "is for a folder", ("backup", "new", *key, "--keep", "2")),
        (2, "No such file or directory", ("backup", "nowhere/new", *key)),
        (2, "is missing", ("backup", *key)),
        (2, "cannot be written", ("backup", "--new-key", "key")),
        (2, "cannot be read", ("backup", "--verify", "none", *key)),
    ):
        said = run(*arguments)
        assert (said.code, said.out) == (code, ""), (arguments, said)
        assert words in said.err
        assert len(said.err.splitlines()) == 1
    assert run("backup", "--verify", "good", *key).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["space", "key", "out", "good", "flipped", "cut", "other", "words"]
    )


def test_a_full_disk_leaves_no_half_backup_behind(run: Run, tmp_path: Path) -> None:
    """A disk of 16 KiB, in namespaces of its own."""
    makerfloor = f"{Path(sys.executable).parent}/makerfloor"
    full = (
        f"mount -t tmpfs -o size=16k none out && {makerfloor} backup out --key-file key; echo $?; ls -A out"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", full], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["2"], done
    assert done.stderr == "The disk that holds out is full. Nothing was kept.\n"
    assert list((tmp_path / "space" / "data" / "backing-up").iterdir()) == []
    assert last.taken_ms(tmp_path / "space" / "data") is None
