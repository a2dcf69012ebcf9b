"""The policy store as a publisher and an auditor read it: what counts, what counted, what waits.

Rules
- whatever is returned was verified here against the pinned key, body and all;
- age is no objection: a policy that went stale must still be readable, to be renewed;
- a head that counts while a later one is remembered was put back by somebody: `rolled_back`;
  none at all while one is remembered was taken away: `head_missing`.

Never here: writing, and answers for the running app, which asks `policies_table`.
"""

from dataclasses import dataclass

from agent.adapters.columns import Row
from agent.adapters.policies_table import body_now, head_now, read_head
from agent.adapters.tables import Rows
from agent.errors import Permanent, StoreUnusable
from policy.entity import HEAD_KEYS, past_head_key, proposal_key, proposal_of, seq_key
from policy.proposal import Proposal
from policy.rule import Rule
from policy.snapshot import Head, SnapshotRefused, Verify, open_body


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy that counts, whole: its head, its rules, and the row that a swap must match."""

    head: Head
    rules: tuple[Rule, ...]
    row: Row


class PolicyHistory:
    """Everything a tenant's policy store holds, for those who look after it."""

    def __init__(self, heads: Rows, snapshots: Rows, verify: Verify) -> None:
        self._heads, self._snapshots, self._verify = heads, snapshots, verify

    async def standing(self) -> Standing | None:
        """Return the policy that counts now, or None before the first. Raises StoreUnusable."""
        found = await head_now(self._heads)
        remembered = await self.past()
        if found is None:
            if remembered:
                raise StoreUnusable("head_missing", "expected the head that counts, saw only past")
            return None
        head, row = found
        self._believe(head)
        for past in remembered:
            if past.seq > head.seq or (past.seq == head.seq and past != head):
                raise StoreUnusable(
                    "rolled_back", f"expected sequence {past.seq} to count, saw {head.seq}"
                )
        return Standing(head, await self.rules(head), row)

    async def past(self) -> list[Head]:
        """Return the heads that are remembered, oldest first. Raises StoreUnusable."""
        rows = await self._heads.query(HEAD_KEYS[0], between=(past_head_key(0), "seq|~"))
        heads = [read_head(row) for row in rows]
        for row, head in zip(rows, heads, strict=True):
            self._believe(head)
            if row["RowKey"] != past_head_key(head.seq):
                raise StoreUnusable(
                    "history_mixed", f"expected the head of {row['RowKey']}, saw {head.seq}"
                )
        return heads

    async def rules(self, head: Head) -> tuple[Rule, ...]:
        """Return the rules of a head that was believed. Raises StoreUnusable."""
        return await self._body("snapshot", seq_key(head.seq), head.sha256, head.snapshot_id)

    async def largest(self) -> int:
        """Return the largest sequence number that any snapshot has taken, 0 before the first."""
        rows = await self._snapshots.query("snapshot", select=["RowKey"])
        return max((int(row["RowKey"].partition("|")[0]) for row in rows), default=0)

    async def proposals(self) -> list[Proposal]:
        """Return the proposals that this key signed; a row that is none is left out."""
        rows = await self._heads.query(
            HEAD_KEYS[0], between=(proposal_key(""), proposal_key("") + "~")
        )
        return [one for row in rows if (one := self._signed(row))]

    async def proposal(self, diff: str) -> tuple[Proposal, Row]:
        """Return the proposal under a diff's name, unverified. Permanent when there is none."""
        row = await self._heads.get(HEAD_KEYS[0], proposal_key(diff))
        if row is None:
            raise Permanent("no_proposal", "expected a proposal of that diff, saw none")
        try:
            return proposal_of(row), row
        except ValueError:
            raise StoreUnusable(
                "proposal_unreadable", "expected a proposal, saw another row"
            ) from None

    async def proposed_rules(self, proposal: Proposal) -> tuple[Rule, ...]:
        """Return the rules of a proposal that was believed. Raises StoreUnusable."""
        return await self._body(
            "proposal", proposal.snapshot_id, proposal.sha256, proposal.snapshot_id
        )

    async def _body(
        self, partition: str, name: str, digest: str, snapshot_id: str
    ) -> tuple[Rule, ...]:
        try:
            return open_body(await body_now(self._snapshots, partition, name), digest, snapshot_id)
        except SnapshotRefused as refused:
            raise StoreUnusable(refused.code, refused.sentence) from None

    def _believe(self, head: Head) -> None:
        try:
            head.check_signature(self._verify)
        except SnapshotRefused as refused:
            raise StoreUnusable(refused.code, refused.sentence) from None

    def _signed(self, row: Row) -> Proposal | None:
        try:
            proposal = proposal_of(row)
            proposal.check_signature(self._verify)
        except (ValueError, SnapshotRefused):
            return None
        return proposal if row["RowKey"] == proposal_key(proposal.diff) else None
