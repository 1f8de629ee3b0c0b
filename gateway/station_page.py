"""A station's page for a tablet beside the machine: who uses it, what it costs now, which account pays.

Plain HTML with nothing from elsewhere. A small script asks for what is new every few seconds and keeps the
keyboard's focus; without scripts the whole page is loaded again.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from floor import money, texts
from floor.access import AccountStanding, Lease
from floor.policy import OnOops
from floor.session_states import Holding, LockedOut, Running
from floor.words import StationState
from gateway.reading import HOLD
from gateway.station import Station
from gateway.view import NOTES, called
from gateway.wiring import Choice

AGAIN_S = 5
WORDS = {
    "user": ("In use by", "使用者"),
    "price": ("Price so far", "当前费用"),
    "free": ("no charge", "免费"),
    "time": ("Time", "已用时间"),
    "account": ("Who pays?", "由谁付款？"),
    "all": (
        "All of this session is charged to one account; you can change it until it ends.",
        "本次使用的全部费用记在一个账户，结束前可以更改。",
    ),
    "pays": ("pays", "付款中"),
    "empty": ("nothing left", "余额不足"),
    "stations": ("Stations", "站点"),
    "back": ("Back", "返回"),
    "left": ("Time left", "剩余时间"),
    "end": ("End the session", "结束使用"),
    "report": ("Report a fault", "报修"),
    "hand_over": ("Hand over to another member", "交接给其他会员"),
    "sign_off": ("Sign somebody off", "培训签核"),
    "locks": (
        "The machine loses its power at once, and stays out of order until staff clear it.",
        "设备将立即断电，并保持停用，直到工作人员解除。",
    ),
    "away": (
        "The gateway does not answer: what stands here may be old.",
        "网关没有响应：此处内容可能已过时。",
    ),
    "tells": ("Staff are told; the machine goes on.", "将通知工作人员，设备继续运行。"),
}
TONES = {
    StationState.FREE: "free",
    StationState.STARTING: "wait",
    StationState.IN_USE: "used",
    StationState.HOLDING: "used",
    StationState.RUN_ON: "wait",
    StationState.LOCKED_OUT: "stop",
    StationState.OFFLINE: "stop",
}


def word(key: str, language: str) -> str:
    """Return a text of the page."""
    return WORDS[key][language.startswith("zh")]


def preferred(accept: str) -> str:
    """Return "zh" or "en" by an Accept-Language header, whatever else stands in it."""
    wanted: list[tuple[float, int, str]] = []
    for n, part in enumerate(accept[:400].lower().split(",")):
        tag, _, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0 and tag.partition("-")[0] in {"en", "zh"}:
            wanted.append((-weight, n, tag[:2]))
    return min(wanted)[2] if wanted else "en"


def station(shown: Station, language: str, nonce: str, phone: str = "") -> str:
    """Return the page of a station; `nonce` goes back with a choice of account, `phone` is HTML."""
    state, notice = shown.view.state, shown.view.notice(language)
    parts = [f'<p class="state {TONES[state]}">{escape(texts.say(state, language))}</p>']
    asks = HOLD if shown.reading.waits() else shown.signing.asks if shown.signing.waits() else None
    if asks:
        parts = [f'<p class="state wait">{asks[0]}<br><span lang="zh-Hans">{asks[1]}</span></p>']
        notice = ""
    if notice:
        parts.append(f"<p>{escape(notice)}</p>")
    if isinstance(shown.state, Running | Holding):
        at_ms = shown.services.clock.monotonic_ms()
        lease = shown.state.lease
        parts.append(_facts(shown, lease, at_ms, language))
        accounts = shown.tab.accounts(lease)
        if len(accounts) > 1:
            parts.append(_accounts(lease, accounts, language, nonce))
        if isinstance(shown.state, Running):
            parts.append(_press("end", nonce, language))
            if _may_hand_over(shown):
                parts.append(_press("hand_over", nonce, language))
    elif shown.signing.possible and not asks:
        parts.append(_press("sign_off", nonce, language))
    parts.append(_reserved(shown, language))
    if not isinstance(shown.state, LockedOut):
        parts.append(f'<p><a href="?report">{word("report", language)}</a></p>')
    return _page(shown.view.name, "\n".join((*parts, phone)), language, again=True)


def _may_hand_over(shown: Station) -> bool:
    """Whether the running session could be handed over, and is not just being so."""
    state = shown.state
    repairs = isinstance(state, Running) and (state.out_of_order or state.handing)
    return not (repairs or shown.policy.card_must_stay or shown.devices.node or shown.door.pulse_s)


def _reserved(shown: Station, language: str) -> str:
    """Return the next reservations of the machine; nothing where there are none."""
    heading, rows, hint = shown.reservations.listed(language)
    if not rows:
        return ""
    items = "".join(f"<li><span>{escape(when)}</span> <span>{escape(who)}</span></li>" for when, who in rows)
    said = f'<p class="hint">{hint}</p>' if hint else ""
    return f"<h2>{heading}</h2><ul>{items}</ul>{said}"


def report(shown: Station, language: str, nonce: str) -> str:
    """Return the page that asks whether a fault is meant to be reported, and says what comes of it."""
    locks = shown.policy.on_oops is OnOops.LOCK_OUT
    parts = (
        f"<p>{word('locks' if locks else 'tells', language)}</p>",
        _press("oops", nonce, language),
        f'<p><a href="?">{word("back", language)}</a></p>',
    )
    return _page(shown.view.name, "\n".join(parts), language)


def _press(button: str, nonce: str, language: str) -> str:
    text = word("report" if button == "oops" else button, language)
    return (
        f'<form method="post"><input type="hidden" name="nonce" value="{escape(nonce)}">'
        f'<button name="press" value="{button}"><span>{text}</span></button></form>'
    )


def _facts(shown: Station, lease: Lease, at_ms: int, language: str) -> str:
    price, minutes = shown.view.price(at_ms), shown.mark(at_ms).elapsed_ms // 60_000
    costs = money.plain(price.total_micro, price.commodity) if price else word("free", language)
    rows = [
        ("user", lease.shown),
        ("time", f"{minutes // 60}:{minutes % 60:02}"),
        ("left", shown.view.left(lease, at_ms)),
        ("price", costs),
    ]
    cells = (f"<dt>{word(key, language)}</dt><dd>{escape(value)}</dd>" for key, value in rows if value)
    return f"<dl>{''.join(cells)}</dl>"


def _accounts(lease: Lease, accounts: Iterable[AccountStanding], language: str, nonce: str) -> str:
    buttons = []
    for account in accounts:
        left = account.spendable_micro
        note, off = "", ""
        if account.id == lease.account:
            note, off = word("pays", language), ' disabled aria-current="true"'
        elif left is not None and left <= 0:
            note, off = word("empty", language), " disabled"
        small = f" <small>{note}</small>" if note else ""
        name = escape(called(account, language))
        buttons.append(
            f'<button name="account" value="{escape(account.id)}"{off}><span>{name}</span>{small}</button>'
        )
    return (
        f"<h2>{word('account', language)}</h2>"
        f'<form method="post"><input type="hidden" name="session" value="{escape(lease.session_id)}">'
        f'<input type="hidden" name="nonce" value="{escape(nonce)}">{"".join(buttons)}</form>'
        f'<p class="hint">{word("all", language)}</p>'
    )


def refused(name: str, choice: Choice, language: str) -> str:
    """Return the page that says why an account does not pay."""
    said = NOTES[choice][language.startswith("zh")]
    body = f'<p class="state stop">{said}</p><p><a href="">{word("back", language)}</a></p>'
    return _page(name, body, language)


def index(stations: Iterable[Station], language: str) -> str:
    """Return the list of stations."""
    rows = "".join(
        f'<li><a href="stations/{escape(one.machine)}">{escape(one.view.name)}</a> '
        f'<span class="{TONES[one.view.state]}">{escape(texts.say(one.view.state, language))}</span></li>'
        for one in stations
    )
    return _page(word("stations", language), f"<ul>{rows}</ul>", language, again=True)


def _page(title: str, body: str, language: str, *, again: bool = False) -> str:
    refresh, away = "", ""
    if again:
        refresh = (
            f'<noscript><meta http-equiv="refresh" content="{AGAIN_S}"></noscript>\n'
            '<script src="/stations.js" defer></script>\n'
        )
        away = f'<p class="state stop" id="away" role="alert" hidden>{word("away", language)}</p>\n'
    return f"""<!doctype html>
<html lang="{"zh-Hans" if language.startswith("zh") else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>{escape(title)}</title>
<link rel="stylesheet" href="/stations.css">
</head>
<body>
{away}<main tabindex="-1">
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
