"""A plug as a relay: it opens by itself when nobody keeps it on, and never comes back by itself."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from floor.errors import ConfigError, MachineFault
from hardware.ports import Relay
from hardware.registry import build_relay
from hardware.relays.plug import BrokerAddress, Messages, PlugRelay, ShellySwitch, TasmotaSwitch
from tests.kit.mosquitto import Mosquitto, mosquitto, plug
from tests.kit.relay_benches import DEADLINE_S, PlugBench, wait_until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("relays")) as running:
        yield running


@pytest.fixture(params=["shelly", "tasmota"])
def plugs(request: pytest.FixtureRequest, broker: Mosquitto) -> Iterator[PlugBench]:
    with plug(broker, request.param, "bench-relay") as peer:
        yield PlugBench(broker, request.param, peer)


def look_for(relay: Relay, seconds: float) -> None:
    """As the gateway's control loop does, only more often."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raises(relay.feedback, "")
        time.sleep(0.05)


def test_a_plug_is_kept_on_while_somebody_looks_and_opens_when_nobody_does(plugs: PlugBench) -> None:
    relay = plugs.quick()
    wait_until(lambda: relay.feedback() is False)
    relay.on()
    wait_until(lambda: relay.feedback() is True)
    look_for(relay, 4)
    assert plugs.peer.outputs == ["on"]
    wait_until(lambda: plugs.peer.outputs == ["on", "off"])  # the gateway hangs
    wait_until(lambda: is_open(relay))
    look_for(relay, 1)
    assert plugs.peer.outputs == ["on", "off"], "what opened by itself stays open"
    assert relay.is_on
    relay.on()
    wait_until(lambda: plugs.peer.outputs == ["on", "off", "on"])
    relay.close()
    wait_until(lambda: plugs.peer.outputs[-1] == "off")


def test_the_plug_itself_ends_the_pulse_of_a_door_and_nothing_renews_it(plugs: PlugBench) -> None:
    relay = plugs.quick()
    relay.limit(1)
    wait_until(lambda: relay.feedback() is False)
    relay.on()
    wait_until(lambda: plugs.peer.outputs == ["on"])
    look_for(relay, 2.5)  # as the control loop does, which keeps a machine on
    assert plugs.peer.outputs == ["on", "off"]
    relay.close()


def test_a_plug_opens_when_the_broker_is_lost_and_stays_open_when_it_is_back(plugs: PlugBench) -> None:
    relay = plugs.quick()
    relay.on()
    wait_until(lambda: relay.feedback() is True)
    plugs.broker.stop()
    try:
        wait_until(lambda: raises(relay.feedback, "silent for 2 s"))
        assert raises(relay.off, "no broker")
        relay._on = True  # as if the session still ran
    finally:
        plugs.broker.start()
    wait_until(lambda: is_open(relay))
    look_for(relay, 1)
    assert "on" not in plugs.peer.outputs[1:]
    relay.close()


def is_open(relay: Relay) -> bool:
    """Whether its contact is known to be open."""
    try:
        return relay.feedback() is False
    except MachineFault:
        return False


def raises(command: Callable[[], object], words: str) -> bool:
    try:
        command()
    except MachineFault as error:
        return words in str(error)
    return False


def test_a_plug_that_is_on_is_switched_off_by_a_relay_built_anew(plugs: PlugBench) -> None:
    one = plugs.make()
    one.on()
    wait_until(lambda: one.feedback() is True)
    other = plugs.make()
    wait_until(lambda: other.feedback() is False)
    wait_until(lambda: plugs.peer.outputs == ["on", "off"])
    other.close()
    one.close()


def test_an_order_given_while_the_broker_greets_is_not_taken_back(broker: Mosquitto) -> None:
    greeting, go_on = threading.Event(), threading.Event()

    class Slow(TasmotaSwitch):
        """Takes its time for the "off" with which a relay begins."""

        def off(self) -> Messages:
            if not greeting.is_set():
                greeting.set()
                go_on.wait(DEADLINE_S)
            return super().off()

    with plug(broker, "tasmota", "greeted") as peer:
        relay = PlugRelay("bench", BrokerAddress("127.0.0.1", broker.port), Slow(peer.name, 1), 12)
        assert greeting.wait(DEADLINE_S)
        order = threading.Thread(target=relay.on)
        order.start()
        time.sleep(0.2)
        go_on.set()
        order.join(DEADLINE_S)
        wait_until(lambda: relay.feedback() is True)
        look_for(relay, 0.5)
        assert peer.outputs == ["on"]
        relay.close()


def test_without_a_broker_a_plug_is_a_fault_and_not_a_lie() -> None:
    relay = PlugRelay("bench", BrokerAddress("127.0.0.1", 1), ShellySwitch("p", 0), 1)
    with pytest.raises(MachineFault, match="no broker"):
        relay.on()
    assert not relay.is_on
    wait_until(lambda: raises(relay.feedback, "silent for 1 s"))
    with pytest.raises(MachineFault, match="opens within 1 s"):
        relay.close()
    relay.close()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"broker": "127.0.0.1", "prefix": "p"}, "broker"),
        ({"broker": "mqtt://h:99999", "prefix": "p"}, "broker"),
        ({"broker": "mqtt://h", "prefix": "p", "ca": "x.pem"}, "ca"),
        ({"broker": "mqtts://h", "prefix": "p", "ca": "/nowhere.pem"}, "ca"),
        ({"broker": "mqtt://h"}, "prefix"),
        ({"broker": "mqtt://h", "prefix": "p", "dead_man_s": 5}, "dead_man_s"),
    ],
)
def test_wrong_settings_of_a_plug_name_key_and_remedy(settings: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_relay("shelly", settings, "bench")
    assert (caught.value.file, caught.value.key) == ("bench", key)
    assert caught.value.remedy
