"""promtool accepts the configuration and the rules, and every rule and alert does what its test says."""

import re
import subprocess
from pathlib import Path

import yaml

from booking_api.alerts.words import NAMES
from booking_api.prometheus.process import PrometheusSettings, rules_directory, write_configuration
from floor.words import DenialReason
from tests.contract.dashboards.known_truth import ROOT, debian

TESTS = ROOT / "dashboards" / "prometheus" / "tests"


def promtool(*arguments: str) -> None:
    done = subprocess.run([debian("promtool"), *arguments], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> dict[str, dict[str, dict[str, str]]]:
    groups = yaml.safe_load((rules_directory() / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_the_configuration_is_one(tmp_path: Path) -> None:
    settings = PrometheusSettings(
        tmp_path / 'a "strange" [place]', {"gw1": "127.0.0.1:9780"}, "127.0.0.1:8080"
    )
    path = write_configuration(settings)
    assert yaml.safe_load(path.read_text())["global"]["scrape_interval"] == "15s"
    promtool("check", "config", "--syntax-only", str(path))
    promtool("check", "config", str(write_configuration(PrometheusSettings(tmp_path / "plain"))))


def test_the_rules_are_rules() -> None:
    promtool("check", "rules", "--lint-fatal", *map(str, sorted(rules_directory().glob("*.yml"))))


def test_every_rule_and_alert_does_what_its_test_says() -> None:
    promtool("test", "rules", *map(str, sorted(TESTS.glob("*.yml"))))


def test_every_recording_rule_is_tested() -> None:
    groups = [
        group
        for name in ("utilisation.yml", "work.yml")
        for group in yaml.safe_load((rules_directory() / name).read_text())["groups"]
    ]
    tested = "".join((TESTS / name).read_text() for name in ("utilisation.yml", "work.yml"))
    # A window differs from its siblings by its length only; one length of each is enough.
    names = {re.sub(r"ratio_\w+", "ratio", rule["record"]) for group in groups for rule in group["rules"]}
    assert {name for name in names if name not in tested} == set()


def test_every_alert_comes_in_a_test_and_stays_away_in_another() -> None:
    said: dict[str, set[bool]] = {}
    cases = [
        case
        for name in ("alerts.yml", "backups.yml", "unusual.yml")
        for case in yaml.safe_load((TESTS / name).read_text())["tests"]
    ]
    for case in cases:
        for check in case["alert_rule_test"]:
            said.setdefault(check["alertname"], set()).add(bool(check["exp_alerts"]))
    assert said == {name: {True, False} for name in alerts()}


def test_every_alert_leads_to_its_section_of_the_handbook_which_says_what_to_do() -> None:
    page = ROOT / "docs" / "operations" / "alerts.md"
    sections = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL))
    assert set(sections) == set(alerts()) == set(NAMES)
    for name, rule in alerts().items():
        severity, annotations = rule["labels"]["severity"], rule["annotations"]
        assert severity in {"page", "ticket"}, name
        assert set(annotations) == {"summary", "action", "runbook_url"}, name
        assert annotations["runbook_url"] == f"{page.relative_to(ROOT)}#{name.lower()}"
        assert sections[name].startswith(f"\n\n*{severity.capitalize()}.*\n")
        for part in ("It means", "Look at", "Do"):
            assert f"- **{part}**: " in sections[name], name


def test_every_denial_reason_counts_as_a_refusal() -> None:
    text = (rules_directory() / "work.yml").read_text()
    named = re.search(r'outcome=~"([a-z_|]+)"\}\[5m', text)
    assert named
    assert set(named[1].split("|")) == set(DenialReason)
