"""The floor's own certificate authority: certificates for the broker and for each gateway.

An authority of its own, not a public one: the floor's network has no public names, and who holds a
certificate of it is of the floor. Files are PEM; keys are readable by their owner only.
"""

import datetime
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from booking_api.broker.plan import Tls, check_name

_AUTHORITY_DAYS = 3650
_CERTIFICATE_DAYS = 825


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where a certificate and its key lie."""

    certfile: Path
    keyfile: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """What `make_certificates` made: the authority's certificate, the broker's, each gateway's by name."""

    cafile: Path
    server: Certificate
    gateways: dict[str, Certificate]

    @property
    def tls(self) -> Tls:
        """The broker's three files."""
        return Tls(self.cafile, self.server.certfile, self.server.keyfile)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_certificates(
    directory: Path, names: Iterable[str], hosts: Iterable[str] = ("localhost", "127.0.0.1")
) -> Certificates:
    """Make an authority, a broker's certificate for these hosts and a client certificate for each gateway.

    An authority that lies in the directory already is used again, so a gateway can be added later;
    certificates are made anew at each call (valid 825 days, the authority ten years). Raises ConfigError for
    a refused name.
    """
    names = tuple(names)
    for name in names:
        check_name(name)
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _authority(directory)
    alternatives = [_alternative(host) for host in hosts]
    return Certificates(
        cafile=directory / "ca.crt",
        server=_issue(directory, authority, "server", ExtendedKeyUsageOID.SERVER_AUTH, alternatives),
        gateways={
            name: _issue(
                directory,
                authority,
                f"gateway-{name}",
                ExtendedKeyUsageOID.CLIENT_AUTH,
                [x509.DNSName(name)],
                name,
            )
            for name in names
        },
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _authority(directory: Path) -> _Authority:
    certfile, keyfile = directory / "ca.crt", directory / "ca.key"
    if certfile.exists() and keyfile.exists():
        key = serialization.load_pem_private_key(keyfile.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return _Authority(x509.load_pem_x509_certificate(certfile.read_bytes()), key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Makerfloor authority")
    certificate = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(certfile, keyfile, certificate, key)
    return _Authority(certificate, key)


def _issue(
    directory: Path,
    authority: _Authority,
    file: str,
    purpose: x509.ObjectIdentifier,
    alternatives: list[x509.GeneralName] | list[x509.DNSName],
    name: str = "Makerfloor broker",
) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.key.public_key()
    certificate = (
        _builder(_name(name), authority.certificate.subject, key, _CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    paths = Certificate(directory / f"{file}.crt", directory / f"{file}.key")
    _write(paths.certfile, paths.keyfile, certificate, key)
    return paths


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    """Begin a certificate. It is valid from a day ago: a Pi without a clock may be behind."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    certfile: Path, keyfile: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keyfile.unlink(missing_ok=True)
    with open(os.open(keyfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
