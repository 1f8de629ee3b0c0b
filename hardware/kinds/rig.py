"""A relay in another process: kind `rig`."""

from pathlib import Path

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from hardware.ports import Relay
from hardware.relays.rig import RigRelay
from hardware.settings import Settings


class RigSettings(Settings):
    """A relay of kind `rig`."""

    name: str = Field(min_length=1, max_length=100, description="the relay's name on the rig")
    socket: str = Field(min_length=1, description="the Unix socket of `python -m hardware.relays.rig`")
    levels_file: str | None = Field(None, description="where that rig keeps its levels (SOCKET.json)")


def build_rig(given: RigSettings, where: str, *, keep: bool = False) -> Relay:
    """Build it, off, or with `keep` on where the rig proves that it is; raises ConfigError."""
    levels_file = Path(given.levels_file) if given.levels_file else None
    try:
        return RigRelay(given.name, Path(given.socket), levels_file, keep=keep)
    except MachineFault as error:
        remedy = f"Start it: python -m hardware.relays.rig {given.socket}"
        raise ConfigError(where, "socket", str(error), remedy) from error
