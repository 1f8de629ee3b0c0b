"""Every table of the server: what migrations make and tests compare the database with."""

from sqlmodel import SQLModel

from booking_api.auth import models as _auth
from booking_api.badges import models as _badges
from booking_api.certifications import models as _certifications
from booking_api.gateways import models as _gateways
from booking_api.ledger import models as _ledger
from booking_api.machines import models as _machines
from booking_api.members import models as _members
from booking_api.metering import models as _metering
from booking_api.sessions import models as _sessions
from booking_api.tariffs import models as _tariffs

NOUNS = (
    _auth,
    _badges,
    _certifications,
    _gateways,
    _ledger,
    _machines,
    _members,
    _metering,
    _sessions,
    _tariffs,
)
METADATA = SQLModel.metadata
