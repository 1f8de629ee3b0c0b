"""Every table of the server: what migrations make and tests compare the database with."""

from sqlmodel import SQLModel

from booking_api.accounts import models as _accounts
from booking_api.audit import models as _audit
from booking_api.auth import models as _auth
from booking_api.badges import models as _badges
from booking_api.billing import models as _billing
from booking_api.certifications import models as _certifications
from booking_api.configured import models as _configured
from booking_api.costing import models as _costing
from booking_api.courses import models as _courses
from booking_api.disputes import models as _disputes
from booking_api.documents import models as _documents
from booking_api.gateways import models as _gateways
from booking_api.happenings import models as _happenings
from booking_api.health import models as _health
from booking_api.households import models as _households
from booking_api.ledger import models as _ledger
from booking_api.machines import models as _machines
from booking_api.maintenance import models as _maintenance
from booking_api.members import models as _members
from booking_api.memberships import models as _memberships
from booking_api.metering import models as _metering
from booking_api.notices import models as _notices
from booking_api.payments import models as _payments
from booking_api.periods import models as _periods
from booking_api.prints import models as _prints
from booking_api.registrations import models as _registrations
from booking_api.reports import models as _reports
from booking_api.reservations import models as _reservations
from booking_api.sessions import models as _sessions
from booking_api.sites import models as _sites
from booking_api.tariffs import models as _tariffs
from booking_api.waivers import models as _waivers
from booking_api.webhooks import models as _webhooks

NOUNS = (
    _accounts,
    _audit,
    _auth,
    _badges,
    _billing,
    _certifications,
    _configured,
    _costing,
    _courses,
    _disputes,
    _documents,
    _gateways,
    _happenings,
    _health,
    _households,
    _ledger,
    _machines,
    _maintenance,
    _members,
    _memberships,
    _metering,
    _notices,
    _payments,
    _periods,
    _prints,
    _reports,
    _reservations,
    _registrations,
    _sessions,
    _sites,
    _tariffs,
    _waivers,
    _webhooks,
)
METADATA = SQLModel.metadata
