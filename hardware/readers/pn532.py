"""The talk with a PN532 on a serial line: wake it, see that it is one, then ask again and again who is there.

Sections are of NXP UM0701-02 rev. 02. The UID (NFCID1) of ISO/IEC 14443 Type A badges is read; one whose key
is known, and that speaks ISO/IEC 14443-4, is asked for a proof.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from hardware.events import ReaderEvent, ReaderFound, ReaderNoise
from hardware.readers.cards.ev2 import Entropy
from hardware.readers.cards.proof import NotProven, Proof, Verdict
from hardware.readers.keys import BadgeKeys
from hardware.readers.pn532_frames import Ack, Answer, Pn532Frames, Refusal, command
from hardware.readers.port_reader import Device, PortReader, ReaderSilent
from hardware.readers.presence import Presence
from hardware.readers.proving import Proving

ANSWER_MS = 500
"""How long an answer may take; the longest here is that of InListPassiveTarget, some tens of ms."""

_ATTEMPTS = 3
_FIELD_OFF_MS = 10  # ISO/IEC 14443-3 lets a card take 5 ms to notice
_WAKE = b"\x55\x55" + bytes(14)  # 7.2.11: in power-down it needs edges, then time to start its oscillator
_ABORT = bytes.fromhex("0000FF00FF00")  # 6.2.1.3: an ACK from the host aborts what is being done
_PN532 = 0x32
_UID_SIZES = (4, 7, 10)
_SPEAKS = 0x20  # ISO/IEC 14443-3, SAK: compliant with 14443-4; the PN532 sends RATS by itself (7.3.5)
_EXCHANGE = 0x40
_FIRST_TARGET = b"\x01"


@dataclass(frozen=True, slots=True)
class _Command:
    code: int
    data: bytes = b""


_SAM = _Command(0x14, b"\x01")  # 7.2.10 SAMConfiguration: normal mode
_FIRMWARE = _Command(0x02)  # 7.2.2 GetFirmwareVersion
_RETRIES = _Command(0x32, b"\x05\xff\x01\x01")  # 7.3.1 RFConfiguration, item 5: give up on an empty field
_FIELD_OFF = _Command(0x32, b"\x01\x00")  # 7.3.1, item 1
_FIELD_ON = _Command(0x32, b"\x01\x01")
_LIST = _Command(0x4A, b"\x01\x00")  # 7.3.5 InListPassiveTarget: one target, 106 kbit/s Type A


class Pn532Talk:
    """Polls every `poll_ms` (> 0). Implements hardware.readers.port_reader.Talk.

    After each badge the field goes off and on, so that the badge answers the next poll like a new one.
    A badge is removed when polls did not find it for the removal time, and only then another is tapped. A
    poll that was not answered tells nothing. `sun`: an NTAG 424's message may be its proof.
    """

    def __init__(
        self, presence: Presence, poll_ms: int, sun: bool = False, entropy: Entropy = secrets.token_bytes
    ) -> None:
        self._presence = presence
        self._proving = Proving(presence, sun, entropy)
        self._proof: Proof | None = None
        self._uid = b""
        self._poll_ms = poll_ms
        self._out = b""
        self._asked: _Command | None = None
        self._next = _LIST
        self._due_ms = 0

    def trust(self, keys: BadgeKeys) -> None:
        """Use these keys from the next badge on."""
        self._proving.trust(keys)

    @property
    def due_ms(self) -> int | None:
        """When the next command is due, or the answer to the last."""
        return self._due_ms

    def begin(self, now_ms: int) -> list[ReaderEvent]:
        """Begin anew, by waking it."""
        self._found = False
        self._failures = 0
        self._proof = None
        self._wake(now_ms)
        return []

    def heard(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        """Take an answer and go on to the next command."""
        events: list[ReaderEvent] = []
        for one in self._frames.receive_data(data):
            match one:
                case ReaderNoise():
                    events.append(one)
                case Answer(code, rest) if self._asked is not None and code == self._asked.code + 1:
                    asked, self._asked = self._asked, None
                    events += self._answered(asked, rest, now_ms)
                case Answer():
                    events.append(ReaderNoise("an answer to nothing that was asked"))
                case Refusal():
                    events += self._failed("a command was refused", now_ms)
                case Ack():
                    pass
        return events

    def waited(self, now_ms: int) -> list[ReaderEvent]:
        """Ask what is to be asked now; raises ReaderSilent after three attempts to wake it."""
        if now_ms < self._due_ms:
            return []
        if self._asked is not None:
            return self._failed("a command was not answered", now_ms)
        self._ask(self._next, now_ms)
        return []

    def to_write(self) -> bytes:
        """Return the command that is due."""
        out, self._out = self._out, b""
        return out

    def _wake(self, now_ms: int) -> None:
        self._frames = Pn532Frames()
        self._ask(_SAM, now_ms)
        self._out = _WAKE + _ABORT + self._out

    def _ask(self, asked: _Command, now_ms: int) -> None:
        self._asked = asked
        self._due_ms = now_ms + ANSWER_MS
        self._out = command(asked.code, asked.data)

    def _later(self, next_one: _Command, at_ms: int) -> None:
        self._next, self._due_ms = next_one, at_ms

    def _failed(self, how: str, now_ms: int) -> list[ReaderEvent]:
        self._failures += 1
        events = self._judged(NotProven("the reader got no answer of it", silent=True), now_ms)
        if self._failures == _ATTEMPTS:
            raise ReaderSilent(f"the PN532 does not answer as it should: {how}")
        self._wake(now_ms)
        return [*events, ReaderNoise(f"{how}; the PN532 is woken again")]

    def _answered(self, asked: _Command, data: bytes, now_ms: int) -> list[ReaderEvent]:
        if asked == _LIST:
            return self._listed(data, now_ms)
        if asked.code == _EXCHANGE:
            return self._exchanged(data, now_ms)
        if asked == _SAM:
            self._ask(_FIRMWARE, now_ms)
        elif asked == _FIRMWARE:
            if data[:1] != bytes([_PN532]):
                raise ReaderSilent("the chip says that it is no PN532")
            self._ask(_RETRIES, now_ms)
        elif asked == _RETRIES:
            self._ask(_FIELD_OFF, now_ms)  # a badge that was listed before it hung answers again only then
            if not self._found:
                self._found = True
                return [ReaderFound()]
        elif asked == _FIELD_OFF:
            self._later(_FIELD_ON, now_ms + _FIELD_OFF_MS)
        else:
            self._later(_LIST, now_ms + self._poll_ms)
        return []

    def _listed(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        self._failures = 0
        if data == b"\x00":
            self._later(_LIST, now_ms + self._poll_ms)
            return [*self._proving.nobody(now_ms)]
        uid = _uid(data)
        if uid is None:
            self._ask(_FIELD_OFF, now_ms)
            return [ReaderNoise("an answer names no badge that can be")]
        if self._presence.uid not in (None, uid):
            # Two in one wallet are found by turns: the first one counts until polls no longer find it.
            self._ask(_FIELD_OFF, now_ms)
            return [*self._proving.nobody(now_ms)]
        self._uid = uid
        self._proof = self._proving.proof_of(uid)
        if self._proof is None:
            self._ask(_FIELD_OFF, now_ms)
            return [*self._proving.seen(uid, now_ms)]
        if not data[4] & _SPEAKS:
            return self._over(NotProven("it speaks no ISO/IEC 14443-4"), now_ms)
        return self._go_on(self._proof.step(), now_ms)

    def _exchanged(self, data: bytes, now_ms: int) -> list[ReaderEvent]:
        """7.3.8 InDataExchange: a status, 0 when all went well and nothing is left to come, then data."""
        if self._proof is None:
            return []
        return self._go_on(self._proof.step(data[1:] if data[:1] == b"\x00" else None), now_ms)

    def _go_on(self, next_one: bytes | Verdict, now_ms: int) -> list[ReaderEvent]:
        if not isinstance(next_one, bytes):
            return self._over(next_one, now_ms)
        self._ask(_Command(_EXCHANGE, _FIRST_TARGET + next_one), now_ms)
        return []

    def _over(self, verdict: Verdict, now_ms: int) -> list[ReaderEvent]:
        self._ask(_FIELD_OFF, now_ms)
        return self._judged(verdict, now_ms)

    def _judged(self, verdict: Verdict, now_ms: int) -> list[ReaderEvent]:
        if self._proof is None:
            return []
        self._proof = None
        return [*self._proving.seen(self._uid, now_ms, verdict)]


class Pn532Reader(PortReader):
    """A PN532 on a serial line. Implements hardware.ports.Reader and hardware.readers.keys.TakesKeys."""

    def __init__(self, name: str, port: str, talk: Pn532Talk, open_device: Callable[[], Device]) -> None:
        super().__init__(name, port, talk, open_device)
        self._pn532 = talk

    def trust(self, keys: BadgeKeys) -> None:
        """Use these keys from the next badge on."""
        self._pn532.trust(keys)


def _uid(data: bytes) -> bytes | None:
    """The NFCID1: after the number of targets (1), its number, SENS_RES (2), SEL_RES and the length."""
    if len(data) < 6 or data[0] != 1 or data[5] not in _UID_SIZES or len(data) < 6 + data[5]:
        return None
    return data[6 : 6 + data[5]]
