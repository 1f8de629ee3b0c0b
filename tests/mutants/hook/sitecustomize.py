"""Python imports this at its start where the folder is on PYTHONPATH: one file is read with one change."""

import json
import os
from importlib.machinery import SourceFileLoader
from types import CodeType

MUTANT = json.loads(os.environ.get("MUTANT", "{}"))
READ = SourceFileLoader.get_code


def changed(loader: SourceFileLoader, fullname: str) -> CodeType | None:
    """Compile the file that is changed from its source, past every cache."""
    path = loader.get_filename(fullname)
    if not path.endswith("/" + MUTANT["file"]):
        return READ(loader, fullname)
    source = loader.get_data(path).decode()
    if source.count(MUTANT["old"]) != 1:
        raise ImportError(f"{path} does not hold the text of the mutant exactly once")
    return compile(source.replace(MUTANT["old"], MUTANT["new"]), path, "exec", dont_inherit=True)


if MUTANT:
    SourceFileLoader.get_code = changed  # type: ignore[method-assign]
