"""What people see of a station: its panel, its place on the board, its seconds in Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from floor import money, texts
from floor.access import AccountStanding, Lease
from floor.session import Free, Holding, LockedOut, Running, RunOn
from floor.wire import messages
from floor.words import Activity, DenialReason, StationState, StopType
from gateway.prices import Price
from hardware.ports import Lamp, Screen, Sound

if TYPE_CHECKING:
    from gateway.station import Station

NOTES = {
    "granted": ("Welcome", "欢迎"),
    "held": ("The machine finishes your job", "设备将完成您的作业"),
    "idle": ("Still there? The session ends soon", "还在使用吗？会话即将结束"),
    "credit": ("Your credit is used up; what follows is owed", "余额已用完，后续费用将记账"),
    "job_waits": ("A job waits: tap to go on", "作业等待中：刷卡继续"),
    "print_begins": ("Your print begins soon: {job}", "即将开始打印：{job}"),
    "print_failed": ("Your print did not begin: {job}", "打印未能开始：{job}"),
    "tap": ("Tap your badge", "请刷卡"),
    "reported": ("Thank you: staff have been told", "谢谢，已通知工作人员"),
    "chosen": ("Charged to {account}", "由{account}付款"),
    "no_credit": ("Nothing is left on that account", "该账户余额不足"),
    "not_theirs": ("That account is not yours to charge", "您不能使用该账户付款"),
    "over": ("That session is over", "该会话已结束"),
}
OWN_ACCOUNT = ("Own account", "个人账户")
WARNS = frozenset({"idle", "credit", "no_credit", "not_theirs", "print_failed"})
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
        self._since_ms = 0
        self._shown_state = StationState.FREE

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

    def say(self, code: str, job: str = "") -> None:
        """Show a note to whoever uses the machine, in their language: see NOTES."""
        lease = self._lease
        language = self._language(lease.member if lease else None)
        note = NOTES[code][language.startswith("zh")]
        text = note.replace("{job}", job).replace("{account}", called(lease, language) if lease else "")
        self._note = (text, Sound.WARN if code in WARNS else Sound.OK)

    def refused(self, reason: DenialReason, member: str | None) -> None:
        """Show why a tap was refused, in the member's language."""
        trip, language = self._station.inputs.latched, self._language(member)
        tripped = trip if reason is DenialReason.MACHINE_LOCKED_OUT else None
        self._note = (texts.say(tripped or reason, language), Sound.REFUSED)

    def ended(self, stop_type: StopType, price: Price | None, member: str) -> None:
        """Show that the session is over, and its price."""
        text = texts.say(stop_type, self._language(member))
        if price:
            text += f" · {money.plain(price.total_micro, price.commodity)}"
        self._note = (text, Sound.OK)

    def identify(self) -> None:
        """Blink and beep, so that a person finds the station."""
        if self._station.devices.panel:
            lines = (self.name, "Here I am")
            self._station.devices.panel.show(Screen(lines, Lamp.BLUE, Sound.WARN, blink=True))

    def _language(self, member: str | None) -> str:
        return self._station.services.roster.language(member)

    @property
    def name(self) -> str:
        """What the machine is called."""
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
        if self._station.reading.waits():
            self._station.devices.panel.show(self._station.reading.screen(self.name))
            return
        note, sound = self._note or ("", Sound.NONE)
        if isinstance(self._station.state, LockedOut) and sound is not Sound.REFUSED:
            note = self._station.state.reason
        self._note = None
        lines = (self.name, texts.say(state, "en"), note or self._default_note())
        lamp = Lamp.RED if sound is Sound.REFUSED else LAMPS[state]
        blink = self._station.inputs.latched is not None
        self._station.devices.panel.show(Screen(lines, lamp, sound, blink))

    def _default_note(self) -> str:
        lease = self._lease
        if lease is None:
            return NOTES["job_waits" if self._station.stray.waits else "tap"][0]
        return f"{lease.shown} · {lease.account_name}" if lease.account_name else lease.shown

    @property
    def _lease(self) -> Lease | None:
        return self._station.lease

    def price(self, at_ms: int) -> Price | None:
        """Return what the running session would cost if it ended now."""
        lease = self._lease
        return self._station.tab.price(lease, self._station.mark(at_ms)) if lease else None

    def wire(self) -> messages.Station:
        """Return the station as the board shows it."""
        station = self._station
        at_ms = station.services.clock.monotonic_ms()
        lease, side = self._lease, station.side
        mark, price = station.mark(at_ms), self.price(at_ms)
        fraction, left_s = side.progress
        return messages.Station(
            machine=station.machine,
            state=self.state,
            activity=side.activity,
            since_ms=self._since_ms,
            session_id=lease.session_id if lease else None,
            member=lease.member if lease else None,
            elapsed_ms=mark.elapsed_ms,
            counters=dict(mark.counters),
            price_micro=price.total_micro if price else None,
            commodity=price.commodity.code if price else "",
            progress=fraction,
            left_s=left_s,
            job=side.job.name[:400] if side.job else "",
            words=(station.state.reason if isinstance(station.state, LockedOut) else side.words)[:400],
            prints=station.prints.reach,
        )

    def count(self, elapsed_s: float) -> None:
        """Add the seconds since the last tick to what Prometheus reads."""
        station, metrics = self._station, self._station.services.metrics
        in_session = isinstance(station.state, Running | Holding)
        metrics.observed.labels(station.machine).inc(elapsed_s)
        metrics.states.labels(station.machine, self._use(in_session)).inc(elapsed_s)
        metrics.reachable.labels(station.machine).set(station.side.reachable)
        powered = station.contact.powered
        metrics.powered_without_session.labels(station.machine).inc(
            elapsed_s if powered and not in_session else 0
        )

    def _use(self, in_session: bool) -> str:
        station = self._station
        if isinstance(station.state, LockedOut) or not station.side.reachable:
            return "down"
        if not in_session:
            return "free"
        working = station.side.activity is Activity.BUSY or station.devices.driver is None
        return "busy" if working else "powered_idle"


def called(account: Lease | AccountStanding, language: str) -> str:
    """Return what an account is called; one without a name is the member's own."""
    name = account.account_name if isinstance(account, Lease) else account.name
    return name or OWN_ACCOUNT[language.startswith("zh")]
