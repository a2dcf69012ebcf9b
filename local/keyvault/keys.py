"""The keys face of a vault: create, read, list, change, rotate, sign, verify, delete, recover.

Rules:
- a private key is made here, used here and never part of an answer: there is no export, no
  backup and no import;
- a signature is Key Vault's: ES256 over a digest of 32 bytes, as r and s of 32 bytes each;
- a disabled key does nothing; one outside its `nbf` and `exp` still verifies, but no longer signs.
"""

import hashlib
from typing import Any, ClassVar

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from local.keyvault import face
from local.keyvault.face import Face
from local.keyvault.store import Version
from local.keyvault.wire import (
    AttributesIn,
    CreateKey,
    Sign,
    UpdateKey,
    VaultError,
    Verify,
    decode,
    encode,
    forbidden,
    read,
    seconds_now,
)

_OPERATIONS = ("sign", "verify")
_COORDINATE = 32
_DIGEST = hashlib.sha256().digest_size
_PREHASHED = ec.ECDSA(utils.Prehashed(SHA256()))


class Keys(Face):
    """The handlers of /keys and /deletedkeys."""

    kind: ClassVar = "keys"

    def routes(self) -> list[web.RouteDef]:
        """Every call on keys."""
        return [
            web.post("/keys/{name}/create", self.create),
            web.post("/keys/{name}/rotate", self.rotate),
            web.post("/keys/{name}/{version:[^/]*}/sign", self.sign),
            web.post("/keys/{name}/{version:[^/]*}/verify", self.verify),
            *super().routes(),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """A new key, or a new version of one."""
        name = self.free_name(request)
        body = await read(request, CreateKey)
        made = face.fresh(name, _new_private_key(), body.attributes, body.tags)
        operations = _OPERATIONS if body.key_ops is None else tuple(body.key_ops)
        return self._keep(made.model_copy(update={"key_ops": operations}))

    async def rotate(self, request: web.Request) -> web.Response:
        """A new version that may do what the latest may; what the old one signed still verifies."""
        before = self.present(request)
        made = face.fresh(before.name, _new_private_key(), AttributesIn(), before.tags)
        return self._keep(made.model_copy(update={"key_ops": before.key_ops}))

    async def get(self, request: web.Request) -> web.Response:
        """The public half of one version."""
        return web.json_response(self.shape(self.present(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Other attributes, tags or operations for one version."""
        found = self.present(request)
        body = await read(request, UpdateKey)
        now = face.changed(found, body.attributes, body.tags)
        if body.key_ops is not None:
            now = now.model_copy(update={"key_ops": tuple(body.key_ops)})
        self._store.change(self.kind, now)
        return web.json_response(self.shape(now))

    async def sign(self, request: web.Request) -> web.Response:
        """r and s over a digest, made with the private half."""
        key = self._usable("sign", request)
        body = await read(request, Sign)
        der = _private(key).sign(decode(body.value, _DIGEST, "a SHA-256 digest"), _PREHASHED)
        halves = (half.to_bytes(_COORDINATE, "big") for half in utils.decode_dss_signature(der))
        return web.json_response({"kid": self.id(key), "value": encode(b"".join(halves))})

    async def verify(self, request: web.Request) -> web.Response:
        """Whether a signature is this key's over a digest."""
        key = self._usable("verify", request)
        body = await read(request, Verify)
        digest = decode(body.digest, _DIGEST, "a SHA-256 digest")
        raw = decode(body.value, 2 * _COORDINATE, "a signature")
        r, s = (int.from_bytes(half, "big") for half in (raw[:_COORDINATE], raw[_COORDINATE:]))
        try:
            der = utils.encode_dss_signature(r, s)
            _private(key).public_key().verify(der, digest, _PREHASHED)
        except InvalidSignature:
            return web.json_response({"value": False})
        return web.json_response({"value": True})

    def shape(self, version: Version) -> dict[str, Any]:
        # INVARIANT: tests/keyvault/test_keys.py::test_the_private_part_never_leaves_the_vault
        public = _private(version).public_key().public_numbers()
        jwk = {
            "kid": self.id(version),
            "kty": "EC",
            "crv": "P-256",
            "key_ops": version.key_ops,
            "x": encode(public.x.to_bytes(_COORDINATE, "big")),
            "y": encode(public.y.to_bytes(_COORDINATE, "big")),
        }
        return {"key": jwk, "attributes": _attributes(version), "tags": version.tags}

    def listed(self, version: Version, *, versioned: bool) -> dict[str, Any]:
        identifier = self.id(version, versioned=versioned)
        return {"kid": identifier, "attributes": _attributes(version), "tags": version.tags}

    def _keep(self, made: Version) -> web.Response:
        self._store.add(self.kind, made)
        return web.json_response(self.shape(made))

    def _usable(self, operation: str, request: web.Request) -> Version:
        key, now = self.present(request), seconds_now()
        if not key.enabled:
            raise forbidden(
                f"Operation {operation} is not allowed on a disabled key.", "KeyDisabled"
            )
        if operation not in key.key_ops:
            message = f"Operation {operation} is not permitted on this key."
            raise VaultError(403, "Forbidden", message, "KeyOperationForbidden")
        started = key.nbf is None or key.nbf <= now
        ended = key.exp is not None and key.exp <= now
        if operation == "sign" and not started:
            raise forbidden(
                "Operation sign is not allowed on a key not yet valid.", "KeyNotYetValid"
            )
        if operation == "sign" and ended:
            raise forbidden("Operation sign is not allowed on an expired key.", "KeyExpired")
        return key


def _attributes(version: Version) -> dict[str, Any]:
    return {**face.attributes(version), "exportable": False}


def _new_private_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _private(version: Version) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(version.material, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"expected a P-256 key in the store, saw {type(key).__name__}")
    return key
