"""Writes a tenant's policy: rule versions, then the snapshot, then the head that makes it count.

Rules
- the head is swapped by If-Match on the row that was judged: of two publishers one wins;
- a sequence number is used once, whatever a publisher that was stopped half-way left behind;
- every head that counted is remembered, right after the swap and again before the next one;
- a proposal's body lies apart from snapshots, where no head can name it.

Never here: who may publish what (`agent.publish` judges first). The app never loads this module:
it runs under the publishing identity, the only one that may write these tables and use the key.
"""

import base64
from collections.abc import Awaitable, Callable, Sequence

from agent.adapters.columns import Row
from agent.adapters.policy_history import PolicyHistory, Standing
from agent.adapters.tables import Rows, etag_of
from agent.errors import StoreUnusable, Transient
from agent.ports import Clock
from policy.entity import (
    body_entities,
    head_entity,
    past_head_entity,
    proposal_entity,
    proposed_entities,
    rule_entity,
)
from policy.proposal import Proposal
from policy.rule import Rule
from policy.snapshot import Body, Head, Statement, write_body

SIGNING_KEY = "policy-signing"
_RULES_AT_ONCE = 50  # rows a transaction: 50 of the largest stay under its 4 MiB
_PLACES = 100

Sign = Callable[[bytes], Awaitable[tuple[str, bytes]]]
"""message -> (kid, raw signature), by a key that only the publisher may use."""


class PolicyPublisher:
    """The one writer of a tenant's policy store."""

    def __init__(
        self,
        policies: Rows,
        snapshots: Rows,
        heads: Rows,
        history: PolicyHistory,
        clock: Clock,
        kid: str,
        sign: Sign,
    ) -> None:
        self._policies, self._snapshots, self._heads = policies, snapshots, heads
        self._history, self._clock, self._kid, self._sign = history, clock, kid, sign

    async def publish(
        self, rules: Sequence[Rule], on: Standing | None, *, published_by: str, approved_by: str
    ) -> Head:
        """Make these rules the policy in place of `on`; Transient when another one was faster."""
        if on is not None:
            await self._heads.insert(past_head_entity(on.head))
        await self._keep_versions(rules)
        body = write_body(rules)
        last = max(on.head.seq if on else 0, await self._history.largest())
        unsigned = Head(
            snapshot_id=body.id,
            seq=await self._keep_body(body, 1 + last),
            sha256=body.sha256,
            kid=self._kid,
            published_by=published_by,
            approved_by=approved_by,
            issued_at=self._clock.now(),
            prev=on.head.snapshot_id if on else None,
        )
        head = unsigned.model_copy(update={"signature": await self._signature(unsigned)})
        counts = (
            await self._heads.insert(head_entity(head))
            if on is None
            else await self._heads.merge(head_entity(head), etag_of(on.row))
        )
        if not counts:
            raise _race()
        await self._heads.insert(past_head_entity(head))
        return head

    async def propose(self, unsigned: Proposal, body: Body, over: Row | None) -> Proposal:
        """Keep a proposal and its body, signed; `over` is the closed one of that name, if any."""
        proposal = unsigned.model_copy(update={"signature": await self._signature(unsigned)})
        for row in proposed_entities(body):
            await self._snapshots.put(row)
        row = proposal_entity(proposal)
        if over is not None:
            # gone under exactly the state that was judged, so that of two authors one wins
            await self._heads.delete(over)
        if not await self._heads.insert(row):
            raise _race()
        return proposal

    async def _signature(self, statement: Statement) -> str:
        signed_by, signature = await self._sign(statement.signing_bytes())
        if signed_by != self._kid:
            raise StoreUnusable(
                "wrong_key", f"expected a signature by `{self._kid}`, saw `{signed_by}`"
            )
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode("ascii")

    async def _keep_versions(self, rules: Sequence[Rule]) -> None:
        """Add a row for every rule that is new or changed."""
        newest = {
            row["RowKey"].rpartition("|")[0]: row for row in await self._policies.query("rule")
        }
        fresh: list[Row] = []
        for rule in rules:
            kept = newest.get(f"{rule.layer}|{rule.id}")
            row = rule_entity(rule, 1 + (kept["version"] if kept else 0))
            if kept is None or kept["body"] != row["body"]:
                fresh.append(row)
        for at in range(0, len(fresh), _RULES_AT_ONCE):
            if not await self._policies.transaction(fresh[at : at + _RULES_AT_ONCE]):
                raise _race()

    async def _keep_body(self, body: Body, first: int) -> int:
        """Add the snapshot at the first free sequence number, and return that number."""
        for seq in range(first, first + _PLACES):
            # Another publisher may take a number between our look and our insert.
            kept = [await self._snapshots.insert(row) for row in body_entities(body, seq)]
            if all(kept):
                return seq
        raise _race()


def _race() -> Transient:
    return Transient("publish_race", "expected to publish alone, saw another publisher")
