"""What people see of a station: its panel, its place on the board, its seconds in Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floor import money, texts
from floor.access import Lease
from floor.meter import Quantity
from floor.session import Free, Holding, LockedOut, Running, RunOn
from floor.tariff import Charge
from floor.wire import messages
from floor.words import Activity, DenialReason, StationState, StopType
from gateway.metering import price_now
from hardware.ports import Lamp, Screen, Sound

if TYPE_CHECKING:
    from gateway.station import Station

NOTES = {
    "granted": ("Welcome", "欢迎"),
    "held": ("The machine finishes your job", "设备将完成您的作业"),
    "idle": ("Still there? The session ends soon", "还在使用吗？会话即将结束"),
    "credit": ("Your credit is used up; what follows is owed", "余额已用完，后续费用将记账"),
    "tap": ("Tap your badge", "请刷卡"),
}
LAMPS = {
    StationState.FREE: Lamp.BLUE,
    StationState.IN_USE: Lamp.GREEN,
    StationState.HOLDING: Lamp.GREEN,
    StationState.RUN_ON: Lamp.AMBER,
    StationState.LOCKED_OUT: Lamp.RED,
}


class View:
    """Draws one station. It never changes it."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._note: tuple[str, Sound] | None = None
        self._progress: tuple[float | None, int | None] = (None, None)
        self._since_ms = 0
        self._shown_state = StationState.FREE
        self.words = ""

    @property
    def state(self) -> StationState:
        """The state in one word."""
        match self._station.state:
            case Free():
                return StationState.FREE
            case Running():
                return StationState.IN_USE
            case Holding():
                return StationState.HOLDING
            case RunOn():
                return StationState.RUN_ON
            case LockedOut():
                return StationState.LOCKED_OUT

    def progress(self, fraction: float | None, left_s: int | None) -> None:
        """Take what the machine says of its job's progress."""
        self._progress = (fraction, left_s)
        self._station.services.changed()

    def say(self, code: str, language: str = "en") -> None:
        """Show a note: see NOTES."""
        sound = Sound.WARN if code in {"idle", "credit"} else Sound.OK
        self._note = (NOTES[code][language.startswith("zh")], sound)

    def refused(self, reason: DenialReason, member: str | None) -> None:
        """Show why a tap was refused, in the member's language."""
        self._note = (texts.say(reason, self._language(member)), Sound.REFUSED)

    def ended(self, stop_type: StopType, charge: Charge | None) -> None:
        """Show that the session is over, and its price."""
        text = texts.say(stop_type, "en")
        if charge:
            text += f" · {money.plain(charge.total_micro, money.Commodity(charge.commodity))}"
        self._note = (text, Sound.OK)

    def identify(self) -> None:
        """Blink and beep, so that a person finds the station."""
        if self._station.devices.panel:
            lines = (self._name(), "Here I am")
            self._station.devices.panel.show(Screen(lines, Lamp.BLUE, Sound.WARN, blink=True))

    def _language(self, member: str | None) -> str:
        return self._station.services.roster.language(member)

    def _name(self) -> str:
        machine = self._station.services.roster.machines.get(self._station.machine)
        return machine.entry.name if machine else self._station.machine

    def refresh(self) -> None:
        """Draw the panel again after something happened."""
        state = self.state
        if state is not self._shown_state:
            self._shown_state = state
            self._since_ms = self._station.services.clock.wall_ms()
        if self._station.devices.panel is None:
            return
        note, sound = self._note or ("", Sound.NONE)
        if isinstance(self._station.state, LockedOut) and sound is not Sound.REFUSED:
            note = self._station.state.reason
        self._note = None
        lines = (self._name(), texts.say(state, "en"), note or self._default_note())
        lamp = Lamp.RED if sound is Sound.REFUSED else LAMPS[state]
        self._station.devices.panel.show(Screen(lines, lamp, sound))

    def _default_note(self) -> str:
        state = self._station.state
        return state.lease.shown if isinstance(state, Running | Holding) else NOTES["tap"][0]

    def price(self, at_ms: int) -> Charge | None:
        """Return what the running session would cost if it ended now."""
        station = self._station
        if not isinstance(station.state, Running | Holding) or station.meter is None:
            return None
        elapsed_ms = at_ms - station.state.since_ms
        return self.price_of(station.state.lease, elapsed_ms, station.meter.counters(at_ms))

    def price_of(self, lease: Lease, elapsed_ms: int, counters: dict[Quantity, int]) -> Charge | None:
        """Return the price of a session; None for a machine without a tariff in force."""
        machine = self._station.services.roster.machines.get(self._station.machine)
        if machine is None:
            return None
        return price_now(machine.tariffs, lease.tier, lease.granted_ms, elapsed_ms, counters)

    def wire(self) -> messages.Station:
        """Return the station as the board shows it."""
        station = self._station
        at_ms = station.services.clock.monotonic_ms()
        lease = station.state.lease if isinstance(station.state, Running | Holding) else None
        since_ms = station.state.since_ms if isinstance(station.state, Running | Holding) else at_ms
        charge = self.price(at_ms)
        fraction, left_s = self._progress
        return messages.Station(
            machine=station.machine,
            state=self.state,
            activity=station.activity,
            since_ms=self._since_ms,
            session_id=lease.session_id if lease else None,
            member=lease.member if lease else None,
            elapsed_ms=at_ms - since_ms,
            counters=station.meter.counters(at_ms) if station.meter else {},
            price_micro=charge.total_micro if charge else None,
            commodity=charge.commodity if charge else "",
            progress=fraction,
            left_s=left_s,
            job=station.job.name[:400] if station.job else "",
            words=(station.state.reason if isinstance(station.state, LockedOut) else self.words)[:400],
        )

    def count(self, elapsed_s: float) -> None:
        """Add the seconds since the last tick to what Prometheus reads."""
        station, metrics = self._station, self._station.services.metrics
        in_session = isinstance(station.state, Running | Holding)
        metrics.observed.labels(station.machine).inc(elapsed_s)
        metrics.states.labels(station.machine, self._use(in_session)).inc(elapsed_s)
        metrics.reachable.labels(station.machine).set(station.reachable)
        powered = station.contact.powered
        metrics.powered_without_session.labels(station.machine).inc(
            elapsed_s if powered and not in_session else 0
        )

    def _use(self, in_session: bool) -> str:
        station = self._station
        if isinstance(station.state, LockedOut) or not station.reachable:
            return "down"
        if not in_session:
            return "free"
        working = station.activity is Activity.BUSY or station.devices.driver is None
        return "busy" if working else "powered_idle"
