"""TOML that people send: whatever is wrong with a text is one error, also what Python's reader fails at.

`tomllib` recurses for each bracket and converts numbers within Python's own bounds: a text of a few kilobytes
can end in RecursionError, ValueError or ArithmeticError. It also takes a time that grows with the square of a
key's parts, `a.a.a`: 10 s for one of 64 KiB.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

LENGTH_MAX = 1 << 20
"""Characters of a text, where its reader knows no other bound."""
DOTS_MAX = 250
"""In one line, which holds each key whole; a line of more is no file that anybody wrote."""


def loads(
    text: str, parse_float: Callable[[str], Any] = float, length_max: int = LENGTH_MAX
) -> dict[str, Any]:
    """Return a text's table; raises tomllib.TOMLDecodeError, a ValueError, for everything that is none.

    A text of more than `length_max` characters is not read.
    """
    if len(text) > length_max:
        raise tomllib.TOMLDecodeError(f"It is longer than {length_max} characters")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > DOTS_MAX:
            raise tomllib.TOMLDecodeError(f"More than {DOTS_MAX} dots are in one line (at line {number})")
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("It nests too deep") from None
    except (ValueError, ArithmeticError):
        raise tomllib.TOMLDecodeError("A number has too many digits") from None
