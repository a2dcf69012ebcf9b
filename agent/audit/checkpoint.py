"""What the tenant's key signs of the trail, and when that is due.

Answers  which prefix to sign next; the signed statement of it; whether one may follow another.
Never    holds a key, reads a clock or stores: the caller brings `sign`, `verify` and the time.
Rules    - due after 1,000 new records, cut there however many follow, or when the oldest record
           without a checkpoint is 15 minutes old.
         - what is signed names its kind, so that no other statement by the same key passes for it.
         - a checkpoint follows the one before only with proof that its tree begins with all of the
           earlier one: whoever signs asks `follows` first, or a rewritten table would be signed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from agent.audit.merkle import Frontier, extends
from agent.values import Frozen, Guid, canonical

EVERY = 1_000
WITHIN = timedelta(minutes=15)
SKEW = timedelta(minutes=5)

Sign = Callable[[bytes], Awaitable[tuple[str, bytes]]]
"""message -> (kid, raw r||s), ES256 by the tenant's own key."""
Verify = Callable[[str, bytes, bytes], bool]
"""(kid, message, signature) -> whether that key signed that message; False for an unknown kid."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class CheckpointRefused(Exception):  # noqa: N818 - named for what happens to it
    """A checkpoint may not be signed or believed; `code` is for programs, `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class Checkpoint(Frozen):
    """A signed statement: at this time the trail had this many records, and exactly these."""

    v: Literal[1] = 1
    kind: Literal["warrant.audit.checkpoint"] = "warrant.audit.checkpoint"
    tenant: Guid
    size: Annotated[int, Field(ge=1, lt=2**53)]
    root: Digest
    last_hash: Digest
    at: Moment
    kid: Annotated[str, Field(min_length=1, max_length=500)]
    signature: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{86})?$")] = ""

    def signing_bytes(self) -> bytes:
        """Return what is signed: all fields but the signature."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))

    def line(self) -> bytes:
        """Return the checkpoint as it stands in a bundle, and wherever else it is kept."""
        return canonical(self.model_dump(mode="json")) + b"\n"


class KeptCheckpoint(Frozen):
    """A checkpoint with the tree it signed, so that the next one need not read what is before."""

    checkpoint: Checkpoint
    peaks: tuple[Digest, ...]

    @model_validator(mode="after")
    def _is_what_was_signed(self) -> Self:
        if self.tree().root().hex() != self.checkpoint.root:
            raise ValueError("expected the peaks of the root that is signed")
        return self

    def tree(self) -> Frontier:
        """Return the tree as an appender goes on with it."""
        return Frontier(self.checkpoint.size, (bytes.fromhex(peak) for peak in self.peaks))


def due(
    before: Checkpoint | None, size: int, oldest_new_at: datetime | None, now: datetime
) -> int | None:
    """Return how many records to sign now, or None while no checkpoint is due."""
    signed = before.size if before else 0
    if size >= signed + EVERY:
        return signed + EVERY
    if size > signed and oldest_new_at is not None and now - oldest_new_at >= WITHIN:
        return size
    return None


async def issue(
    tenant: str, tree: Frontier, last_hash: str, at: datetime, *, kid: str, sign: Sign
) -> Checkpoint:
    """Sign what the tree holds; raises CheckpointRefused when another key signed."""
    unsigned = Checkpoint(
        tenant=tenant,
        size=tree.size,
        root=tree.root().hex(),
        last_hash=last_hash,
        at=at,
        kid=kid,
    )
    signed_by, raw = await sign(unsigned.signing_bytes())
    if signed_by != kid or len(raw) != 64:
        raise CheckpointRefused(
            "wrong_key", f"expected 64 bytes by `{kid}`, saw {len(raw)} by `{signed_by}`"
        )
    signature = urlsafe_b64encode(raw).rstrip(b"=").decode()
    return unsigned.model_copy(update={"signature": signature})


def is_signed(checkpoint: Checkpoint, verify: Verify) -> bool:
    """Whether the key it names signed exactly this."""
    if not checkpoint.signature:
        return False
    raw = urlsafe_b64decode(checkpoint.signature + "==")
    return verify(checkpoint.kid, checkpoint.signing_bytes(), raw)


def follows(before: Checkpoint, after: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raise CheckpointRefused unless the later one keeps all that the earlier one signed."""
    if after.tenant != before.tenant:
        raise CheckpointRefused(
            "foreign_tenant", f"expected tenant {before.tenant}, saw {after.tenant}"
        )
    if after.size < before.size:
        raise CheckpointRefused(
            "truncated", f"expected at least {before.size} records, saw {after.size}"
        )
    if after.at < before.at - SKEW:
        raise CheckpointRefused(
            "clock_backwards", f"expected a time after {before.at}, saw {after.at}"
        )
    if after.size == before.size and after.last_hash != before.last_hash:
        raise CheckpointRefused("forked", f"two ends are signed for {after.size} records")
    trees = before.size, bytes.fromhex(before.root), after.size, bytes.fromhex(after.root)
    if not extends(*trees, proof):
        raise CheckpointRefused(
            "forked",
            f"expected proof that {after.size} records begin with the {before.size} signed before",
        )
