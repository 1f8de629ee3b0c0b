"""What is done with machines."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlmodel import Session, col, select

from booking_api.certifications.models import Skill
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.models import Gateway
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines.models import Asking, Machine
from booking_api.maintenance import downtime
from booking_api.tariffs.models import TariffVersion
from floor import training
from floor.errors import Refused
from floor.policy import POLICY_KEYS, MachinePolicy

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Address = Annotated[str, Field(max_length=500, pattern=r"^(https?://[^\s]+)?$")]
Notes = Annotated[str, Field(max_length=4_000)]
_POLICY: TypeAdapter[MachinePolicy] = TypeAdapter(MachinePolicy)


class MachineDetails(BaseModel):
    """A new machine; `policy` holds keys of floor.policy that differ from their defaults.

    `requires` is what training it asks for, as docs/training.md writes it; None: the skill of its own id.
    `manual` is an address, `notes_en` and `notes_zh` are on safety and materials: its page shows them.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Annotated[str, Field(max_length=32)] = "other"
    gateway: str | None = None
    location: Annotated[str, Field(max_length=100)] = ""
    policy: dict[str, Any] = Field(default_factory=dict)
    tariff: str | None = None
    requires_certification: bool = True
    requires: Any = None
    manual: Address = ""
    notes_en: Notes = ""
    notes_zh: Notes = ""


class MachineChanges(BaseModel):
    """What to change of a machine: only the fields that are given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100)] = ""
    kind: Annotated[str, Field(max_length=32)] = "other"
    gateway: str | None = None
    location: Annotated[str, Field(max_length=100)] = ""
    policy: dict[str, Any] = Field(default_factory=dict)
    tariff: str | None = None
    requires_certification: bool = True
    requires: Any = None
    manual: Address = ""
    notes_en: Notes = ""
    notes_zh: Notes = ""


def policy_of(machine: Machine) -> MachinePolicy:
    """Return how a machine behaves."""
    return read_policy(machine.policy)


def read_policy(table: dict[str, Any]) -> MachinePolicy:
    """Read a policy from a table; raises Refused that names the key and its range."""
    unknown = [key for key in table if key not in POLICY_KEYS]
    if unknown:
        keys = ", ".join(POLICY_KEYS)
        raise Refused("policy_invalid", f"{unknown[0]!r} is not a key of a policy. Use one of: {keys}.")
    try:
        return _POLICY.validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        if first["type"].startswith("bool"):
            said = "Write true or false"
        words = f"{where}: {said}" if where else said
        raise Refused("policy_invalid", f"The policy is not valid: {words}.") from None


def get(session: Session, id: str) -> Machine:
    """Return a machine; raises Refused when there is none."""
    machine = session.get(Machine, id)
    if machine is None:
        raise Refused("machine_not_found", f"There is no machine {id}.")
    return machine


def listed(session: Session, archived: bool = False) -> list[Machine]:
    """Return machines by name; those that were archived only when asked for."""
    query = select(Machine).order_by(col(Machine.name), col(Machine.id))
    return list(session.exec(query if archived else query.where(col(Machine.archived_ms).is_(None))))


def add(session: Session, details: MachineDetails, now_ms: int) -> Machine:
    """Put a machine on the floor; raises Refused for a name in use, an unknown gateway, tariff, policy."""
    if session.get(Machine, details.id) is not None:
        raise Refused("machine_exists", f"There is a machine {details.id} already.")
    given = details.model_dump()
    _check(session, given)
    machine = Machine(**given)
    session.add(machine)
    changed(session, Subject.FLOOR, machine.id, now_ms)
    return machine


def change(session: Session, id: str, changes: MachineChanges, now_ms: int) -> Machine:
    """Change a machine; raises Refused for an unknown gateway, tariff or policy."""
    machine = get(session, id)
    given = changes.model_dump(exclude_unset=True)
    _check(session, given)
    machine.sqlmodel_update(given)
    session.add(machine)
    whole = given.keys() & {"gateway", "kind", "requires_certification", "requires"}
    changed(session, Subject.FLOOR if whole else Subject.MACHINE, id, now_ms)
    return machine


def archive(session: Session, id: str, now_ms: int) -> Machine:
    """Take a machine off the floor; its sessions and charges stay."""
    machine = get(session, id)
    machine.archived_ms = now_ms
    session.add(machine)
    changed(session, Subject.FLOOR, id, now_ms)
    return machine


def lock_out(session: Session, id: str, reason: str, by: str, now_ms: int) -> Machine:
    """Take a machine out of order until staff clear it; raises Refused without a reason.

    The roster carries it to the gateway; the caller may send a command as well, for an answer.
    """
    machine = get(session, id)
    if not reason.strip():
        raise Refused("reason_missing", "Say what is wrong with the machine.")
    machine.lockout_reason = reason.strip()[:200]
    machine.lockout_by, machine.lockout_ms = by, now_ms
    session.add(machine)
    changed(session, Subject.MACHINE, id, now_ms)
    downtime.began(session, id, machine.lockout_reason, now_ms)
    why = machine.lockout_reason
    happened(session, Happening.MACHINE_LOCKED_OUT, id, now_ms, machine=id, reason=why, by=by)
    return machine


def clear(session: Session, id: str, now_ms: int, reason: str = "") -> Machine:
    """Put a machine in order again; `reason` says what was done."""
    machine = get(session, id)
    if machine.lockout_ms is not None:
        happened(session, Happening.MACHINE_CLEARED, id, now_ms, machine=id)
    machine.lockout_reason = machine.lockout_by = machine.lockout_ms = None
    session.add(machine)
    changed(session, Subject.MACHINE, id, now_ms)
    downtime.ended(session, id, now_ms, reason)
    return machine


def _check(session: Session, given: dict[str, Any]) -> None:
    gateway, tariff = given.get("gateway"), given.get("tariff")
    if gateway is not None and session.get(Gateway, gateway) is None:
        raise Refused("gateway_not_found", f"There is no gateway {gateway}. Enrol it first.")
    known = select(TariffVersion.id).where(TariffVersion.tariff == tariff)
    if tariff is not None and session.exec(known).first() is None:
        raise Refused("tariff_not_found", f"There is no tariff {tariff}. Add it first.")
    if "policy" in given:
        read_policy(given["policy"])
    if given.get("requires") is not None:
        asked = read_requirement(session, given["requires"])
        given["requires"] = training.table(asked)


def read_requirement(session: Session, value: object) -> training.Requirement:
    """Read which skills are asked for; raises Refused for a form that is none, and for an unknown skill."""
    try:
        asked = training.read(value)
    except ValueError as error:
        raise Refused("requirement_malformed", str(error)) from None
    wanted = set(training.names(asked))
    known = set(session.exec(select(Skill.id).where(col(Skill.id).in_(wanted))))
    known |= set(session.exec(select(Machine.id).where(col(Machine.id).in_(wanted))))
    if unknown := sorted(wanted - known):
        raise Refused("skill_not_found", f"There is no skill {unknown[0]}. Add it to training.toml first.")
    return asked


def requirement_of(machine: Machine | Asking) -> training.Requirement | None:
    """Return what training a machine asks for; None: it is open to all."""
    if not machine.requires_certification:
        return None
    return machine.id if machine.requires is None else training.read(machine.requires)
