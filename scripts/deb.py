"""Build the Debian package of a gateway, for machines of this one's kind: `make deb`.

It carries the wheel of dist/ and those of every package of requirements/gateway.txt, made or fetched here by
hash, so that a Pi needs no registry. Its postinst makes the virtual environment of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("postinst", "prerm")
CONTROL = """Package: makerfloor-gateway
Version: {version}
Architecture: {architecture}
Maintainer: whoever built this package <root@localhost>
Section: misc
Priority: optional
Depends: python3 (>= {python}), python3 (<< {next}), python3-venv, passwd
Description: the gateway of a makerspace's machines
 Decides taps of badges by itself, switches machines, meters them, and tells the server.
"""


def run(*command: object) -> str:
    """Run a command and return what it printed; raises CalledProcessError when it fails."""
    return subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def build(wheel: Path, out: Path) -> Path:
    """Build the package of a wheel of ours, and return its file."""
    version, minor = wheel.name.split("-")[1], sys.version_info.minor
    architecture = run("dpkg", "--print-architecture")
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "package")
        release = package / "opt" / "makerfloor" / "releases" / version
        wheels, units = release / "wheels", package / "lib" / "systemd" / "system"
        programs = package / "usr" / "bin"
        for place in (wheels, units, programs, package / "DEBIAN"):
            place.mkdir(parents=True)
        (programs / "makerfloor-gateway").symlink_to("/opt/makerfloor/current/venv/bin/makerfloor-gateway")
        lock = ROOT / "requirements" / "gateway.txt"
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--require-hashes", "-r", lock, "-w", wheels)
        shutil.copy(wheel, wheels)
        shutil.copy(ROOT / "LICENSE", release)
        shutil.copytree(ROOT / "docs", release / "docs", ignore=shutil.ignore_patterns("pictures"))
        shutil.copy(ROOT / "gateway" / "makerfloor-gateway.service", units)
        control = {"version": version, "architecture": architecture}
        control |= {"python": f"3.{minor}", "next": f"3.{minor + 1}"}
        (package / "DEBIAN" / "control").write_text(CONTROL.format(**control))
        for name in SCRIPTS:
            script = package / "DEBIAN" / name
            script.write_text((ROOT / "deploy" / "debian" / name).read_text().replace("VERSION", version))
            script.chmod(0o755)
        file = out / f"makerfloor-gateway_{version}_{architecture}.deb"
        run("dpkg-deb", "--build", "--root-owner-group", package, file)
    return file


def main() -> int:
    """Build it in dist/; returns 0, or 1 after saying what is missing."""
    found = sorted((ROOT / "dist").glob("makerfloor-*.whl"), key=lambda file: file.stat().st_mtime)
    if not found:
        print("dist/ has no wheel: `make dist` builds it.", file=sys.stderr)
        return 1
    print(build(found[-1], ROOT / "dist"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
