"""MIFARE DESFire EV2 and EV3: select the space's application and authenticate to it.

Sources: NXP MF2DL(H)x0 (DESFire EV2) short data sheet, section 8: native commands in APDUs; the space's
application and key: docs/adr/0014-keys-of-badges.md. A card with random UID is known by none.
"""

from floor.badge_keys import DESFIRE_AID, PROOF_KEY
from hardware.readers.cards.ev2 import DONE, Entropy, authenticate_first, wrapped
from hardware.readers.cards.proof import Proven, Steps, expect

_SELECT_APPLICATION = 0x5A


def proof(key: bytes, entropy: Entropy) -> Steps[Proven]:
    """Have a DESFire prove by mutual authentication that it holds `key` (16 bytes); raises Unproven."""
    expect((yield wrapped(_SELECT_APPLICATION, DESFIRE_AID)), DONE)
    yield from authenticate_first(key, PROOF_KEY, entropy)
    return Proven()
