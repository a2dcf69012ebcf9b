"""Tokens for the door, written by hand: a good one, and whatever nobody should write."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.adapters.cast import ALICE, CLIENT, CONTOSO

REMOVED = object()
OUTSIDER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Minter:
    """Builds tokens by hand, so that nothing a library would refuse to write is out of reach."""

    def __init__(self, entra: Any, clock: Any) -> None:
        self.entra, self.clock = entra, clock

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": f"{self.entra.url}/{CONTOSO}/v2.0",
            "aud": CLIENT,
            "ver": "2.0",
            "tid": CONTOSO,
            "oid": ALICE,
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 3600,
            "scp": "access_as_user",
            "azp": CLIENT,
            "preferred_username": "alice@contoso.com",
        }
        return {k: v for k, v in {**usual, **changes}.items() if v is not REMOVED}

    def signed(self, header: str, body: str, key: Any = None) -> str:
        signing = f"{b64(header.encode())}.{b64(body.encode())}"
        key = key or self.entra.keys["first"]
        signature = key.sign(signing.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"Bearer {signing}.{b64(signature)}"

    def token(
        self, *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        usual = {"typ": "JWT", "alg": "RS256", "kid": "first"}
        head = {k: v for k, v in {**usual, **(header or {})}.items() if v is not REMOVED}
        return self.signed(json.dumps(head), json.dumps(self.claims(**changes)), key)
