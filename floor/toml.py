"""TOML that people send: whatever is wrong with a text is one error, also what Python's reader fails at.

`tomllib` recurses for each bracket and converts numbers within Python's own bounds: a text of a few kilobytes
can end in RecursionError, ValueError or ArithmeticError.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any


def loads(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return a text's table; raises tomllib.TOMLDecodeError, a ValueError, for everything that is none."""
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("It nests too deep") from None
    except (ValueError, ArithmeticError):
        raise tomllib.TOMLDecodeError("A number has too many digits") from None
