"""The ways to an export: the command, and the API for those who may read the books."""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.typed import typed
from tests.kit.web import WebFloor, build


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


@pytest.mark.parametrize(
    ("form", "file", "begins"),
    [
        ("csv", "books.csv", "\ufeffdate,seq"),
        ("hledger", "books.journal", "; Kelp Street, the books up to entry 3"),
        ("beancount", "books.beancount", 'option "title" "Kelp Street"'),
    ],
)
async def test_whoever_may_read_the_books_may_take_them(
    web: WebFloor, form: str, file: str, begins: str
) -> None:
    async with web.program("olga") as program:
        answer = await program.get(f"/api/v1/exports/{form}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    assert "charset=utf-8" in answer.headers["content-type"]
    assert answer.content.decode().startswith(begins)


@pytest.mark.parametrize(("name", "status"), [("", 401), ("mira", 403), ("tomas", 403)])
async def test_nobody_else_may(web: WebFloor, name: str, status: int) -> None:
    async with web.program(name) as program:
        assert (await program.get("/api/v1/exports/csv")).status_code == status


async def test_months_are_both_within(web: WebFloor) -> None:
    async with web.program("olga") as program:

        async def rows(query: str) -> int:
            answer = await program.get(f"/api/v1/exports/csv?{query}")
            assert answer.status_code == 200, answer.text
            return len(list(csv.reader(io.StringIO(answer.text)))) - 1

        whole = await rows("")
        assert whole > 0
        assert [await rows("from=2026-05&to=2026-05"), await rows("to=2026-04")] == [whole, 0]
        assert await rows("from=2026-06") == 0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("csv?from=2026-13", "month_malformed"),
        ("csv?from=2026-05&to=2026-04", "span_malformed"),
        ("xls", "request_invalid"),
    ],
)
async def test_what_is_asked_wrongly_is_said(web: WebFloor, path: str, code: str) -> None:
    async with web.program("olga") as program:
        answer = await program.get(f"/api/v1/exports/{path}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_command_writes_a_file_for_its_owner_alone(
    web: WebFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = typed(monkeypatch, capsys, tmp_path / "makerfloor.toml"), tmp_path / "books.csv"
    out.write_text("older")
    done = run("export", "csv", "--from", "2026-05", "--out", str(out))
    assert (done.code, done.err) == (0, "")
    assert out.read_text(encoding="utf-8-sig").startswith("date,seq")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    refused = run("export", "csv", "--out", str(tmp_path / "absent" / "books.csv"))
    assert (refused.code, "cannot be written" in refused.err) == (2, True)
