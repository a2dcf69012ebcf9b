"""What does this person belong to: groups and directory roles, nested ones included.

Source: Graph user-list-transitivememberof. A truncated answer is a fault, never a short list.
"""

from typing import ClassVar

from pydantic import JsonValue

from agent.lookups._lookup import PersonLookup, Question
from agent.ports import M365
from policy.roles import ROLE_NAMES


class Standing(PersonLookup):
    """Transitive group ids and the names of directory roles held."""

    name: ClassVar = "standing"
    source: ClassVar = "GET /users/{id}/transitiveMemberOf"
    scopes: ClassVar = frozenset({"User.Read.All", "GroupMember.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        found = await m365.read_all(
            "users", question.person, "transitiveMemberOf", query={"$top": "999"}
        )
        groups: list[JsonValue] = []
        roles: list[JsonValue] = []
        for item in found:
            kind = item.get("@odata.type")
            if kind == "#microsoft.graph.group":
                groups.append(str(item["id"]).lower())
            elif kind == "#microsoft.graph.directoryRole":
                template = str(item.get("roleTemplateId")).lower()
                # A role we have no name for still marks its holder: policy may not overlook it.
                roles.append(ROLE_NAMES.get(template, f"role {template}"))
        return {"groups": groups, "roles": roles}
