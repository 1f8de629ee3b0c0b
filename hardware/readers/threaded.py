"""Readers that can only be asked by calls that wait (SPI, I²C, libosdp): they live in a thread of their own.

The thread and the event loop are joined by a pair of sockets, whose buffers are the bounded queue between
them: what is said into a full one is lost, as on any line whose listener sleeps.
"""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_PIECE = 200  # a PortReader takes at most 240 bytes at a time, and a packet is taken whole
_TURN_S = 1.0


class Line:
    """The thread's end. Each call raises OSError once the loop's end is closed."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def say(self, data: bytes) -> None:
        """Send to the loop; never waits."""
        with suppress(BlockingIOError):
            for at in range(0, len(data), _PIECE):
                self._end.send(data[at : at + _PIECE])

    def wait(self, timeout_s: float) -> bytes:
        """Return what the loop sent within the time, or nothing."""
        if not select.select([self._end], [], [], timeout_s)[0]:
            return b""
        data = self._end.recv(65536)
        if not data:
            raise BrokenPipeError("the reader was closed")
        return data


class ThreadDevice:
    """What `work` does in a thread, seen as a device: an OSError of it is one of the device.

    The thread ends by itself soon after `close`, which does not wait. `turn` is the same for every device on
    one port: a thread that hangs there is never joined by a second one. Implements port_reader.Device.
    """

    def __init__(self, work: Callable[[Line], None], turn: threading.Lock) -> None:
        self._error = OSError("its thread has ended")
        self._end, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._end.setblocking(False)
        far.setblocking(False)
        arguments = (work, far, turn)
        # A daemon, as a bus that hangs for good must not keep the gateway from stopping.
        threading.Thread(target=self._run, args=arguments, name="badge reader", daemon=True).start()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._end.fileno()

    def read(self, _size: int, /) -> bytes:
        """Return what the thread said, at most 200 bytes, or nothing; OSError when its work has failed."""
        try:
            data = self._end.recv(65536)
        except BlockingIOError:
            return b""
        if not data:
            raise self._error
        return data

    def close(self) -> None:
        """Have the thread end."""
        self._end.close()

    def _run(self, work: Callable[[Line], None], far: socket.socket, turn: threading.Lock) -> None:
        with far:
            if not turn.acquire(timeout=_TURN_S):
                self._error = OSError("what was asked of it before still waits for an answer")
                return
            try:
                work(Line(far))
            except OSError as error:
                self._error = error
            finally:
                turn.release()
