"""Money is never a float: no float literals, no float(), no true division of what may be integers."""

import ast
from pathlib import Path

import pytest

ROOMS = ("floor/money.py", "floor/ledger.py", "floor/tariff/", "floor/costing/", "booking_api/ledger/")
ROOMS += (
    "booking_api/tariffs/",
    "booking_api/costing/",
    "booking_api/periods/stating.py",
    "booking_api/periods/books.py",
)
ROOMS += ("booking_api/payments/",)
ROOMS += ("floor/access.py", "gateway/credit.py", "gateway/prices.py", "gateway/tab.py")
EXACT = {"Fraction", "Decimal"}


def faults(source: str) -> list[str]:
    """Each use of a float, as `line: what`. A division is exact when one side is a Fraction or a Decimal."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=float()):
                found.append(f"{node.lineno}: float literal")
            case ast.Call(func=ast.Name(id="float")):
                found.append(f"{node.lineno}: float()")
            case ast.BinOp(op=ast.Div(), left=left, right=right) if not (_exact(left) or _exact(right)):
                found.append(f"{node.lineno}: true division")
            case ast.AugAssign(op=ast.Div()):
                found.append(f"{node.lineno}: true division")
    return sorted(found)


def _exact(node: ast.expr) -> bool:
    """Whether an expression is exact by its own words, or a path (a string beside the slash)."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in EXACT
        case ast.Constant(value=str()):
            return True
        case ast.BinOp(left=left, right=right):
            return _exact(left) or _exact(right)
        case ast.BoolOp(values=values):
            return any(_exact(value) for value in values)
    return False


def test_no_room_of_money_knows_floats(root: Path, files: list[Path]) -> None:
    found = {
        name: bad
        for path in files
        if path.suffix == ".py"
        and (name := str(path.relative_to(root))).startswith(ROOMS)
        and (bad := faults(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize("source", ["x = 0.5", "x = float('1')", "x = a / b", "x /= 2", "x = 1e3"])
def test_a_float_is_seen(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source", ["x = a // b", "x = Fraction(a) / b", "x = (Fraction(a) * c) / b", "x = p / 'f'"]
)
def test_exact_arithmetic_is_let_be(source: str) -> None:
    assert not faults(source)
