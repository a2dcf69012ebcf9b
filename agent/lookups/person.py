"""Who is this person: account state, department, member or guest.

Source: Graph user-get; `accountEnabled` and `department` are not in the default set, so selected.
"""

from typing import ClassVar

from pydantic import JsonValue

from agent.lookups._lookup import PersonLookup, Question
from agent.ports import M365


class Person(PersonLookup):
    """The account: exists, enabled, department, member or guest. null: no such person."""

    name: ClassVar = "person"
    source: ClassVar = "GET /users/{id}"
    scopes: ClassVar = frozenset({"User.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        fields = "id,displayName,accountEnabled,department,userType"
        found = await m365.read("users", question.person, query={"$select": fields})
        if found is None:
            return None
        return {
            "enabled": found.get("accountEnabled"),
            "department": found.get("department"),
            "kind": found.get("userType"),
            "display": found.get("displayName"),
        }
