"""Whose hands, and leave to act: the policy enforcement point.

Answers two questions for one step: whose delegated token may make the change (`choose`), and
whether it may be made now (`mint`). A warrant is minted here and nowhere else
(INVARIANT 1: tests/laws/test_warrant.py), only from a permit whose obligations are discharged and
from an intent record that is already durable.

Never here: I/O, policy rules, tokens.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from agent.domain import Authority, AuthorityMode, Classification, Refusal, Sponsorship
from agent.receipts import Vote
from agent.records import Written
from agent.values import Frozen, PersonId, TenantId
from policy.decide import Decision

LIFETIME = timedelta(seconds=60)
_MINTING = object()


class WarrantError(Exception):
    """A warrant was shown for something it was not minted for, too late, or twice."""


class Warrant:
    """Leave to make exactly one change, once, now. It cannot be copied, stored or sent."""

    __slots__ = ("_spent", "digest", "expires_at", "intent", "person", "snapshot", "tenant")

    def __init__(
        self,
        key: object,
        *,
        tenant: TenantId,
        person: PersonId,
        digest: str,
        snapshot: str,
        intent: str,
        expires_at: datetime,
    ) -> None:
        if key is not _MINTING:
            raise WarrantError("a warrant is minted by agent.authorize.mint and nowhere else")
        self.tenant, self.person, self.digest = tenant, person, digest
        self.snapshot, self.intent, self.expires_at = snapshot, intent, expires_at
        self._spent = False

    def covers(self, digest: str) -> None:
        """Raise unless this warrant was minted for the change with this digest."""
        if digest != self.digest:
            raise WarrantError(f"warrant for change {self.digest[:12]} shown for {digest[:12]}")

    def spend(self, tenant: TenantId, person: PersonId, now: datetime) -> None:
        """Use the warrant up; raise when it is another tenant's, another person's, late or used."""
        if self._spent:
            raise WarrantError("this warrant was used before; each covers one change")
        if (tenant, person) != (self.tenant, self.person):
            raise WarrantError("this warrant names another tenant or another person")
        if now >= self.expires_at:
            raise WarrantError(f"this warrant expired at {self.expires_at.isoformat()}")
        self._spent = True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a warrant is never copied, pickled or serialised")


class Needs(Frozen):
    """What the person whose token acts must hold in Microsoft 365 for an action to succeed."""

    scopes: frozenset[str]
    roles_any: frozenset[str]
    owner_of_target: bool


class Hands(Frozen):
    """Everything that bears on whose token can act for one step."""

    action: str
    needs: Needs
    requester: PersonId
    requester_roles: frozenset[str]
    owners: frozenset[PersonId]
    target: Classification
    requester_upn: str | None = None
    approved_by: tuple[Vote, ...] = ()
    approval_owed: bool = False
    sponsorships: tuple[Sponsorship, ...] = ()


def choose(hands: Hands) -> Authority | Refusal:
    """Return the least-privileged holder who suffices, or why there is none (DESIGN section 4).

    A sponsor acts only where policy permits outright: where an approval is owed before the act,
    only the approver's own right counts, so that nobody's yes can lend a right they do not have.
    """
    if why := _holds(hands, hands.requester, hands.requester_roles):
        return Authority(
            mode=AuthorityMode.REQUESTER, person=hands.requester, upn=hands.requester_upn, why=why
        )
    for vote in hands.approved_by:
        if why := _holds(hands, vote.approver, frozenset()):
            return Authority(
                mode=AuthorityMode.APPROVER, person=vote.approver, upn=vote.upn, why=why
            )
    if not hands.approval_owed:
        for lent in hands.sponsorships:
            if _lends(lent, hands):
                return Authority(
                    mode=AuthorityMode.SPONSOR,
                    person=lent.sponsor,
                    upn=lent.upn,
                    why=f"policy permits it outright; sponsorship {lent.id} names {hands.action}",
                    sponsorship=lent.id,
                )
    return Refusal(
        code="no_authority",
        for_user="Nobody whose right I may use can make this change. I have handed it to a person.",
        for_admin=(
            f"{hands.action} needs ownership of the target or one of "
            f"{', '.join(sorted(hands.needs.roles_any))}; neither requester nor approver holds it "
            "and no standing sponsorship covers it"
        ),
    )


def _holds(hands: Hands, person: PersonId, roles: Collection[str]) -> str:
    """Return why this person can do it themselves, or an empty string."""
    if hands.needs.owner_of_target and person in hands.owners:
        return "owns the target"
    held = hands.needs.roles_any.intersection(roles)
    return f"holds the role {min(held)}" if held else ""


def _lends(lent: Sponsorship, hands: Hands) -> bool:
    """Whether a sponsorship covers this action on this target (an empty tag set covers nothing)."""
    return (
        hands.action in lent.actions
        and lent.sponsor != hands.requester
        and bool(lent.target_tags & hands.target.tags)
    )


def mint(
    decision: Decision,
    *,
    tenant: TenantId,
    authority: Authority,
    digest: str,
    owed: Sequence[str],
    intent: Written,
    now: datetime,
) -> Warrant:
    """Mint leave for one change.

    `owed` are the obligations not yet discharged and `intent` the durable record of what is about
    to be done. Raises WarrantError when the decision is no permit, anything is owed, or the intent
    names another change: each is a programming error, stopped here once more.
    """
    if decision.effect != "permit":
        raise WarrantError("no warrant without a permit")
    if owed:
        raise WarrantError(f"no warrant while obligations are owed: {', '.join(owed)}")
    if (
        intent.body.get("phase") not in ("intent", "compensate")
        or intent.body.get("digest") != digest
    ):
        raise WarrantError("no warrant without a durable intent record of this very change")
    if decision.snapshot is None:
        raise WarrantError("no warrant from a decision that names no policy snapshot")
    return Warrant(
        _MINTING,
        tenant=tenant,
        person=authority.person,
        digest=digest,
        snapshot=decision.snapshot.id,
        intent=intent.digest,
        expires_at=now + LIFETIME,
    )


def approvals_of(votes: Sequence[Vote], digest: str) -> tuple[Vote, ...]:
    """Return the yes votes that are bound to exactly this change, in order."""
    return tuple(v for v in votes if v.decision == "approve" and v.digest == digest)
