"""Who and what is on the demonstration's floor. Members are called after plants and minerals."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from floor.words import Role

GATEWAY = "demo"
PRINTERS = ("printer-1", "printer-2", "printer-3")
LASERS = ("laser-1", "laser-2")
EUR = 1_000_000


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """A machine: its `kind` is its use in the simulation, and its tariff's name where there is one."""

    id: str
    name: str
    kind: str
    location: str
    policy: dict[str, Any]
    driven: bool = True
    certified: bool = True


_PRINTER = {
    "on_leave": "hold_for_job",
    "idle_after_s": 600,
    "max_duration_s": 24 * 3600,
    "needs_machine_reachable": True,
}
_LASER = {
    "card_must_stay": True,
    "run_on_s": 60,
    "hazardous": True,
    "idle_after_s": 600,
    "max_duration_s": 4 * 3600,
    "needs_machine_reachable": True,
}
_CNC = {"hazardous": True, "idle_after_s": 900, "needs_machine_reachable": True}
_SAW = {"on_leave": "open", "hazardous": True, "idle_after_s": 300, "max_duration_s": 3600}
_DOOR = {"max_duration_s": 5, "takeover": True}

MACHINES = (
    DemoMachine("printer-1", "Printer 1", "printer", "Print room", _PRINTER),
    DemoMachine("printer-2", "Printer 2", "printer", "Print room", _PRINTER),
    DemoMachine("printer-3", "Printer 3", "printer", "Print room", _PRINTER),
    DemoMachine("laser-1", "Laser 1", "laser", "Laser room", _LASER),
    DemoMachine("laser-2", "Laser 2", "laser", "Laser room", _LASER),
    DemoMachine("cnc-1", "CNC mill", "cnc", "Wood shop", _CNC),
    DemoMachine("saw-1", "Table saw", "saw", "Wood shop", _SAW, driven=False),
    DemoMachine("door-1", "Front door", "door", "Entrance", _DOOR, driven=False, certified=False),
)
TARIFFS = ("printer", "laser", "cnc", "saw")


class Standing(StrEnum):
    """What is wrong with a member, if anything."""

    GOOD = "good"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DemoMember:
    """A member. `machines` are those that they are certified for; `signs_in` is the name to sign in with."""

    number: int
    name: str
    tier: str
    language: str
    machines: tuple[str, ...]
    standing: Standing = Standing.GOOD
    role: Role = Role.MEMBER
    signs_in: str = ""
    forgets: float = field(default=0.06)

    @property
    def uid(self) -> bytes:
        """The UID of their badge: seven bytes, as of a MIFARE card, from their number."""
        return bytes((0x04, 0xDE, 0x60)) + self.number.to_bytes(4, "big")

    @property
    def prepaid(self) -> bool:
        """Guests pay before; the others get a bill."""
        return self.tier == "guest"


STRANGER_UID = bytes.fromhex("04ffee00112233")
_ALL = (*PRINTERS, *LASERS, "cnc-1", "saw-1")
_WOOD = ("cnc-1", "saw-1", "laser-1")
_LIGHT = (*PRINTERS, *LASERS)
_SETS = {
    "all": _ALL,
    "wood": _WOOD,
    "light": _LIGHT,
    "print": PRINTERS,
    "saw": ("saw-1", "printer-1"),
    "none": (),
}

_ROWS = """
Juniper member en all | Basalt volunteer en all | Flint volunteer en all | Cobalt volunteer en all
Maple member en light | Rowan member en wood | Hazel member en all | Alder member en print
桂花 member zh light | 银杏 member zh all | 翡翠 student zh light | 玛瑙 member zh wood
Aspen student en light | Birch student en print | Cedar student en light | Clover student en saw
Agate member en wood | Amber member en light | Beryl member en saw | Citrine member en all
Fern member en print | Garnet member en wood | Heather member en light | Jasper member en all
水晶 student zh print | 茉莉 member zh print | 青竹 volunteer zh all | Larch member en wood
Linden volunteer en wood | Mica guest en print | Myrtle guest en light | Olivine guest en saw
Opal guest en print | Quartz guest en light | Saffron guest en saw | Sorrel member en none
Tansy member en light | Topaz member en wood | Willow member en all | Yarrow member en print
"""
_STANDINGS = {
    "Tansy": Standing.EXPIRED,
    "Topaz": Standing.EXPIRED,
    "Willow": Standing.SUSPENDED,
    "Yarrow": Standing.LOST,
}
_STAFF = {
    "Juniper": (Role.MEMBER, "member"),
    "Flint": (Role.TECHNICIAN, "technician"),
    "Basalt": (Role.OPERATOR, "operator"),
    "Cobalt": (Role.OPERATOR, ""),
}
FORGETFUL = {"Rowan", "玛瑙", "Beryl", "Cedar"}
STAFF_NAME = "Cobalt"
"""Staff who is simulated as well: clears machines, and takes payments."""


def _members() -> tuple[DemoMember, ...]:
    cells = [cell.split() for line in _ROWS.strip().splitlines() for cell in line.split("|")]
    return tuple(
        DemoMember(
            number=1001 + place,
            name=name,
            tier=tier,
            language=language,
            machines=_SETS[group],
            standing=_STANDINGS.get(name, Standing.GOOD),
            role=_STAFF.get(name, (Role.MEMBER, ""))[0],
            signs_in=_STAFF.get(name, (Role.MEMBER, ""))[1],
            forgets=0.4 if name in FORGETFUL else 0.04,
        )
        for place, (name, tier, language, group) in enumerate(cells)
    )


MEMBERS = _members()
