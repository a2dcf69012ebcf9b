"""What is this group now: its kind, who owns it, and the site behind it.

Sources: Graph group-get, group-list-owners, site-get (`/groups/{id}/sites/root`).
"""

from typing import ClassVar

from pydantic import JsonValue

from agent.lookups._lookup import GroupLookup, Question, needed
from agent.lookups.resource import GROUP_FIELDS, group_facts
from agent.ports import M365


class Group(GroupLookup):
    """The group's kind and flags. null: no such group."""

    name: ClassVar = "group"
    source: ClassVar = "GET /groups/{id}"
    scopes: ClassVar = frozenset({"GroupMember.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        group = needed(question.group)
        found = await m365.read("groups", group, query={"$select": GROUP_FIELDS})
        return None if found is None else group_facts(found)


class Owners(GroupLookup):
    """The ids of the persons who own the group."""

    name: ClassVar = "owners"
    source: ClassVar = "GET /groups/{id}/owners"
    scopes: ClassVar = frozenset({"GroupMember.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        found = await m365.read_all(
            "groups", needed(question.group), "owners", query={"$select": "id"}
        )
        return [str(owner["id"]).lower() for owner in found]


class Membership(GroupLookup):
    """Whether the person is a direct member now."""

    name: ClassVar = "membership"
    source: ClassVar = "GET /groups/{id}/members/{id}/$ref"
    scopes: ClassVar = frozenset({"GroupMember.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        group = needed(question.group)
        return await m365.read("groups", group, "members", question.person, "$ref") is not None


class Site(GroupLookup):
    """The id of the team site whose members are this group's. null: the group has no site."""

    name: ClassVar = "site"
    source: ClassVar = "GET /groups/{id}/sites/root"
    scopes: ClassVar = frozenset({"Sites.Read.All"})

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        found = await m365.read("groups", needed(question.group), "sites", "root")
        return None if found is None else str(found["id"])
