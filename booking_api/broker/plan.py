"""What a broker is told: its configuration, who may enter, and who may read and write what.

Pure: text out, no files and no processes. Both brokers work from these texts, so an access list that holds on
one holds on the other. The password format is Mosquitto's own (`$7$`, mosquitto 2.0 `src/password_mosq.c`).
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from floor.errors import ConfigError
from floor.ids import GATEWAY_NAME

PACKET_BYTES_MAX = 8 * 1024 * 1024 + 64 * 1024
"""The largest MQTT packet that a broker takes: a full roster with its topic (floor.wire.topics)."""
_PASSWORD_BYTES_MAX = 1024
_ITERATIONS = (
    1000  # passwords are random keys, not words: what counts is that a broker's one thread is not held up
)
_SALT_BYTES = 12  # the one length that Mosquitto 2.0.11 reads


class IdentityKind(StrEnum):
    """What connects: the server, or a gateway on a Pi."""

    SERVER = "server"
    GATEWAY = "gateway"


class Access(StrEnum):
    """What a rule allows; the words are those of a Mosquitto access list."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Rule:
    """One right: to read (subscribe and receive) or to write (publish) under an MQTT topic filter."""

    access: Access
    topic_filter: str


Rules = Mapping[str, tuple[Rule, ...]]
"""The rights of each user, by name."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One that may enter the broker. The password is kept out of every message and representation."""

    name: str
    password: str
    kind: IdentityKind

    def __post_init__(self) -> None:
        """Refuse a name or password that a broker's files cannot carry (ConfigError)."""
        check_name(self.name)
        if not 0 < len(self.password.encode()) <= _PASSWORD_BYTES_MAX or "\0" in self.password:
            raise ConfigError(
                "broker identities",
                self.name,
                "its password is empty, too long or holds a NUL",
                f"Use 1 to {_PASSWORD_BYTES_MAX} bytes",
            )

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self.kind.value})"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What this identity may read and write: a gateway under its own name only."""
        if self.kind is IdentityKind.SERVER:
            return (Rule(Access.READ, "mf/+/up/#"), Rule(Access.WRITE, "mf/+/down/#"))
        return (Rule(Access.READ, f"mf/{self.name}/down/#"), Rule(Access.WRITE, f"mf/{self.name}/up/#"))


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files for a broker that speaks TLS: the authority, and the broker's own certificate and key."""

    cafile: Path
    certfile: Path
    keyfile: Path


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a broker listens and what it bears; sizes in bytes."""

    host: str
    port: int
    tls: Tls | None = None
    packet_bytes_max: int = PACKET_BYTES_MAX
    queued_bytes_max: int = 256 * 1024 * 1024


def check_name(name: str) -> None:
    """Refuse a name that would reach beyond its own topic level or line (ConfigError): `/ + # :`, spaces."""
    if not GATEWAY_NAME.fullmatch(name):
        raise ConfigError(
            "broker identities",
            repr(name[:80]),
            "not a name for the broker",
            "Use 1 to 32 small letters, digits or '-', beginning with a letter or a digit",
        )


def check_identities(identities: Iterable[Identity]) -> None:
    """Refuse two identities of one name (ConfigError): the second would silently replace the first."""
    seen: set[str] = set()
    for identity in identities:
        if identity.name in seen:
            raise ConfigError("broker identities", identity.name, "named twice", "Give each its own name")
        seen.add(identity.name)


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Hash a password as Mosquitto writes it: `$7$iterations$salt$hash`, PBKDF2-SHA512, base64."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def password_fits(password: str, hashed: str) -> bool:
    """Whether a password gives this `$7$` hash. Takes the same time for every wrong password."""
    _, _, iterations, salt, digest = hashed.split("$")
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(found, base64.b64decode(digest))


def render_passwords(identities: Iterable[Identity]) -> str:
    """Write the password file: one `name:hash` a line."""
    return "".join(f"{identity.name}:{hash_password(identity.password)}\n" for identity in identities)


def parse_passwords(text: str) -> dict[str, str]:
    """Read a password file back: hash by name."""
    return dict(line.split(":", 1) for line in text.splitlines() if line)


def render_acl(identities: Iterable[Identity]) -> str:
    """Write the access list; who is not named may do nothing."""
    blocks = (
        "\n".join(
            [
                f"user {identity.name}",
                *(f"topic {rule.access} {rule.topic_filter}" for rule in identity.rules),
            ]
        )
        for identity in identities
    )
    return "\n\n".join(blocks) + "\n"


def render_nats(identities: Iterable[Identity]) -> str:
    """Write the users of a NATS cluster with what each may publish and subscribe to, for `include`.

    Source: NATS 2.9, MQTT and permissions: `/ + #` of a filter are `. * >` of a subject, of which `>` does
    not match the level above; `$MQTT.sub.>` carries QoS 1 to a session, and MQTT cannot subscribe to it.
    """
    lines = ["authorization {", "  users: ["]
    for identity in identities:
        read, write = (
            [_subject(rule.topic_filter) for rule in identity.rules if rule.access is access]
            for access in (Access.READ, Access.WRITE)
        )
        heard = [one for subject in read for one in (subject.removesuffix(".>"), subject)]
        allowed = {"publish": write, "subscribe": [*heard, "$MQTT.sub.>"]}
        user = {"user": identity.name, "password": identity.password, "permissions": allowed}
        lines.append(f"    {json.dumps(user)}")
    return "\n".join([*lines, "  ]", "}"]) + "\n"


def _subject(topic_filter: str) -> str:
    return topic_filter.replace("/", ".").replace("+", "*").replace("#", ">")


def parse_acl(text: str) -> dict[str, tuple[Rule, ...]]:
    """Read an access list back: rules by name."""
    rules: dict[str, tuple[Rule, ...]] = {}
    user = ""
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "user":
            user = rest
            rules[user] = ()
        else:
            access, topic_filter = rest.split(" ", 1)
            rules[user] += (Rule(Access(access), topic_filter),)
    return rules


def allows(rules: Iterable[Rule], access: Access, topic: str) -> bool:
    """Whether some rule allows this access to all that the topic, or topic filter, matches."""
    return any(rule.access is access and _covers(rule.topic_filter, topic) for rule in rules)


def _covers(wide: str, narrow: str) -> bool:
    """Whether an MQTT filter matches all that another filter, or a topic, matches (MQTT 3.1.1, 4.7)."""
    wide_levels, narrow_levels = wide.split("/"), narrow.split("/")
    for index, level in enumerate(wide_levels):
        if level == "#":
            return True
        if index >= len(narrow_levels) or narrow_levels[index] == "#":
            return False
        if level not in ("+", narrow_levels[index]):
            return False
    return len(wide_levels) == len(narrow_levels)


def render_mosquitto(listener: Listener, directory: Path, *, as_root: bool) -> str:
    """Write mosquitto.conf for a broker whose password file, access list and queues lie in `directory`.

    Queues are bounded by bytes, not by Mosquitto's 1000 messages, which drop acknowledged ones; they are
    written at every change, or a killed broker forgets what it acknowledged. Started as root, Mosquitto would
    become its own user, who cannot read these files.
    """
    lines = [
        "per_listener_settings false",
        f"listener {listener.port} {listener.host}",
        "allow_anonymous false",
        f"password_file {directory / 'passwords'}",
        f"acl_file {directory / 'acl'}",
        f"max_packet_size {listener.packet_bytes_max}",
        "max_queued_messages 0",
        f"max_queued_bytes {listener.queued_bytes_max}",
        "persistent_client_expiration 14d",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {directory}/",
        "autosave_interval 1",
        "autosave_on_changes true",
        "connection_messages false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if as_root:
        lines.append("user root")
    if tls := listener.tls:
        lines += [
            f"cafile {tls.cafile}",
            f"certfile {tls.certfile}",
            f"keyfile {tls.keyfile}",
            "require_certificate false",
            "tls_version tlsv1.2",
        ]
    return "\n".join(lines) + "\n"
