"""What does one organisation's directory hold at one instant?

Answers what the objects are and what follows from them: who is in which group (nested groups
included), who holds which role, who owns what. Never changes: a write makes the next Directory,
so an older one stays whole and can be served as a stale read.

Rules:
- ids are lower case; Graph compares them without case, so callers lower them first;
- relations live beside the objects, never inside them;
- a person holds a role directly, or through a group that can be assigned to roles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

Resource = dict[str, Any]
Relation = Mapping[str, tuple[str, ...]]

GLOBAL_ADMINISTRATOR = "Global Administrator"


@dataclass(frozen=True)
class Directory:
    """One tenant's objects and relations, by id."""

    users: Mapping[str, Resource] = field(default_factory=dict)
    groups: Mapping[str, Resource] = field(default_factory=dict)
    sites: Mapping[str, Resource] = field(default_factory=dict)
    roles: Mapping[str, Resource] = field(default_factory=dict)
    skus: Mapping[str, Resource] = field(default_factory=dict)
    risk: Mapping[str, Resource] = field(default_factory=dict)
    members: Relation = field(default_factory=dict)  # group -> users and groups
    owners: Relation = field(default_factory=dict)  # group -> users
    role_members: Relation = field(default_factory=dict)  # role -> users and groups
    managers: Mapping[str, str] = field(default_factory=dict)  # user -> user
    group_sites: Mapping[str, str] = field(default_factory=dict)  # group -> site

    @cached_property
    def upns(self) -> Mapping[str, str]:
        """User principal name in lower case -> user id."""
        return {user["userPrincipalName"].lower(): oid for oid, user in self.users.items()}

    @cached_property
    def _containers(self) -> Relation:
        found: dict[str, list[str]] = {}
        for group, members in self.members.items():
            for member in members:
                found.setdefault(member, []).append(group)
        return {member: tuple(groups) for member, groups in found.items()}

    def user_id(self, key: str) -> str | None:
        """The id of the user named by id or user principal name, if there is one."""
        lowered = key.lower()
        return lowered if lowered in self.users else self.upns.get(lowered)

    def kind(self, oid: str) -> str:
        """The Graph type of an object: user, group or directoryRole."""
        if oid in self.users:
            return "user"
        return "group" if oid in self.groups else "directoryRole"

    def object(self, oid: str) -> Resource | None:
        """A user, group or role by id."""
        return self.users.get(oid) or self.groups.get(oid) or self.roles.get(oid)

    def groups_of(self, oid: str, *, transitive: bool) -> list[str]:
        """Ids of the groups that hold `oid`, nearest first."""
        if not transitive:
            return list(self._containers.get(oid, ()))
        return _closure(oid, self._containers)

    def members_of(self, group: str, *, transitive: bool) -> list[str]:
        """Ids of what the group holds, nearest first."""
        if not transitive:
            return list(self.members.get(group, ()))
        return _closure(group, self.members)

    def roles_of(self, oid: str, *, through_groups: bool = True) -> list[str]:
        """Ids of the directory roles that `oid` holds."""
        holders = {oid, *self.groups_of(oid, transitive=True)} if through_groups else {oid}
        return [role for role, held_by in self.role_members.items() if holders & set(held_by)]

    def role_names_of(self, oid: str) -> frozenset[str]:
        """Display names of the directory roles that `oid` holds."""
        return frozenset(self.roles[role]["displayName"] for role in self.roles_of(oid))

    def owned_by(self, oid: str) -> list[str]:
        """Ids of the groups that `oid` owns."""
        return [group for group, owners in self.owners.items() if oid in owners]

    def reports_of(self, oid: str) -> list[str]:
        """Ids of the people whose manager is `oid`."""
        return [person for person, manager in self.managers.items() if manager == oid]

    def in_role_assignable_group(self, oid: str) -> bool:
        """Whether `oid` is member or owner of a group that may be given directory roles."""
        near = {*self.groups_of(oid, transitive=True), *self.owned_by(oid)}
        return any(self.groups[group].get("isAssignableToRole") for group in near)

    def put(self, kind: str, oid: str, value: Any) -> "Directory":
        """The directory with one entry of one mapping (`users`, `members`, …) set."""
        return replace(self, **{kind: {**getattr(self, kind), oid: value}})

    def drop(self, kind: str, oid: str) -> "Directory":
        """The directory without one entry of one mapping."""
        return replace(self, **{kind: without(getattr(self, kind), oid)})

    def unlink(self, oid: str) -> "Directory":
        """The directory with every relation to and from `oid` removed."""
        return replace(
            self,
            members=_unlinked(self.members, oid),
            owners=_unlinked(self.owners, oid),
            role_members=_unlinked(self.role_members, oid),
            managers={p: m for p, m in self.managers.items() if oid not in (p, m)},
            group_sites={g: s for g, s in self.group_sites.items() if oid not in (g, s)},
        )


def without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A copy of the mapping that lacks one key."""
    return {name: value for name, value in mapping.items() if name != key}


def _unlinked(relation: Relation, oid: str) -> Relation:
    return {
        left: tuple(right for right in rights if right != oid)
        for left, rights in relation.items()
        if left != oid
    }


def _closure(start: str, edges: Relation) -> list[str]:
    found: list[str] = []
    seen = {start}
    ahead: Iterable[str] = edges.get(start, ())
    while ahead:
        fresh = [oid for oid in dict.fromkeys(ahead) if oid not in seen]
        seen.update(fresh)
        found.extend(fresh)
        ahead = [further for oid in fresh for further in edges.get(oid, ())]
    return found
