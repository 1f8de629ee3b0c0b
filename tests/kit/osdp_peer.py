"""An OSDP reader in a process of its own: libosdp's peripheral device on a socket that stands for RS-485.

`python -m tests.kit.osdp_peer DESCRIPTOR KEY`: the key as hexadecimal digits, or `install` for a reader in
install mode (it knows SCBK-D only). Each line of its input is a card, `BITS HEX`; once the card's bits were
fetched it prints `told`. It ends with its input.
"""

import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import osdp_sys


class Channel:
    def __init__(self, end: socket.socket) -> None:
        self.id = 0
        self.end = end

    def read(self, size: int) -> bytes:
        try:
            return self.end.recv(size)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return self.end.send(data)
        except BlockingIOError:
            return 0

    def flush(self) -> None:
        """Nothing is kept."""


class OsdpPeer:
    """The process, and the test's end of its line."""

    def __init__(self, key: bytes | None) -> None:
        self.line, far = socket.socketpair()
        self.line.setblocking(False)
        arguments = [sys.executable, "-m", "tests.kit.osdp_peer", str(far.fileno())]
        self.process = subprocess.Popen(
            [*arguments, key.hex() if key else "install"],
            cwd=Path(__file__).resolve().parents[2],
            pass_fds=[far.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        far.close()
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)

    def card(self, bits: int, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{bits} {data.hex()}\n".encode())
        self.process.stdin.flush()

    def told(self) -> int:
        """How many cards were fetched since this was asked last."""
        assert self.process.stdout
        return (self.process.stdout.read() or b"").count(b"told")

    def stop(self) -> None:
        assert self.process.stdin
        self.line.close()
        self.process.stdin.close()
        self.process.wait(10)
        self.process.__exit__(None, None, None)


def main(descriptor: int, key: str) -> None:
    end = socket.socket(fileno=descriptor)
    end.setblocking(False)
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    flags = osdp_sys.FLAG_INSTALL_MODE if key == "install" else osdp_sys.FLAG_ENFORCE_SECURE
    about = {"version": 1, "model": 1, "vendor_code": 1, "serial_number": 1, "firmware_version": 1}
    scbk = None if key == "install" else bytes.fromhex(key)
    settings = {"name": "PD", "address": 0, "flags": flags, "scbk": scbk, "channel": Channel(end), **about}
    can = [
        {"function_code": one, "compliance_level": 1, "num_items": 1}
        for one in (osdp_sys.CAP_COMMUNICATION_SECURITY, osdp_sys.CAP_CARD_DATA_FORMAT)
    ]
    reader = osdp_sys.PeripheralDevice(settings, capabilities=can)
    reader.set_command_callback(lambda _: (0, None))
    reader.set_event_completion_callback(lambda *_: print("told", flush=True))
    waiting: list[dict[str, object]] = []
    while True:
        reader.refresh()
        if waiting and reader.is_sc_active() and reader.submit_event(waiting[0]):
            waiting.pop(0)
        if select.select([0], [], [], 0.005)[0]:
            typed = os.read(0, 65536)
            if not typed:
                return
            for line in typed.decode().splitlines():
                bits, data = line.split()
                waiting.append(
                    {
                        "event": osdp_sys.EVENT_CARDREAD,
                        "reader_no": 0,
                        "format": osdp_sys.CARD_FMT_RAW_WIEGAND,
                        "direction": 0,
                        "length": int(bits),
                        "data": bytes.fromhex(data),
                    }
                )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
