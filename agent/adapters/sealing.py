"""Personal data at rest: sealed under the tenant's own key, bound to the cell it lies in.

Rules
- AES-256-GCM; the additional data is [tenant, table, row, column], so a sealed value that is moved
  to another cell, table or tenant does not open;
- a sealed value names the version of the key that opens it: format byte, length and text of the
  Key Vault secret version, 12 random bytes of nonce, ciphertext with its tag;
- keys are 32 random bytes in the vault secret `data-key`; a new version of the secret rotates, and
  destroying a version shreds all that it sealed, within the ten minutes a process may remember it;
- whatever does not open is StoreUnusable("sealed_unreadable"): never empty, never a guess.

Never here: compression, storage. What this cannot see: an older value put back into its own cell
(the stores' ETags and the audit chain are for that). Rotate before 2^32 values under one version.
"""

import asyncio
import base64
import binascii
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from agent.adapters.vault import Vault
from agent.errors import Permanent, StoreUnusable
from agent.ports import Clock
from agent.values import Secret, TenantId, canonical

DATA_KEY = "data-key"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
FORMAT = 1
KEPT_FOR = timedelta(minutes=10)
KEPT_VERSIONS = 8
_VERSION = re.compile(rb"[0-9a-zA-Z-]{1,64}")


class Sealing(Protocol):
    """Seals and opens the values of one tenant."""

    async def seal(self, plain: bytes, *, table: str, row: str, column: str) -> bytes:
        """Return the value sealed for this cell."""

    async def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Return what was sealed for this cell. Raises StoreUnusable("sealed_unreadable")."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One version of a tenant's data key."""

    version: str
    material: Secret  # base64url, as the vault keeps it
    read_at: datetime

    def raw(self) -> bytes:
        """Return the 32 bytes themselves."""
        try:
            raw = base64.b64decode(self.material.reveal() + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise StoreUnusable("data_key_invalid", f"expected {KEY_BYTES} bytes of base64url")
        return raw


class DataKeys:
    """The versions of one tenant's data key, remembered for ten minutes and eight versions."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault, self._clock = vault, clock
        self._newest: DataKey | None = None
        self._kept: OrderedDict[str, DataKey] = OrderedDict()
        self._lock = asyncio.Lock()

    async def newest(self) -> DataKey:
        """Return the version to seal with."""
        async with self._lock:
            if self._newest is None or not self._fresh(self._newest):
                self._newest = await self._read(None)
                self._keep(self._newest)
            return self._newest

    async def named(self, version: str) -> DataKey:
        """Return the version that a sealed value names. Raises Permanent("not_found")."""
        async with self._lock:
            kept = self._kept.get(version)
            if kept is None or not self._fresh(kept):
                kept = await self._read(version)
            self._keep(kept)
            return kept

    async def _read(self, version: str | None) -> DataKey:
        material, found = await self._vault.get_secret(DATA_KEY, version)
        return DataKey(found, material, self._clock.now())

    def _fresh(self, key: DataKey) -> bool:
        return timedelta(0) <= self._clock.now() - key.read_at < KEPT_FOR

    def _keep(self, key: DataKey) -> None:
        self._kept[key.version] = key
        self._kept.move_to_end(key.version)
        if len(self._kept) > KEPT_VERSIONS:
            self._kept.popitem(last=False)


class EnvelopeSealing:
    """`Sealing` under the tenant's data key."""

    def __init__(self, tenant_id: TenantId, keys: DataKeys) -> None:
        self._tenant, self._keys = tenant_id, keys

    async def seal(self, plain: bytes, *, table: str, row: str, column: str) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = await self._keys.newest()
        version, nonce = key.version.encode("ascii"), secrets.token_bytes(NONCE_BYTES)
        cell = self._cell(table, row, column)
        header = bytes([FORMAT, len(version)]) + version + nonce
        return header + AESGCM(key.raw()).encrypt(nonce, plain, cell)

    async def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        where = f"expected a value sealed for this tenant's `{table}`.`{column}`"
        version, nonce, body = _taken_apart(sealed, where)
        try:
            key = await self._keys.named(version)
        except Permanent as fault:
            if fault.code != "not_found":
                raise
            sentence = f"{where}, saw one whose key version is gone"
            raise StoreUnusable("sealed_unreadable", sentence) from None
        try:
            # INVARIANT: a value opens in its own cell only (tests/adapters/test_sealing.py)
            return AESGCM(key.raw()).decrypt(nonce, body, self._cell(table, row, column))
        except InvalidTag:
            sentence = f"{where}, saw one that was moved, altered or sealed under another key"
            raise StoreUnusable("sealed_unreadable", sentence) from None

    def _cell(self, table: str, row: str, column: str) -> bytes:
        return canonical([self._tenant, table, row, column])


async def create_data_key(vault: Vault) -> str:
    """Give a tenant its data key, or a new version of it; return the version."""
    raw = secrets.token_bytes(KEY_BYTES)
    text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
    return await vault.set_secret(DATA_KEY, Secret(text))


def _taken_apart(sealed: bytes, where: str) -> tuple[str, bytes, bytes]:
    """Return key version, nonce and ciphertext."""
    length = sealed[1] if len(sealed) > 1 and sealed[0] == FORMAT else 0
    version, rest = sealed[2 : 2 + length], sealed[2 + length :]
    if not _VERSION.fullmatch(version) or len(rest) < NONCE_BYTES + TAG_BYTES:
        raise StoreUnusable("sealed_unreadable", f"{where}, saw {len(sealed)} odd bytes")
    return version.decode("ascii"), rest[:NONCE_BYTES], rest[NONCE_BYTES:]
