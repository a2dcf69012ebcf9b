"""What do the read operations answer?

Answers objects and lists from one directory for one authorised question. Never decides who may
ask (see rights), never shapes the answer (see odata), never changes anything.

Rules:
- an id that is not in the caller's own tenant does not exist;
- a caller whose scopes open only basic profiles gets only basic profiles of others;
- what Microsoft watches and logs is in log_reads.
"""

from collections.abc import Callable, Iterable, Mapping

from local.tenant.directory import Directory, Resource
from local.tenant.errors import bad_request, missing, site_denied
from local.tenant.log_reads import LOG_READS, Found
from local.tenant.odata import DIRECTORY_KINDS, Many, One
from local.tenant.question import Question
from local.tenant.rights import may_open_site

_FULL_PROFILE = frozenset(
    {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
_MOST_CHECKED = 20


def _get_user(q: Question) -> Found:
    oid = q.user_id()
    return One(q.directory.users[oid], "user", "users", _basic(q) and oid != q.actor.oid)


def _list_users(q: Question) -> Found:
    users = [("user", user) for user in q.directory.users.values()]
    return Many(users, frozenset({"user"}), "users", basic=_basic(q))


def _get_manager(q: Question) -> Found:
    manager = q.directory.managers.get(q.user_id())
    if manager is None:
        raise missing("manager")
    return One(q.directory.users[manager], "user", "directoryObjects")


def _list_reports(q: Question) -> Found:
    return _objects(q, q.directory.reports_of(q.user_id()))


def _member_of(q: Question) -> Found:
    return _containers(q, q.user_id(), transitive=False)


def _transitive_member_of(q: Question) -> Found:
    return _containers(q, q.user_id(), transitive=True)


def _group_member_of(q: Question) -> Found:
    return _containers(q, q.group_id(), transitive=False)


def _group_transitive_member_of(q: Question) -> Found:
    return _containers(q, q.group_id(), transitive=True)


def _check_member_groups(q: Question) -> Found:
    wanted = q.body.get("groupIds") if isinstance(q.body, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise bad_request("Invalid value specified for property 'groupIds' of the request.")
    if len(wanted) > _MOST_CHECKED:
        raise bad_request(f"Too many values for 'groupIds'; at most {_MOST_CHECKED} are allowed.")
    held = set(q.directory.groups_of(q.user_id(), transitive=True))
    return {
        "@odata.context": "$metadata#Collection(Edm.String)",
        "value": [group.lower() for group in wanted if group.lower() in held],
    }


def _owned_objects(q: Question) -> Found:
    return _objects(q, q.directory.owned_by(q.user_id()))


def _licence_details(q: Question) -> Found:
    held = q.directory.users[q.user_id()]["assignedLicenses"]
    skus = [q.directory.skus[licence["skuId"]] for licence in held]
    details = [
        {
            "id": sku["id"],
            "skuId": sku["skuId"],
            "skuPartNumber": sku["skuPartNumber"],
            "servicePlans": [],
        }
        for sku in skus
    ]
    items = [("licenseDetails", detail) for detail in details]
    return Many(items, frozenset({"licenseDetails"}), "users/licenseDetails")


def _list_groups(q: Question) -> Found:
    groups = [("group", group) for group in q.directory.groups.values()]
    return Many(groups, frozenset({"group"}), "groups")


def _get_group(q: Question) -> Found:
    return One(q.directory.groups[q.group_id()], "group", "groups")


def _owners(q: Question) -> Found:
    return _objects(q, q.directory.owners.get(q.group_id(), ()))


def _members(q: Question) -> Found:
    return _objects(q, q.directory.members_of(q.group_id(), transitive=False))


def _member_ref(q: Question) -> Found:
    """One membership edge, by id: answered by a replica, never by the slower index."""
    member = q.ids["object"]
    if member not in q.directory.members_of(q.group_id(), transitive=False):
        raise missing(member)
    return {"@odata.context": "$metadata#$ref", "@odata.id": f"directoryObjects/{member}"}


def _transitive_members(q: Question) -> Found:
    return _objects(q, q.directory.members_of(q.group_id(), transitive=True))


def _group_site(q: Question) -> Found:
    site = q.directory.group_sites.get(q.group_id())
    if site is None:
        raise missing("root")
    return _site(q, site)


def _get_site(q: Question) -> Found:
    if q.ids["site"] not in q.directory.sites:
        raise missing(q.ids["site"])
    return _site(q, q.ids["site"])


def _search_sites(q: Question) -> Found:
    sought = (q.query.free_text or "*").casefold()
    sites = [
        ("site", site)
        for oid, site in q.directory.sites.items()
        if _opens(q, oid) and _named_like(site, sought)
    ]
    return Many(sites, frozenset({"site"}), "sites")


def _list_roles(q: Question) -> Found:
    roles = [("directoryRole", role) for role in q.directory.roles.values()]
    return Many(roles, frozenset({"directoryRole"}), "directoryRoles")


def _role_members(q: Question) -> Found:
    if q.ids["role"] not in q.directory.roles:
        raise missing(q.ids["role"])
    return _objects(q, q.directory.role_members.get(q.ids["role"], ()))


def _role_assignments(q: Question) -> Found:
    assignments = [
        (
            "unifiedRoleAssignment",
            {
                "id": f"{role_id}-{principal}",
                "principalId": principal,
                "roleDefinitionId": q.directory.roles[role_id]["roleTemplateId"],
                "directoryScopeId": "/",
            },
        )
        for role_id, principals in q.directory.role_members.items()
        for principal in principals
    ]
    kinds = frozenset({"unifiedRoleAssignment"})
    return Many(assignments, kinds, "roleManagement/directory/roleAssignments")


def _list_skus(q: Question) -> Found:
    skus = [("subscribedSku", sku) for sku in q.directory.skus.values()]
    return Many(skus, frozenset({"subscribedSku"}), "subscribedSkus")


def _list_organization(q: Question) -> Found:
    items = [("organization", q.tenant.organization)]
    return Many(items, frozenset({"organization"}), "organization")


READS: Mapping[str, Callable[[Question], Found]] = {
    **LOG_READS,
    "users.get": _get_user,
    "users.list": _list_users,
    "users.manager": _get_manager,
    "users.manager.get": _get_manager,
    "users.directReports": _list_reports,
    "users.memberOf": _member_of,
    "users.transitiveMemberOf": _transitive_member_of,
    "users.checkMemberGroups": _check_member_groups,
    "users.ownedObjects": _owned_objects,
    "users.licenseDetails": _licence_details,
    "groups.list": _list_groups,
    "groups.get": _get_group,
    "groups.owners.list": _owners,
    "groups.members.list": _members,
    "groups.members.ref": _member_ref,
    "groups.transitiveMembers.list": _transitive_members,
    "groups.memberOf": _group_member_of,
    "groups.transitiveMemberOf": _group_transitive_member_of,
    "groups.sites.root": _group_site,
    "sites.search": _search_sites,
    "sites.get": _get_site,
    "directoryRoles.list": _list_roles,
    "directoryRoles.members": _role_members,
    "roleManagement.roleAssignments": _role_assignments,
    "subscribedSkus.list": _list_skus,
    "organization.list": _list_organization,
}


def _basic(q: Question) -> bool:
    return q.operation.right != "self" and not q.actor.scopes & _FULL_PROFILE


def _objects(q: Question, oids: Iterable[str]) -> Many:
    found = [(q.directory.kind(oid), q.directory.object(oid)) for oid in oids]
    items = [(kind, item) for kind, item in found if item and q.cast in (None, kind)]
    kinds = frozenset({q.cast}) if q.cast else DIRECTORY_KINDS
    return Many(items, kinds, "directoryObjects", relation=True, basic=_basic(q))


def _containers(q: Question, oid: str, *, transitive: bool) -> Many:
    groups = q.directory.groups_of(oid, transitive=transitive)
    return _objects(q, [*groups, *q.directory.roles_of(oid, through_groups=transitive)])


def _site(q: Question, oid: str) -> One:
    if not _opens(q, oid):
        raise site_denied()
    return One(q.directory.sites[oid], "site", "sites")


def _opens(q: Question, site: str) -> bool:
    if not q.settings.site_trimming and _is_member(q.directory, q.actor.oid):
        return True
    return may_open_site(q.actor, q.directory, site)


def _is_member(directory: Directory, oid: str) -> bool:
    return directory.users[oid].get("userType") != "Guest"


def _named_like(site: Resource, sought: str) -> bool:
    if sought.strip("*") == "":
        return True
    return any(sought.strip('*"') in str(site[name]).casefold() for name in ("displayName", "name"))
