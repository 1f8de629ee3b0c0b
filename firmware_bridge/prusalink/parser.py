"""PrusaLink's answers: JSON in, facts out. Pure, total and bounded; nothing here raises.

Sources: the OpenAPI specification of Prusa-Link-Web (spec/openapi.yaml, 1.0.0-draft) and the handlers of
PrusaLink 0.8.1 (prusa/link/web/main.py, files.py; conditions.py), which run in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.events import Noise
from firmware_bridge.gauges import Gauge, heaters
from firmware_bridge.json_values import load, number, table, words
from floor.words import Activity

MAX_PATH = 1024

ACTIVITIES = {
    "IDLE": Activity.IDLE,
    "READY": Activity.IDLE,
    "FINISHED": Activity.IDLE,
    "STOPPED": Activity.IDLE,
    "BUSY": Activity.BUSY,
    "PRINTING": Activity.BUSY,
    "PAUSED": Activity.HELD,
    "ATTENTION": Activity.HELD,
    "ERROR": Activity.FAULTED,
}
AT_JOB = frozenset({"PRINTING", "PAUSED", "ATTENTION", "BUSY"})
TAKES_JOBS = frozenset({"IDLE", "READY", "FINISHED", "STOPPED"})
# conditions Port and RPIenabled: PrusaLink runs, and its printer is off or unplugged
PRINTER_AWAY = frozenset({"Serial device does not exist", "RPi port is not enabled"})


@dataclass(frozen=True, slots=True)
class Version:
    """Who answers. `waits`: it has not spoken with its printer yet, and what it shows means nothing."""

    name: str
    firmware: str
    waits: bool


@dataclass(frozen=True, slots=True)
class JobShown:
    """The job in a status: seconds printed by the machine's clock, progress from 0 to 1."""

    number: int
    fraction: float | None
    time_s: int | None
    left_s: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """What the printer does now. `job` may be of the past: it runs only where `at_job` is true."""

    state: str
    activity: Activity
    words: str
    job: JobShown | None
    heat: tuple[Gauge, ...] = ()

    @property
    def at_job(self) -> bool:
        """Whether a job is under way, printing or on hold."""
        return self.job is not None and self.state in AT_JOB


@dataclass(frozen=True, slots=True)
class JobFile:
    """What is printed. `download` is a path of the API or ""; the slicer's figures are for the whole file."""

    number: int
    name: str
    path: str
    download: str
    said_um: int | None
    said_mg: int | None


def parse_version(body: bytes) -> Version:
    """Read the answer of /api/version."""
    said = table(load(body))
    name = words(said.get("original")) or words(said.get("text")) or "PrusaLink"
    firmware = words(said.get("firmware")) or words(said.get("server"))
    return Version(name, firmware, "firmware" in said and said["firmware"] is None)


def parse_info(body: bytes) -> str:
    """Read the name that people gave the printer, else its serial number, in an answer of /api/v1/info."""
    said = table(load(body))
    return words(said.get("name")) or words(said.get("serial"))


def parse_status(body: bytes) -> Status | Noise:
    """Read the answer of /api/v1/status."""
    said = table(load(body))
    printer = table(said.get("printer"))
    state = printer.get("state")
    if not isinstance(state, str) or state not in ACTIVITIES:
        return Noise(f"no status of a printer: {words(printer or said)}")
    reason = table(printer.get("status_printer"))
    why = words(reason.get("message")) if reason.get("ok") is False else ""
    activity = Activity.UNREACHABLE if state == "ERROR" and why in PRINTER_AWAY else ACTIVITIES[state]
    job = _job(table(said.get("job")))
    return Status(state, activity, f"{state}: {why}" if why else state, job, _heat(printer))


def _heat(printer: Mapping[str, object]) -> tuple[Gauge, ...]:
    def degrees(key: str) -> float | None:
        found = number(printer.get(key))
        return None if found is None else float(found)

    return heaters(
        {
            "tool0": (degrees("temp_nozzle"), degrees("target_nozzle")),
            "bed": (degrees("temp_bed"), degrees("target_bed")),
        }
    )


def _job(said: Mapping[str, object]) -> JobShown | None:
    job = _whole(said.get("id"))
    if job is None:
        return None
    progress = number(said.get("progress"))
    fraction = None if progress is None else min(1.0, float(progress) / 100)
    return JobShown(job, fraction, _whole(said.get("time_printing")), _whole(said.get("time_remaining")))


def parse_job(body: bytes) -> JobFile | None:
    """Read the answer of /api/v1/job; None when it names no file (a 204, a print over the serial line)."""
    said = table(load(body))
    job, file = _whole(said.get("id")), table(said.get("file"))
    path, name = file.get("path"), words(file.get("display_name")) or words(file.get("name"))
    if job is None or not name or not isinstance(path, str) or len(path) > MAX_PATH:
        return None
    download = table(file.get("refs")).get("download")
    # it is put behind the address of the machine: what does not begin so would name another machine
    if not isinstance(download, str) or not download.startswith("/") or len(download) > MAX_PATH:
        download = ""
    meta = table(file.get("meta"))
    return JobFile(job, name, path, download, _filament(meta, "mm"), _filament(meta, "g"))


def _filament(meta: Mapping[str, object], unit: str) -> int | None:
    """Read a slicer's figure in thousandths of its unit, over all tools."""
    tools = meta.get(f"filament used [{unit}] per tool")
    each = tools if isinstance(tools, list) else [meta.get(f"filament used [{unit}]")]
    amounts = [number(one) for one in each[:64]]
    known = [one for one in amounts if one is not None]
    return round(sum(known) * 1000) if known and len(known) == len(each) else None


def parse_storage(body: bytes) -> str | None:
    """Read where files can be put in an answer of /api/v1/storage: `/local` on a Pi, `/usb` on a printer."""
    listed = table(load(body)).get("storage_list")
    for one in listed[:16] if isinstance(listed, list) else []:
        said = table(one)
        path = said.get("path")
        usable = said.get("available") is True and said.get("read_only") is not True
        if usable and isinstance(path, str) and path.startswith("/") and len(path) <= MAX_PATH:
            return path.rstrip("/")
    return None


def parse_error(body: bytes) -> str:
    """Read the machine's own words in a refusal, from JSON or from plain text; empty for a web page."""
    said = table(load(body))
    if said:
        return ": ".join(filter(None, (words(said.get("title")), words(said.get("text")))))
    text = body[:400].decode("utf-8", "replace").strip()
    return "" if text.startswith("<") else words(text.partition("\n")[0])


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)
