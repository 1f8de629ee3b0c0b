"""Gateway, server and Mosquitto as real processes, killed with SIGKILL; the relay's own knows the truth.

Each test goes on in the space that the one before it left.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.kit.engine import IS_POSTGRESQL, empty_in, url_in
from tests.simulation.kills import Fight
from tests.simulation.kills_oracle import contradictions, has_all, read
from tests.simulation.processes import LAID_S, Space, until

HELD = "SELECT roster_epoch > 1 AND roster_confirmed_n = roster_n FROM gateway"


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    made = Space(tmp_path_factory.mktemp("space"))
    made.open()
    yield made
    made.end()


def kill_the_gateway(space: Space) -> None:
    """Its relay stays until the unit's own command; the next process gives no power by itself."""
    space.tap_until(closed=True)
    time.sleep(2.5)
    space.kill("gateway")
    assert space.rig.closed("saw"), "a Pi's kernel keeps the level of a process that died"
    space.stop_post()
    assert not space.rig.closed("saw")
    space.start("gateway")
    time.sleep(2)
    assert not space.rig.closed("saw")


def kill_behind_the_gateway(space: Space, name: str) -> None:
    """Somebody dies in a session, which ends without them, and another begins: the gateway keeps both."""
    space.tap_until(closed=True)
    space.kill(name)
    time.sleep(1)
    space.tap_until(closed=False)
    space.tap_until(closed=True)
    space.start(name)
    space.tap_until(closed=False)


@pytest.mark.timeout(300)
def test_whoever_is_killed_each_use_is_billed_once_and_as_long_as_it_was(space: Space) -> None:
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "server")
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "broker")
    space.kill("gateway")  # with what was just ended perhaps unsent
    space.start("gateway")

    assert len(space.rig.uses) == 6
    check_bills(space)
    sessions = read(space).sessions
    assert all(session.elapsed_ms >= 1_000 for session in sessions if session.stop_type == "power_lost")
    stops = [session.stop_type for session in sessions]
    assert stops == ["power_lost", "tap_out", "tap_out", "power_lost", "tap_out", "tap_out"]


def check_bills(space: Space) -> None:
    """Every use is one session, as long as it was, priced once, and its member owes the sum."""
    until(lambda: has_all(space), "the server has all, and has priced it")
    wrong = contradictions(space)
    assert not wrong, "\n".join(wrong)


def use(space: Space) -> None:
    space.tap_until(closed=True)
    space.tap_until(closed=False)


def restore(space: Space, *arguments: str) -> None:
    """Restore into the same folder; of PostgreSQL into another database, which the settings then name."""
    if not IS_POSTGRESQL:
        space.type_in("restore", *arguments)
        return
    said = space.type_in("restore", *arguments, "--database", empty_in(space.folder, "anew"))
    assert "leads elsewhere. Write the database that you named." in said
    settings = space.folder / "space" / "makerfloor.toml"
    settings.write_text(settings.read_text().replace(url_in(space.folder), url_in(space.folder, "anew")))


@pytest.mark.timeout(300)
def test_a_server_that_is_restored_gets_again_what_came_after_its_backup(space: Space) -> None:
    use(space)
    check_bills(space)
    space.tap_until(closed=True)
    (space.folder / "backup.key").write_text("5e" * 32)
    space.type_in("backup", "yesterday", "--key-file", "backup.key")
    space.tap_until(closed=False)  # begun before the backup, ended after it
    use(space)
    check_bills(space)  # so the server has all, and the gateway was told that it has
    space.kill("server")
    shutil.rmtree(space.folder / "space")
    use(space)  # while there is no server

    restore(space, "yesterday", "--to", "space", "--key-file", "backup.key")
    assert len(read(space).sessions) == len(space.rig.uses) - 2
    space.start("server")
    check_bills(space)
    assert space.type_in("doctor").endswith("The books are sound.\n")
    given = space.ask("SELECT roster_epoch, roster_n FROM gateway")
    space.type_in("revoke", "1001", "saw", "--reason", "to see whether it is heard")
    until(
        lambda: (
            space.ask("SELECT roster_epoch, roster_n FROM gateway") != given and space.ask(HELD) == [(1,)]
        ),
        "the gateway holds a roster of the new epoch, in which that stands",
    )
    uses = len(space.rig.uses)

    def refused() -> bool:
        space.tap("saw")
        time.sleep(LAID_S)
        return space.ask("SELECT count(*) FROM refusal") != [(0,)]

    until(refused, "a tap is refused")
    assert len(space.rig.uses) == uses


@pytest.mark.timeout(300)
def test_two_kills_at_random_lose_nothing_and_bill_nothing_twice(space: Space) -> None:
    """`python -m tests.simulation.kills` does 200, with PostgreSQL and more machines."""
    space.type_in("certify", "1001", "saw")
    uses, seed = len(space.rig.uses), 3
    Fight(space, seed).live(2)
    check_bills(space)
    assert len(space.rig.uses) > uses
