"""Who comes to a simulated floor: `[simulation]` of gateway.toml and the file of people that it names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from floor.errors import ConfigError
from floor.words import BadgeKind
from gateway.config import GatewayConfig

KEYS = ("people", "machines", "seed", "speed")
SPEED_MAX = 600


class Use(StrEnum):
    """What people do at a machine."""

    PRINTER = "printer"
    LASER = "laser"
    CNC = "cnc"
    SAW = "saw"
    DOOR = "door"


class Person(BaseModel):
    """Somebody with a badge. `machines` are those that they have learned to use.

    `forgets` is the share of visits, 0 to 1, that end without a tap; `turned_away` marks those whose badge
    is good for nothing (lost, expired, of another space) and who try all the same. `account` is who pays for
    what they do, chosen at the station; "" leaves it to their default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    uid_hex: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){2,32}$")]
    badge: BadgeKind = BadgeKind.UID_13MHZ
    machines: tuple[str, ...] = ()
    forgets: Annotated[float, Field(ge=0, le=1)] = 0.0
    turned_away: bool = False
    account: str = ""

    @property
    def uid(self) -> bytes:
        """What a reader reads of the badge."""
        return bytes.fromhex(self.uid_hex)


@dataclass(frozen=True, slots=True)
class Cast:
    """All that a simulation needs: `speed` is floor seconds in one real second, 1 to 600."""

    people: tuple[Person, ...]
    machines: dict[str, Use]
    seed: int
    speed: int


_PEOPLE: TypeAdapter[tuple[Person, ...]] = TypeAdapter(tuple[Person, ...])
_MACHINES: TypeAdapter[dict[str, Use]] = TypeAdapter(dict[str, Use])


def read(config: GatewayConfig) -> Cast:
    """Read who comes and what they do; raises ConfigError with the file, the key and what would be right."""
    table = config.simulation
    for key in table:
        if key not in KEYS:
            raise _wrong(config, key, "is not a key here", f"Use one of: {', '.join(KEYS)}.")
    try:
        machines = _MACHINES.validate_python(table.get("machines", {}))
    except ValidationError:
        remedy = f"Write printer-1 = one of: {', '.join(Use)}."
        raise _wrong(config, "machines", "names an unknown use", remedy) from None
    stations = {station.machine for station in config.stations}
    if not machines or machines.keys() - stations:
        names = ", ".join(sorted(machines.keys() - stations)) or "nothing"
        raise _wrong(config, "machines", f"names {names}", f"Name stations: {', '.join(sorted(stations))}.")
    seed, speed = table.get("seed", 0), table.get("speed", 1)
    if not isinstance(seed, int):
        raise _wrong(config, "seed", f"is {seed!r}", "Write a whole number.")
    if not isinstance(speed, int) or not 1 <= speed <= SPEED_MAX:
        raise _wrong(config, "speed", f"is {speed!r}", f"Write a whole number from 1 to {SPEED_MAX}.")
    name = table.get("people")
    if not isinstance(name, str):
        raise _wrong(config, "people", "is missing", 'Write people = "people.json".')
    return Cast(_people(Path(config.file).parent / name), machines, seed, speed)


def _people(file: Path) -> tuple[Person, ...]:
    remedy = "Write a JSON list of objects with name, uid_hex and machines."
    try:
        people = _PEOPLE.validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(str(file), "", f"cannot be read: {error.strerror}", remedy) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(str(file), key, first["msg"], remedy) from None
    if len(people) != len({person.uid_hex for person in people}):
        raise ConfigError(str(file), "uid_hex", "a badge stands twice", "Give each person their own.")
    return people


def _wrong(config: GatewayConfig, key: str, problem: str, remedy: str) -> ConfigError:
    return ConfigError(config.file, f"simulation.{key}", problem, remedy)
