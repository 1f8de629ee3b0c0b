"""The link to the gateways over MQTT."""

from booking_api.clock import Clock
from booking_api.db import Database
from booking_api.gateways.keys import Signer
from booking_api.live import LiveFloor
from booking_api.settings import Settings
from booking_api.vault import Vault
from floor.errors import MachineUnreachable
from floor.wire.messages import Order, Reply

REPLY_TIMEOUT_S = 5.0


class Link:
    """The server's end of the wire."""

    def __init__(
        self, settings: Settings, db: Database, clock: Clock, vault: Vault, signer: Signer, live: LiveFloor
    ) -> None:
        self._settings = settings

    async def send_command(
        self, gateway: str, order: Order, by: str, timeout_s: float = REPLY_TIMEOUT_S
    ) -> Reply:
        """Sign an order, send it and return the gateway's answer; raises MachineUnreachable without one."""
        raise MachineUnreachable(f"The gateway {gateway} is not connected.")
