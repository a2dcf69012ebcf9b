"""One tenant's Key Vault: secrets, and signatures made where the key cannot leave.

Rules
- names are checked before they become part of an address;
- ES256 keys are made non-exportable, for sign and verify only; signatures are raw r||s (64 bytes);
- a vault that refuses or cannot be reached is StoreUnusable: without keys nothing may go on;
- 429 is Transient with the delay the vault asked for; 404 is Permanent("not_found");
- the SDK retries lost connections twice, statuses never: nobody waits on a throttled vault unseen.

Never here: which secret means what (`sealing`, `entra_tokens`), caching of secret values.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from agent.adapters.wire import Wire, retry_after
from agent.errors import Fault, Permanent, StoreUnusable, Transient
from agent.values import Secret

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.keyvault.keys.aio import KeyClient
    from azure.keyvault.keys.crypto.aio import CryptographyClient
    from azure.keyvault.secrets.aio import SecretClient
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VERSION = re.compile(r"[0-9a-zA-Z-]{1,64}")


class PublicJwk(TypedDict):
    """The public half of an ES256 key (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    alg: str


class Vault:
    """The vault of one tenant."""

    def __init__(self, url: str, credential: "AsyncTokenCredential", wire: Wire) -> None:
        if not url.startswith("https://"):
            raise ValueError(f"expected an https address of a vault, saw `{url}`")
        self._url, self._credential, self._wire = url, credential, wire
        self._secret_client: SecretClient | None = None
        self._key_client: KeyClient | None = None
        self._signers: dict[str, CryptographyClient] = {}

    async def get_secret(self, name: str, version: str | None = None) -> tuple[Secret, str]:
        """Return a secret, newest or of the given version, and its version."""
        with _faults(_checked(name, version)):
            found = await self._secrets().get_secret(name, version)
            return Secret(found.value or ""), found.properties.version or ""

    async def set_secret(self, name: str, value: Secret) -> str:
        """Keep a new version of a secret; return the version."""
        with _faults(_checked(name)):
            kept = await self._secrets().set_secret(name, value.reveal())
            return kept.properties.version or ""

    async def create_signing_key(self, name: str) -> PublicJwk:
        """Make a P-256 key (a new version, where the name exists) that can sign and not leave."""
        with _faults(_checked(name)):
            made = await self._keys().create_ec_key(
                name, curve="P-256", key_operations=["sign", "verify"], exportable=False
            )
        self._signers.pop(name, None)
        return _public(made)

    async def public_jwk(self, name: str, version: str | None = None) -> PublicJwk:
        """Return the public half of a signing key; a kid ends with `/{name}/{version}`."""
        with _faults(_checked(name, version)):
            return _public(await self._keys().get_key(name, version))

    async def sign(self, name: str, message: bytes) -> tuple[str, bytes]:
        """Sign a message with ES256 in the vault; return the kid and the 64 bytes of r||s."""
        digest = hashlib.sha256(message).digest()
        try:
            with _faults(_checked(name)):
                signer = await self._signer(name)
                made = await signer.sign("ES256", digest)  # type: ignore[arg-type]  # a str enum
        except (StoreUnusable, Permanent):
            self._signers.pop(name, None)  # the version it is pinned to may have been disabled
            raise
        return str(made.key_id), made.signature

    async def close(self) -> None:
        """Forget the clients; the connections belong to the wire."""
        for client in (self._secret_client, self._key_client, *self._signers.values()):
            if client is not None:
                await client.close()
        self._secret_client, self._key_client = None, None
        self._signers.clear()

    def _secrets(self) -> "SecretClient":
        if self._secret_client is None:
            from azure.keyvault.secrets.aio import SecretClient

            self._secret_client = SecretClient(self._url, self._credential, **self._options())
        return self._secret_client

    def _keys(self) -> "KeyClient":
        if self._key_client is None:
            from azure.keyvault.keys.aio import KeyClient

            self._key_client = KeyClient(self._url, self._credential, **self._options())
        return self._key_client

    async def _signer(self, name: str) -> "CryptographyClient":
        if name not in self._signers:
            from azure.keyvault.keys.crypto.aio import CryptographyClient

            key = await self._keys().get_key(name)
            self._signers[name] = CryptographyClient(key, self._credential, **self._options())
        return self._signers[name]

    def _options(self) -> dict[str, Any]:
        return {
            "transport": self._wire.transport(),
            "retry_total": 2,
            "retry_status": 0,
            "retry_backoff_factor": 0.2,
        }


def verify_es256(jwk: PublicJwk, message: bytes, signature: bytes) -> bool:
    """Whether a raw r||s signature over the message is the key's. No network, no account."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    if len(signature) != 64:
        return False
    try:
        key = _public_key(jwk)
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def pem_of(jwk: PublicJwk) -> str:
    """Return a public key as PEM, for whoever verifies elsewhere; ValueError when it is none."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = _public_key(jwk)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _public_key(jwk: PublicJwk) -> "EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise ValueError(f"expected a P-256 key, saw {jwk['kty']} {jwk['crv']}")
    x, y = (int.from_bytes(_unb64(jwk[part]), "big") for part in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _public(key: Any) -> PublicJwk:
    """Return the public half of a KeyVaultKey, or refuse a key of another kind."""
    jwk = key.key
    if jwk.kty not in ("EC", "EC-HSM") or jwk.crv != "P-256" or not (jwk.x and jwk.y):
        raise StoreUnusable("wrong_key_kind", f"expected a P-256 key, saw {jwk.kty} {jwk.crv}")
    # A coordinate that begins with zero bytes may come shorter than 32 bytes.
    x, y = (_b64(bytes(part).rjust(32, b"\0")) for part in (jwk.x, jwk.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": str(key.id), "alg": "ES256"}


def _checked(name: str, version: str | None = None) -> str:
    if not _NAME.fullmatch(name) or (version is not None and not _VERSION.fullmatch(version)):
        raise Permanent("bad_name", "expected a vault name of letters, digits and dashes")
    return name


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Turn the SDK's errors into ours; their messages are dropped, they may quote the request."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as fault:
        raise _fault(name, fault) from None
    except ValueError:  # the SDK's word for a challenge that names another domain
        sentence = f"expected the vault's own challenge for `{name}`, saw a foreign one"
        raise StoreUnusable("vault_challenge", sentence) from None


def _fault(name: str, fault: Exception) -> Fault:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    if isinstance(fault, ClientAuthenticationError):
        seen = "the vault or Entra refused our own identity"
        return StoreUnusable("vault_forbidden", f"expected leave to use `{name}`, saw: {seen}")
    if isinstance(fault, HttpResponseError) and fault.response is not None:
        status, headers = fault.status_code, getattr(fault.response, "headers", {})
        if status == 404:
            return Permanent("not_found", f"expected `{name}` in the vault, saw 404")
        if status == 429:
            sentence = f"expected an answer for `{name}`, saw 429"
            return Transient("vault_busy", sentence, retry_after(headers))
        if status in (400, 409):
            return Permanent("vault_refused", f"expected the vault to take `{name}`, saw {status}")
        code = "vault_forbidden" if status == 403 else "vault_unreachable"
        return StoreUnusable(code, f"expected the vault to answer for `{name}`, saw {status}")
    seen = type(fault).__name__
    return StoreUnusable("vault_unreachable", f"expected an answer for `{name}`, saw {seen}")


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
