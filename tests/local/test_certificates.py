"""The certificate of the local world's TLS servers."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from local import certificates


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    first = certificates.ensure(tmp_path / "tls")
    before = [file.read_bytes() for file in first]
    assert [file.read_bytes() for file in certificates.ensure(tmp_path / "tls")] == before


def test_only_the_owner_can_read_the_private_key(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path / "tls")
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in files.key.parent.iterdir()) == [
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_they_are_renewed_before_they_end(tmp_path: Path) -> None:
    short = certificates.ensure(tmp_path, timedelta(days=29)).cert.read_bytes()
    renewed = certificates.ensure(tmp_path).cert.read_bytes()
    assert renewed != short
    ends = x509.load_pem_x509_certificate(renewed).not_valid_after_utc
    assert ends > datetime.now(UTC) + timedelta(days=300)


@pytest.mark.parametrize("torn", ["ca.pem", "server.key", "server.pem"])
def test_files_that_do_not_belong_together_are_made_anew(tmp_path: Path, torn: str) -> None:
    files, other = certificates.ensure(tmp_path / "a"), certificates.ensure(tmp_path / "b")
    (tmp_path / "a" / torn).write_bytes((other.ca.parent / torn).read_bytes())
    certificates.ensure(tmp_path / "a")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key)
    assert handshake(files, "127.0.0.1")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_a_client_that_trusts_the_authority_accepts_the_server(tmp_path: Path, name: str) -> None:
    assert handshake(certificates.ensure(tmp_path), name)


def test_no_other_name_is_vouched_for(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificates.ensure(tmp_path), "vault.azure.net")


def handshake(files: certificates.Certificates, name: str) -> bool:
    """A TLS handshake over a socket pair, the client insisting on `name`."""
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(files.cert, files.key)
    client_tls = ssl.create_default_context(cafile=files.ca)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server_tls.wrap_socket(theirs, server_side=True) as tls:
                tls.send(b"hello")
        except (ssl.SSLError, OSError):
            theirs.close()  # the client did not like the certificate, and says why

    server = threading.Thread(target=serve)
    server.start()
    try:
        with client_tls.wrap_socket(ours, server_hostname=name) as tls:
            return tls.recv(5) == b"hello"
    finally:
        ours.close()
        server.join()
