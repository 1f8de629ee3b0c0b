"""Whatever reads bytes or texts from outside is a target of the fuzzer, or says why it is none."""

import inspect
import re
from pathlib import Path

import pytest

from floor.wire import journal, messages, roster
from floor.wire.base import Message
from tests.fuzz.targets import COVERED, ELSEWHERE, TARGETS

ROOMS = ("booking_api", "firmware_bridge", "floor", "gateway", "hardware")
DECODES = re.compile(
    r"\b(json\.loads?|toml(lib)?\.loads|csv\.(reader|DictReader)|b64decode|ZipFile|fromstring|iterparse"
    r"|model_validate_json|struct\.unpack(_from)?)\("
)
READS = re.compile(r"^    def receive_data\(self, data: bytes\) -> (?!.*\.\.\.)", re.MULTILINE)


def decoders(root: Path, files: list[Path]) -> set[str]:
    """Modules that are parsers by name, read a stream, or decode."""
    found = set()
    for path in files:
        name = str(path.relative_to(root))
        if path.suffix != ".py" or not name.startswith(ROOMS):
            continue
        text = path.read_text()
        if path.name == "parser.py" or READS.search(text) or DECODES.search(text):
            found.add(name.removesuffix(".py").replace("/", "."))
    return found


def test_every_decoder_is_fuzzed_or_says_why_not(root: Path, files: list[Path]) -> None:
    known = decoders(root, files)
    assert known - COVERED - set(ELSEWHERE) == set(), (
        "write a target in tests/fuzz, or the reason in ELSEWHERE"
    )
    assert set(ELSEWHERE) - known == set(), "no decoder any more"
    assert set(ELSEWHERE) & COVERED == set()


def test_every_parser_of_a_protocol_is_fuzzed(root: Path) -> None:
    parsers = {
        f"firmware_bridge.{path.parent.name}.parser" for path in root.glob("firmware_bridge/*/parser.py")
    }
    assert parsers
    assert parsers <= COVERED


def test_every_message_of_the_wire_is_fuzzed() -> None:
    shapes = {
        f"{one.__module__}:{one.__name__}"
        for module in (messages, journal, roster)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, Message) and one is not Message
    }
    assert shapes
    assert shapes <= COVERED


def test_targets_name_what_there_is(root: Path) -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)
    modules = {name.partition(":")[0].replace(".", "/") for name in COVERED}
    assert [name for name in modules if not (root / f"{name}.py").is_file()] == []


@pytest.mark.parametrize(
    "line", ["x = json.loads(y)", "    def receive_data(self, data: bytes) -> list[int]:"]
)
def test_a_new_decoder_is_seen(tmp_path: Path, line: str) -> None:
    path = tmp_path / "gateway" / "new.py"
    path.parent.mkdir()
    path.write_text(line + "\n")
    assert decoders(tmp_path, [path]) == {"gateway.new"}
