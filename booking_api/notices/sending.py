"""Sends one notice through Apprise. It blocks, and takes half a second to load.

Apprise says only that something did not go out, not why; it logs why at the level DEBUG.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apprise
from apprise.plugins.email import NotifyEmail

from booking_api.notices.settings import NoticeSettings
from booking_api.notices.trying import NotSent
from booking_api.webhooks.addresses import Reach, may_reach

SOCKET_S = 10.0
"""How long a mail server or a push service may take for each step, in seconds."""
_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")


def send_mail(
    settings: NoticeSettings, to: str, title: str, body: str, headers: dict[str, str] | None = None
) -> None:
    """Send a plain mail to one address; raises NotSent."""
    if not settings.mail:
        raise NotSent("notices.mail is not set")
    if not _ADDRESS.fullmatch(to):
        raise NotSent("this is not one mail address")
    parts: dict[str, Any] | None = NotifyEmail.parse_url(settings.mail)  # type: ignore[no-untyped-call] # Apprise has no types
    if not parts:
        raise NotSent("notices.mail is no address of Apprise")
    parts |= {"targets": [to], "cc": None, "bcc": None, "format": "text"}
    parts["headers"] = parts.get("headers", {}) | (headers or {})
    if settings.sender:
        parts["from_addr"] = settings.sender
    _send(parts, title, body, "the mail server did not take it")


def send_push(url: str, title: str, body: str, reach: Reach | None) -> None:
    """Send to an address of Apprise; with `reach`, only where that allows. Raises NotSent."""
    words = "the service did not take it"
    if reach is None:
        _send(url, title, body, words)
        return
    with _only(reach):
        _send(url, title, body, words)


def _send(where: str | dict[str, Any], title: str, body: str, words: str) -> None:
    plugin = apprise.Apprise.instantiate(where, suppress_exceptions=True)
    if plugin is None:
        raise NotSent("Apprise does not know this address")
    plugin.socket_connect_timeout = plugin.socket_read_timeout = SOCKET_S
    sender = apprise.Apprise()
    sender.add(plugin)
    if not sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
        raise NotSent(words)


_reach = threading.local()
_resolve = socket.getaddrinfo


@contextmanager
def _only(reach: Reach) -> Iterator[None]:
    """Let this thread connect only where `reach` allows.

    Apprise resolves names by itself, and follows redirects: a check before it sends says nothing of where it
    connects. So what this thread resolves is checked where it is resolved.
    """
    _reach.reach = reach
    try:
        yield
    finally:
        _reach.reach = None


def _checked(host: Any, *rest: Any, **named: Any) -> list[Any]:
    found = _resolve(host, *rest, **named)
    reach: Reach | None = getattr(_reach, "reach", None)
    if reach is not None:
        for *_, (number, *_) in found:
            if not may_reach(ipaddress.ip_address(str(number).partition("%")[0]), reach):
                raise OSError("the name leads to an address that is not public")
    return found


socket.getaddrinfo = _checked
