"""What people read for each denial reason, stop type and state, in each language of the interface."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import cast

from floor.words import Activity, DenialReason, StationState, StopType, Trip

LANGUAGES = ("en", "zh")

DENIALS: dict[DenialReason, tuple[str, str]] = {
    DenialReason.UNKNOWN_BADGE: (
        "This badge is not known here. Ask staff to enrol it.",
        "此卡未登记，请联系工作人员登记。",
    ),
    DenialReason.BADGE_LOST: (
        "This badge was reported lost. Please hand it to staff.",
        "此卡已挂失，请交给工作人员。",
    ),
    DenialReason.BADGE_TOO_WEAK: (
        "This machine needs a badge that cannot be copied.",
        "此设备需要使用防复制的卡。",
    ),
    DenialReason.BADGE_NOT_PROVEN: (
        "This badge did not prove that it is no copy. Hold it still and try again, or ask staff.",
        "此卡未能证明不是复制卡。请将卡贴稳重试，或联系工作人员。",
    ),
    DenialReason.MEMBER_SUSPENDED: (
        "Your membership is suspended. Please talk to staff.",
        "您的会员资格已暂停，请联系工作人员。",
    ),
    DenialReason.MEMBERSHIP_EXPIRED: (
        "Your membership has ended. Renew it to go on.",
        "您的会员资格已到期，请续费后使用。",
    ),
    DenialReason.NOT_CERTIFIED: (
        "You need the training for this machine first.",
        "您需要先完成此设备的培训。",
    ),
    DenialReason.CERTIFICATION_EXPIRED: (
        "Your training for this machine has lapsed. Renew it first.",
        "您在此设备上的培训已过期，请先更新。",
    ),
    DenialReason.MACHINE_LOCKED_OUT: (
        "Out of order. Staff have to clear this machine.",
        "设备停用，须由工作人员解除。",
    ),
    DenialReason.MACHINE_UNREACHABLE: (
        "The machine does not answer. Staff have been told.",
        "设备无响应，已通知工作人员。",
    ),
    DenialReason.IN_USE: ("Somebody else is using this machine.", "设备正在被他人使用。"),
    DenialReason.NO_CREDIT: ("No credit left. Top up to go on.", "余额不足，请充值后使用。"),
    DenialReason.ROSTER_TOO_OLD: (
        "The station has been offline too long to decide safely.",
        "站点离线过久，无法安全判断。",
    ),
    DenialReason.CLOCK_UNKNOWN: (
        "The station does not know the time, so it cannot check your dates.",
        "站点时间未知，无法核对有效期。",
    ),
    DenialReason.MACHINE_NOT_SAFE: (
        "The power switch cannot be trusted. Do not use this machine.",
        "电源开关不可靠，请勿使用此设备。",
    ),
    DenialReason.PROOF_MISSING: (
        "The extraction or the cooling does not run. Staff have been told.",
        "排风或冷却未运行，已通知工作人员。",
    ),
    DenialReason.CLOSING: (
        "The building is closing. Nothing can be started now.",
        "即将闭馆，现在不能开始使用。",
    ),
    DenialReason.NO_SUPERVISOR: (
        "No supervisor tapped in time. Tap again, then let them tap.",
        "监护人未及时刷卡。请您重新刷卡，再由监护人刷卡。",
    ),
    DenialReason.RESERVED: (
        "This machine is reserved for somebody else now.",
        "此设备目前已被他人预约。",
    ),
    DenialReason.WAIVER_MISSING: (
        "Sign the rules of the house first: on your page, or at the desk.",
        "请先在个人页面或前台签署使用须知。",
    ),
    DenialReason.WALK_IN: (
        "The rules do not let you use this machine without a reservation now.",
        "按规则，您现在未预约不能使用此设备。",
    ),
}

STOPS: dict[StopType, tuple[str, str]] = {
    StopType.TAP_OUT: ("Tapped out", "刷卡结束"),
    StopType.CARD_REMOVED: ("Card removed", "取卡结束"),
    StopType.IDLE: ("Idle too long", "闲置超时"),
    StopType.MAX_DURATION: ("Longest time reached", "达到最长时限"),
    StopType.JOB_DONE: ("Job done", "作业完成"),
    StopType.TAKEOVER: ("Taken over", "他人接管"),
    StopType.RESERVATION: ("Reserved by another member", "他人预约"),
    StopType.WALK_IN: ("Time without a reservation over", "未预约使用时间已到"),
    StopType.CREDIT_SPENT: ("Credit spent", "余额用尽"),
    StopType.FAULT: ("Machine fault", "设备故障"),
    StopType.LOCKOUT: ("Taken out of order", "设备停用"),
    StopType.EMERGENCY_STOP: ("Emergency stop", "急停"),
    StopType.INTERLOCK: ("Interlock opened", "联锁断开"),
    StopType.FIRE_ALARM: ("Fire alarm", "火警"),
    StopType.CLOSING: ("The building closes", "闭馆"),
    StopType.REMOTE_STOP: ("Stopped by staff", "工作人员停止"),
    StopType.POWER_LOST: ("Power lost", "断电"),
}

STATES: dict[StationState, tuple[str, str]] = {
    StationState.OFFLINE: ("Offline", "离线"),
    StationState.FREE: ("Free", "空闲"),
    StationState.STARTING: ("Starting", "启动中"),
    StationState.IN_USE: ("In use", "使用中"),
    StationState.HOLDING: ("Finishing a job", "作业进行中"),
    StationState.RUN_ON: ("Run-on", "延时排风"),
    StationState.LOCKED_OUT: ("Out of order", "停用"),
}

TRIPS: dict[Trip, tuple[str, str]] = {
    Trip.EMERGENCY_STOP: (
        "The emergency stop was pressed. Staff have to clear this machine.",
        "急停已按下，须由工作人员解除。",
    ),
    Trip.INTERLOCK: (
        "An interlock was opened. Staff have to clear this machine.",
        "安全联锁已断开，须由工作人员解除。",
    ),
    Trip.EXTRACTION_LOST: (
        "The extraction stopped. Staff have to clear this machine.",
        "排风已停止，须由工作人员解除。",
    ),
    Trip.CHILLER_LOST: (
        "The cooling stopped. Staff have to clear this machine.",
        "冷却已停止，须由工作人员解除。",
    ),
    Trip.INPUT_UNREAD: (
        "A safety contact cannot be read. Staff have to clear this machine.",
        "无法读取安全触点，须由工作人员解除。",
    ),
    Trip.REPORTED: (
        "A fault was reported here. Staff have to clear this machine.",
        "此设备已被报修，须由工作人员解除。",
    ),
    Trip.FIRE_ALARM: (
        "The fire alarm went off. Staff have to clear it, once for all machines here.",
        "火警已触发，须由工作人员统一解除。",
    ),
}
"""The English text is also the reason of the lockout, in the journal and on the server."""

ACTIVITIES: dict[Activity, tuple[str, str]] = {
    Activity.UNREACHABLE: ("not answering", "无响应"),
    Activity.IDLE: ("idle", "待机"),
    Activity.BUSY: ("working", "工作中"),
    Activity.HELD: ("paused", "已暂停"),
    Activity.FAULTED: ("fault", "故障"),
}


TEXTS: dict[type[StrEnum], Mapping[StrEnum, tuple[str, str]]] = {
    DenialReason: cast("Mapping[StrEnum, tuple[str, str]]", DENIALS),
    StopType: cast("Mapping[StrEnum, tuple[str, str]]", STOPS),
    StationState: cast("Mapping[StrEnum, tuple[str, str]]", STATES),
    Trip: cast("Mapping[StrEnum, tuple[str, str]]", TRIPS),
    Activity: cast("Mapping[StrEnum, tuple[str, str]]", ACTIVITIES),
}
"""One table an enum, because words of two enums may be spelled alike and would be one key."""


def say(word: DenialReason | StopType | StationState | Trip | Activity, language: str) -> str:
    """Return the text of a word; English for a language that is not here."""
    return TEXTS[type(word)][word][1 if language.startswith("zh") else 0]


def trip_of(reason: str) -> Trip | None:
    """Return what a lockout's reason says tripped; None for a reason of staff or of the machine."""
    return next((trip for trip, (english, _) in TRIPS.items() if english == reason), None)


def why_locked_out(reason: str, language: str) -> str:
    """Return a lockout's reason as people read it; what staff or a machine wrote stays as it is."""
    trip = trip_of(reason)
    return say(trip, language) if trip else reason
