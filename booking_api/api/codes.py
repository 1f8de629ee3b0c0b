"""Every code that an answer may carry, read from the sources: `Refused("code", "sentence")`, wherever; and
`Turned("rule", "sentence")` of a reservation, whose code is `reservation_rule`.

The list is kept as `problems.json` beside this file, for the server's page; `make docs` writes it anew.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from booking_api.problems import OF_HTTP, OTHERS, status_of

ROOMS = ("floor", "booking_api")
AT_MACHINES = frozenset({"trial", "walk_in"})
"""Modules of rules that decide where no server is asked: at a machine, and in a trial of a policy."""
KEPT = Path(__file__).with_name("problems.json")
_CALLS = {"Refused": (0, 1), "problem": (1, 2), "Turned": (0, 1)}
"""Where a call has its code and its sentence."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code with its status, and the sentences that come with it; `…` stands for what differs."""

    code: str
    status: int
    sentences: tuple[str, ...]


def read_sources(root: Path) -> list[Code]:
    """Return every code of the sources below `root`, by name."""
    statuses = {code: status for status, (code, _) in OF_HTTP.items()}
    statuses |= {code: status for code, (status, _) in OTHERS.items()}
    said: dict[str, set[str]] = {code: {words} for code, words in OF_HTTP.values()}
    said |= {code: {words} for code, (_, words) in OTHERS.items()}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            if AT_MACHINES & {path.stem, path.parent.name}:
                continue
            for code, sentence, status in _found(ast.parse(path.read_text(encoding="utf-8"))):
                said.setdefault(code, set()).update({sentence} if re.search(r"\w\w", sentence) else ())
                if status is not None:
                    statuses[code] = status
    return [
        Code(code, statuses.get(code, status_of(code)), tuple(sorted(words)))
        for code, words in sorted(said.items())
    ]


def read_kept() -> list[Code]:
    """Return the list as it is kept beside this file."""
    rows = json.loads(KEPT.read_text(encoding="utf-8"))
    return [Code(code, row["status"], tuple(row["sentences"])) for code, row in rows.items()]


def written(codes: list[Code]) -> str:
    """Return the list as it is kept."""
    rows = {one.code: {"status": one.status, "sentences": list(one.sentences)} for one in codes}
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _found(tree: ast.AST) -> Iterator[tuple[str, str, int | None]]:
    yield from _calls(tree, [])
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _calls(scope, _named(scope))


def _named(scope: ast.AST) -> list[tuple[int, str, ast.expr]]:
    """Return what is given a name in a function, by line: a long sentence stands on a line of its own."""
    given = [
        (node.lineno, node.targets[0].id, node.value)
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    return sorted(given, key=lambda one: -one[0])


def _calls(scope: ast.AST, named: list[tuple[int, str, ast.expr]]) -> Iterator[tuple[str, str, int | None]]:
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in _CALLS or len(node.args) <= _CALLS[name][1]:
            continue
        code, sentence = (node.args[place] for place in _CALLS[name])
        if isinstance(sentence, ast.Name):
            before = (value for line, id, value in named if id == sentence.id and line <= node.lineno)
            sentence = next(before, sentence)
        first = node.args[0]
        status = first.value if isinstance(first, ast.Constant) else None
        for one in _constants(code):
            said = f"reservation_{one}" if name == "Turned" else one
            yield said, _words(sentence), status if isinstance(status, int) else None


def _constants(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from (*_constants(body), *_constants(other))


def _words(node: ast.expr) -> str:
    """Return a sentence as far as it is known before it is said."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_words(part) or "…" for part in parts)
        case ast.BinOp(left=left, right=right):
            return _words(left) + _words(right)
    return ""
