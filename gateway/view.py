"""What people see of a station: its panel, its place on the board, its seconds in Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from firmware_bridge.gauges import GAUGES_MAX, Shows
from floor import money, texts
from floor.access import AccountStanding, Lease
from floor.session_states import Free, Holding, LockedOut, Proving, Running, RunOn, Waiting
from floor.wire import messages
from floor.words import Activity, DenialReason, Purpose, StationState, StopType
from gateway.metrics import Watched
from gateway.prices import Price
from hardware.ports import Follows, Lamp, Screen, Sound

if TYPE_CHECKING:
    from gateway.station import Station

NOTES = {
    "granted": ("Welcome", "欢迎"),
    "adopted": ("Your session goes on", "您的会话继续"),
    "repair": ("Repair: the machine stays out of order", "维修：设备仍为停用状态"),
    "break_glass": ("Emergency access: staff are told", "紧急使用：将通知工作人员"),
    "proving": ("Checking whether the last session goes on", "正在确认上次会话是否继续"),
    "supervisor": ("A supervisor has to tap now, within 30 s", "请监护人在30秒内刷卡"),
    "roster_ages": ("Offline: soon nobody can begin here", "离线：不久将无法使用"),
    "held": ("The machine finishes your job", "设备将完成您的作业"),
    "idle": ("Still there? The session ends soon", "还在使用吗？会话即将结束"),
    "credit": ("Your credit is used up; what follows is owed", "余额已用完，后续费用将记账"),
    "job_waits": ("A job waits: tap to go on", "作业等待中：刷卡继续"),
    "print_begins": ("Your print begins soon: {job}", "即将开始打印：{job}"),
    "print_failed": ("Your print did not begin: {job}", "打印未能开始：{job}"),
    "tap": ("Tap your badge", "请刷卡"),
    "extraction": ("Extraction starts…", "排风启动中…"),
    "chiller": ("Cooling starts…", "冷却启动中…"),
    "closing": ("The building is closing. Please finish soon", "即将闭馆，请尽快结束"),
    "reported": ("Thank you: staff have been told", "谢谢，已通知工作人员"),
    "chosen": ("Charged to {account}", "由{account}付款"),
    "no_credit": ("Nothing is left on that account", "该账户余额不足"),
    "not_theirs": ("That account is not yours to charge", "您不能使用该账户付款"),
    "over": ("That session is over", "该会话已结束"),
    "hand_over": ("To hand over, tap your badge within 30 s", "如需交接，请在30秒内刷卡"),
    "hand_over_now": ("Now the next member taps, within 30 s", "请接手的会员在30秒内刷卡"),
    "kept": ("Your session goes on", "您的会话继续"),
}
Words = Callable[[str], str]
"""A text by its language."""
NOTE_MS = 5_000
"""How long a note stands on a panel that follows the session, until the member's name takes its place."""
OWN_ACCOUNT = ("Own account", "个人账户")
WARNS = frozenset(
    {"supervisor", "break_glass", "idle", "credit", "no_credit", "not_theirs", "print_failed", "closing"}
    | {"hand_over", "hand_over_now"}
)
LAMPS = {
    StationState.FREE: Lamp.BLUE,
    StationState.STARTING: Lamp.AMBER,
    StationState.IN_USE: Lamp.GREEN,
    StationState.HOLDING: Lamp.GREEN,
    StationState.RUN_ON: Lamp.AMBER,
    StationState.LOCKED_OUT: Lamp.RED,
}


class View:
    """Draws one station. It never changes it."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._note: tuple[str, str, Sound] | None = None
        self._noted_ms: int | None = None
        self._since_ms = 0
        self._shown_state = StationState.FREE
        # A protocol is asked for by name, method by method: too long for what happens each second.
        panel, driver = station.devices.panel, station.devices.driver
        self._follows = panel if isinstance(panel, Follows) else None
        self._shows = driver if isinstance(driver, Shows) else None

    @cached_property
    def gauges(self) -> Watched:
        """What Prometheus reads of the station from its first second on."""
        return self._station.services.metrics.watched(self._station.machine)

    @property
    def state(self) -> StationState:
        """The state in one word."""
        match self._station.state:
            case Free() if self._station.adoption.session_id:
                return StationState.IN_USE  # until the opposite is proven
            case Free() | Waiting():
                return StationState.FREE
            case Proving():
                return StationState.STARTING
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
        lease, who = self._lease, self._whose
        text, english = (
            NOTES[code][language.startswith("zh")]
            .replace("{job}", job)
            .replace("{account}", called(lease, language) if lease else "")
            for language in (self._language(who.member if who else None), "en")
        )
        self._note = (text, english, Sound.WARN if code in WARNS else Sound.OK)

    def put(self, words: Words, member: str | None, sound: Sound) -> None:
        """Show a note in a member's language."""
        self._note = (words(self._language(member)), words("en"), sound)

    def refused(self, reason: DenialReason, member: str | None) -> None:
        """Show why a tap was refused, in the member's language."""
        trip = self._station.inputs.latched
        tripped = trip if reason is DenialReason.MACHINE_LOCKED_OUT else None
        by_bookings = self._station.reservations.why(reason, member)
        self.put(by_bookings or partial(texts.say, tripped or reason), member, Sound.REFUSED)

    def ended(self, stop_type: StopType, price: Price | None, member: str) -> None:
        """Show that the session is over, and its price."""
        cost = f" · {money.plain(price.total_micro, price.commodity)}" if price else ""
        said = texts.say(stop_type, self._language(member))
        self._note = (said + cost, texts.say(stop_type, "en") + cost, Sound.OK)

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
        for asks in (self._station.reading, self._station.signing):
            if asks.waits():
                self._station.devices.panel.show(asks.screen(self.name))
                return
        note, english, sound = self._note or ("", "", Sound.NONE)
        if isinstance(self._station.state, LockedOut) and sound is not Sound.REFUSED:
            note = english = self._station.state.reason
        self._noted_ms = self._station.services.clock.monotonic_ms() if self._note else None
        self._note = None
        language = self._language(self._whose.member if self._whose else None)
        lines = (self.name, texts.say(state, language), note or self.default_note(language))
        lamp = Lamp.RED if sound is Sound.REFUSED else LAMPS[state]
        blink = self._station.inputs.latched is not None
        plain = (self.name, texts.say(state, "en"), english or self.default_note("en"))
        self._station.devices.panel.show(Screen(lines, lamp, sound, blink, plain))

    def follow(self, at_ms: int) -> None:
        """Keep a panel that follows the session up to date: price, time left, no note for ever."""
        panel, lease = self._follows, self._lease
        if panel is None:
            return
        if self._noted_ms is not None and at_ms - self._noted_ms >= NOTE_MS:
            self.refresh()
        panel.follow(*(self._running(lease, at_ms) if lease else ("", "")))

    def _running(self, lease: Lease, at_ms: int) -> tuple[str, str]:
        """The running price, and the time that is left to the job, else to the lease."""
        price = self.price(at_ms)
        cost = money.plain(price.total_micro, price.commodity) if price else ""
        return cost, self.left(lease, at_ms)

    def left(self, lease: Lease, at_ms: int) -> str:
        """Return the minutes that are left to the job, else to the lease."""
        _, left_s = self._station.side.progress
        if left_s is None:
            left_s = lease.max_duration_s - self._station.mark(at_ms).elapsed_ms // 1000
            left_s = min(left_s, self._station.reservations.left_s(lease))
        return f"{-(-max(0, left_s) // 60)} min"

    def waits_for(self, language: str) -> str:
        """Return what the start of a session waits for."""
        return NOTES[self._station.inputs.awaited()][language.startswith("zh")]

    def notice(self, language: str) -> str:
        """Return what the station's page says below the state: what is asked, awaited or warned of."""
        match self._station.state:
            case LockedOut(reason):
                return texts.why_locked_out(reason, language)
            case Running(lease=Lease(purpose=Purpose.REPAIR | Purpose.BREAK_GLASS as purpose)):
                return NOTES[purpose][language.startswith("zh")]
            case Running() | Holding():
                if self._station.inputs.closing:
                    return NOTES["closing"][language.startswith("zh")]
                return self._handing(language) or self._station.reservations.notice(language)
        return self.default_note(language)

    def default_note(self, language: str) -> str:
        """Return what stands there while nothing happens: who uses the machine, or what it waits for."""
        lease = self._lease
        if isinstance(self._station.state, Proving):
            return self.waits_for(language)
        if lease is None:
            return self._without_session(language)
        if handing := self._handing(language):
            return handing
        said = " · ".join(part for part in (lease.shown, lease.account_name) if part)
        return said or texts.say(StationState.IN_USE, language)

    def _handing(self, language: str) -> str:
        """Return what a hand-over waits for, "" where none does."""
        handing = self._station.state.handing if isinstance(self._station.state, Running) else None
        if handing is None:
            return ""
        return NOTES["hand_over_now" if handing.confirmed else "hand_over"][language.startswith("zh")]

    def _without_session(self, language: str) -> str:
        station = self._station
        if station.inputs.closing:
            return texts.say(DenialReason.CLOSING, language)
        if isinstance(station.state, Waiting):
            code = "supervisor"
        elif station.adoption.session_id:
            code = "proving"
        elif station.roster_age.ages:
            code = "roster_ages"
        else:
            code = "job_waits" if station.stray.waits else "tap"
        if code == "tap" and (booked := station.reservations.free_note(language)):
            return booked
        return NOTES[code][language.startswith("zh")]

    @property
    def _lease(self) -> Lease | None:
        return self._station.lease

    @property
    def _whose(self) -> Lease | None:
        """The lease of whoever uses the machine, or waits to."""
        state = self._station.state
        return state.lease if isinstance(state, Proving | Waiting) else self._lease

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
            words=self._words()[:400],
            prints=station.prints.reach,
            readings=self._readings(),
        )

    def _readings(self) -> list[messages.Reading]:
        """Return what the machine's gauges show, where its driver can tell and the machine is in reach."""
        driver = self._shows
        if driver is None or not self._station.side.reachable:
            return []
        return [
            messages.Reading(name=one.name, value=one.value, target=one.target, unit=one.unit)
            for one in driver.gauges()[:GAUGES_MAX]
        ]

    def _words(self) -> str:
        match self._station.state:
            case LockedOut(reason):
                return reason
            case Running(out_of_order=reason) if reason:
                return f"Repair: {reason}"
        return self._station.side.words

    def count(self, elapsed_s: float) -> None:
        """Add the seconds since the last tick to what Prometheus reads."""
        station, gauges = self._station, self.gauges
        left = station.adoption.session_id is not None  # it may be somebody's: that is about to be proven
        in_session = isinstance(station.state, Running | Holding) or left
        gauges.observed.inc(elapsed_s)
        gauges.states[self._use(in_session)].inc(elapsed_s)
        gauges.reachable.set(station.side.reachable)
        if not in_session and station.contact.powered:
            gauges.powered_without_session.inc(elapsed_s)

    def _use(self, in_session: bool) -> str:
        station = self._station
        if isinstance(station.state, LockedOut) or station.repairs:
            return "locked_out"
        if not station.side.reachable:
            return "offline"
        if not in_session:
            return "reserved_unused" if station.reservations.kept else "free"
        working = station.side.activity is Activity.BUSY or station.devices.driver is None
        return "busy" if working else "powered_idle"


def called(account: Lease | AccountStanding, language: str) -> str:
    """Return what an account is called; one without a name is the member's own."""
    name = account.account_name if isinstance(account, Lease) else account.name
    return name or OWN_ACCOUNT[language.startswith("zh")]
