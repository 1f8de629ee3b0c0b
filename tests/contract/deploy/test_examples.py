"""The examples of deploy/: systemd reads the units; schemas of Compose and Kubernetes hold theirs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from booking_api.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
SCHEMAS = ROOT / ".peers" / "schemas" / "bin"
UNITS = {
    "deploy/systemd/makerfloor.service": 2.0,
    "deploy/systemd/makerfloor-backup.service": 2.0,
    "deploy/systemd/makerfloor-backup.timer": None,
    "gateway/makerfloor-gateway.service": 4.5,
}
"""What `systemd-analyze security` may find at most: 0 is shut off from all, 10 from nothing."""
KUBERNETES = sorted(DEPLOY.glob("kubernetes/*.yaml"))


def ran(*command: object, **more: Any) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def objects(kind: str) -> list[dict[str, Any]]:
    every = [one for file in KUBERNETES for one in yaml.safe_load_all(file.read_text())]
    return [one for one in every if one["kind"] == kind]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with the programs of this installation, without which systemd would miss them."""
    for unit in UNITS:
        text = (ROOT / unit).read_text()
        text = text.replace("/opt/makerfloor/current/venv/bin", str(Path(sys.executable).parent))
        (tmp_path / Path(unit).name).write_text(text)
    return tmp_path


def test_systemd_reads_every_unit_and_finds_nothing_wrong(units: Path) -> None:
    assert ran("systemd-analyze", "verify", *sorted(units.iterdir())) == ""
    (units / "makerfloor.service").write_text("[Service]\nType=exec\nExecStart=/bin/true\nProtectHom=yes\n")
    assert "ProtectHom" in ran("systemd-analyze", "verify", units / "makerfloor.service"), "it does look"


def test_units_stay_as_shut_off_as_they_were(units: Path) -> None:
    for unit, most in UNITS.items():
        if most is not None:
            said = ran("systemd-analyze", "security", "--offline=true", "--no-pager", units / Path(unit).name)
            found = re.search(r"exposure level for \S+: ([\d.]+)", said)
            assert found
            assert float(found[1]) <= most, unit


def test_commands_of_units_and_containers_are_ours() -> None:
    lines = [line for unit in UNITS for line in (ROOT / unit).read_text().replace("\\\n", "").splitlines()]
    verbs = {line.split("toml ")[1].split()[0] for line in lines if line.startswith("Exec")}
    assert verbs == {"migrate", "serve", "backup", "run", "off"}
    options = {word for line in lines if " backup " in line for word in line.split() if word.startswith("--")}
    ours = ran(Path(sys.executable).parent / "makerfloor", "backup", "--help")
    assert options - {"--config"} == {"--keep", "--key-file"}
    assert all(option in ours for option in options - {"--config"})


def test_what_is_installed_is_pinned_as_it_was_tested_and_a_pi_gets_no_web_stack() -> None:
    pins = {
        name: dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.M))
        for name in ("dev.txt", "gateway.txt", "server.txt")
    }
    assert pins["gateway.txt"].items() <= pins["dev.txt"].items()
    assert pins["server.txt"].items() <= pins["dev.txt"].items()
    assert {"fastapi", "sqlmodel", "uvicorn", "psycopg", "typst"} <= set(pins["server.txt"])
    web_stack = {"alembic", "fastapi", "jinja2", "sqlalchemy", "sqlmodel", "starlette", "uvicorn"}
    assert web_stack.isdisjoint(pins["gateway.txt"])


@pytest.mark.parametrize("script", ["postinst", "prerm"])
def test_scripts_of_the_package_are_shell(script: str) -> None:
    ran("sh", "-n", DEPLOY / "debian" / script)


def test_compose_is_as_its_specification_says(tmp_path: Path) -> None:
    program = SCHEMAS / "check-jsonschema"
    assert program.is_file(), "install it with `python scripts/peers.py schemas`"
    check = (program, "--builtin-schema", "vendor.compose-spec")
    ran(*check, DEPLOY / "compose.yaml")
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("healthcheck:", "healthchek:"))
    assert subprocess.run([*check, wrong], capture_output=True, timeout=60).returncode == 1, "it does look"


def test_compose_hangs_together() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            assert volume.startswith("./") or volume.partition(":")[0] in volumes, volume
    proxy = services["proxy"]
    trusted = proxy["networks"]["default"]["ipv4_address"]
    assert services["server"]["environment"]["FORWARDED_ALLOW_IPS"] == trusted, "nobody else is believed"
    assert not [name for name, one in services.items() if "ports" in one and name not in {"proxy", "broker"}]


def test_kubernetes_takes_every_object(tmp_path: Path) -> None:
    check = (SCHEMAS / "kubernetes-validate", "--strict")
    said = ran(*check, *KUBERNETES)
    assert said.count(" passed ") == 10
    wrong = tmp_path / "server.yaml"
    wrong.write_text(
        (DEPLOY / "kubernetes/server.yaml").read_text().replace("replicas: 2", 'replicas: "two"')
    )
    assert subprocess.run([*check, wrong], capture_output=True, timeout=60).returncode != 0, "it does look"


def test_what_kubernetes_objects_name_is_there() -> None:
    (server,), (job,), (service,) = objects("Deployment"), objects("Job"), objects("Service")
    there = {
        (kind, one["metadata"]["name"])
        for kind in ("ConfigMap", "Secret", "PersistentVolumeClaim")
        for one in objects(kind)
    }
    for workload in (server, job):
        pod = workload["spec"]["template"]["spec"]
        named = set()
        for volume in pod["volumes"]:
            named |= {("ConfigMap", volume["configMap"]["name"])} if "configMap" in volume else set()
            named |= {("Secret", volume["secret"]["secretName"])} if "secret" in volume else set()
            claim = volume.get("persistentVolumeClaim")
            named |= {("PersistentVolumeClaim", claim["claimName"])} if claim else set()
        (container,) = pod["containers"]
        named |= {("Secret", source["secretRef"]["name"]) for source in container["envFrom"]}
        assert named <= there
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    assert service["spec"]["selector"] == server["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"].items() <= server["spec"]["template"]["metadata"]["labels"].items()


def test_kubernetes_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings,), (passwords, _) = objects("ConfigMap"), objects("Secret")
    for name, value in passwords["stringData"].items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "makerfloor.toml"
    authority = tmp_path / "ca.crt"
    authority.touch()
    file.write_text(
        settings["data"]["makerfloor.toml"].replace("/etc/makerfloor-broker/ca.crt", str(authority))
    )
    read = read_settings(file)
    assert read.database_url == passwords["stringData"]["MAKERFLOOR_DATABASE_URL"]
    assert (read.host, read.port, read.broker.port) == ("0.0.0.0", 8080, 8883)
