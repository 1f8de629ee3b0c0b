"""MIFARE DESFire EV2 and EV3: the space's application with its two AES keys.

Sources: NXP MF2DL(H)x0 (DESFire EV2) short data sheet, section 8; the application and its keys:
docs/adr/0014-keys-of-badges.md. The card's own master key is neither needed nor touched: a card as it is sold
lets everybody create applications.
"""

from collections.abc import Sequence

from floor.badge_keys import DESFIRE_AID, DESFIRE_KEYS, PROOF_KEY
from hardware.readers.cards import desfire
from hardware.readers.cards.ev2 import DONE, Entropy, wrapped
from hardware.readers.cards.proof import Proven, Steps, Unproven, expect
from hardware.readers.cards.writing import (
    CREATE_APPLICATION,
    MASTER_KEY,
    KeySet,
    change_keys,
    expect_uid,
    find_keys,
    opened,
)

_SELECT_APPLICATION, _GET_KEY_SETTINGS = 0x5A, 0x45
_CARD = bytes(3)
_NO_SUCH_APPLICATION = 0x91A0
_DENIED = {0x91AE, 0x919D}
_SETTINGS = bytes([0x0B, 0x80 | len(DESFIRE_KEYS)])
"""Key 0 alone changes keys and settings and makes files, everybody may list; AES keys, two of them."""


def write(uid: bytes, new: KeySet, old: Sequence[KeySet], entropy: Entropy) -> Steps[Proven]:
    """Write the badge with this UID, whatever of it was written before; raises Unproven.

    `old` are keys that it may hold still. Nothing is changed on one that holds others, or whose application
    has other settings.
    """
    try:
        yield from _select(DESFIRE_AID)
    except Unproven as refused:
        if refused.status != _NO_SUCH_APPLICATION:
            raise
        yield from _create()
    if expect((yield wrapped(_GET_KEY_SETTINGS)), DONE) != _SETTINGS:
        raise Unproven("the badge has an application of this number with other settings: not of Makerfloor")
    held = yield from find_keys(new, old, entropy)
    channel = yield from opened(held[MASTER_KEY], entropy)
    yield from expect_uid(channel, uid)
    yield from change_keys(new, held, entropy)
    return (yield from desfire.proof(new.keys[PROOF_KEY], entropy))


def _create() -> Steps[None]:
    yield from _select(_CARD)
    try:
        expect((yield wrapped(CREATE_APPLICATION, DESFIRE_AID + _SETTINGS)), DONE)
    except Unproven as refused:
        if refused.status in _DENIED:
            problem = "the card wants its own master key for a new application, and that is not known here"
            raise Unproven(problem) from refused
        raise
    yield from _select(DESFIRE_AID)


def _select(application: bytes) -> Steps[None]:
    expect((yield wrapped(_SELECT_APPLICATION, application)), DONE)
