"""What the gateway believes of time."""

import time

from floor.timescale import TimeScale
from gateway import clock
from gateway.clock import EARLIEST_MS, SystemClock


def test_a_clock_without_a_battery_is_not_believed(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert not SystemClock().known()


def test_a_clock_that_went_back_behind_the_journal_is_not_believed():
    made = SystemClock()
    assert made.known()
    made.not_before(made.wall_ms() + 60_000)
    assert not made.known()


def test_nobody_knows_the_error_until_the_server_has_spoken(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: None)
    made = SystemClock()
    assert made.error_ms() is None
    made.heard(made.wall_ms() - 5_000)
    assert 6_000 <= made.error_ms() <= 7_000
    made.heard(made.wall_ms() - 500_000)
    assert made.error_ms() <= 7_000


def test_a_clock_that_the_server_contradicts_is_not_believed(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: None)
    made = SystemClock()
    made.heard(made.wall_ms() - 3_600_000)
    assert not made.known()
    assert made.error_ms() is None


def test_a_clock_that_jumps_after_the_server_spoke_is_not_believed_until_it_is_back(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: None)
    made, now_ns = SystemClock(), time.time_ns
    made.heard(made.wall_ms())
    assert made.error_ms() <= 2_000
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 86_400_000 * 1_000_000)
    assert not made.known()
    assert made.error_ms() is None
    monkeypatch.setattr(time, "time_ns", now_ns)
    assert made.error_ms() <= 2_000


def test_a_message_that_waited_at_the_broker_does_not_vouch_for_a_clock_that_stood(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: None)
    made = SystemClock()
    made.heard(made.wall_ms())  # signed as the power failed, a day ago
    assert made.known()
    made.heard(made.wall_ms() + 86_400_000)  # the answer to a hello
    assert not made.known()
    made.heard(made.wall_ms())
    assert not made.known()


def test_the_server_knows_better_than_a_journal_of_a_clock_that_was_ahead():
    made = SystemClock()
    made.not_before(made.wall_ms() + 86_400_000)
    assert not made.known()
    made.heard(made.wall_ms())
    assert made.known()


def test_an_hour_that_the_server_told_wrongly_is_forgotten(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: None)
    made, monotonic_ns, time_ns = SystemClock(), time.monotonic_ns, time.time_ns
    made.heard(made.wall_ms() + 86_400_000)
    later_ns = (clock.HEARD_FOR_MS + 1_000) * 1_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns() + later_ns)
    monkeypatch.setattr(time, "time_ns", lambda: time_ns() + later_ns)
    assert not made.known()
    made.heard(made.wall_ms())
    assert made.known()


def test_the_kernels_own_bound_is_taken_where_a_service_keeps_its_clock(monkeypatch):
    monkeypatch.setattr(clock, "_kernel_error_ms", lambda: 12)
    assert SystemClock().error_ms() == 12


def test_the_kernel_can_be_asked():
    assert clock._kernel_error_ms() is None or clock._kernel_error_ms() >= 1


def test_floor_time_on_a_scale_runs_faster():
    made = SystemClock(TimeScale(0, EARLIEST_MS, 60))
    assert made.error_ms() == 0
    before = made.monotonic_ms()
    time.sleep(0.01)
    assert made.monotonic_ms() - before >= 600
