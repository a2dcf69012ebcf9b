"""Which group stands behind the thing the person named?

People say "the Finance SharePoint"; access to a team site or a Team is membership of its Microsoft
365 group, so a name is resolved to groups. Only a unique exact match is ever acted on; the others
are offered as choices. Sources: Graph group-list ($filter), site-search.
"""

import asyncio
from typing import Any, ClassVar

from pydantic import JsonValue

from agent.domain import ResourceName
from agent.lookups._lookup import Lookup, Question
from agent.ports import M365
from policy.facts import fold

GROUP_FIELDS = (
    "id,displayName,groupTypes,securityEnabled,mailEnabled,isAssignableToRole,"
    "onPremisesSyncEnabled,membershipRule,assignedLicenses"
)


class Resource(Lookup):
    """Groups whose name begins with the words said, and sites found by them."""

    name: ClassVar = "resource"
    source: ClassVar = "GET /groups, GET /sites"
    scopes: ClassVar = frozenset({"GroupMember.Read.All", "Sites.Read.All"})

    def about(self, question: Question) -> str:
        return _named(question).name

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        named = _named(question)
        filtered = {
            "$filter": f"startswith(displayName,{m365.text(named.name)})",
            "$select": GROUP_FIELDS,
        }
        groups = m365.read_all("groups", query=filtered)
        if named.kind != "site":
            return {"groups": [group_facts(g) for g in await groups], "sites": None}
        found, sites = await asyncio.gather(
            groups, m365.read_all("sites", query={"search": named.name})
        )
        exact = [str(s["id"]) for s in sites if fold(str(s.get("displayName"))) == fold(named.name)]
        return {"groups": [group_facts(g) for g in found], "sites": [*exact]}


def _named(question: Question) -> ResourceName:
    if question.name is None:
        raise ValueError("this lookup is about a name, and the question has none")
    return question.name


def group_facts(found: dict[str, Any]) -> dict[str, JsonValue]:
    """Return what matters of a group: its kind, who manages its members, its display name."""
    types, carried = found.get("groupTypes"), found.get("assignedLicenses")
    return {
        "id": str(found["id"]).lower(),
        "display": found.get("displayName"),
        "unified": "Unified" in types if isinstance(types, list) else None,
        "dynamic": "DynamicMembership" in types if isinstance(types, list) else None,
        "synced": bool(found.get("onPremisesSyncEnabled")),
        "mail_only": bool(found.get("mailEnabled")) and "Unified" not in (types or ()),
        # null and absent both mean false for this property (Graph group resource)
        "role_assignable": bool(found.get("isAssignableToRole")),
        # licences that every member is given; absent is not none: Graph gives it on $select only
        "licences": len(carried) if isinstance(carried, list) else None,
    }
