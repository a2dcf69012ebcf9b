"""One attempt at one step: what is loaded for it, as whom it acts, and what it has to say.

Used by `agent.execute` alone. A step may be attempted many times (activities run at least once);
what earlier attempts left is in the claim.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from agent import approve
from agent.actions import Action, action_of
from agent.allowance import Allowance
from agent.authorize import Hands, approvals_of, choose
from agent.domain import Authority, Classification, Refusal, Ruling, Sponsorship, Wait
from agent.drift import Drift, drift_of
from agent.errors import Fault, SignInNeeded, StoreUnusable, Transient
from agent.facts import Notes, owners_of
from agent.ports import Tenant
from agent.receipts import Outcome, Receipt, Vote
from agent.records import Claim, RequestRecord
from agent.values import RequestId, StepId
from policy.decide import Decision

Direction = Literal["do", "undo"]
LATER = (15, 30, 60, 120, 240)  # seconds until the next look at a change not yet visible
MOST_ATTEMPTS = 8
MOST_RULINGS = 20  # of one step, in one direction: the newest are kept


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is stored of a request, as an attempt at one of its steps needs it."""

    record: RequestRecord
    votes: list[Vote]
    lent: list[Sponsorship]
    receipts: tuple[Receipt, ...]


async def load(tenant: Tenant, request: RequestId, step: StepId) -> Loaded:
    """Load what one attempt needs, at once. Raises StoreUnusable when the request is not there."""
    stored, votes, lent = await asyncio.gather(
        tenant.requests.whole(request),
        tenant.approvals.votes(request, step),
        tenant.sponsorships.standing(),
    )
    if stored.record is None:
        raise StoreUnusable("request_missing", f"request {request} is not in the store")
    return Loaded(stored.record, votes, lent, stored.receipts)


class Attempt:
    """One attempt at one step: what was loaded, and what has been seen so far."""

    def __init__(
        self, tenant: Tenant, loaded: Loaded, step: StepId, direction: Direction, claim: Claim
    ) -> None:
        work = loaded.record.work
        planned = next((s for s in work.plan.steps if s.id == step), None) if work else None
        if work is None or planned is None:
            raise StoreUnusable("step_missing", f"the plan has no step {step}")
        self.tenant, self.step, self.direction, self.claim = tenant, planned, direction, claim
        self.request, self.work = loaded.record.request, work
        self.votes, self.lent = loaded.votes, loaded.lent
        self.now = tenant.clock.now()
        self.action: Action[Any] = action_of(planned.action)
        self.done: Receipt | None = None  # what this step did before, when it is to be undone
        self.sent = False  # a change may have left for Microsoft in this attempt
        self.allowance: Allowance | None = None  # its place in the budgets of the hour
        self.rulings = claim.rulings
        self.drift: Drift | None = None  # since the plan was made; None before this is decided
        if direction == "undo":
            _turn_round(self, loaded.receipts)

    def ruled(self, ruling: Ruling) -> Decision:
        """Keep what was decided, and how far it has moved from what was foreseen."""
        self.rulings = (*self.rulings, ruling)[-MOST_RULINGS:]
        foreseen = self.step.foreseen(undo=self.direction == "undo")
        self.drift = drift_of(foreseen, ruling) if foreseen else None
        return ruling.decision

    async def released(self) -> None:
        """Give the place in the budgets back, unless a change may have left."""
        if self.allowance is not None and not self.sent:
            await self.allowance.release()

    def receipt(self, outcome: Outcome, **more: Any) -> Receipt:
        """Return a receipt of this attempt."""
        return Receipt(
            step=self.step.id, direction=self.direction, outcome=outcome, at=self.now, **more
        )

    def authority(self, notes: Notes, classed: Classification | None) -> Authority | Refusal:
        """Return whose token acts. What one person's token did is undone by the same person's."""
        if self.done is not None and self.done.authority is not None:
            return self.done.authority
        if classed is None:
            return Refusal(
                code="unclassified",
                for_user="Nobody has said yet what this resource is, so I may not touch it.",
                for_admin=f"no row in Targets for {self.action.target}",
            )
        me = self.request.requester
        return choose(
            Hands(
                action=self.action.name,
                needs=self.action.needs,
                requester=me,
                requester_roles=frozenset(notes.ids("standing", me, "roles") or ()),
                owners=owners_of(notes, self.action.target),
                requester_upn=self.request.upn,
                target=classed,
                approved_by=approvals_of(self.votes, self.step.digest),
                approval_owed=any(n.when == "before" for n in self.step.approvals),
                sponsorships=tuple(self.lent),
            )
        )

    def planned_authority(self) -> Authority | Refusal:
        """Return whose token acts, by what was known when the plan was made."""
        target = self.action.target
        classed = next((c for c in self.work.classes if c.id == target), None)
        return self.authority(Notes(self.work.findings), classed)

    def not_yet(self) -> Receipt | None:
        """Return what the approvals say, unless all that are owed before the act say yes."""
        if self.direction == "undo":
            return None
        for need in self.step.approvals:
            state = approve.standing(need, self.votes, self.step.digest, self.now)
            if state is approve.Standing.OPEN and need.when == "before":
                return self.receipt(
                    Outcome.WAITING, wait=approve.wait_for(need, self.votes, self.now)
                )
            if state in (approve.Standing.REJECTED, approve.Standing.EXPIRED):
                return self.receipt(Outcome.REFUSED, refusal=approve.no(state))
        return None

    @property
    def last(self) -> bool:
        """Whether there are no further attempts after this one."""
        return self.claim.attempt >= MOST_ATTEMPTS

    def later(self, delay: timedelta | None = None) -> Wait:
        """Return when to look again: after `delay`, or after longer and longer pauses."""
        pause = timedelta(seconds=LATER[min(self.claim.attempt, len(LATER)) - 1])
        return Wait(until=self.tenant.clock.now() + (delay or pause))

    def until_settled(self, receipt: Receipt) -> Receipt:
        """Return a receipt of what is done, as far as later approvals let it stand."""
        if self.direction == "undo":
            return receipt
        for need in self.step.approvals:
            state = approve.standing(need, self.votes, self.step.digest, self.now)
            if state is approve.Standing.OPEN:
                wait = approve.wait_for(need, self.votes, self.now)
                return receipt.model_copy(update={"outcome": Outcome.WAITING, "wait": wait})
            if state is not approve.Standing.APPROVED:
                no = {"outcome": Outcome.REFUSED, "refusal": approve.no(state)}
                return receipt.model_copy(update=no)
        return receipt

    def after(self, fault: Fault) -> Receipt:
        """Return what a fault leaves: a later look, a failure that changed nothing, or doubt."""
        before = self.claim.receipt
        base = before if before is not None and before.ours else self.receipt(Outcome.WAITING)
        doubt = self.sent or base.ours
        if not self.last and (doubt or isinstance(fault, Transient)):
            delay = fault.delay if isinstance(fault, Transient) else None
            return base.model_copy(update={"sent": self.sent, "wait": self.later(delay)})
        refusal = Refusal(code=fault.code, for_user=_said(fault), for_admin=str(fault))
        outcome = Outcome.UNKNOWN if doubt else Outcome.FAILED
        return base.model_copy(
            update={"outcome": outcome, "sent": self.sent, "wait": None, "refusal": refusal}
        )


def _turn_round(attempt: Attempt, receipts: Sequence[Receipt]) -> None:
    """Make the attempt one at the inverse: only of what a receipt says is ours."""
    # INVARIANT: undo never touches someone else's change (tests/claims/test_failure.py)
    attempt.done = next(
        (r for r in receipts if r.step == attempt.step.id and r.direction == "do"), None
    )
    if attempt.done is None or not attempt.done.ours:
        raise StoreUnusable("nothing_to_undo", f"step {attempt.step.id} left nothing of ours")
    inverse = attempt.action.undo(attempt.done.before)
    if not isinstance(inverse, Action):
        raise StoreUnusable("nothing_to_undo", f"step {attempt.step.id} has no inverse")
    attempt.action = inverse


def _said(fault: Fault) -> str:
    match fault:
        case SignInNeeded():
            return "The sign-in this needs is no longer valid. Please sign in and ask again."
        case StoreUnusable():
            return "I could not read or record what I must, so I stopped."
        case Transient():
            return "Microsoft 365 did not answer in time, and I stopped trying."
        case _:
            return "Microsoft 365 did not accept this change."
