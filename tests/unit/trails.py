"""Trails to verify: chained and signed by a key of the tenant's own, then exported honestly.

Whoever attacks here may write the tables: records and checkpoints. The signing key is not theirs,
and the export reads what the tables hold.
"""

import asyncio
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.audit.bundle import Header, bundle, record_line
from agent.audit.chain import ZERO, link_hash
from agent.audit.checkpoint import Checkpoint, Sign, issue
from agent.audit.merkle import Frontier, Tree, record_leaf
from agent.audit.verify import Finding, Verdict, verify_bundle
from agent.records import AuditRecord
from agent.values import TenantId

TENANT = TenantId("6f2b0c1e-7d3a-4a58-9a53-2f8f6a1c0b11")
OTHER = TenantId("0b9c6a52-3f0e-4c39-8f0d-6c7a5a0de222")
KID = "https://tenant.vault.example/keys/audit/1"
BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=20)  # from one record to the next

Bodies = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Key:
    """A P-256 key as a vault holds it."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def pem(self) -> bytes:
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> tuple[str, bytes]:
        raw = self.private.sign(message, ec.ECDSA(SHA256()))
        r, s = utils.decode_dss_signature(raw)
        return KID, r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def signed(self, message: bytes, raw: bytes) -> bool:
        r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
        try:
            encoded = utils.encode_dss_signature(r, s)
            self.private.public_key().verify(encoded, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def signer(self) -> Sign:
        async def sign(message: bytes) -> tuple[str, bytes]:
            return self.sign(message)

        return sign


OURS, THEIRS = Key(), Key()


def at(seq: int) -> str:
    return (BEGIN + STEP * seq).isoformat().replace("+00:00", "Z")


def body(seq: int) -> dict[str, Any]:
    """What a record says: hostile text included, as it may be."""
    text = f'naïve "text", \\ with , "hash":"{seq}" and \u2028 lines'
    return {"v": 1, "phase": "read", "at": at(seq), "digest": f"{seq:064x}", "why": text}


def chained(bodies: Bodies, first: int = 1, prev: str = ZERO) -> list[AuditRecord]:
    """Link bodies as the writer does: a law of the tests holds that `agent.audit.chain` agrees."""
    records = []
    for seq, said in enumerate(bodies, first):
        digest = link_hash(seq, prev, said)
        records.append(AuditRecord(seq=seq, body=said, prev=prev, hash=digest))
        prev = digest
    return records


def signed(
    records: Iterable[AuditRecord],
    sizes: Iterable[int],
    sign: Sign | None = None,
    tenant: str = TENANT,
) -> list[Checkpoint]:
    """Sign these prefixes, each at the time of its last record."""
    tree, wanted, found = Frontier(), set(sizes), []
    for record in records:
        tree.add(record_leaf(record.hash))
        if record.seq in wanted:
            time = datetime.fromisoformat(record.body["at"])
            making = issue(tenant, tree, record.hash, time, kid=KID, sign=sign or OURS.signer())
            found.append(asyncio.run(making))
    return found


@dataclass(frozen=True)
class Trail:
    """What the tables hold, and how it is taken away."""

    records: list[AuditRecord]
    checkpoints: list[Checkpoint]
    tenant: TenantId = TENANT
    keys: dict[str, str] = field(default_factory=lambda: {KID: OURS.pem.decode()})
    reorder: Callable[[list[bytes]], list[bytes]] = lambda lines: lines

    @property
    def signed_to(self) -> int:
        return max((one.size for one in self.checkpoints), default=0)

    def but(self, **changed: Any) -> "Trail":
        return replace(self, **changed)

    def lines(self) -> list[bytes]:
        """The bundle of the whole trail, as an honest exporter reads it from the tables."""
        last = max([self.signed_to, *(record.seq for record in self.records)])
        header = Header(
            tenant=self.tenant, exported_at=BEGIN + STEP * (last + 1), last=last, keys=self.keys
        )
        records = [record_line(record) for record in self.records]
        return list(bundle(header, self.checkpoints, self.reorder(records)))

    def verdict(self, **more: Any) -> Verdict:
        return verdict(self.lines(), **more)


def verdict(lines: Iterable[bytes], **more: Any) -> Verdict:
    return verify_bundle(io.BytesIO(b"".join(lines)), [OURS.pem], **{"tenant": TENANT, **more})


def places(findings: Iterable[Finding]) -> list[tuple[str, int | None, int | None]]:
    return [(one.code, one.first, one.last) for one in findings]


@cache
def trail(count: int, every: int = 10) -> Trail:
    """A trail in order: a checkpoint after so many records, the rest not yet signed."""
    records = chained([body(seq) for seq in range(1, count + 1)])
    return Trail(records, signed(records, range(every, count + 1, every)))


def tree_of(records: Iterable[AuditRecord]) -> Tree:
    return Tree(record_leaf(record.hash) for record in records)
