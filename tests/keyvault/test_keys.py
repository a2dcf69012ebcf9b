"""The unmodified azure-keyvault-keys clients against the stand-in vault."""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient, KeyVaultKey
from azure.keyvault.keys.aio import KeyClient as AsyncKeyClient
from azure.keyvault.keys.crypto import SignatureAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

Name = Callable[[str], str]
DIGEST = hashlib.sha256(b"a checkpoint").digest()


@pytest.fixture
def client(world: Any) -> Iterator[KeyClient]:
    with world.keys() as client:
        yield client


def sign(client: KeyClient, key: KeyVaultKey) -> bytes:
    crypto = client.get_cryptography_client(str(key.name), key_version=key.properties.version)
    return crypto.sign(SignatureAlgorithm.es256, DIGEST).signature


def number(value: bytes) -> int:
    return int.from_bytes(value, "big")


def point(key: KeyVaultKey) -> tuple[int, int]:
    """The public half; the client sets these by name, out of sight of a type checker."""
    return number(getattr(key.key, "x")), number(getattr(key.key, "y"))  # noqa: B009


def test_a_signature_holds_under_the_public_key_alone(client: KeyClient, name: Name) -> None:
    key = client.create_ec_key(name("sign"), curve="P-256")
    signature = sign(client, key)
    assert len(signature) == 64
    public = ec.EllipticCurvePublicNumbers(*point(key), ec.SECP256R1())
    der = utils.encode_dss_signature(number(signature[:32]), number(signature[32:]))
    public.public_key().verify(der, DIGEST, ec.ECDSA(utils.Prehashed(SHA256())))


def test_the_client_verifies_what_the_vault_signed(client: KeyClient, name: Name) -> None:
    key = client.create_ec_key(name("verify"), curve="P-256")
    signature = sign(client, key)
    crypto = client.get_cryptography_client(str(key.name))
    assert crypto.verify(SignatureAlgorithm.es256, DIGEST, signature).is_valid
    assert not crypto.verify(SignatureAlgorithm.es256, DIGEST[::-1], signature).is_valid


@pytest.mark.parametrize("forged", [False, True])
def test_the_vault_itself_verifies(client: KeyClient, name: Name, forged: bool, ask: Any) -> None:
    key = client.create_ec_key(name("remote"), curve="P-256")
    signature = bytearray(sign(client, key))
    signature[5] ^= forged
    body = {"alg": "ES256", "digest": b64(DIGEST), "value": b64(bytes(signature))}
    status, answer = ask("POST", f"{key.id}/verify", body)
    assert status == 200
    assert answer["value"] is not forged


def test_the_private_part_never_leaves_the_vault(
    world: Any, client: KeyClient, name: Name, ask: Any
) -> None:
    key = client.create_ec_key(name("secret"), curve="P-256")
    assert key.properties.exportable is False
    said = [ask("GET", f"{world.url()}/keys/{key.name}/{path}")[1] for path in ("", "versions")]
    said.append(ask("DELETE", f"{world.url()}/keys/{key.name}")[1])
    said += [ask("GET", f"{world.url()}/{path}")[1] for path in ("keys", "deletedkeys")]
    said.append(ask("GET", f"{world.url()}/deletedkeys/{key.name}")[1])
    said.append(ask("POST", f"{world.url()}/deletedkeys/{key.name}/recover")[1])
    text = json.dumps(said)
    assert text.count(b64(point(key)[0].to_bytes(32, "big"))) == 4
    assert b64(private_number(world, str(key.name))) not in text
    assert ask("POST", f"{world.url()}/keys/{key.name}/backup")[0] == 405


def private_number(world: Any, key: str) -> bytes:
    """The private number out of the vault's own file, to look for it elsewhere."""
    with closing(sqlite3.connect(world.data / "contoso.sqlite3")) as file:
        (der,) = file.execute("SELECT material FROM versions WHERE name = ?", (key,)).fetchone()
    private = serialization.load_der_private_key(der, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.private_numbers().private_value.to_bytes(32, "big")


def test_an_exportable_key_is_refused(client: KeyClient, name: Name) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client.create_key(name("leak"), "EC", curve="P-256", exportable=True)
    assert refused.value.status_code == 400


def test_a_rotated_key_signs_anew_and_its_old_version_still_verifies(
    client: KeyClient, name: Name
) -> None:
    first = client.create_ec_key(name("rotate"), curve="P-256", tags={"use": "heads"})
    signature = sign(client, first)
    second = client.rotate_key(str(first.name))
    assert second.properties.version != first.properties.version
    assert point(second) != point(first)
    assert second.properties.tags == {"use": "heads"}
    assert client.get_key(str(first.name)).properties.version == second.properties.version
    old = client.get_cryptography_client(str(first.name), key_version=first.properties.version)
    assert old.verify(SignatureAlgorithm.es256, DIGEST, signature).is_valid
    versions = list(client.list_properties_of_key_versions(str(first.name)))
    assert len(versions) == 2


def test_a_key_signs_only_when_it_may(client: KeyClient, name: Name, ask: Any) -> None:
    now = datetime.now(UTC)
    kinds: dict[str, dict[str, Any]] = {
        "KeyDisabled": {"enabled": False},
        "KeyExpired": {"expires_on": now - timedelta(hours=1)},
        "KeyNotYetValid": {"not_before": now + timedelta(hours=1)},
        "KeyOperationForbidden": {"key_operations": ["verify"]},
    }
    for code, options in kinds.items():
        key = client.create_ec_key(name("barred"), curve="P-256", **options)
        status, answer = ask("POST", f"{key.id}/sign", {"alg": "ES256", "value": b64(DIGEST)})
        assert (status, answer["error"]["innererror"]["code"]) == (403, code)


def test_a_digest_of_another_length_is_a_bad_parameter(
    client: KeyClient, name: Name, ask: Any
) -> None:
    key = client.create_ec_key(name("short"), curve="P-256")
    for value in ("AAAA", "not base64url!", ""):
        status, answer = ask("POST", f"{key.id}/sign", {"alg": "ES256", "value": value})
        assert (status, answer["error"]["code"]) == (400, "BadParameter")


def test_another_kind_of_key_is_refused_not_imitated(client: KeyClient, name: Name) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client.create_rsa_key(name("rsa"), size=2048)
    assert refused.value.status_code == 400


def test_a_purged_key_is_gone_for_good(client: KeyClient, name: Name) -> None:
    key = client.create_ec_key(name("gone"), curve="P-256")
    client.begin_delete_key(str(key.name)).wait()
    assert key.name in {deleted.name for deleted in client.list_deleted_keys()}
    client.purge_deleted_key(str(key.name))
    with pytest.raises(ResourceNotFoundError):
        client.get_key(str(key.name))
    assert key.name not in {p.name for p in client.list_properties_of_keys()}


async def test_the_aio_client_signs_alike(world: Any, name: Name, credential_aio: Any) -> None:
    async with AsyncKeyClient(world.url(), credential_aio, **world.trust()) as client:
        key = await client.create_ec_key(name("aio"), curve="P-256")
        async with client.get_cryptography_client(str(key.name)) as crypto:
            signed = await crypto.sign(SignatureAlgorithm.es256, DIGEST)
            assert (
                await crypto.verify(SignatureAlgorithm.es256, DIGEST, signed.signature)
            ).is_valid


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
