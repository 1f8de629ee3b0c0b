"""What each role may do. A permission is also a scope of an API token: a token holds a part of its owner's.

A role is not simply more than the one before it: an operator sees everybody's money, a technician sees whose
session ran on a machine and not what it cost, an instructor sees names and training. `GRANTS` says it all.
"""

from enum import StrEnum

from floor.words import Role


class Permission(StrEnum):
    """One right. Those without a noun of other people (`me:…`) concern one's own things only."""

    ME_READ = "me:read"
    ME_WRITE = "me:write"
    MACHINES_READ = "machines:read"
    MACHINES_OPERATE = "machines:operate"
    MACHINES_WRITE = "machines:write"
    TARIFFS_READ = "tariffs:read"
    TARIFFS_WRITE = "tariffs:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    BADGES_WRITE = "badges:write"
    BADGES_KEYS = "badges:keys"
    CERTIFICATIONS_READ = "certifications:read"
    CERTIFICATIONS_WRITE = "certifications:write"
    SESSIONS_READ = "sessions:read"
    LEDGER_READ = "ledger:read"
    LEDGER_WRITE = "ledger:write"
    GATEWAYS_READ = "gateways:read"
    REPORTS_READ = "reports:read"
    RESERVATIONS_WRITE = "reservations:write"
    AUDIT_READ = "audit:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ALERTS_WRITE = "alerts:write"
    SETTINGS_WRITE = "settings:write"
    ROLES_WRITE = "roles:write"


_P = Permission
_MEMBER = frozenset({_P.ME_READ, _P.ME_WRITE, _P.MACHINES_READ, _P.TARIFFS_READ})
_INSTRUCTOR = _MEMBER | {_P.MEMBERS_READ, _P.CERTIFICATIONS_READ, _P.CERTIFICATIONS_WRITE}
_TECHNICIAN = _MEMBER | {
    _P.MEMBERS_READ,
    _P.CERTIFICATIONS_READ,
    _P.SESSIONS_READ,
    _P.MACHINES_OPERATE,
    _P.GATEWAYS_READ,
}
_OPERATOR = frozenset(_P) - {_P.ROLES_WRITE}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.MEMBER: _MEMBER,
    Role.INSTRUCTOR: _INSTRUCTOR,
    Role.TECHNICIAN: _TECHNICIAN,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(_P),
}
"""The permissions of each role; anybody who is not signed in has none."""
