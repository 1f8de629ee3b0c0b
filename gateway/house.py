"""What is wired for all stations of a gateway together: the building closes, the fire alarm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from floor import texts
from floor.session_states import LockedOut
from floor.words import InputRole, Trip
from hardware.events import InputEvent, InputLost
from hardware.ports import Input

if TYPE_CHECKING:
    from gateway.station import Station


class House:
    """The shared contacts. `alarm` is told a code and words, for the gateway and no machine of it."""

    def __init__(self, stations: Mapping[str, Station], alarm: Callable[[str, str], None]) -> None:
        self.stations = stations
        self._alarm = alarm
        self._ringing = False
        found = {
            one: None for station in stations.values() for one in station.devices.inputs if one.role.shared
        }
        self.inputs: tuple[Input, ...] = tuple(found)

    async def listen(self, one: Input) -> None:
        """Hear one contact for ever."""
        async for event in one.events():
            self.take(one, event)

    def take(self, one: Input, event: InputEvent) -> None:
        """Have every station act on what a contact says, power first, before anybody is told."""
        for station in self.stations.values():
            station.inputs.take(one, event)
        if isinstance(event, InputLost):
            self._alarm("input_lost", f"{one.name}: {event.reason}")
        elif one.role is InputRole.FIRE_ALARM:
            if event.active and not self._ringing:
                self._alarm("fire_alarm", one.name)
            self._ringing = event.active

    def cleared_with(self, ordered: Station) -> list[Station]:
        """Return the other stations that one order to clear puts in order too: a fire drill needs but one."""
        if not _burnt(ordered):
            return []
        return [one for one in self.stations.values() if one is not ordered and _burnt(one)]


def _burnt(station: Station) -> bool:
    """Whether the fire alarm, and nothing graver, keeps a station out of order."""
    return station.state == LockedOut(texts.say(Trip.FIRE_ALARM, "en"))
