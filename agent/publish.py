"""Publish a tenant's policy: one person proposes, another approves, and only then it counts.

  propose, roll back    examine the rules, keep a signed proposal; nothing counts yet
  review                what a proposal would do, computed now from what is stored
  approve               believe the proposal, compute all of it again, swap the head
  renew                 sign the rules that count again, unchanged: one person is enough

Rules
- who acts is a validated token's object id and app role; no name is taken from anywhere else;
- an approval is for the head that the proposal was compared with; any other head refuses it;
- renewing cannot widen: it signs exactly the rules that were believed a moment ago.

Never here: tokens (`agent.policy_desk`), what rules are held to (`policy.publishing`), rows.
Nothing that serves requests loads this module: it runs under the publishing identity.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import BaseModel

from agent.adapters.columns import Row
from agent.adapters.policies_table import MAX_AGE
from agent.adapters.policy_history import PolicyHistory, Standing
from agent.adapters.policy_publisher import SIGNING_KEY, PolicyPublisher
from agent.adapters.registry_table import Registration
from agent.adapters.requests_table import RequestTable
from agent.adapters.sealing import DataKeys, EnvelopeSealing
from agent.errors import Permanent
from agent.ports import Clock
from agent.values import TenantId
from agent.wiring import Deployment, pinned
from policy.decide import RuleSet, SnapshotRef
from policy.desk import Reviewed, Shown
from policy.pack import PlacedRule
from policy.proposal import Proposal, PublishRefused, believe
from policy.publishing import (
    Checks,
    Examined,
    Past,
    Person,
    admit,
    approve,
    examine,
    placed,
    propose,
    restored,
)
from policy.simulate import PastDecision, Simulation, simulate
from policy.snapshot import Head, Verify

SETTLED = timedelta(minutes=5)
"""Decisions younger than this may still be on their way to the store: both persons see the same."""


class Decisions(Protocol):
    """Past decisions as a tenant keeps them."""

    async def decisions(self, since: datetime) -> Sequence[BaseModel]:
        """Return every decision kept since, with the facts it was made on."""


@dataclass(frozen=True, slots=True)
class PolicyStores:
    """A tenant's policy store as a publisher opens it."""

    history: PolicyHistory
    publisher: PolicyPublisher
    verify: Verify


def open_stores(deployment: Deployment, registered: Registration) -> PolicyStores:
    """Open a tenant's policy store under its publishing identity."""
    account = deployment.account(registered.tables_endpoint, registered.publisher)
    vault = deployment.vault(registered.vault_url, registered.publisher)
    heads, snapshots = account.rows("PolicyHeads"), account.rows("PolicySnapshots")
    verify = pinned(registered)
    history = PolicyHistory(heads, snapshots, verify)

    async def sign(message: bytes) -> tuple[str, bytes]:
        return await vault.sign(SIGNING_KEY, message)

    publisher = PolicyPublisher(
        account.rows("Policies"),
        snapshots,
        heads,
        history,
        deployment.clock,
        registered.signing_kid,
        sign,
    )
    return PolicyStores(history, publisher, verify)


def open_past(deployment: Deployment, registered: Registration) -> RequestTable:
    """Open a tenant's past decisions, to be replayed, under its publishing identity."""
    account = deployment.account(registered.tables_endpoint, registered.publisher)
    vault = deployment.vault(registered.vault_url, registered.publisher)
    sealing = EnvelopeSealing(TenantId(registered.id), DataKeys(vault, deployment.clock))
    return RequestTable(account.rows("Requests"), sealing)


class Publishing:
    """The desk at which one tenant's policy is changed."""

    def __init__(
        self,
        tenant: str,
        stores: PolicyStores,
        checks: Checks,
        clock: Clock,
        past: Decisions,
    ) -> None:
        self._tenant, self._checks, self._clock, self._past = tenant, checks, clock, past
        self._history, self._publisher = stores.history, stores.publisher
        self._verify = stores.verify

    async def propose(
        self,
        by: Person,
        candidate: Sequence[PlacedRule],
        parameters: Mapping[str, str],
        days: int,
    ) -> Reviewed:
        """Examine rules and keep them as a proposal. Raises PublishRefused."""
        author, standing = admit(by, self._tenant), await self._standing()
        return await self._kept(author, standing, candidate, parameters, days)

    async def roll_back(
        self, by: Person, seq: int, parameters: Mapping[str, str], days: int
    ) -> Reviewed:
        """Propose the rules of an earlier head, under today's limits. Raises PublishRefused."""
        author, standing = admit(by, self._tenant), await self._standing()
        found = [head for head in await self._history.past() if head.seq == seq]
        if not found:
            raise PublishRefused("no_such_seq", f"expected a sequence that counted, saw {seq}")
        limits = self._checks.limits(parameters)
        rules = restored(await self._history.rules(found[0]), limits)
        candidate = list(placed(rules, f"sequence {seq}"))
        return await self._kept(author, standing, candidate, parameters, days, seq)

    async def review(self, by: Person, diff: str) -> Reviewed:
        """Believe a proposal and compute what it would do now. Raises PublishRefused."""
        admit(by, self._tenant)
        proposal, seen = await self._reviewed(diff, await self._standing())
        return Reviewed(proposal=proposal, diff=seen.diff, simulation=seen.simulation)

    async def approve(self, by: Person, diff: str) -> Head:
        """Make a proposal count that somebody else made. Raises PublishRefused."""
        approver, standing = admit(by, self._tenant), await self._standing()
        proposal, seen = await self._reviewed(diff, standing)
        approve(proposal, seen, approver)
        return await self._publisher.publish(
            await self._history.proposed_rules(proposal),
            standing,
            published_by=proposal.author,
            approved_by=approver,
        )

    async def renew(self, by: Person) -> Head:
        """Sign the rules that count again, so that they do not grow stale."""
        admin, standing = admit(by, self._tenant), await self._standing()
        return await self._publisher.publish(
            standing.rules, standing, published_by=admin, approved_by=admin
        )

    async def simulated(self, by: Person, candidate: Sequence[PlacedRule], days: int) -> Simulation:
        """Replay the tenant's past decisions under other rules; keeps nothing."""
        admit(by, self._tenant)
        standing = await self._standing()
        past = await self._decided(standing, self._clock.now() - timedelta(days=days))
        rules = RuleSet.of(one.rule for one in candidate)
        return simulate(past.decisions, rules, RuleSet.of(standing.rules), past.deciders)

    async def show(self) -> Shown:
        """Read what counts, what waits and what counted."""
        standing, now = await self._standing(), self._clock.now()
        age = now - standing.head.issued_at
        return Shown(
            head=standing.head,
            age_days=age.days,
            stale_in_days=(MAX_AGE - age).days,
            rules=standing.rules,
            waiting=tuple(
                one for one in await self._history.proposals() if one.is_open(standing.head, now)
            ),
            past=tuple(await self._history.past()),
        )

    async def _kept(
        self,
        author: str,
        standing: Standing,
        candidate: Sequence[PlacedRule],
        parameters: Mapping[str, str],
        days: int,
        restores: int | None = None,
    ) -> Reviewed:
        now = self._clock.now()
        past = await self._decided(standing, now - timedelta(days=days), now - SETTLED)
        limits = self._checks.limits(parameters)
        examined = examine(candidate, standing.rules, limits, self._checks, past)
        over = await self._over(examined.diff.hash, standing.head)
        unsigned = propose(examined, past, standing.head, author, now, parameters, restores)
        kept = await self._publisher.propose(unsigned, examined.body, over)
        return Reviewed(proposal=kept, diff=examined.diff, simulation=examined.simulation)

    async def _over(self, diff: str, head: Head) -> Row | None:
        """Return the row of a proposal of that name that waits for nobody any more."""
        try:
            waiting, row = await self._history.proposal(diff)
        except Permanent as fault:
            if fault.code != "no_proposal":
                raise
            return None
        try:
            believe(waiting, diff, head, verify=self._verify, now=self._clock.now())
        except PublishRefused:
            return row
        raise PublishRefused("waits_already", "expected a new proposal, saw the same one waiting")

    async def _reviewed(self, diff: str, standing: Standing) -> tuple[Proposal, Examined]:
        proposal, _ = await self._history.proposal(diff)
        believe(proposal, diff, standing.head, verify=self._verify, now=self._clock.now())
        rules = await self._history.proposed_rules(proposal)
        past = await self._decided(standing, proposal.since, proposal.proposed_at - SETTLED)
        candidate = list(placed(rules, "proposal"))
        limits = self._checks.limits(json.loads(proposal.parameters))
        return proposal, examine(candidate, standing.rules, limits, self._checks, past)

    async def _standing(self) -> Standing:
        standing = await self._history.standing()
        if standing is None:
            raise PublishRefused("no_policy", "expected a policy, saw none: onboard first")
        return standing

    async def _decided(
        self, standing: Standing, since: datetime, until: datetime | None = None
    ) -> Past:
        """Return the decisions made in a span of time, and the rules that made them."""
        kept = await self._past.decisions(since)
        read = [PastDecision.model_validate_json(one.model_dump_json()) for one in kept]
        found = [one for one in read if since <= one.at and (until is None or one.at <= until)]
        refs = {one.decision.snapshot for one in found if one.decision.snapshot}
        return Past(since, found, await self._deciders(refs, standing))

    async def _deciders(
        self, refs: set[SnapshotRef], standing: Standing
    ) -> Mapping[SnapshotRef | None, RuleSet]:
        heads = {head.seq: head for head in (*await self._history.past(), standing.head)}
        known = [ref for ref in refs if ref.seq in heads and heads[ref.seq].snapshot_id == ref.id]
        return {ref: RuleSet.of(await self._history.rules(heads[ref.seq]), ref) for ref in known}
