"""All mutants: a part of `make campaign`. `python -m tests.mutants WORD` takes those that name a word."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.run import lives, mutants


def main(words: list[str]) -> int:
    """Run them, and print those that live; 1 when there is one."""
    chosen = [one for one in mutants() if all(word in f"{one.rule} {one.what} {one.file}" for word in words)]
    survivors = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for one, why in zip(chosen, pool.map(lives, chosen), strict=True):
            survivors += bool(why)
            print(f"{'LIVES' if why else 'dies '}  {one.rule}: {one.what}", flush=True)
            if why:
                print(f"       {one.file}: {why}")
    print(f"{len(chosen)} mutants, {survivors} live")
    return bool(survivors)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
