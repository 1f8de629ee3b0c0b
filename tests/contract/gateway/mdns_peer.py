"""Real mDNS: python-zeroconf, with which PrusaLink and Moonraker announce themselves, in its own process.

`python -m tests.contract.gateway.mdns_peer ARGUMENTS…` brings the loopback of its network namespace up, lets
that Python announce machines as those programs do, and runs `makerfloor-gateway ARGUMENTS…`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from gateway import cli

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".peers" / "prusalink" / "bin" / "python"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

# what PrusaLink 0.8.1 (service_discovery.py) and Moonraker 0.11.0 (components/zeroconf.py) register
ANNOUNCE = """
import socket, sys
from zeroconf import ServiceInfo, Zeroconf
mdns = Zeroconf(interfaces=["127.0.0.1"])
def say(kind, name, port, **text):
    kind = f"_{kind}._tcp.local."
    # what register_service does, without its seconds of asking whether the name is free
    mdns.registry.async_add(ServiceInfo(kind, f"{name}.{kind}", port=port, server="fab.local.",
        addresses=[socket.inet_aton("127.0.0.1")], properties=text))
for kind in ("prusalink", "http", "octoprint"):
    say(kind, "PrusaLink at fab:8080", 8080)
say("moonraker", "Moonraker-1a2b3c4d @ voron", 7125, uuid="1a2b", version="0.11.0", route_prefix="/printer1")
print("ready", flush=True)
sys.stdin.read()
mdns.close()
"""


def among_machines(*arguments: str) -> str:
    """Run makerfloor-gateway among those machines, in a network of its own; returns what it prints."""
    assert PYTHON.is_file(), "PrusaLink is missing: install it with `python scripts/peers.py prusalink`"
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    inside = [sys.executable, "-m", "tests.contract.gateway.mdns_peer", *arguments]
    ran = subprocess.run([*apart, *inside], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def main(arguments: list[str]) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    with subprocess.Popen(
        [PYTHON, "-c", ANNOUNCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdout
        assert peer.stdin
        assert peer.stdout.readline() == "ready\n", "zeroconf did not start"
        status = cli.main(arguments)
        peer.stdin.close()
        peer.terminate()
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
