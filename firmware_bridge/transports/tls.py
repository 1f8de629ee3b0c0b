"""TLS to a machine that is known by a name or a fingerprint of its own, not by its address."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from floor.errors import ConfigError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPeer:
    """Whose certificate is accepted: that of `name` under the authorities in the file `ca`, or exactly one.

    `sha256` is the fingerprint of that one, hexadecimal, with colons or without; it stands over `ca`.
    """

    name: str
    ca: str = ""
    sha256: str = ""


def peer_context(peer: TlsPeer, where: str) -> ssl.SSLContext:
    """Make a context that accepts this peer alone. It is for sockets, not for asyncio's own TLS.

    Raises ConfigError, with `where` as file, for a `ca` that cannot be read, a `fingerprint` that is none, or
    neither: there is no context that accepts anybody.
    """
    context = _PeerContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.peer = peer.name
    if peer.sha256:
        context.pinned = peer.sha256.replace(":", "").strip().lower()
        if not _SHA256.fullmatch(context.pinned):
            raise ConfigError(where, "fingerprint", "is no SHA-256", "Write its 64 hexadecimal digits")
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    if not peer.ca:
        raise ConfigError(
            where,
            "ca",
            "is missing, and so is fingerprint",
            "Name the maker's certificates, or the fingerprint",
        )
    try:
        context.load_verify_locations(cafile=peer.ca)
    except OSError as error:
        raise ConfigError(
            where, "ca", f"cannot be read: {error}", "Name a file of certificates, PEM"
        ) from error
    # an authority of one model may stand in the file without the one above it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 and later refuse authorities without a key usage, as makers of machines have them
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _PinnedSocket(ssl.SSLSocket):
    """Compares the fingerprint as part of the handshake, so before anything of ours is sent."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        context = self.context
        assert isinstance(context, _PeerContext)
        shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
        if context.pinned and shown != context.pinned:
            raise ssl.SSLCertVerificationError(f"its certificate has another fingerprint: {shown}")


class _PeerContext(ssl.SSLContext):
    """Asks for, and checks, the peer's own name whatever the address is."""

    peer = ""
    pinned = ""
    sslsocket_class = _PinnedSocket

    def wrap_socket(self, sock: socket.socket, *rest: Any, **more: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *rest, **more | {"server_hostname": self.peer})
