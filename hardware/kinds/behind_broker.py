"""What devices behind an MQTT broker have in common."""

import ssl
from urllib.parse import urlsplit

from pydantic import Field

from floor.errors import ConfigError
from hardware.broker import BrokerAddress
from hardware.settings import Settings


class BrokerSettings(Settings):
    """A device behind an MQTT broker."""

    broker: str = Field(
        pattern=r"^mqtts?://[^/@]+/?$", description='an address such as "mqtt://192.168.1.10:1883"'
    )
    username: str = Field("", description="a user of the broker")
    password: str = Field("", repr=False, description="the user's password at the broker")
    ca: str = Field("", description='a file of certificates, for "mqtts://" only')


def broker_address(given: BrokerSettings, where: str) -> BrokerAddress:
    """Return where the broker is, as these settings say; raises ConfigError."""
    try:
        parts = urlsplit(given.broker)
        host, port, tls = parts.hostname or "", parts.port, parts.scheme == "mqtts"
    except ValueError as error:
        raise ConfigError(where, "broker", str(error), 'Write "mqtt://192.168.1.10:1883".') from error
    if given.ca and not tls:
        raise ConfigError(where, "ca", "it is of no use without TLS", 'Write broker = "mqtts://…".')
    try:
        security = ssl.create_default_context(cafile=given.ca or None) if tls else None
    except OSError as error:
        raise ConfigError(
            where, "ca", f"it cannot be read: {error}", "Name a file of certificates."
        ) from error
    return BrokerAddress(host, port or (8883 if tls else 1883), given.username, given.password, security)
