"""No coroutine of the server waits for the database in the event loop: it would keep everybody waiting."""

import ast
from collections.abc import Iterator
from pathlib import Path


def waits(source: str) -> list[int]:
    """Return the lines of `database.read()` and `.write()` that stand in a coroutine itself."""
    return sorted(
        node.lineno
        for coroutine in ast.walk(ast.parse(source))
        if isinstance(coroutine, ast.AsyncFunctionDef)
        for node in _own(coroutine)
        if isinstance(node, ast.With) and any(_opens(item.context_expr) for item in node.items)
    )


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs in a function's own frame."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def _opens(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="read" | "write")):
            return ast.unparse(owner).endswith(("database", "db"))
    return False


def test_what_waits_is_found() -> None:
    wrong = "async def f(db):\n  with db.read() as s:\n    pass\n"
    right = "async def f(db):\n  def g():\n    with db.read() as s:\n      pass\n  await db.look(len)\n"
    assert (waits(wrong), waits(right)) == ([2], [])


def test_no_coroutine_waits_for_the_database(root: Path) -> None:
    texts = {path: path.read_text() for path in (root / "booking_api").rglob("*.py")}
    asked = {path: text for path, text in texts.items() if "async def" in text and "with" in text}
    found = {str(path.relative_to(root)): lines for path, text in asked.items() if (lines := waits(text))}
    assert found == {}
