"""Is this token one that this Entra ID signed, and is it still good?

Answers signatures and lifetimes. Never decides what a token opens: audience, scopes and people
are for whoever asked.

Rules:
- RS256 only, with a key that is published at this moment;
- a retired key verifies nothing;
- a signature is checked once for each token; lifetime is checked every time, on the shifted clock.
"""

import base64
import hashlib
from datetime import datetime
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm
from jwt.types import Options

Claims = dict[str, Any]
Reason = Literal["malformed", "signature", "expired"]
SKEW_SECONDS = 300
_MOST_REMEMBERED = 5_000
_SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_aud": False,
    "verify_iss": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenError(Exception):
    """The token is not valid, for one of three reasons."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Signer:
    """The signing keys of this Entra ID, newest last."""

    def __init__(self, pems: list[str] | None = None) -> None:
        loaded = [load_pem_private_key(pem.encode(), None) for pem in pems or ()]
        self._keys = {_kid(key): key for key in loaded if isinstance(key, RSAPrivateKey)}
        self._verified: dict[str, Claims] = {}
        if not self._keys:
            self.roll_over(retire=False)

    def roll_over(self, *, retire: bool) -> str:
        """Sign with a fresh key from now on; `retire` withdraws all earlier ones."""
        key = generate_private_key(public_exponent=65537, key_size=2048)
        if retire:
            self._keys.clear()
        self._verified.clear()
        self._keys[_kid(key)] = key
        return _kid(key)

    def sign(self, claims: Claims) -> str:
        """A token over these claims, signed with the newest key."""
        kid = next(reversed(self._keys))
        headers = {"kid": kid, "x5t": kid}
        return jwt.encode(claims, self._keys[kid], algorithm="RS256", headers=headers)

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a token that is good now; raises TokenError otherwise."""
        claims = self.read(token)
        check_lifetime(claims, now)
        return claims

    def read(self, token: str) -> Claims:
        """The claims of a token we signed, whatever its lifetime; raises TokenError otherwise."""
        claims = self._verified.get(token)
        if claims is None:
            claims = self._checked(token)
            if len(self._verified) >= _MOST_REMEMBERED:
                self._verified.clear()
            self._verified[token] = claims
        return claims

    def jwks(self) -> list[dict[str, Any]]:
        """The public keys, as published."""
        return [
            {"kid": kid, "use": "sig", "alg": "RS256"}
            | RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            for kid, key in self._keys.items()
        ]

    def pems(self) -> list[str]:
        """The private keys, to be kept by the simulated tenant only."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return [key.private_bytes(*form).decode() for key in self._keys.values()]

    def _checked(self, token: str) -> Claims:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as fault:
            raise TokenError("malformed") from fault
        key = self._keys.get(str(kid))
        if key is None:
            raise TokenError("signature")
        try:
            claims: Claims = jwt.decode(
                token, key.public_key(), algorithms=["RS256"], options=_SIGNATURE_ONLY
            )
        except jwt.PyJWTError as fault:
            raise TokenError("signature") from fault
        return claims


def check_lifetime(claims: Claims, now: datetime) -> None:
    """Raise TokenError("expired") outside the token's lifetime."""
    instant = now.timestamp()
    ends, starts = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(ends, int | float) or not isinstance(starts, int | float):
        raise TokenError("malformed")
    if instant >= ends or instant < starts - SKEW_SECONDS:
        raise TokenError("expired")


def _kid(key: RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:20]).decode().rstrip("=")
