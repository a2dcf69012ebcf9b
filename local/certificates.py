"""Which certificate does a TLS server of the local world show, and which authority vouches for it?

Rules:
- one server certificate for 127.0.0.1, ::1 and localhost, signed by an authority of its own;
- the authority may vouch for loopback only (name constraints), and its private key is never
  written: nobody, this program included, can have it sign a second certificate;
- the server's private key is readable by its owner only, from its first byte on;
- both are made anew when less than thirty days are left: clients learn the authority from the
  file at each start, and trust nothing else.
"""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)


class Certificates(NamedTuple):
    """PEM files: the authority to trust, the server's certificate, its private key."""

    ca: Path
    cert: Path
    key: Path


def ensure(folder: Path, lifetime: timedelta = LIFETIME) -> Certificates:
    """The certificates kept in `folder`, made now if there are none or they end soon."""
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if not _lasts(files):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files, lifetime)
    return files


def _lasts(files: Certificates) -> bool:
    if not all(file.exists() for file in files):
        return False
    enough = datetime.now(UTC) + _RENEW_BEFORE
    ca, cert = (x509.load_pem_x509_certificate(file.read_bytes()) for file in files[:2])
    return min(ca.not_valid_after_utc, cert.not_valid_after_utc) > enough and _belongs(cert, files)


def _belongs(cert: x509.Certificate, files: Certificates) -> bool:
    """Whether the key is the certificate's: a killed run may have replaced only one of them."""
    key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    same_key = key.public_key() == cert.public_key()
    return (
        same_key
        and ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.key_identifier
        == cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    )


def _make(files: Certificates, lifetime: timedelta) -> None:
    authority, server = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    ca = _authority(authority, lifetime)
    cert = _server(server.public_key(), ca, authority)
    private = server.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(files.key, private, 0o600)
    _write(files.cert, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(files.ca, ca.public_bytes(serialization.Encoding.PEM), 0o644)


def _authority(key: ec.EllipticCurvePrivateKey, lifetime: timedelta) -> x509.Certificate:
    name = _common_name("Warrant local authority")
    loopback = x509.NameConstraints(
        permitted_subtrees=[
            x509.DNSName("localhost"),
            x509.IPAddress(IPv4Network("127.0.0.0/8")),
            x509.IPAddress(IPv6Network("::1/128")),
        ],
        excluded_subtrees=None,
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key.public_key(), lifetime)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(loopback, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    public: ec.EllipticCurvePublicKey, ca: x509.Certificate, authority: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(IPv4Address("127.0.0.1")),
            x509.IPAddress(IPv6Address("::1")),
        ]
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    # As long as its authority: the two are made, and made anew, together.
    lifetime = ca.not_valid_after_utc - datetime.now(UTC)
    builder = _builder(_common_name("localhost"), ca.subject, public, lifetime)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(authority, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # the clocks of a virtual machine may step back
        .not_valid_after(now + lifetime)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace `path` in one step; the file never exists with more rights than `mode`."""
    partial = path.with_suffix(f"{path.suffix}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
