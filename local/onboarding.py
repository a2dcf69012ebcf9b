"""Bring the simulated organisations on board, as an operator would: by the product's own code.

What an operator types in Azure stands here for the two seeded organisations: who staffs the service
desk, who sponsors what, what the groups are. Running it again on the same data changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from agent.adapters.registry_table import Registration
from agent.domain import Classification, Sponsorship
from agent.onboard import Organisation, lend, onboard
from agent.publish import open_stores
from agent.settings import Settings
from agent.values import PersonId, Secret, TenantId
from agent.wiring import Deployment
from policy.pack import load
from policy.rule import Rule
from policy.snapshot import Head

PACKS = Path(__file__).resolve().parent.parent / "policy" / "packs"
TARGETS = Path(__file__).resolve().parent / "tenant" / "targets.yaml"
DESKS = {"alderfinch.example": "helen.cho", "borealis.example": "marek.novak"}
SPONSORS = {"alderfinch.example": "nadia.petrov", "borealis.example": "tuva.berg"}
# Who decides what the packs leave open. IT Admins carries directory roles, so that nobody but a
# privileged role administrator says who is in it. The second organisation has no such group: what
# one would decide on is refused there.
DECIDERS: Mapping[str, Mapping[str, str]] = {
    "alderfinch.example": {
        "admin_group": "74e20425-e258-4034-b381-2c13e9d84004",
        "security_group": "74e20425-e258-4034-b381-2c13e9d84004",
    },
    "borealis.example": {},
}
LENT_TAGS = frozenset({"finance", "sales", "operations", "marketing"})


async def bring_on_board(facts: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """Onboard every organisation of the local world. `facts` is what `up` knows so far."""
    deployment = Deployment(Settings.of(settings))
    targets = yaml.safe_load(TARGETS.read_text(encoding="utf-8"))
    try:
        async with aiohttp.ClientSession() as session:
            for tenant in facts["tenants"]:
                people = await _people(session, facts["world"], tenant["id"])
                organisation = _organisation(facts, tenant, people, targets[tenant["id"]])
                deciders = DECIDERS[organisation.domain]
                registration = await onboard(
                    deployment,
                    organisation,
                    load(PACKS / "tenant-default", parameters=deciders),
                    operator="local operator",
                    parameters=deciders,
                )
                await _sponsor(deployment, session, facts["world"], registration, people)
    finally:
        await deployment.close()


def _organisation(
    facts: Mapping[str, Any],
    tenant: Mapping[str, str],
    people: Mapping[str, str],
    targets: list[dict[str, Any]],
) -> Organisation:
    return Organisation(
        id=tenant["id"],
        name=tenant["name"],
        domain=tenant["domain"],
        tables_endpoint=facts["tables"][tenant["id"]]["endpoint"],
        vault_url=facts["vault"][tenant["id"]],
        service_desk=people[f"{DESKS[tenant['domain']]}@{tenant['domain']}"],
        identity=facts["identity"][tenant["id"]],
        publisher=facts["publisher"][tenant["id"]],
        targets=tuple(
            Classification(
                id=row.get("group") or row["person"],
                tags=frozenset(row["tags"]),
                department=row.get("department"),
                privileged="privileged" in row["tags"],
            )
            for row in targets
        ),
    )


async def republish(deployment: Deployment, tenant: TenantId, rules: Sequence[Rule]) -> Head:
    """Make rules the policy of a tenant at once, for stories that need one changed under them.

    It holds the publishing identity of the local world and asks nobody: no way for a real tenant.
    """
    registered = await deployment.registry().find(tenant)
    if registered is None:
        raise LookupError(f"expected {tenant} on the registry, saw nothing")
    stores = open_stores(deployment, registered)
    return await stores.publisher.publish(
        rules, await stores.history.standing(), published_by="stage", approved_by="stage manager"
    )


async def _people(session: aiohttp.ClientSession, world: str, tenant: str) -> dict[str, str]:
    async with session.get(f"{world}/people", params={"tenant": tenant}) as answer:
        answer.raise_for_status()
        return {person["upn"]: person["oid"] for person in await answer.json()}


async def _sponsor(
    deployment: Deployment,
    session: aiohttp.ClientSession,
    world: str,
    registration: Registration,
    people: Mapping[str, str],
) -> None:
    """The sponsor signs in once and lends what the default pack permits outright."""
    upn = f"{SPONSORS[registration.domain]}@{registration.domain}"
    asked = {"upn": upn, "audience": "graph", "offline": True}
    async with session.post(f"{world}/token", json=asked) as answer:
        answer.raise_for_status()
        signed_in = Secret((await answer.json())["refresh_token"])
    lent = Sponsorship(
        id="access-changes",
        sponsor=PersonId(people[upn]),
        upn=upn,
        actions=frozenset({"group.member.add", "group.member.remove"}),
        lookups=frozenset({"risk", "history", "reconcile"}),
        target_tags=LENT_TAGS,
        expires_at=deployment.clock.now() + timedelta(days=60),
    )
    await lend(deployment, registration, lent, signed_in)
