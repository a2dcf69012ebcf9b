"""May this person do this, through this app?

Answers yes or no from the token, the operation and the directory, as Microsoft does: a delegated
scope that covers the call AND a right of the person (role, ownership, default member). Pure:
never answers a request, never says which half was missing.

Rules:
- both failures look the same to the caller; the agent has to compute the reason itself;
- a token without a person opens nothing: no application permission is granted here;
- User.Read and User.ReadWrite reach only the person's own object;
- a guest sees themselves and the groups they are in, and lists nothing;
- a role-assignable group obeys its owners and Privileged Role Administrators only;
- sensitive properties of a person follow the matrix in roles.yaml; of an administrator they also
  need Directory.AccessAsUser.All.

# INVARIANT: test_rights.py::test_the_table_of_who_may_do_what
"""

from collections.abc import Iterable, Mapping

from local.tenant.actor import Actor
from local.tenant.directory import GLOBAL_ADMINISTRATOR, Directory
from local.tenant.operations import Operation
from local.tenant.roles import GROUP_WRITERS, SENSITIVE, USER_BASIC, stands_above

_OWN_OBJECT_ONLY = frozenset({"User.Read", "User.ReadWrite"})
_AS_USER = "Directory.AccessAsUser.All"


def permitted(
    operation: Operation,
    actor: Actor,
    directory: Directory,
    ids: Mapping[str, str],
    changes: Iterable[str] = (),
) -> bool:
    """Whether scope and person together allow the operation; `changes` names written properties."""
    if not actor.delegated or actor.oid not in directory.users:
        return False
    changed = frozenset(changes)
    if not _scope_covers(operation, actor, directory, ids, changed):
        return False
    if operation.right == "self":
        return True
    if operation.right == "member":
        return _is_member(actor, directory) or _guest_may(operation, actor, directory, ids)
    if operation.right == "readers":
        return bool(actor.roles & (operation.roles | {GLOBAL_ADMINISTRATOR}))
    if operation.right == "user_update":
        return _may_update_user(actor, directory, ids["user"], changed)
    return _may_write_group(operation.right, actor, directory, ids["group"])


def may_open_site(actor: Actor, directory: Directory, site: str) -> bool:
    """Whether SharePoint would let the person in: public, or member or owner of its group."""
    near = {*directory.groups_of(actor.oid, transitive=True), *directory.owned_by(actor.oid)}
    groups = [group for group, of_group in directory.group_sites.items() if of_group == site]
    return any(
        group in near or directory.groups[group].get("visibility") == "Public" for group in groups
    )


def _scope_covers(
    operation: Operation,
    actor: Actor,
    directory: Directory,
    ids: Mapping[str, str],
    changed: frozenset[str],
) -> bool:
    granted = actor.scopes & operation.scopes
    if "user" in ids and directory.user_id(ids["user"]) != actor.oid:
        granted -= _OWN_OBJECT_ONLY
    if not operation.narrow:
        return bool(granted)
    narrow = [operation.narrow[scope] for scope in actor.scopes & operation.narrow.keys()]
    reachable: frozenset[str] = frozenset().union(*narrow)
    if granted:
        # A password profile opens only to its own scope, or to acting fully as the user.
        reachable |= changed - ({"passwordProfile"} if _AS_USER not in granted else set())
    return changed <= reachable and bool(granted or narrow)


def _is_member(actor: Actor, directory: Directory) -> bool:
    return bool(directory.users[actor.oid].get("userType") != "Guest")


def _guest_may(
    operation: Operation, actor: Actor, directory: Directory, ids: Mapping[str, str]
) -> bool:
    if "user" in ids:
        return directory.user_id(ids["user"]) == actor.oid
    if "group" in ids:
        return ids["group"] in directory.groups_of(actor.oid, transitive=True)
    if "site" in ids:
        return may_open_site(actor, directory, ids["site"])
    return operation.id == "organization.list"


def _may_write_group(right: str, actor: Actor, directory: Directory, group_id: str) -> bool:
    if actor.oid in directory.owners.get(group_id, ()) or GLOBAL_ADMINISTRATOR in actor.roles:
        return True
    group = directory.groups.get(group_id, {})
    if group.get("isAssignableToRole"):
        return bool(actor.roles & GROUP_WRITERS.role_assignable)
    writers = getattr(GROUP_WRITERS, right)
    by_kind = writers.unified if "Unified" in group.get("groupTypes", ()) else writers.security
    return bool(actor.roles & (writers.any | by_kind))


def _may_update_user(
    actor: Actor, directory: Directory, target: str, changed: frozenset[str]
) -> bool:
    oid = directory.user_id(target)
    held = directory.role_names_of(oid) if oid else frozenset()
    if changed & SENSITIVE:
        if held and _AS_USER not in actor.scopes:
            return False
        assignable = oid is not None and directory.in_role_assignable_group(oid)
        if not stands_above(actor.roles, held, assignable=assignable):
            return False
    if changed and changed <= SENSITIVE:
        return True
    return bool(actor.roles & (USER_BASIC | {GLOBAL_ADMINISTRATOR}))
