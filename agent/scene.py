"""As whom to read, and what the tenant says of its people and resources: gathered for a stage.

Shared by assessment and execution, so that both see the world by the same rules.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from agent.domain import Authority, AuthorityMode, Classification, Request, Sponsorship
from agent.errors import SignInNeeded
from agent.investigate import Readers
from agent.lookups import LOOKUPS
from agent.ports import M365, Tenant
from agent.receipts import Vote
from agent.values import PersonId, Secret, correlation

_LENT = tuple(kind.name for kind in LOOKUPS if kind.as_sponsor)


def readers(
    tenant: Tenant, acting: M365, request: Request, sponsorships: Sequence[Sponsorship]
) -> Readers:
    """Return as whom each lookup is asked: the acting person, or whoever lends that lookup."""
    lent: dict[str, M365] = {}
    for sponsorship in sponsorships:
        names = [name for name in _LENT if name in sponsorship.lookups and name not in lent]
        if names:  # one handle for all of them: each new one reads the vault
            sponsor = tenant.tokens.sponsor(sponsorship, correlation(request.id))
            lent |= dict.fromkeys(names, sponsor)
    return Readers(acting, lent)


def as_requester(tenant: Tenant, request: Request, assertion: Secret | None) -> M365:
    """Return Graph on behalf of the requester. Raises SignInNeeded when their sign-in is gone."""
    if assertion is None:
        raise SignInNeeded("sign_in_gone", f"the sign-in of {request.requester} is no longer kept")
    return tenant.tokens.requester(request.requester, assertion, correlation(request.id))


async def as_authority(
    tenant: Tenant,
    request: Request,
    authority: Authority,
    votes: Sequence[Vote],
    sponsorships: Sequence[Sponsorship],
) -> M365:
    """Return Graph as the person whose token acts; never as anybody else (INVARIANT 4)."""
    if authority.mode is AuthorityMode.REQUESTER:
        return as_requester(tenant, request, await tenant.requests.assertion(request.id))
    if authority.mode is AuthorityMode.APPROVER:
        vote = next(v for v in votes if v.approver == authority.person)
        assertion = await tenant.approvals.assertion(request.id, vote)
        if assertion is None:
            raise SignInNeeded("sign_in_gone", "the approver's sign-in is no longer kept")
        return tenant.tokens.requester(authority.person, assertion, correlation(request.id))
    lent = next((s for s in sponsorships if s.id == authority.sponsorship), None)
    if lent is None:
        raise SignInNeeded(
            "sponsorship_gone", f"sponsorship {authority.sponsorship} stands no more"
        )
    return tenant.tokens.sponsor(lent, correlation(request.id))


async def classes_of(
    tenant: Tenant, people: Iterable[PersonId], targets: Iterable[str]
) -> Mapping[str, Classification]:
    """Return what the tenant's own classification says.

    A person without a row carries no mark; a resource without a row is unclassified, which leaves
    its tags Unknown: policy then denies.
    """
    persons, things = list(dict.fromkeys(people)), list(dict.fromkeys(targets))
    found = await asyncio.gather(*(tenant.targets.classification(i) for i in [*persons, *things]))
    classes = {c.id: c for c in found if c is not None}
    for person in persons:
        nothing = Classification(id=person, tags=frozenset(), department=None, privileged=False)
        classes.setdefault(person, nothing)
    return classes
