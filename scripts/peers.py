"""Install the real peers that contract tests drive, each in a virtual environment of its own below .peers/.

A peer's licence may differ from ours: it runs as its own process and is never imported.
Usage: python scripts/peers.py octoprint beancount
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = (
    *("octoprint", "beancount", "meerk40t", "printrun", "prusalink", "pyftpdlib", "moonraker", "klipper"),
    *("schemas", "fabomatic", "nemo-billing", "machine-access-control"),
)
PYTHON = "3.11"
NEWER = {"machine-access-control": "3.13"}
"""What those ask for that do not run on PYTHON; where it is missing, the others are installed."""
INSTALL_TIMEOUT_S = 900


def install(peer: str, root: Path = ROOT) -> str:
    """Bring a peer to what its lock file says, and return a sentence; nothing is done when it is so already.

    Raises RuntimeError with a sentence for a person when uv is missing or fails.
    """
    lock, home = root / "tests" / "peers" / f"{peer}.txt", root / ".peers" / peer
    stamp, wanted = home / "lock.sha256", hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return f"{peer} is installed in {home.relative_to(root)} as its lock file says."
    python = home / "bin" / "python"
    _uv(root, "venv", "--quiet", "--clear", "--python", NEWER.get(peer, PYTHON), str(home))
    # a lock file names all that is needed; of Printrun that is less than its windows would need
    locked = ("--no-deps", "--require-hashes", "-r", str(lock))
    _uv(root, "pip", "install", "--quiet", "--python", str(python), *locked)
    stamp.write_text(wanted)
    return f"{peer} was installed in {home.relative_to(root)}."


def _uv(root: Path, *arguments: str) -> None:
    ours = ROOT / "build" / "uv" / "bin" / "uv"  # the one that the Makefile installs
    uv = str(ours) if ours.is_file() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("uv is missing: install it with `make setup`, then try again.")
    # pyenv hides each Python that is not named; without pyenv this says nothing
    named = os.environ | {"PYENV_VERSION": ":".join((PYTHON, *NEWER.values()))}
    done = subprocess.run(
        [uv, *arguments],
        cwd=root,
        env=named,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"uv {arguments[0]} failed: {done.stderr.strip()[-2000:]}")


def main(arguments: list[str]) -> int:
    """Install the named peers, each that can be had; return 0, or 1 after saying what is wrong."""
    unknown = [peer for peer in arguments if peer not in PEERS]
    if unknown or not arguments:
        print(f"Usage: python scripts/peers.py PEER...; the peers are: {', '.join(PEERS)}.", file=sys.stderr)
        return 1
    missing = 0
    for peer in arguments:
        try:
            print(install(peer))
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            print(f"{peer}: {error}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
