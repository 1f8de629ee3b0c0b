"""Takes secrets and people's names out of a recording. Pure: text in, text out; nothing is ever put back.

What is replaced: the values of settings that are secret, in every form in which they travel; what JSON
calls a password, a key, a token, a session, a cookie; tokens in URLs and after `Bearer` and `Basic`; hosts
that the settings name; and names of users, unless they are wanted. The same value gets the same word
everywhere, so that what belonged together before still does.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

LEAST_SECRET = 6
LEAST_SETTING = 4  # one that is shorter would stand in every other word
LEAST_NAME = 2
_HUSH = (
    r"[\w-]*(?:api_?-?key|token|session|passw|passcode|secret|access_?-?code|authori[sz]ation|credential"
    r"|cookie|csrf|jwt|signature|private_?key|\bpsk\b|ssid)[\w-]*"
)
_WHO = r"user|owner|user_?name|display_?name|real_?name|e?mail|created_by|uploader"
_IN_JSON = re.compile(rf'(?i)((?<!\\)"{_HUSH}"\s*:\s*")((?:[^"\\]|\\.)+)')
_IN_NESTED = re.compile(rf'(?i)(\\+"{_HUSH}\\+"\s*:\s*\\+")((?:[^"\\]|\\+u[0-9a-f]{{4}})+)')
_NUMBER = re.compile(rf'(?i)(\\*"{_HUSH}\\*"\s*:\s*)(\d+)')
_IN_URL = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:key|token|sig|signature|auth|password|credential|session|code))=)([^&\s\"'\\#]+)"
)
_LOGIN_IN_URL = re.compile(r"(://)([^/\s\"'@\\]+)(?=@)")
_SCHEME = re.compile(r"(?i)\b((?:bearer|basic|token) +)((?=[\w+/=.~-]*\d)[\w+/=.~-]{8,})")
_USER = re.compile(rf'(?i)\\*"(?:{_WHO})\\*"\s*:\s*\\*"((?:[^"\\]|\\u[0-9a-f]{{4}})+)')
_FILE = re.compile(r"(?i)\.(?:b?gcode|gco|g)$")  # PrusaLink has a display_name of files
_SYSTEM_NAMES = frozenset(
    {"null", "none", "_TRUSTED_USER_", "_api", "admin", "user", "users", "guest", "root"}
)


class Redactor:
    """Learns from everything first (`learn`), then takes it out (`scrub`).

    `secrets` are values of settings, `hosts` are what is called `machine-1`, `machine-2`, ….
    """

    def __init__(
        self, secrets: Iterable[str], hosts: Iterable[str] = (), *, with_names: bool = False
    ) -> None:
        self._words: dict[str, str] = {}
        self._removed: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._hosts = {host: f"machine-{n}" for n, host in enumerate(dict.fromkeys(hosts), 1) if host}
        self._with_names = with_names
        self._ready: re.Pattern[str] | None = None
        for secret in secrets:
            self._hush(secret, everywhere=len(secret) >= LEAST_SETTING)

    def learn(self, value: object) -> None:
        """Find the secrets and the names in text, bytes, or tables of them."""
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            for pattern in (_IN_JSON, _IN_NESTED, _IN_URL, _LOGIN_IN_URL, _SCHEME):
                for found in pattern.finditer(value):
                    self._hush(found[2])
            for found in _USER.finditer(value):
                if not _FILE.search(found[1]):
                    self.learn_name(found[1])
        elif isinstance(value, Mapping):
            self.learn(json.dumps(value, default=str))
        elif isinstance(value, list | tuple):
            for one in value:
                self.learn(one)

    def learn_name(self, name: str) -> None:
        """Take note of a person's account name; it becomes `member-1`, `member-2`, …"""
        known = name in self._names or name in _SYSTEM_NAMES or name in self._removed
        if self._with_names or known or len(name) < LEAST_NAME:
            return
        word = f"member-{len(set(self._names.values())) + 1}"
        try:
            plain = str(json.loads(f'"{name}"'))
        except ValueError:
            plain = name
        for form in (name, plain, json.dumps(plain)[1:-1], quote(plain)):
            self._names.setdefault(form, word)
        self._ready = None

    def _hush(self, secret: str, *, everywhere: bool = False) -> str:
        word = self._removed.setdefault(secret, f"removed-{len(set(self._removed.values())) + 1}")
        if everywhere or len(secret) >= LEAST_SECRET:
            for form in _forms(secret):
                self._words.setdefault(form, word)
            self._ready = None
        return word

    def scrub(self, value: object) -> object:
        """Return the same without what was learned; bytes stay bytes."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes):
            try:
                return self._text(value.decode()).encode()
            except UnicodeDecodeError:
                for form, word in self._words.items():
                    value = value.replace(form.encode(), word.encode())
                return value
        if isinstance(value, Mapping):
            return {key: self._field(str(key), one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrub(one) for one in value]
        return value

    def _field(self, key: str, value: object) -> object:
        secret = re.fullmatch(_HUSH, key, re.IGNORECASE)
        if secret and isinstance(value, str | int) and not isinstance(value, bool):
            return self._kept(str(value))
        return self.scrub(value)

    def _text(self, text: str) -> str:
        if self._ready is None:
            self._ready = self._pattern()
        text = self._ready.sub(self._word, text)
        for pattern in (_IN_JSON, _IN_NESTED, _NUMBER, _IN_URL, _LOGIN_IN_URL, _SCHEME):
            text = pattern.sub(lambda found: found[1] + self._kept(found[2]), text)
        return text

    def _kept(self, value: str) -> str:
        """What stands where a secret stands: its word; a word stays what it is."""
        return value if value in self._removed.values() else self._hush(value)

    def _word(self, found: re.Match[str]) -> str:
        text = found[0]
        return self._words.get(text) or self._hosts.get(text) or self._names[text]

    def _pattern(self) -> re.Pattern[str]:
        """Longest first; a name only as a whole word that is no key of JSON, a host only as a whole one."""
        secrets = [re.escape(one) for one in sorted(self._words, key=len, reverse=True)]
        hosts = [
            rf"(?<![\w.-]){re.escape(one)}(?![\w-])" for one in sorted(self._hosts, key=len, reverse=True)
        ]
        names = [
            rf'(?<![\w-]){re.escape(one)}(?![\w-])(?!\\*"\s*:)'
            for one in sorted(self._names, key=len, reverse=True)
        ]
        return re.compile("|".join([*secrets, *hosts, *names]) or r"(?!)")


def _forms(secret: str) -> list[str]:
    """The forms in which a value travels: as it is, in JSON, in a URL, in base64."""
    quoted = json.dumps(secret)[1:-1]
    return [
        secret,
        quoted,
        json.dumps(quoted)[1:-1],
        quote(secret, safe=""),
        b64encode(secret.encode()).decode(),
    ]


def hosts_of(settings: Mapping[str, object]) -> list[str]:
    """Return the hosts that settings name in URLs, or under the key `host`."""
    hosts: list[str] = []
    for key, value in settings.items():
        if isinstance(value, str) and "://" in value:
            try:
                hosts.append(urlsplit(value).hostname or "")
            except ValueError:
                continue
        elif key == "host" and isinstance(value, str):
            hosts.append(value)
    return [host for host in hosts if host]


def mask_across(pieces: list[bytes], secrets: Iterable[bytes]) -> list[bytes]:
    """Return pieces of one stream in which no secret stands, not even one that is cut: `*` stands there."""
    whole = b"".join(pieces)
    for secret in secrets:
        whole = whole.replace(secret, b"*" * len(secret))
    masked, at = [], 0
    for piece in pieces:
        masked.append(whole[at : at + len(piece)])
        at += len(piece)
    return masked
