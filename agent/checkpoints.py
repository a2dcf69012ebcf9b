"""Signs the trail whenever a checkpoint is due, and never a trail that is not the one before.

Rules
- the newest checkpoint is believed by its signature and the tree beside it by its root, so that
  only the records after it are read; the record that it ended with must still be there, and the
  next one must follow it;
- whatever does not fit stops everything: no checkpoint is better than one over another trail;
- two who sign at once sign the same records; of one size the first counts.

Never here: rewritten records under an older checkpoint. They do not change what is signed here, and
`verify` finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from agent.audit.chain import ZERO, verify_chain
from agent.audit.checkpoint import (
    EVERY,
    Checkpoint,
    CheckpointRefused,
    KeptCheckpoint,
    Sign,
    Verify,
    due,
    follows,
    is_signed,
    issue,
)
from agent.audit.export.fields import moment, text
from agent.audit.merkle import Frontier, extended, record_leaf
from agent.ports import AuditLog, Clock
from agent.records import AuditRecord


class Witness(Protocol):
    """Somewhere that keeps signed checkpoints of the trail, and never another under a name."""

    async def put(self, name: str, content: bytes) -> None:
        """Keep a checkpoint for good. Raises StoreUnusable when another has this name."""

    async def get(self, name: str) -> bytes | None:
        """Return a checkpoint as it was kept, or None where there is none."""

    async def names(self) -> list[str]:
        """Return the names of all that is kept, in order."""


class Checkpoints(Protocol):
    """What the tenant's key has signed of the trail: added, never changed."""

    async def latest(self) -> KeptCheckpoint | None:
        """Return the one of most records, or None before the first. Raises StoreUnusable."""

    async def every(self) -> list[KeptCheckpoint]:
        """Return all, by size. Raises StoreUnusable."""

    async def add(self, kept: KeptCheckpoint) -> bool:
        """Add one durably; False when one of this size was there. Raises StoreUnusable."""


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """What it takes to sign one tenant's trail."""

    tenant: str
    trail: AuditLog
    kept: Checkpoints
    clock: Clock
    kid: str
    sign: Sign
    verify: Verify

    async def issue(self, *, early: bool = False) -> list[Checkpoint]:
        """Sign all that is due, or all there is where `early`; return what was signed.

        Raises CheckpointRefused when the trail is not what was signed before, and StoreUnusable.
        """
        made: list[Checkpoint] = []
        while (one := await self._next(early)) is not None:
            made.append(one)
        return made

    async def _next(self, early: bool) -> Checkpoint | None:
        before = await self.kept.latest()
        if before is not None:
            self._believe(before.checkpoint)
        fresh = await self._fresh(before.checkpoint if before else None)
        tree = before.tree() if before else Frontier()
        now = self.clock.now()
        oldest = min((_written(record) for record in fresh), default=None)
        size = due(before.checkpoint if before else None, tree.size + len(fresh), oldest, now)
        if size is None and early and fresh:
            size = tree.size + len(fresh)
        if size is None:
            return None
        signed = fresh[: size - tree.size]
        leaves = [record_leaf(record.hash) for record in signed]
        for hashed in leaves:
            tree.add(hashed)
        made = await issue(self.tenant, tree, signed[-1].hash, now, kid=self.kid, sign=self.sign)
        if before is not None:
            follows(before.checkpoint, made, extended(before.tree(), leaves))
        peaks = tuple(peak.hex() for peak in tree.peaks)
        is_first = await self.kept.add(KeptCheckpoint(checkpoint=made, peaks=peaks))
        return made if is_first else None

    def _believe(self, before: Checkpoint) -> None:
        if before.tenant != self.tenant or not is_signed(before, self.verify):
            raise CheckpointRefused(
                "bad_signature", "expected the newest checkpoint signed by the tenant's own key"
            )

    async def _fresh(self, before: Checkpoint | None) -> Sequence[AuditRecord]:
        """Return what follows the newest checkpoint, up to the next one."""
        if before is None:
            found = await self.trail.read(1, EVERY)
            flaws = verify_chain(found, 1, ZERO)
        else:
            found = await self.trail.read(before.size, EVERY + 1)
            if not found or found[0].seq != before.size or found[0].hash != before.last_hash:
                raise CheckpointRefused(
                    "truncated", f"expected record {before.size} as it was signed, saw it otherwise"
                )
            flaws = verify_chain(found, before.size, found[0].prev)
        if flaws:
            raise CheckpointRefused("broken", f"record {flaws[0].seq}: {flaws[0].what}")
        return found[1:] if before else found


def _written(record: AuditRecord) -> datetime:
    """Return when a record was written; what does not say so has waited long enough."""
    said = text(record.body, "logged_at") or text(record.body, "at")
    return moment(said) or _LONG_AGO
