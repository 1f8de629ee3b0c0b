"""Orders of the server, each handed to its station; what is answered later goes up by itself."""

from __future__ import annotations

from collections.abc import Callable

from floor import texts
from floor.gateway_keys import Purpose, badge_read_context
from floor.wire.base import Message
from floor.wire.messages import BadgeRead, Clear, Command, EndReading, PhoneTapped, ReadBadge, Reply
from floor.wire.topics import Channel
from floor.words import DenialReason
from gateway.house import House
from gateway.phone import PhoneCodes
from gateway.sealing import Sealing
from gateway.station import Station
from gateway.wiring import Ordered, PhoneTap, TapAnswer
from hardware.events import BadgeTapped

Say = Callable[[Channel, Message], None]


class Orders:
    """Carries out what the server orders. `say` sends a message up, if there is a broker just now."""

    def __init__(self, name: str, badge_key: bytes, house: House, codes: PhoneCodes, say: Say) -> None:
        self._name = name
        self._sealing = Sealing(badge_key, Purpose.BADGE_READ)
        self._house = house
        self._codes = codes
        self._say = say

    def carry(self, command: Command) -> Reply | None:
        """Hand a command to its station; None where the station's answer follows."""
        order = command.order
        station = self._house.stations.get(order.machine)
        if station is None:
            return self._reply(command, False, f"{order.machine} is not a station of {self._name}")
        station.reading.end()  # whatever is ordered next ends a reading
        match order:
            case ReadBadge():
                return self._read(command, station, order)
            case EndReading():
                return self._reply(command, True)
            case PhoneTapped():
                return self._phone(command, station, order)
        together = self._house.cleared_with(station) if isinstance(order, Clear) else []
        if not station.offer(Ordered(order, command.by)):
            return self._reply(command, False, "The station is overloaded")
        trip = station.inputs.holds() if isinstance(order, Clear) else None
        if isinstance(order, Clear) and trip is None:
            for other in together:
                other.offer(Ordered(Clear(machine=other.machine, reason=order.reason), command.by))
        return self._reply(command, trip is None, texts.say(trip, "en") if trip else "")

    def _reply(self, command: Command, done: bool, words: str = "") -> Reply:
        return Reply(id=command.id, gateway=self._name, done=done, words=words)

    def _read(self, command: Command, station: Station, order: ReadBadge) -> Reply:
        if station.reading.begin(order, self._send_read):
            return self._reply(command, True)
        reply = self._reply(command, False, "A session runs at this station")
        return reply.model_copy(update={"reason": DenialReason.IN_USE})

    def _send_read(self, order: ReadBadge, tap: BadgeTapped) -> None:
        bound = badge_read_context(self._name, order.machine, order.reading)
        sealed = self._sealing.seal(f"{tap.kind} {tap.uid.hex()}".encode(), bound)
        read = BadgeRead(gateway=self._name, machine=order.machine, reading=order.reading, sealed=sealed)
        self._say(Channel.BADGE, read)

    def _phone(self, command: Command, station: Station, order: PhoneTapped) -> Reply | None:
        over = Reply(id=command.id, gateway=self._name, done=False, tap="code_over")
        known = station.services.clock.known()  # else an old order cannot be told from a new one
        if not known or not takes_phones(station) or not self._codes.take(order.machine, order.nonce):
            return over

        def answer(came: TapAnswer) -> None:
            reply = self._reply(command, came != "code_over" and not isinstance(came, DenialReason))
            told = {"reason" if isinstance(came, DenialReason) else "tap": came}
            self._say(Channel.REPLY, reply.model_copy(update=told))

        tap = PhoneTap(order.member, self._codes.reference(order.member), answer)
        return None if station.offer(tap) else self._reply(command, False, "The station is overloaded")


def takes_phones(station: Station) -> bool:
    """Whether a phone can stand for a badge here: not where the card must stay, nor at a box in the field,
    which gives its power to the badge that it reads itself.
    """
    return station.devices.node is None and not station.policy.card_must_stay
