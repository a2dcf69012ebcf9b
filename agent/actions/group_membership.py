"""Add a person to a group, or remove them.

Changes   one membership edge, user to group.
Verifies  by reading that edge back by id; Graph is eventually consistent, so the executor waits.
Undoes    by the inverse action, and only if the edge was not already so before we began.
Scopes    GroupMember.ReadWrite.All, delegated: the acting person owns the group or holds a role.
Never     touches dynamic, synced or role-assignable groups: planning and the global layer refuse.

Sources: Graph docs group-post-members, group-delete-members; the edge is read by
GET /groups/{id}/members/{id}/$ref, which is by id and not from the lagging index.
"""

from typing import ClassVar

from agent.actions._action import Action
from agent.authorize import Needs, Warrant
from agent.ports import M365
from agent.receipts import GraphTrace
from agent.values import GroupId, Guid, PersonId


class _GroupMembership(Action[bool]):
    family: ClassVar = "group"
    risk: ClassVar = 1
    reversible: ClassVar = True
    needs: ClassVar = Needs(
        scopes=frozenset({"GroupMember.ReadWrite.All"}),
        roles_any=frozenset({"Groups Administrator", "User Administrator", "Global Administrator"}),
        owner_of_target=True,
    )
    user: Guid
    group: Guid

    @property
    def target(self) -> GroupId:
        return GroupId(self.group)

    @property
    def subject(self) -> PersonId:
        return PersonId(self.user)

    def licences(self, carried: int | None) -> int | None:
        # who joins a group that carries licences is given them, and who leaves it loses them
        return carried

    async def observe(self, m365: M365) -> bool:
        edge = await m365.read("groups", self.group, "members", self.user, "$ref")
        return edge is not None


class AddGroupMember(_GroupMembership):
    """Make a person a direct member of a group."""

    name: ClassVar = "group.member.add"
    effects: ClassVar = ("grants_access",)

    def holds(self, seen: bool) -> bool:
        return seen

    def undo(self, before: bool) -> "RemoveGroupMember | None":
        # Already a member before we came: taking them out would not restore anything.
        return None if before else RemoveGroupMember(user=self.user, group=self.group)

    def describe(self, subject: str, target: str) -> str:
        return f"add {subject} to the group {target}"

    def achieved(self, who_is: str, target: str) -> str:
        return f"{who_is} now a member of the group {target}."

    async def _change(self, m365: M365, warrant: Warrant) -> GraphTrace:
        body = {"@odata.id": m365.reference(self.user)}
        return await m365.write(warrant, "POST", "groups", self.group, "members", "$ref", body=body)


class RemoveGroupMember(_GroupMembership):
    """End a person's direct membership of a group."""

    name: ClassVar = "group.member.remove"
    effects: ClassVar = ()

    def holds(self, seen: bool) -> bool:
        return not seen

    def undo(self, before: bool) -> "AddGroupMember | None":
        return AddGroupMember(user=self.user, group=self.group) if before else None

    def describe(self, subject: str, target: str) -> str:
        return f"remove {subject} from the group {target}"

    def achieved(self, who_is: str, target: str) -> str:
        return f"{who_is} no longer a member of the group {target}."

    async def _change(self, m365: M365, warrant: Warrant) -> GraphTrace:
        path = ("groups", self.group, "members", self.user, "$ref")
        return await m365.write(warrant, "DELETE", *path)
