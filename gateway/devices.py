"""What the configuration says is wired becomes objects; the first that cannot be built stops the start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from firmware_bridge import registry as drivers
from floor.errors import ConfigError, MachineError
from gateway.config import GatewayConfig, StationConfig
from gateway.wiring import Devices
from hardware import registry as wired
from hardware.ports import Input, Lamp, Relay
from hardware.relays.pulse import PulseRelay

PINS = ("pin", "feedback_pin", "reset_pin", *(lamp for lamp in Lamp), "buzzer")

ON_PINS = {"gpio", "stack_light", "pn532", "mfrc522"}


def build(config: GatewayConfig, station: StationConfig, *, keep: bool = False) -> Devices:
    """Build one station's devices; raises ConfigError that names the file, the key and the remedy.

    With `keep`, a relay that is proven to be on stays on.
    """
    build_relay = wired.build_kept if keep else wired.build_relay
    where = f"{config.file}: station {station.machine}"
    extraction = wired.build_relay(*_split(station.extraction), where) if station.extraction else None
    driver = drivers.build(*_split(station.driver), where) if station.driver else None
    if station.node:
        node = wired.build_node(*_split(station.node), where)
        return Devices(node, node, node, extraction, driver, node, _inputs(station, where))
    relay = build_relay(*_split(station.relay), where)
    return Devices(
        reader=wired.build_reader(*_split(station.reader), where),
        relay=PulseRelay(relay, station.pulse_s) if station.pulse_s else relay,
        panel=wired.build_panel(*_split(station.panel), where) if station.panel else None,
        extraction=extraction,
        driver=driver,
        inputs=_inputs(station, where),
        pulse_s=station.pulse_s,
        keeps=keep,
    )


def _inputs(station: StationConfig, where: str) -> tuple[Input, ...]:
    """Build a station's inputs, each with a name of its own."""
    built = tuple(wired.build_input(*_split(device), where) for device in station.inputs)
    names = [one.name for one in built]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(where, "inputs", f"{name!r} stands twice", "Give each of them a name.")
    return built


def refuse_shared_pins(config: GatewayConfig) -> None:
    """Raise ConfigError for a pin that is driven and used elsewhere too; several may read one contact."""
    driven: dict[object, str] = {}
    read: dict[object, str] = {}
    for station in config.stations:
        devices = (station.reader, station.relay, station.extraction, station.panel, *station.inputs)
        for device in (device for device in devices if device and device["kind"] in ON_PINS):
            for key, pin in device.items():
                if key not in PINS or not isinstance(pin, int):
                    continue
                reads = key == "feedback_pin" or "role" in device
                if pin in driven or (pin in read and not reads):
                    other = driven.get(pin) or read[pin]
                    problem = f"pin {pin} is used at {other} too"
                    raise ConfigError(
                        config.file, f"{station.machine}: {key}", problem, "Choose another pin."
                    )
                (read if reads else driven)[pin] = station.machine


def relays(config: GatewayConfig, left: Collection[str] = ()) -> Iterator[Relay | ConfigError]:
    """Build every relay, which switches it off; yields the error of one that cannot be had, and goes on.

    The machines in `left` are left as they are.
    """
    for station in (one for one in config.stations if one.machine not in left):
        where = f"{config.file}: station {station.machine}"
        for device in (station.node, station.relay, station.extraction):
            if device:
                build: Callable[..., Relay] = (
                    wired.build_node if device is station.node else wired.build_relay
                )
                try:
                    yield build(*_split(device), where)
                except ConfigError as error:
                    yield error


def switch_off(relays: Iterable[Relay]) -> list[MachineError]:
    """Close every relay; returns what went wrong, after all were told."""
    errors: list[MachineError] = []
    for relay in relays:
        try:
            relay.close()
        except MachineError as error:
            errors.append(error)
    return errors


def _split(device: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return a device's kind and its settings; the configuration has proven that the kind is a text."""
    return str(device["kind"]), {key: value for key, value in device.items() if key != "kind"}
