"""Rules that one person wants to count, while they wait for a second person.

Answers  what a proposal says, and whether it may still be believed.
Never    signs or stores; and never counts: no head can name what is only proposed.
Rules    - it names the body, the head it was compared with, the diff, what the simulation showed,
           what the limits were filled with, its author: all under the policy key's signature.
         - it is good for seven days, and only for the head it was compared with.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from policy.obligations import GUID
from policy.rule import UtcTime
from policy.snapshot import CLOCK_SKEW, Digest, Head, SnapshotRefused, Statement, Verify

GOOD_FOR = timedelta(days=7)

Oid = Annotated[str, Field(pattern=f"^{GUID}$")]


class PublishRefused(Exception):  # noqa: N818 - a refusal, like SnapshotRefused
    """These rules do not become policy; `problems` are all reasons there are."""

    def __init__(self, code: str, sentence: str, problems: Iterable[str] = ()) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code, self.sentence, self.problems = code, sentence, tuple(problems)


class Proposal(Statement):
    """Rules that one person wants to count, waiting for a second one."""

    kind: ClassVar[str] = "warrant.policy.proposal.v1"

    snapshot_id: Digest
    sha256: Digest
    base: Digest
    base_seq: Annotated[int, Field(ge=1)]
    diff: Digest
    simulation: Digest
    since: UtcTime
    parameters: str
    """What the publisher's limits were filled with: names and ids, as JSON."""
    author: Oid
    proposed_at: UtcTime
    restores: Annotated[int, Field(ge=1)] | None = None

    def is_open(self, head: Head, now: datetime) -> bool:
        """Say whether it can still be approved."""
        is_fresh = -CLOCK_SKEW <= now - self.proposed_at <= GOOD_FOR
        return is_fresh and (self.base, self.base_seq) == (head.snapshot_id, head.seq)


def believe(proposal: Proposal, diff: str, head: Head, *, verify: Verify, now: datetime) -> None:
    """Believe that this proposal is signed, is of that diff, and is still open, or raise."""
    try:
        proposal.check_signature(verify)
    except SnapshotRefused as refused:
        raise PublishRefused(refused.code, refused.sentence) from None
    if proposal.diff != diff:
        raise PublishRefused("mixed", "expected the proposal of this diff, saw another's")
    if proposal.proposed_at > now + CLOCK_SKEW:
        raise PublishRefused("from_the_future", "expected a proposal of the past, saw a later one")
    if now - proposal.proposed_at > GOOD_FOR:
        raise PublishRefused(
            "expired", f"expected at most {GOOD_FOR.days} days of age: propose it again"
        )
    if not proposal.is_open(head, now):
        raise PublishRefused(
            "head_moved",
            f"expected sequence {proposal.base_seq} to count, saw {head.seq}: propose it again",
        )
