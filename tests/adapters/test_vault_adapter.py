"""One tenant's vault through the real SDK: secrets, signatures, and every way it can fail."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.adapters.vault import PublicJwk, Vault, pem_of, verify_es256
from agent.adapters.wire import Wire
from agent.errors import Permanent, StoreUnusable, Transient
from agent.values import Secret


async def test_a_secret_is_kept_in_versions(vault: Vault) -> None:
    first = await vault.set_secret("connector-a", Secret("one"))
    second = await vault.set_secret("connector-a", Secret("two"))
    newest, version = await vault.get_secret("connector-a")
    assert (newest.reveal(), version) == ("two", second)
    older, version = await vault.get_secret("connector-a", first)
    assert (older.reveal(), version) == ("one", first)


async def test_a_secret_that_is_not_there_is_permanent(vault: Vault) -> None:
    with pytest.raises(Permanent, match="not_found") as seen:
        await vault.get_secret("nothing-here")
    assert not isinstance(seen.value, StoreUnusable)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a?b", "a b", "ä", "a" * 128, "x\n"])
async def test_a_name_that_is_no_name_never_leaves(name: str, vault: Vault) -> None:
    with pytest.raises(Permanent, match="bad_name"):
        await vault.get_secret(name)
    with pytest.raises(Permanent, match="bad_name"):
        await vault.get_secret("data-key", name or "/")


async def test_a_signature_of_the_vault_verifies_without_it(vault: Vault) -> None:
    made = await vault.create_signing_key("signing-key")
    kid, signature = await vault.sign("signing-key", b"policy head 7")
    jwk = await vault.public_jwk("signing-key", kid.rsplit("/", 1)[1])
    assert jwk == made
    assert jwk["kid"] == kid
    assert len(signature) == 64
    assert verify_es256(jwk, b"policy head 7", signature)


async def test_another_message_key_or_signature_does_not_verify(vault: Vault) -> None:
    jwk = await vault.create_signing_key("signing-a")
    other = await vault.create_signing_key("signing-b")
    _, signature = await vault.sign("signing-a", b"message")
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    assert not verify_es256(jwk, b"massage", signature)
    assert not verify_es256(other, b"message", signature)
    assert not verify_es256(jwk, b"message", flipped)
    assert not verify_es256(jwk, b"message", signature[:63])
    assert not verify_es256(jwk, b"message", bytes(64))
    assert not verify_es256({**jwk, "x": jwk["y"]}, b"message", signature)
    wrong_kind: PublicJwk = {**jwk, "kty": "RSA"}
    assert not verify_es256(wrong_kind, b"message", signature)


async def test_a_new_version_signs_from_now_on_and_the_old_one_still_verifies(
    vault: Vault,
) -> None:
    await vault.create_signing_key("rolling")
    old_kid, old = await vault.sign("rolling", b"m")
    await vault.create_signing_key("rolling")
    new_kid, _ = await vault.sign("rolling", b"m")
    assert old_kid != new_kid
    assert verify_es256(await vault.public_jwk("rolling", old_kid.rsplit("/", 1)[1]), b"m", old)


async def test_a_key_that_is_not_there_cannot_sign(vault: Vault) -> None:
    with pytest.raises(Permanent, match="not_found"):
        await vault.sign("no-such-key", b"m")


async def test_throttling_is_transient_and_nobody_sleeps(
    vault: Vault, plant: Callable[..., Any]
) -> None:
    await vault.set_secret("busy", Secret("x"))
    await plant("429", "/secrets/busy*", retry_after=120)
    with pytest.raises(Transient, match="vault_busy") as seen:
        await vault.get_secret("busy")
    assert seen.value.delay.total_seconds() == 120


async def test_an_ailing_vault_is_unusable(vault: Vault, plant: Callable[..., Any]) -> None:
    await plant("503", "/secrets/*")
    with pytest.raises(StoreUnusable, match="vault_unreachable"):
        await vault.get_secret("ailing")


async def test_a_stranger_is_refused_by_the_vault(
    vault_urls: dict[str, str], identity: Callable[..., Any], wire: Wire
) -> None:
    stranger = Vault(vault_urls["contoso"], identity("0" * 8), wire)
    with pytest.raises(StoreUnusable, match="vault_forbidden"):
        await stranger.get_secret("anything")
    await stranger.close()


async def test_a_vault_that_is_not_there_is_unusable(
    nowhere: int, identity: Callable[..., Any], wire: Wire
) -> None:
    vault = Vault(f"https://127.0.0.1:{nowhere}", identity(), wire)
    with pytest.raises(StoreUnusable, match="vault_unreachable"):
        await vault.get_secret("anything")


def test_a_vault_without_tls_is_refused(wire: Wire) -> None:
    with pytest.raises(ValueError, match="https"):
        Vault("http://127.0.0.1:1", object(), wire)  # type: ignore[arg-type]


async def test_a_server_that_another_authority_vouches_for_is_not_believed(
    vault_urls: dict[str, str], identity: Callable[..., Any]
) -> None:
    system_trust = Wire()
    vault = Vault(vault_urls["contoso"], identity(), system_trust)
    with pytest.raises(StoreUnusable, match="vault_unreachable"):
        await vault.get_secret("anything")
    await system_trust.close()


async def test_a_public_key_as_pem_is_the_same_key(vault: Vault) -> None:
    jwk = await vault.create_signing_key("signing-pem")
    _, signature = await vault.sign("signing-pem", b"message")
    key = load_pem_public_key(pem_of(jwk).encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.verify(utils.encode_dss_signature(r, s), b"message", ec.ECDSA(SHA256()))
    with pytest.raises(ValueError, match="P-256"):
        pem_of({**jwk, "kty": "RSA"})
