"""The sheet of a station: its parts, and which pin of the header each wire takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardware.wires.header import HEADER, PHYSICAL, Rail, label
from hardware.wires.parts import Part, Wire, part

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Laid:
    """A wire with its pin on the header, 1 to 40; None where it does not come from there."""

    wire: Wire
    physical: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is wired to one station. `others` says of pins what other stations of this Pi use them for."""

    machine: str
    parts: tuple[tuple[Part, tuple[Laid, ...]], ...]
    warnings: tuple[str, ...]
    config: tuple[str, ...]
    others: Mapping[int, str]

    @property
    def used(self) -> dict[int, str]:
        """Each pin of the header that is used here, and at which end of which part."""
        return {
            laid.physical: f"{made.title}, {laid.wire.end}"
            for made, wires in self.parts
            for laid in wires
            if laid.physical is not None
        }


def sheets(stations: Sequence[tuple[str, Sequence[tuple[str, Table]]]]) -> list[Sheet]:
    """Return the sheet of each station (its name, its devices by role); all share the rails of one Pi."""
    made = [(machine, [part(role, device) for role, device in devices]) for machine, devices in stations]
    taken: dict[int, str] = {}
    rails = _Rails()
    found = []
    for machine, parts in made:
        laid = tuple((one, tuple(Laid(wire, rails.lay(wire, one)) for wire in one.wires)) for one in parts)
        found.append((machine, laid))
        for _, wires in laid:
            taken |= {one.physical: machine for one in wires if one.physical is not None}
    return [_sheet(machine, laid, taken) for machine, laid in found]


def _sheet(machine: str, laid: tuple[tuple[Part, tuple[Laid, ...]], ...], taken: Mapping[int, str]) -> Sheet:
    parts = [one for one, _ in laid]
    here: dict[int, str] = {}
    warnings: list[str] = []
    for one in parts:
        warnings += one.warnings
        for pin in one.pins:
            if pin in here:
                warnings.append(f"GPIO {pin} is used by {here[pin]} and by {one.title}.")
            here.setdefault(pin, one.title)
    others = {physical: name for physical, name in taken.items() if name != machine}
    config = dict.fromkeys(line for one in parts for line in one.config)
    return Sheet(machine, laid, tuple(dict.fromkeys(warnings)), tuple(config), others)


class _Rails:
    """Gives out the pins of ground and supply: the one nearest to a part, each once while there are any."""

    def __init__(self) -> None:
        self._times = {n: 0 for n, what in enumerate(HEADER, 1) if isinstance(what, Rail)}

    def lay(self, wire: Wire, made: Part) -> int | None:
        if wire.pin is None:
            return None
        if not isinstance(wire.pin, Rail):
            return PHYSICAL[wire.pin]
        near = [PHYSICAL[pin] for pin in made.pins] or [1]
        pins = [n for n in self._times if HEADER[n - 1] == wire.pin]
        best = min(pins, key=lambda n: (self._times[n], sum(abs(n - other) for other in near), n))
        self._times[best] += 1
        return best


def table(sheet: Sheet) -> str:
    """Return a sheet as text: a line for each wire, then what to write into config.txt, and what to mind."""
    rows = [("device", "wire", "pin", "is", "note")]
    for one, wires in sheet.parts:
        for laid in wires:
            pin = "" if laid.physical is None else str(laid.physical)
            what = "" if laid.physical is None else label(laid.physical)
            rows.append((one.title, laid.wire.end, pin, what, laid.wire.note))
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += [f"config.txt: {line}" for line in sheet.config]
    lines += [f"mind: {words}" for words in sheet.warnings]
    return "\n".join([sheet.machine, *(line.rstrip() for line in lines)]) + "\n"
