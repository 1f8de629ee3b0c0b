"""The journal against slow, full, broken and restored disks."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from floor.errors import ConfigError
from floor.wire.journal import (
    GENESIS,
    AlarmRaised,
    SessionEnded,
    SessionMetered,
    SessionStarted,
    entry_hash,
)
from floor.words import StopType
from gateway import journal_store
from gateway.journal import Journal
from gateway.journal_store import JournalStore, open_store
from tests.kit.gateway import FakeClock


def fact(n: int) -> AlarmRaised:
    return AlarmRaised(machine=None, code=f"n{n}")


@pytest.fixture
async def alarms():
    return []


@pytest.fixture
async def journal(tmp_path, alarms):
    made = Journal(tmp_path / "journal.db", FakeClock(), alarms.append)
    yield made
    made.close()


async def settled(journal: Journal) -> None:
    while journal.durable < journal.next_seq - 1:
        await asyncio.sleep(0.005)


async def test_entries_are_numbered_chained_and_read_back(journal):
    for n in range(5):
        assert await journal.append_durably(fact(n))
    entries = await journal.to_send(0, 10)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == GENESIS
    for before, entry in pairwise(entries):
        assert entry.previous == before.hash
        assert entry.hash == entry_hash(before.hash, journal.epoch, entry)


async def test_a_reopened_journal_goes_on_where_it_stood(tmp_path, journal):
    await journal.append_durably(fact(1))
    journal.acknowledge(1)
    journal.close()
    again = Journal(tmp_path / "journal.db", FakeClock(), print)
    assert (again.next_seq, again.acknowledged) == (2, 1)
    again.close()


async def test_what_the_server_has_and_the_disk_lost_is_not_counted_as_here(tmp_path, journal):
    """A slow disk: that they had arrived was kept, and the power failed before they were written."""
    await journal.append_durably(fact(1))
    journal.close()
    store = JournalStore(tmp_path / "journal.db")
    store.set_position(1, 3)
    store.close()
    again = Journal(tmp_path / "journal.db", FakeClock(), print)
    assert (again.acknowledged, again.lag, again.next_seq) == (1, 0, 2)
    await again.append_durably(fact(2))
    await again.begin_epoch(again.acknowledged)
    await settled(again)
    assert [entry.fact for entry in await again.to_send(0, 10)] == [fact(2)]
    again.close()


async def test_an_acknowledgement_waits_for_no_lock_and_is_kept_after_it(tmp_path, journal):
    await journal.append_durably(fact(1))
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.acknowledge(1)  # a second writer of ours would wait here, and then give up
    assert journal.acknowledged == 1
    other.execute("ROLLBACK")
    async with asyncio.timeout(30):
        while other.execute("SELECT acknowledged FROM position").fetchone() != (1,):
            await asyncio.sleep(0.05)
    other.close()


class HungDisk:
    """Lets every write wait until released, as a dying card does."""

    def __init__(self, monkeypatch) -> None:
        self.released = threading.Event()
        real = JournalStore.write

        def write(store, entries):
            assert self.released.wait(30)
            real(store, entries)

        monkeypatch.setattr(JournalStore, "write", write)


async def test_a_hung_disk_delays_one_tap_and_then_nobody(journal, alarms, monkeypatch):
    disk = HungDisk(monkeypatch)
    assert not await journal.append_durably(fact(1))
    assert len(alarms) == 1
    assert "not on disk after" in alarms[0]
    waits: list[float] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda delay, *_: waits.append(delay))
    assert not await journal.append_durably(fact(2))
    assert waits == []  # nobody waits for the disk any more
    monkeypatch.undo()
    sent = await journal.to_send(0, 10)
    assert [entry.seq for entry in sent] == [1, 2]  # from memory, the disk has none
    disk.released.set()
    await settled(journal)
    assert [entry.seq for entry in await journal.to_send(0, 10)] == [1, 2]


async def test_a_fork_is_seen_in_what_the_disk_has_not_taken_yet(journal, monkeypatch):
    disk = HungDisk(monkeypatch)
    await journal.append_durably(fact(1))
    (mine,) = await journal.to_send(0, 10)
    assert await journal.agrees(1, mine.hash)
    assert not await journal.agrees(1, "f" * 64)
    disk.released.set()
    await settled(journal)
    assert not await journal.agrees(1, "f" * 64)


async def test_the_degraded_state_ends_after_the_disk_proved_quick(journal, monkeypatch):
    disk = HungDisk(monkeypatch)
    await journal.append_durably(fact(1))
    disk.released.set()
    await settled(journal)
    assert journal.degraded
    for n in range(8):
        journal.append(fact(n))
        await settled(journal)
    assert not journal.degraded


async def test_a_full_disk_loses_nothing_and_is_told(journal, alarms, monkeypatch):
    real, full = JournalStore.write, [True]

    def write(store, entries):
        if full[0]:
            raise sqlite3.OperationalError("database or disk is full")
        real(store, entries)

    monkeypatch.setattr(JournalStore, "write", write)
    monkeypatch.setattr("gateway.journal.RETRY_S", 0.01)
    journal.append(fact(1))
    assert not await journal.append_durably(fact(2))
    assert "database or disk is full" in alarms[0]
    full[0] = False
    await settled(journal)
    assert [entry.seq for entry in await journal.to_send(0, 10)] == [1, 2]


async def test_a_broken_journal_is_moved_aside_whole_and_a_new_epoch_begins(tmp_path):
    path = tmp_path / "journal.db"
    store, _ = open_store(path, 5)
    store.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 4000)
    store, position = open_store(path, 1234)
    assert position.epoch == 1234
    assert position.torn
    assert (tmp_path / "journal.db.torn-1234").exists()
    store.close()


async def test_every_truncation_of_the_write_ahead_log_opens_with_a_prefix(tmp_path):
    path = tmp_path / "journal.db"
    journal = Journal(path, FakeClock(), print)
    for n in range(6):
        await journal.append_durably(fact(n))
    image = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-wal")}
    journal.close()
    seen = set()
    for cut in (*range(0, len(image["-wal"]), 512), len(image["-wal"])):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / "journal.db").write_bytes(image[""])
        (folder / "journal.db-wal").write_bytes(image["-wal"][:cut])
        store, position = open_store(folder / "journal.db", 99)
        entries = store.read(position.epoch, 0, 100)
        assert [entry.seq for entry in entries] == list(range(1, position.seq + 1))
        seen.add(position.seq)
        store.close()
    assert seen == set(range(7))


async def test_a_new_epoch_carries_what_the_server_does_not_have(journal):
    for n in range(4):
        await journal.append_durably(fact(n))
    journal.acknowledge(2)
    old = journal.epoch
    await journal.begin_epoch(2)
    assert journal.epoch > old
    await settled(journal)
    entries = await journal.to_send(0, 10)
    assert [(entry.seq, entry.fact.code) for entry in entries] == [(1, "n2"), (2, "n3")]
    assert entries[0].previous == GENESIS


async def test_a_volatile_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        journal_store.Path, "read_text", lambda *_: f"none / ext4 rw\nnone {tmp_path} tmpfs rw\n"
    )
    with pytest.raises(ConfigError, match="would lie on tmpfs"):
        journal_store.refuse_volatile(tmp_path)


READ_ONLY_ROOT = """overlay / overlay rw,lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work 0 0
/dev/mmcblk0p1 /boot/firmware vfat ro 0 0
tmpfs /run tmpfs rw 0 0
/dev/mmcblk0p3 /var/lib/makerfloor-gateway ext4 rw,noatime 0 0
/dev/sda1 /media/my\\040disk ext4 rw 0 0
/media/root-rw /media/overlaid overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "lies_on"),
    [
        ("/var/lib/makerfloor-gateway", ""),
        ("/var/lib/makerfloor-gateway/journal", ""),
        ("/media/my disk/card", ""),
        ("/var/lib/makerfloor-gateway-2", "overlay"),
        ("/var/lib", "overlay"),
        ("/media/overlaid/card", "overlay"),
        ("/run/card", "tmpfs"),
    ],
)
async def test_under_a_read_only_root_only_a_partition_of_its_own_keeps_the_journal(
    monkeypatch, folder, lies_on
):
    monkeypatch.setattr(journal_store.Path, "read_text", lambda *_: READ_ONLY_ROOT)
    if lies_on:
        with pytest.raises(ConfigError, match=f"would lie on {lies_on}"):
            journal_store.refuse_volatile(Path(folder))
    else:
        journal_store.refuse_volatile(Path(folder))


OVERLAY = """
set -e
cd "$1" && mkdir lower root part memory && mount -t tmpfs tmpfs memory && mkdir memory/up memory/work
mkdir -p lower/var/lib/card
mount -t overlay overlay -o lowerdir=lower,upperdir=memory/up,workdir=memory/work root
mount --bind part root/var/lib/card
cd "$3"
for place in root/var/lib/card root/var/lib root memory; do
    "$2" -c 'import sys; from pathlib import Path; from gateway import journal_store
try: journal_store.refuse_volatile(Path(sys.argv[1])); print("kept")
except journal_store.ConfigError as error: print(error.problem)' "$1/$place"
done
"""


def test_a_real_overlay_is_refused_and_a_partition_mounted_in_it_is_not(tmp_path):
    """In a namespace of its own; `part` stands for the partition, on whatever disk the test runs."""
    root = Path(journal_store.__file__).parents[1]
    command = ["unshare", "-rm", "sh", "-c", OVERLAY, "sh", str(tmp_path), sys.executable, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"unshare -rm (util-linux, user namespaces) is needed: {done.stderr}"
    first, *others = done.stdout.splitlines()
    assert first == "kept"
    words = ("overlay", "overlay", "tmpfs")
    assert [one.split(",")[0] for one in others] == [f"the journal would lie on {word}" for word in words]


async def test_old_acknowledged_entries_are_dropped_and_open_sessions_found(journal):
    started = SessionStarted(
        session_id="s1", machine="m", member="a", account="a", badge="b", tier="t", max_duration_s=60
    )
    await journal.append_durably(started)
    await journal.append_durably(fact(1))
    assert [found.started.session_id for found in journal.sessions()] == ["s1"]
    store = JournalStore(journal._store.path)
    store.tidy(journal.epoch, 1, 1 << 46)
    assert [entry.seq for entry in store.read(journal.epoch, 0, 10)] == [2]
    store.close()


async def test_entries_that_come_while_an_epoch_begins_are_carried_too(journal):
    for n in range(4):
        await journal.append_durably(fact(n))
    beginning = asyncio.create_task(journal.begin_epoch(1))
    await asyncio.sleep(0)
    journal.append(fact(4))
    await beginning
    await settled(journal)
    assert [entry.fact.code for entry in await journal.to_send(0, 10)] == ["n1", "n2", "n3", "n4"]


async def test_a_power_cut_just_after_an_epoch_began_goes_on_in_it(tmp_path, journal):
    await journal.append_durably(fact(1))
    await journal.begin_epoch(0)
    await settled(journal)
    store = JournalStore(tmp_path / "journal.db")
    store.set_position(1, 1)  # as the file is before the position was kept
    assert (store.position().epoch, store.position().acknowledged) == (journal.epoch, 0)
    store.close()


async def test_full_memory_gives_up_checkpoints_but_no_end(journal, monkeypatch):
    monkeypatch.setattr("gateway.journal.KEEP_IN_MEMORY", 2)
    disk = HungDisk(monkeypatch)
    for n in range(2):
        journal.append(fact(n))
    journal.append(SessionMetered(session_id="s", elapsed_ms=1, counters={}))
    journal.append(SessionEnded(session_id="s", stop_type=StopType.TAP_OUT, elapsed_ms=2, counters={}))
    disk.released.set()
    await settled(journal)
    kinds = [entry.fact.type for entry in await journal.to_send(0, 10)]
    assert kinds == ["alarm_raised", "alarm_raised", "session_ended"]
