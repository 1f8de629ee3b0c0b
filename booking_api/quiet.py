"""A log that a peer that goes mad cannot fill."""

import logging
import time
from dataclasses import dataclass, field

SAY_AGAIN_S = 10.0


@dataclass(slots=True)
class Quiet:
    """Logs one line of a kind every ten seconds at most."""

    log: logging.Logger
    said_s: dict[str, float] = field(default_factory=dict)

    def warn(self, kind: str, words: object) -> None:
        """Log a warning, unless one of its kind was logged a moment ago."""
        now_s = time.monotonic()
        if now_s - self.said_s.get(kind, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self.said_s[kind] = now_s
            self.log.warning("%s: %s", kind, words)
