"""The errors of the floor.

FloorError
├── Refused              a rule said no: a stable code and a sentence for the member; never logged as an error
├── MachineError
│   ├── MachineUnreachable   no answer within the deadline
│   └── MachineFault         the machine says that it cannot go on
├── PeerError            malformed data from outside: counted, bounded, never fatal
└── ConfigError          stop at start: names the file, the key and what would be right
"""

QUOTED_MAX = 400


class FloorError(Exception):
    """The root of every error that the floor raises on purpose."""


class Refused(FloorError):
    """A rule said no. `code` is stable, for programs; the sentence is for the member."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class MachineError(FloorError):
    """A machine cannot be used; the caller makes it safe and tells staff."""


class MachineUnreachable(MachineError):
    """The machine did not answer within its deadline."""


class MachineFault(MachineError):
    """The machine says of itself that it cannot go on; the text is in its own words."""


class PeerError(FloorError):
    """A peer sent what no peer should; count it, drop it, go on."""


class ConfigError(FloorError):
    """A setting is wrong: says where (`file`, `key`), what is wrong, and what would be right (`remedy`)."""

    def __init__(self, file: str, key: str, problem: str, remedy: str, line: int | None = None) -> None:
        self.file = file
        self.key = key
        self.problem = _cut(problem)
        self.remedy = _cut(remedy)
        self.line = line
        where, said = f"{file}:{line}" if line else file, f"{self.problem}. {self.remedy}"
        super().__init__(f"{where}: {_cut(key)}: {said}" if key else f"{where}: {said}")


def _cut(words: str) -> str:
    """A file's own words are quoted in part: they go into logs, pages and answers."""
    return words if len(words) <= QUOTED_MAX else f"{words[:QUOTED_MAX]}…"
