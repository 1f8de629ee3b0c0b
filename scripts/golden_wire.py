"""Freeze what gateways and the server say to each other today, for the tests of versions to come.

`python scripts/golden_wire.py VERSION` writes tests/golden/wire/VERSION: an example of every message, byte by
byte, and the JSON Schema by which this version reads each. What is frozen is never written again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from floor.wire.examples import ALL

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "wire"
SUMS = "SHA256SUMS"


def written(name: str, content: object) -> str:
    """Write a file as people can read it; returns its line of the sums."""
    data = (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    file = GOLDEN / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n"


def main(arguments: list[str]) -> int:
    """Write a set; returns 0, or 1 after saying what is wrong."""
    if len(arguments) != 1:
        print("usage: python scripts/golden_wire.py VERSION", file=sys.stderr)
        return 1
    (version,) = arguments
    if (GOLDEN / version).exists():
        print(f"{GOLDEN / version} is frozen: name another version.", file=sys.stderr)
        return 1
    messages = [{"shape": type(message).__name__, "payload": message.encode().decode()} for message in ALL]
    schemas = {type(message).__name__: type(message).model_json_schema() for message in ALL}
    lines = [
        written(f"{version}/messages.json", messages),
        written(f"{version}/schemas.json", schemas),
    ]
    with (GOLDEN / SUMS).open("a") as sums:
        sums.writelines(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
