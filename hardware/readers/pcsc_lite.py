"""PC/SC by pcsc-lite's C interface, called with ctypes: on a Pi nothing has to be compiled.

Source: pcsc-lite 1.9.9, winscard.h, pcsclite.h, wintypes.h (on Linux DWORD is unsigned long, LONG is long, no
structure is packed), and its manual of each function. Every call blocks: see hardware.readers.pcsc.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_long, c_ubyte, c_ulong, c_void_p

LIBRARY = "libpcsclite.so.1"
"""What Debian's libpcsclite1 brings."""

_SCOPE_SYSTEM, _SHARE_EXCLUSIVE, _T0_OR_T1, _LEAVE_CARD = 2, 1, 3, 0
_OK, _TIMEOUT, _NO_READERS = 0, 0x8010000A, 0x8010002E
_CHANGED, _UNKNOWN, _UNAVAILABLE, _PRESENT, _MUTE = 0x2, 0x4, 0x8, 0x20, 0x200
_LONGEST_REPLY = 258  # a short APDU's 256 bytes of data, and the status


class _ReaderState(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("user_data", c_void_p),
        ("current", c_ulong),
        ("event", c_ulong),
        ("atr_size", c_ulong),
        ("atr", c_ubyte * 33),
    )


class _Protocol(ctypes.Structure):
    _fields_ = (("protocol", c_ulong), ("size", c_ulong))


_SIGNATURES = {
    "SCardEstablishContext": [c_ulong, c_void_p, c_void_p, POINTER(c_long)],
    "SCardReleaseContext": [c_long],
    "SCardListReaders": [c_long, c_char_p, c_char_p, POINTER(c_ulong)],
    "SCardGetStatusChange": [c_long, c_ulong, POINTER(_ReaderState), c_ulong],
    "SCardConnect": [c_long, c_char_p, c_ulong, c_ulong, POINTER(c_long), POINTER(c_ulong)],
    "SCardDisconnect": [c_long, c_ulong],
    "SCardTransmit": [
        c_long, POINTER(_Protocol), c_char_p, c_ulong, POINTER(_Protocol), c_char_p, POINTER(c_ulong),
    ],
}  # fmt: skip


def load() -> ctypes.CDLL:
    """Load the library; OSError where it is not installed."""
    library = ctypes.CDLL(LIBRARY)
    for name, arguments in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, c_long
    library.pcsc_stringify_error.argtypes, library.pcsc_stringify_error.restype = [c_long], c_char_p
    return library


class Seen:
    """What a reader saw last. `is_card`: one is there; `count` grows as cards come and go."""

    def __init__(self, state: int = 0) -> None:
        self.state = state

    @property
    def is_card(self) -> bool:
        """Whether a card is there that answers."""
        return bool(self.state & _PRESENT) and not self.state & _MUTE

    @property
    def count(self) -> int:
        """How often cards came and went (winscard.h: the upper 16 bits)."""
        return self.state >> 16


class Card:
    """A card that was connected to, for this process alone."""

    def __init__(self, library: ctypes.CDLL, handle: c_long, protocol: c_ulong) -> None:
        self._library = library
        self._handle = handle
        self._protocol = _Protocol(protocol.value, ctypes.sizeof(_Protocol))

    def transmit(self, command: bytes) -> bytes | None:
        """Send an APDU and return the reply; None when none came, as from a card that was taken away."""
        reply, size = ctypes.create_string_buffer(_LONGEST_REPLY), c_ulong(_LONGEST_REPLY)
        code = self._library.SCardTransmit(
            self._handle, byref(self._protocol), command, len(command), None, reply, byref(size)
        )
        return reply.raw[: size.value] if code == _OK else None

    def close(self) -> None:
        """Let others have the card; it keeps its power."""
        self._library.SCardDisconnect(self._handle, _LEAVE_CARD)


class Service:
    """The card readers that pcscd has. OSError from any method says that pcscd or the reader has gone."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._context = c_long()

    def open(self) -> None:
        """Reach pcscd."""
        code = self._library.SCardEstablishContext(_SCOPE_SYSTEM, None, None, byref(self._context))
        self._check("pcscd", code)

    def readers(self) -> list[str]:
        """Return the names of all readers."""
        size = c_ulong()
        code = self._library.SCardListReaders(self._context, None, None, byref(size))
        if code & 0xFFFFFFFF == _NO_READERS:
            return []
        self._check("pcscd", code)
        names = ctypes.create_string_buffer(size.value)
        self._check("pcscd", self._library.SCardListReaders(self._context, None, names, byref(size)))
        return [name.decode(errors="replace") for name in names.raw.split(b"\x00") if name]

    def wait(self, reader: str, seen: Seen, longest_ms: int) -> Seen:
        """Return what the reader sees, as soon as it is something else than was `seen`."""
        state = _ReaderState(name=reader.encode(), current=seen.state)
        code = self._library.SCardGetStatusChange(self._context, longest_ms, byref(state), 1)
        if code & 0xFFFFFFFF != _TIMEOUT:
            self._check(reader, code)
        if state.event & (_UNKNOWN | _UNAVAILABLE):
            raise OSError(f"{reader}: it was unplugged")
        return Seen(state.event & ~_CHANGED)

    def connect(self, reader: str) -> Card | None:
        """Connect to the card that is there; None when that fails."""
        handle, protocol = c_long(), c_ulong()
        code = self._library.SCardConnect(
            self._context, reader.encode(), _SHARE_EXCLUSIVE, _T0_OR_T1, byref(handle), byref(protocol)
        )
        return Card(self._library, handle, protocol) if code == _OK else None

    def close(self) -> None:
        """Give the readers up, if there are any."""
        self._library.SCardReleaseContext(self._context)

    def _check(self, what: str, code: int) -> None:
        if code != _OK:
            raise OSError(f"{what}: {self._library.pcsc_stringify_error(code).decode(errors='replace')}")
