"""The list of system packages reads, each has its reason, and what is missing is named."""

from pathlib import Path

import pytest

from scripts.system import Package, read_packages, sentence


def test_every_package_has_its_users_and_its_reason(root: Path) -> None:
    packages = read_packages((root / "scripts" / "system_packages.txt").read_text())
    assert {package.name for package in packages} == {
        "mosquitto", "prometheus", "chromium-headless-shell", "fonts-noto-cjk", "postgresql",
        "build-essential", "hledger",
        "libsodium23", "libusb-dev", "poppler-utils", "libcap-dev", "file", "libturbojpeg0", "zbar-tools",
        "slic3r", "pcscd", "vsmartcard-vpcd", "nats-server", "prometheus-alertmanager", "nginx", "caddy",
        "systemd",
    }  # fmt: skip
    assert all(package.needed_by <= {"demo", "test"} and "test" in package.needed_by for package in packages)


@pytest.mark.parametrize("line", ["mosquitto", "a | test | a", "a | test | a | "])
def test_a_line_without_four_fields_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not four fields"):
        read_packages(line)


def test_what_is_missing_is_named_with_what_brings_it() -> None:
    missing = Package("nothing-of-this-name", frozenset({"test"}), "nothing-of-this-name", "to be missed")
    assert not missing.present()
    text = sentence([missing], "apt said no")
    for part in ("nothing-of-this-name: to be missed", "apt-get install nothing-of-this-name", "apt said no"):
        assert part in text
    assert Package("shell", frozenset({"test"}), "sh", "always there").present()
