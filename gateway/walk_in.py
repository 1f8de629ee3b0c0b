"""Use without a reservation at one station: who may begin by the rules, and when whoever began must end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from floor.access import Lease, MemberStanding
from floor.reservation import at_station
from floor.reservation.ahead import Bound
from floor.reservation.at_station import Case
from floor.reservation.terms import Turned
from floor.wire.roster import Booking

if TYPE_CHECKING:
    from gateway.station import Station

LOOK_MS = 60_000
"""So often a running session is judged anew, and whenever the roster has changed."""
NO_BOUND = Bound()
ZH = {
    "walk_in": "须先预约",
    "only_tiers": "您的会员类别现在不能使用此设备",
    "except_tiers": "您的会员类别不能使用此设备",
    "hours": "不在开放时间内",
    "openings": "不在开放时间内",
    "holidays": "今日不开放",
    "limits": "已达使用上限{most}",
    "walk_in_least": "剩余时间不足{least}",
    "walk_in_max": "未预约使用时间已满",
    "reserved": "此设备即将被他人使用",
}
"""Why a rule refuses or ends a use; in English its own sentence says so."""
AGAIN_ZH, END_ZH = "，{at}后可再试", "请在{at}前结束：{why}"
UNITS_ZH = ((" days", "天"), (" day", "天"), (" min", "分钟"), (" h", "小时"), (" s", "秒"))


def sentence(found: Turned | Bound, language: str, at: str = "") -> str:
    """Return why a rule refuses, or ends a use; `at`: when asking again may help, "" where nobody knows."""
    if not language.startswith("zh"):
        return found.sentence
    said = _filled(ZH.get(found.rule, ZH["walk_in"]), found.values)
    return said + (AGAIN_ZH.replace("{at}", at) if at else "")


def ends(found: Bound, language: str, at: str) -> str:
    """Return that a use must end by then, and why."""
    if language.startswith("zh"):
        return END_ZH.replace("{at}", at).replace("{why}", sentence(found, language))
    return f"Please end by {at}. {found.sentence}"


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        for english, chinese in UNITS_ZH:
            value = value.replace(english, chinese)
        text = text.replace(f"{{{name}}}", value)
    return text.replace("{most}", "").replace("{least}", "")


class WalkIn:
    """The rules on use without a reservation at one station. With an unknown clock they bind nobody."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._bound = NO_BOUND
        self._seen: tuple[object, ...] = ()
        self._seen_ms = 0
        self.told = ""

    def turned(
        self, member: MemberStanding, bookings: Sequence[Booking], begun: Collection[str]
    ) -> Turned | None:
        """Return why a member may not begin without a reservation now, or None."""
        case = self._case(member, bookings, begun)
        return at_station.turned(case) if case else None

    def bound(
        self,
        lease: Lease,
        bookings: Sequence[Booking],
        begun: Collection[str],
        began_ms: int,
        *,
        reserved: bool,
    ) -> Bound:
        """Return when the session that runs must end by the rules; it came to be without a reservation at
        `began_ms`, or is `reserved` to its member now.
        """
        services = self._station.services
        now_ms = services.clock.wall_ms()
        seen = (lease.session_id, services.roster.version, services.roster.rules, began_ms, reserved)
        if seen != self._seen or not 0 <= now_ms - self._seen_ms < LOOK_MS:
            member = services.roster.member(lease.member)
            case = self._case(member, bookings, begun) if member else None
            self._bound = at_station.bound(case, began_ms, reserved=reserved) if case else NO_BOUND
            self._seen, self._seen_ms = seen, now_ms
        return self._bound

    def _case(
        self, member: MemberStanding, bookings: Sequence[Booking], begun: Collection[str]
    ) -> Case | None:
        services, machine = self._station.services, self._station.machine
        roster, clock = services.roster, services.clock
        if not roster.rules.versions or not clock.known() or machine not in roster.machines:
            return None
        now_ms = clock.wall_ms()
        policies = roster.rules.at(now_ms)
        if policies is None or (self._station.devices.pulse_s and not at_station.means(policies, machine)):
            return None
        return Case(
            policies=policies,
            machine=machine,
            member=member,
            bookings=bookings,
            begun=begun,
            waits=roster.machines[machine].entry.waits,
            uses=services.uses.of(member.id, now_ms),
            here=roster.machines,
            now_ms=now_ms,
            zone=roster.zone,
        )

    def warn_ms(self) -> int:
        """Return how long before its end a session is told."""
        services = self._station.services
        policies = services.roster.rules.at(services.clock.wall_ms())
        return policies.of(self._station.machine).warn_s * 1000 if policies else 0
