"""A file has at most 400 lines and a function at most 60, tests and templates included."""

import ast
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
SUFFIXES = {".py", ".html", ".css", ".js", ".ts"}

EXCEPTIONS: dict[str, str] = {}
"""Path, or path::function, to the reason why it may be longer."""


def function_sizes(source: str) -> dict[str, int]:
    """Lines of each function, from `def` to its end, by its qualified name."""
    sizes: dict[str, int] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}."
                sizes[name.rstrip(".")] = (child.end_lineno or child.lineno) - child.lineno + 1
            elif isinstance(child, ast.ClassDef):
                name = f"{prefix}{child.name}."
            visit(child, name)

    visit(ast.parse(source), "")
    return sizes


def too_long(root: Path, files: list[Path]) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in files:
        if path.suffix not in SUFFIXES:
            continue
        name, text = str(path.relative_to(root)), path.read_text()
        if (lines := len(text.splitlines())) > FILE_LINES_MAX:
            found[name] = lines
        if path.suffix == ".py":
            sizes = function_sizes(text).items()
            found |= {f"{name}::{function}": size for function, size in sizes if size > FUNCTION_LINES_MAX}
    return found


def test_files_and_functions_are_short(root: Path, files: list[Path]) -> None:
    found = too_long(root, files)
    assert {name: size for name, size in found.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(found), "an exception that nothing needs any more"


def test_the_measure_sees_methods_and_nested_functions(tmp_path: Path) -> None:
    body = "\n".join(["        x = 1"] * 60)
    path = tmp_path / "long.py"
    path.write_text(f"class A:\n    async def f(self):\n{body}\n\n" + "\n" * 400)
    assert too_long(tmp_path, [path]) == {"long.py": 463, "long.py::A.f": 61}
