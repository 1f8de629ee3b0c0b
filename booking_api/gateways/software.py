"""Which gateways run older software than the server."""

import re
from importlib.metadata import version

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def lags(software: str, newest: str | None = None) -> bool:
    """Whether a gateway's software ("makerfloor 0.1.0") is older than `newest`, the server's own by default.

    What names no version counts as older; "" is a gateway that was never heard of.
    """
    here, ours = _numbers(software), _numbers(newest or version("makerfloor"))
    return bool(software) and (here is None or (ours is not None and here < ours))


def _numbers(text: str) -> tuple[int, ...] | None:
    found = _NUMBERS.search(text)
    return tuple(int(part or 0) for part in found.groups()) if found else None
