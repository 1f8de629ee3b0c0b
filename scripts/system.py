"""Bring the system packages of `demo` or `test` (scripts/system_packages.txt), where apt may.

`python scripts/system.py demo|test`. Quick and silent when all is there. Without root or password-less sudo
it names what is missing: the demo goes on without, a test run ends here.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("system_packages.txt")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
TIMEOUT_S = 1200

# Debian starts what it installs, unless /usr/sbin/policy-rc.d says 101; one that is there is left alone.
INSTALL = """
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\\nexit 101\\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
"""


@dataclass(frozen=True)
class Package:
    """A Debian package: what needs it (`demo`, `test`), how it is found, and why it is wanted."""

    name: str
    needed_by: frozenset[str]
    found_as: str
    reason: str

    def present(self) -> bool:
        """Whether the machine has it."""
        if self.found_as != "dpkg":
            return shutil.which(self.found_as, path=PATH) is not None
        if shutil.which("dpkg-query") is None:
            return False
        query = ["dpkg-query", "-W", "-f=${db:Status-Status}", self.name]
        return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def read_packages(text: str) -> list[Package]:
    """Read the list: four fields a line, parted by bars; ValueError names a line that has not four."""
    packages = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 4 or not all(fields):
            raise ValueError(f"scripts/system_packages.txt: not four fields: {line!r}")
        packages.append(Package(fields[0], frozenset(fields[1].split()), fields[2], fields[3]))
    return packages


def installer() -> list[str] | None:
    """The beginning of a command that may install, or None when this user may not."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install(prefix: list[str], names: list[str]) -> str:
    """Install packages; gives the last that apt said when it failed, else nothing."""
    print(f"system: installing {', '.join(names)} (apt-get)", flush=True)
    command = [*prefix, "sh", "-c", INSTALL, "sh", *names]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"apt-get took more than {TIMEOUT_S} s"
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-1000:]


def sentence(missing: list[Package], problem: str) -> str:
    """Say what is missing, why it is wanted and what would bring it."""
    lines = [f"  {package.name}: {package.reason}" for package in missing]
    command = "apt-get install " + " ".join(package.name for package in missing)
    return "\n".join(
        ["system: missing on this machine:", *lines, f"As root: {command}", *([problem] if problem else [])]
    )


def main() -> int:
    """Bring what `demo` or `test` needs; the exit status is 0 when the target may go on."""
    target = sys.argv[1] if len(sys.argv) == 2 else ""
    if target not in ("demo", "test"):
        print("usage: python scripts/system.py demo|test", file=sys.stderr)
        return 2
    wanted = [package for package in read_packages(LIST.read_text()) if target in package.needed_by]
    missing = [package for package in wanted if not package.present()]
    if not missing:
        return 0
    prefix = installer()
    problem = install(prefix, [package.name for package in missing]) if prefix is not None else ""
    missing = [package for package in missing if not package.present()]
    if not missing:
        return 0
    print(sentence(missing, problem), file=sys.stderr)
    if target == "demo":
        print("system: the demo goes on without.", file=sys.stderr)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
