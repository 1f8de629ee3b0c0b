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


def build(
    config: GatewayConfig, station: StationConfig, shared: tuple[Input, ...] = (), *, keep: bool = False
) -> Devices:
    """Build one station's devices, beside the inputs that all stations share.

    With `keep`, a relay that is proven to be on stays on. Raises ConfigError that names the file, the key and
    the remedy.
    """
    build_relay = wired.build_kept if keep else wired.build_relay
    where = f"{config.file}: station {station.machine}"
    extraction = wired.build_relay(*_split(station.extraction), where) if station.extraction else None
    driver = drivers.build(*_split(station.driver), where) if station.driver else None
    inputs = _inputs(station, where, shared)
    if station.node:
        node = wired.build_node(*_split(station.node), where)
        return Devices(node, node, node, extraction, driver, node, inputs)
    relay = build_relay(*_split(station.relay), where)
    return Devices(
        reader=wired.build_reader(*_split(station.reader), where),
        relay=PulseRelay(relay, station.pulse_s) if station.pulse_s else relay,
        panel=wired.build_panel(*_split(station.panel), where) if station.panel else None,
        extraction=extraction,
        driver=driver,
        inputs=inputs,
        pulse_s=station.pulse_s,
        keeps=keep,
    )


def shared_inputs(config: GatewayConfig) -> tuple[Input, ...]:
    """Build what is wired for all stations together; raises ConfigError as `build` does."""
    built = tuple(wired.build_input(*_split(device), f"{config.file}: inputs") for device in config.inputs)
    for one in built:
        if not one.role.shared:
            remedy = "Write it among the inputs of its station."
            raise ConfigError(config.file, "inputs", f"{one.role} belongs to one station", remedy)
    _refuse_twins(built, config.file)
    return built


def _inputs(station: StationConfig, where: str, shared: tuple[Input, ...]) -> tuple[Input, ...]:
    """Build a station's inputs, each with a name of its own."""
    own = tuple(wired.build_input(*_split(device), where) for device in station.inputs)
    for one in own:
        if one.role.shared:
            remedy = "Write [[inputs]] outside of the stations."
            raise ConfigError(where, "inputs", f"{one.role} is for all stations", remedy)
        if one.role.proof and station.node:
            problem = f"a box gives power at once, and cannot wait until the {one.role} is proven"
            raise ConfigError(where, "inputs", problem, "Wire a reader and a relay there.")
    _refuse_twins((*own, *shared), where)
    return (*own, *shared)


def _refuse_twins(inputs: tuple[Input, ...], where: str) -> None:
    names = [one.name for one in inputs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(where, "inputs", f"{name!r} stands twice", "Give each of them a name.")


def refuse_shared_pins(config: GatewayConfig) -> None:
    """Raise ConfigError for a pin that is driven and used elsewhere too; several may read one contact."""
    driven: dict[object, str] = {}
    read: dict[object, str] = {}
    places: dict[str, tuple[Mapping[str, object] | None, ...]] = {
        station.machine: (station.reader, station.relay, station.extraction, station.panel, *station.inputs)
        for station in config.stations
    }
    places["inputs"] = config.inputs
    for place, devices in places.items():
        for device in (device for device in devices if device and device["kind"] in ON_PINS):
            for key, pin in device.items():
                if key not in PINS or not isinstance(pin, int):
                    continue
                reads = key == "feedback_pin" or "role" in device
                if pin in driven or (pin in read and not reads):
                    other = driven.get(pin) or read[pin]
                    problem = f"pin {pin} is used at {other} too"
                    raise ConfigError(config.file, f"{place}: {key}", problem, "Choose another pin.")
                (read if reads else driven)[pin] = place


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
