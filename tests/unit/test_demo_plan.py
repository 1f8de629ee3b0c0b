"""The plan of a simulated floor: repeatable, lively at first, and possible for people who have one body."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from floor.errors import ConfigError
from gateway import config as configuration
from gateway.simulation import people, plan
from gateway.simulation.people import Person, Use
from gateway.simulation.plan import Ending, Mishap, Visit

MACHINES = {
    "printer-1": Use.PRINTER,
    "printer-2": Use.PRINTER,
    "laser-1": Use.LASER,
    "cnc-1": Use.CNC,
    "saw-1": Use.SAW,
    "door-1": Use.DOOR,
}
PEOPLE = (
    Person(name="Nobody", uid_hex="ffffffff", turned_away=True),
    *(
        Person(name=f"P{n}", uid_hex=f"{n:08x}", machines=tuple(MACHINES)[: 3 + n % 4], forgets=0.2)
        for n in range(20)
    ),
)


def planned(seed: int, count: int = 2000) -> list[Visit]:
    return list(islice(plan.visits(PEOPLE, MACHINES, seed), count))


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)


@pytest.mark.parametrize("seed", range(5))
def test_a_person_is_at_one_place_at_a_time_and_uses_what_they_have_learned(seed: int) -> None:
    left: dict[str, float] = {}
    before_s = 0.0
    for visit in planned(seed):
        assert visit.at_s >= before_s
        before_s = visit.at_s
        assert visit.at_s >= left.get(visit.person.uid_hex, 0.0)
        left[visit.person.uid_hex] = visit.leaves_s
        assert MACHINES[visit.machine] is not Use.DOOR
        if visit.work:
            assert visit.machine in visit.person.machines
            assert not visit.person.turned_away
            assert all(work.duration_s > 0 for work in visit.work)


@pytest.mark.parametrize("seed", range(20))
def test_at_first_all_machines_are_used_at_once_and_one_is_done_soon(seed: int) -> None:
    first = [visit for visit in planned(seed, 30) if visit.at_s < 20 and visit.work]
    assert {visit.machine for visit in first} == set(MACHINES) - {"door-1"}
    assert min(visit.until_s for visit in first) < 20
    assert all(visit.until_s < 120 for visit in first if visit.mishap is None)


def test_in_the_long_run_all_that_people_do_occurs() -> None:
    visits = planned(1, 4000)
    assert {visit.ending for visit in visits} == set(Ending)
    assert {visit.mishap for visit in visits} == {None, *Mishap}
    attempts = Counter(visit.person.turned_away for visit in visits if not visit.work)
    assert attempts[True] > 10
    assert attempts[False] > 10
    prints = [visit.work[0].duration_s for visit in visits if visit.work and visit.machine == "printer-1"]
    assert max(prints) > 7200
    assert min(prints) < 600


GATEWAY = """
name = "bench"
badge_key = "{key}"
server_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
[[stations]]
machine = "saw-1"
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
[simulation]
{simulation}
"""
GOOD = 'people = "people.json"\nseed = 3\nspeed = 60\n[simulation.machines]\nsaw-1 = "saw"'


def read(folder: Path, simulation: str, persons: object) -> people.Cast:
    file = folder / "gateway.toml"
    file.write_text(GATEWAY.format(key="00" * 32, simulation=simulation))
    (folder / "people.json").write_text(json.dumps(persons))
    return people.read(configuration.load(file))


def test_settings_and_people_are_read(tmp_path: Path) -> None:
    cast = read(tmp_path, GOOD, [{"name": "Maple", "uid_hex": "04a1b2c3", "machines": ["saw-1"]}])
    assert (cast.seed, cast.speed, cast.machines) == (3, 60, {"saw-1": Use.SAW})
    assert cast.people[0].uid == bytes.fromhex("04a1b2c3")


@pytest.mark.parametrize(
    ("simulation", "persons", "named"),
    [
        (GOOD.replace("60", "601"), [], "simulation.speed"),
        (GOOD.replace("3", '"three"'), [], "simulation.seed"),
        (GOOD.replace('"saw"', '"boat"'), [], "simulation.machines"),
        (GOOD.replace("saw-1", "saw-2"), [], "simulation.machines"),
        ('pepole = "people.json"', [], "simulation.pepole"),
        (GOOD.replace("people.json", "nobody.json"), [], "nobody.json"),
        (GOOD, [{"name": "Maple", "uid_hex": "4"}], "uid_hex"),
        (GOOD, [{"name": "A", "uid_hex": "0401"}, {"name": "B", "uid_hex": "0401"}], "stands twice"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, simulation: str, persons: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, simulation, persons)
