"""Who asks, for what: people of Finance and team sites of their own, planted for the bench.

Each request of a run has a person and a group of its own, so that what is measured is the work and
not a race for one row. People and groups are planted through the stage manager; what a group *is*
is written into the tenant's Targets table with the product's own adapter, as an admin would.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from agent.adapters.tables import open_account
from agent.adapters.targets_table import TargetTable
from agent.domain import Classification
from local.stage import Stage

OWNER = "olga.brandt@alderfinch.example"
SPONSOR = "nadia.petrov@alderfinch.example"
FLAGGED = "felix.wagner@alderfinch.example"
FLAGGED_GROUP = "Budget 2027"  # tagged finance, and the flagged person is no member
_DOMAIN = "alderfinch.example"
_HOST = "alderfinch.sharepoint.example"


@dataclass(frozen=True)
class Asker:
    """One person with a group they are not a member of, and the sign-in they send along."""

    upn: str
    oid: str
    group: str
    name: str
    token: str

    @property
    def says(self) -> str:
        """The sentence of the seed request, about this person's own group."""
        return f"I can't get into the {self.name} SharePoint"


def flagged(stage: Stage) -> Asker:
    """Return a person whom Entra ID Protection flags, with a group of their own department."""
    group = stage.group(FLAGGED_GROUP)
    return Asker(FLAGGED, stage.oid(FLAGGED), group["id"], FLAGGED_GROUP, stage.token(FLAGGED))


def plant(stage: Stage, many: int) -> list[Asker]:
    """Plant and classify `many` people with a group each; planting again changes nothing."""
    askers = [_plant_one(stage, number) for number in range(many)]
    asyncio.run(_classify(stage.facts, askers))
    return askers


def _plant_one(stage: Stage, number: int) -> Asker:
    upn, name = f"ledger{number:02d}@{_DOMAIN}", f"Ledger {number:02d}"
    oid, group, site = (str(uuid5(NAMESPACE_URL, f"{kind}:{upn}")) for kind in ("p", "g", "s"))
    person = {"displayName": f"Lee Dger {number:02d}", "userPrincipalName": upn, "mail": upn}
    stage.plant("users", oid, {**person, "department": "Finance"})
    address = f"{_HOST},{site},{site}"
    place = {
        "displayName": name,
        "name": f"ledger{number:02d}",
        "webUrl": f"https://{_HOST}/{site}",
    }
    stage.plant("sites", address, place)
    kind = {"groupTypes": ["Unified"], "mailEnabled": True, "securityEnabled": False}
    relations = {"members": [], "owners": [OWNER], "site": address}
    stage.plant("groups", group, {"displayName": name, **kind, **relations})
    return Asker(upn, oid, group, name, stage.token(upn))


async def _classify(facts: Mapping[str, Any], askers: list[Asker]) -> None:
    where = facts["tables"][facts["tenants"][0]["id"]]
    account = open_account(where["endpoint"], None, where["key"])
    targets = TargetTable(account.rows("Targets"))
    finance = {"tags": frozenset({"finance"}), "department": "Finance", "privileged": False}
    try:
        for asker in askers:
            await targets.classify(Classification(id=asker.group, **finance))
    finally:
        await account.close()


def reset(stage: Stage, askers: list[Asker]) -> None:
    """Take everybody out of their group again."""
    for asker in askers:
        stage.set_object("groups", asker.group, {"members": []})


def plan_of(stage: Stage, askers: list[Asker]) -> str:
    """Return, as JSON, what a worker in another process needs to do the same work."""
    facts = stage.facts
    tid = facts["tenants"][0]["id"]
    return json.dumps(
        {
            "graph": facts["graph"],
            "world": facts["world"],
            "tables": facts["tables"][tid],
            "sponsor_token": stage.token(SPONSOR, "graph"),
            "askers": [
                {
                    "oid": asker.oid,
                    "group": asker.group,
                    "name": asker.name,
                    "token": stage.token(asker.upn, "graph"),
                }
                for asker in askers
            ],
        }
    )
