"""Memory that reading a roster took and freed goes back to the system: a Pi has little of it."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Ask glibc to return what is free (malloc_trim(3)); elsewhere do nothing. Takes some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
