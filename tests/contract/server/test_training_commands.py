"""Training from the command line, and certifications of machines that become skills."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from booking_api import migrations
from booking_api.certifications import service
from tests.kit.initialised import initialised
from tests.kit.server import NOW_MS, Floor
from tests.kit.typed import typed

TRAINING = """
[[skills]]
id = "safety"
name = "Safety"
months = 1
[[skills]]
id = "laser-basic"
name = "Laser"
requires = "safety"
"""


def test_training_is_kept_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = typed(monkeypatch, capsys, tmp_path / "makerfloor.toml")

    def said(*arguments: str) -> str:
        answer = run(*arguments)
        return answer.out + answer.err

    initialised(tmp_path, said, "--name", "Space", "--timezone", "Europe/Berlin")
    said("member", "add", "Ada", "Byron", "--number", "77")
    said("machine", "add", "saw-1", "Saw")
    (tmp_path / "training.toml").write_text(TRAINING)
    (tmp_path / "machines.toml").write_text(
        '[[machines]]\nid = "laser-1"\nname = "L"\nrequires = "laser-basic"\n'
    )
    assert "laser-basic" in said("apply", str(tmp_path))
    assert "as it was" in said("training", "apply", str(tmp_path / "training.toml"))
    assert "First comes: Safety" in said("certify", "77", "laser-1")
    assert "may use laser-1." in said("certify", "77", "laser-1", "--anyway")
    assert "may use saw-1" in said("certify", "77", "saw-1")
    assert "has safety" in said("certify", "77", "safety")
    assert "laser-basic              Laser" in said("training", "list")
    assert "Ada Byron  until" in said("training", "holders", "safety")
    assert "safety" in said("training", "lapsing", "--days", "60")
    assert "has not tried" in said("training", "quiz-again", "77", "safety")
    assert "no more" in said("revoke", "77", "saw-1", "--reason", "smoke")
    assert "does not hold" in said("revoke", "77", "saw-1")
    assert said("training", "holders", "saw-1") == ""


def test_certifications_of_machines_become_skills(floor: Floor) -> None:
    """And back: what was granted before stays granted."""
    with floor.db.write() as session:
        service.grant(session, floor.ben, "laser-1", floor.ada, NOW_MS, NOW_MS + 1)
        service.revoke(session, floor.ben, "laser-1", floor.ada, NOW_MS)
    migrations.downgrade(floor.db.engine, "0018")
    with floor.db.engine.connect() as connection:
        held = connection.execute(text("SELECT member, machine, revoked_by FROM certification")).all()
    assert sorted(held, key=str) == sorted(
        [(floor.ada, "laser-1", None), (floor.ben, "laser-1", floor.ada)], key=str
    )
    migrations.upgrade(floor.db.engine)
    with floor.db.read() as session:
        assert service.until_ms(session, floor.ada, "laser-1", NOW_MS) == 0
        assert service.until_ms(session, floor.ben, "laser-1", NOW_MS) is None
        (one,) = service.holdings(session, floor.ada, NOW_MS)
    assert (one.skill.id, one.skill.names) == ("laser-1", {"en": "Laser-1"})
