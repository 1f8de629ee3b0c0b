"""A copy of this gateway's wiring for the server, so that another Pi can take its place within minutes."""

from __future__ import annotations

import json
import logging

from pydantic import ValidationError

from floor.gateway_keys import Purpose, wiring_context
from floor.wire.messages import Wiring
from gateway.config import GatewayConfig
from gateway.sealing import Sealing

log = logging.getLogger(__name__)


class WiringCopy:
    """Seals the wiring for the server alone, for devices' passwords are in it."""

    def __init__(self, config: GatewayConfig) -> None:
        self._name = config.name
        self._sealing = Sealing(config.badge_key, Purpose.WIRING)
        self._text = json.dumps(config.wiring, ensure_ascii=False, default=str).encode()

    def sealed(self, epoch: int, seq: int) -> Wiring | None:
        """Return the copy, bound to where the journal stands; None when it is too long for a message."""
        sealed = self._sealing.seal(self._text, wiring_context(self._name, epoch, seq))
        try:
            return Wiring(gateway=self._name, epoch=epoch, seq=seq, sealed=sealed)
        except ValidationError:
            log.warning("the wiring is too long for the server to keep: keep a copy of gateway.toml")
            return None
