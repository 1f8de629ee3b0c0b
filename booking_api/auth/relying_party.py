"""The relying party of WebAuthn (level 2): the options that browsers get, and what their answers prove.

Loaded by the first passkey that is made or asked for: its library takes long to load.
"""

from __future__ import annotations

from collections.abc import Iterable

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from booking_api.auth.models import Passkey
from booking_api.members.models import Member

MALFORMED = (WebAuthnException, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the library raises for answers that no browser of ours made."""
text, read = bytes_to_base64url, parse_authentication_credential_json


def to_register(host: str, space: str, member: Member, mine: Iterable[Passkey]) -> tuple[str, str]:
    """Return the challenge, and the options for `navigator.credentials.create`."""
    options = generate_registration_options(
        rp_id=host,
        rp_name=space,
        user_id=member.id.encode(),
        user_name=member.email or member.number,
        user_display_name=member.whole_name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.credential)) for one in mine
        ],
    )
    return text(options.challenge), options_to_json(options)


def registered(host: str, origin: str, challenge: str, answer: str) -> VerifiedRegistration:
    """Return the passkey that an answer made; raises one of MALFORMED."""
    return verify_registration_response(
        credential=answer,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=host,
        expected_origin=origin,
        require_user_verification=True,
    )


def to_sign_in(host: str) -> tuple[str, str]:
    """Return the challenge, and the options for `navigator.credentials.get`."""
    options = generate_authentication_options(
        rp_id=host, user_verification=UserVerificationRequirement.REQUIRED
    )
    return text(options.challenge), options_to_json(options)


def proven(
    host: str, origin: str, challenge: str, credential: AuthenticationCredential, kept: Passkey
) -> VerifiedAuthentication:
    """Return what the answer of a passkey proves; raises one of MALFORMED."""
    return verify_authentication_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(challenge),
        expected_rp_id=host,
        expected_origin=origin,
        credential_public_key=base64url_to_bytes(kept.public_key),
        credential_current_sign_count=kept.sign_count,
        require_user_verification=True,
    )
