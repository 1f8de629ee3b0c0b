"""The watchdog is fed by the stations' own heartbeat, and by nothing else."""

import socket

import pytest

from gateway.watchdog import Heartbeat, notify


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_it_is_fed_while_every_station_handles_something(systemd):
    heart = Heartbeat()
    assert [heart.beat(beats) for beats in ([0, 0], [1, 3], [2, 4])] == [True, True, True]
    assert [systemd.recv(64) for _ in range(3)] == [b"WATCHDOG=1"] * 3


def test_one_hung_station_starves_it(systemd):
    heart = Heartbeat()
    heart.beat([5, 5])
    systemd.recv(64)
    assert not heart.beat([5, 6])
    with pytest.raises(BlockingIOError):
        systemd.recv(64)
    assert heart.beat([6, 7])


def test_without_systemd_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    assert not Heartbeat().beat([1])
