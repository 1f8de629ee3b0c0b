"""Copy what the pages load from node_modules/ to dashboards/web/vendor/, each with its licence."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "node_modules"
TARGET = ROOT / "dashboards" / "web" / "vendor"

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
}


def main() -> None:
    """Copy every file, and remove others; a package that no longer has one ends with a sentence."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for left in {path.name for path in TARGET.iterdir()} - set(FILES.values()):
        (TARGET / left).unlink()
    for source, name in FILES.items():
        if not (SOURCE / source).is_file():
            sys.exit(
                f"assets: node_modules/{source} is missing; `npm ci` brings it, or its package has moved it"
            )
        shutil.copyfile(SOURCE / source, TARGET / name)


if __name__ == "__main__":
    main()
