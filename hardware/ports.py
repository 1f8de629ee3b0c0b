"""What a gateway may ask of hardware. Every class here has a simulated twin in hardware.simulated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from floor.words import InputRole
from hardware.events import InputEvent, ReaderEvent


class Reader(Protocol):
    """A badge reader. One consumer at a time."""

    name: str

    def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what happens until `aclose`; the reader reconnects by itself, with bounded backoff.

        The first event is ReaderFound or ReaderLost. A badge that stays in the field is tapped once.
        """
        ...

    async def aclose(self) -> None:
        """Release the reader and end `events`; safe to call repeatedly."""
        ...


class Relay(Protocol):
    """A relay that gives power to a machine. It is off once constructed, and off once closed.

    No method blocks. `on`, `off` and `close` are safe to call repeatedly and raise MachineFault when the
    command could not be given. `on` after `close` is a programmer error.
    """

    name: str

    @property
    def is_on(self) -> bool:
        """What was commanded last; it proves nothing about the contact."""
        ...

    def on(self) -> None:
        """Command the contact closed: power."""
        ...

    def off(self) -> None:
        """Command the contact open: no power."""
        ...

    def feedback(self) -> bool | None:
        """Return whether the contact is closed, or None where nothing tells.

        A contact follows its command after some milliseconds. Raises MachineFault.
        """
        ...

    def close(self) -> None:
        """Switch off and give the relay up."""
        ...


@runtime_checkable
class TimesItself(Protocol):
    """A relay that opens by itself after a time, whatever becomes of its gateway."""

    def limit(self, seconds: int) -> None:
        """Have each `on` from now on close it for so many seconds, which nothing renews but another `on`."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A relay that can be left as it is, and found so again: built to keep, it reads before it drives.

    Where its contact is proven closed it is on once constructed, with nothing switched; else it is off.
    """

    def leave(self) -> None:
        """Give the relay up as it is: nothing is switched."""
        ...


class Lamp(StrEnum):
    """The colour of a station's lamp."""

    OFF = "off"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    BLUE = "blue"


class Sound(StrEnum):
    """What a station's buzzer plays once, when the screen is shown."""

    NONE = "none"
    OK = "ok"
    REFUSED = "refused"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Screen:
    """All that a panel shows at one time, top line first. A panel cuts what does not fit.

    `english` is the same lines in English, for a panel that lacks the letters; empty: they are English.
    """

    lines: tuple[str, ...]
    lamp: Lamp = Lamp.OFF
    sound: Sound = Sound.NONE
    blink: bool = False
    english: tuple[str, ...] = ()


class Panel(Protocol):
    """A display with a lamp and a buzzer, or what there is of them."""

    name: str

    def show(self, screen: Screen) -> None:
        """Replace what is shown; never blocks."""
        ...


@runtime_checkable
class Follows(Protocol):
    """A panel that follows a running session."""

    def follow(self, left: str, right: str) -> None:
        """Show two words, such as price and time left, beside the screen, until the next; never blocks."""
        ...


@runtime_checkable
class Proves(Protocol):
    """A device that can be asked whether it is there, before anything is shown."""

    def prove(self) -> None:
        """Ask it; may block. Raises MachineFault."""
        ...


@runtime_checkable
class Closes(Protocol):
    """A panel that must not go on showing what it showed last when its gateway stops."""

    def close(self) -> None:
        """Go dark for good; safe to call repeatedly, never blocks, raises nothing."""
        ...


class Input(Protocol):
    """A contact that is read: an interlock, an emergency stop, a door, a button. One consumer at a time.

    It is active while it says what its role is called after: the stop is pressed, the interlock or the door
    is open, the button is pressed, the extraction or the chiller runs, the building
    closes. It is read,
    and never replaces the contact's own wiring.
    """

    name: str
    role: InputRole

    def read(self) -> bool:
        """Return whether it is active at this moment, bounces and all; never blocks. Raises MachineFault."""
        ...

    def events(self) -> AsyncIterator[InputEvent]:
        """Yield the present state first, then each change, until `aclose`; it is tried again when lost."""
        ...

    async def aclose(self) -> None:
        """Release the input and end `events`; safe to call repeatedly."""
        ...
