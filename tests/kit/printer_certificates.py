"""Certificates as makers of printers issue them: the serial number as common name, and no other name."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from booking_api.broker.plan import Tls

Key = ec.EllipticCurvePrivateKey


def _certificate(subject: str, key: Key, issuer: str, signer: Key, is_ca: bool) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def printer_certificates(folder: Path, serial: str) -> Tls:
    """Make an authority and the certificate of a printer under it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Tls(folder / "maker.pem", folder / "printer.pem", folder / "printer.key")
    maker, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    made.cafile.write_bytes(_certificate("Maker CA", maker, "Maker CA", maker, True))
    made.certfile.write_bytes(_certificate(serial, key, "Maker CA", maker, False))
    made.keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def fingerprint(certfile: Path) -> str:
    """Write a certificate's SHA-256 as `openssl x509 -fingerprint -sha256` does."""
    digest = x509.load_pem_x509_certificate(certfile.read_bytes()).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()
