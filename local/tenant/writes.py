"""What do the write operations change?

Answers the change that an authorised question means, ready to be committed, or refuses it as
Entra ID does. Never commits: whoever calls decides whether it happens.

Rules:
- a member or owner that is already there is 400, one that is not there is 404;
- groups kept by a rule, by the on-premises directory or by Exchange are read-only here;
- people and devices cannot be nested into what may only hold people: Microsoft 365 groups and
  role-assignable groups take no groups;
- a Microsoft 365 group keeps at least one owner;
- a written password is not kept, and not shown in any log.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from local.tenant.directory import Directory, Resource
from local.tenant.errors import bad_request, missing
from local.tenant.question import Question, Write
from local.tenant.records import Activity, moment

_REFERENCE = re.compile(r"https?://[^/]+/v1\.0/(directoryObjects|users|groups)/([^/]+)")
_EMPTY_BODY = (
    "An unexpected 'EndOfInput' node was found when reading from the JSON reader. "
    "A 'StartObject' node was expected."
)
_SYNCED = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects "
    "or objects currently undergoing migration."
)
_EXCHANGE = "Cannot Update a mail-enabled security groups and or distribution list."
_DYNAMIC = "Cannot update members of a group whose membership is determined by a rule."
_LAST_OWNER = "The group must have at least one owner, hence this owner cannot be removed."

_TEXT = (str, type(None))
_USER_PROPERTIES: Mapping[str, tuple[type, ...]] = {
    "accountEnabled": (bool,),
    "businessPhones": (list,),
    "companyName": _TEXT,
    "department": _TEXT,
    "displayName": (str,),
    "employeeId": _TEXT,
    "givenName": _TEXT,
    "jobTitle": _TEXT,
    "mobilePhone": _TEXT,
    "officeLocation": _TEXT,
    "otherMails": (list,),
    "passwordProfile": (dict,),
    "preferredLanguage": _TEXT,
    "surname": _TEXT,
    "usageLocation": _TEXT,
    "userPrincipalName": (str,),
}
_GROUP_PROPERTIES: Mapping[str, tuple[type, ...]] = {
    "classification": _TEXT,
    "description": _TEXT,
    "displayName": (str,),
    "mailNickname": (str,),
    "visibility": (str,),
}


def _add_member(q: Question) -> Write:
    group = _changeable(q, members=True)
    member = _referenced(q.body, q.directory)
    if member in q.directory.groups and ("Unified" in group["groupTypes"] or _assignable(group)):
        raise bad_request("Nesting groups is not supported for this type of group.")
    return _link(q, "members", member)


def _remove_member(q: Question) -> Write:
    _changeable(q, members=True)
    return _unlink(q, "members", q.ids["object"])


def _add_owner(q: Question) -> Write:
    _changeable(q, members=False)
    owner = _referenced(q.body, q.directory)
    if owner not in q.directory.users:
        raise bad_request("The owner of a group must be a user.")
    return _link(q, "owners", owner)


def _remove_owner(q: Question) -> Write:
    group = _changeable(q, members=False)
    owners = q.directory.owners.get(group["id"], ())
    if "Unified" in group["groupTypes"] and owners == (q.ids["object"],):
        raise bad_request(_LAST_OWNER)
    return _unlink(q, "owners", q.ids["object"])


def _update_user(q: Question) -> Write:
    oid = q.user_id()
    user = q.directory.users[oid]
    if user.get("onPremisesSyncEnabled"):
        raise bad_request(_SYNCED)
    written = _checked(q.body, _USER_PROPERTIES)
    password = written.pop("passwordProfile", None)
    upn = str(written.get("userPrincipalName", user["userPrincipalName"])).lower()
    if q.directory.upns.get(upn, oid) != oid:
        raise bad_request(
            "Another object with the same value for property userPrincipalName exists."
        )
    if password is not None:
        written["lastPasswordChangeDateTime"] = moment(q.now)
    return _patch(q, "users", user, written, "Update user")


def _update_group(q: Question) -> Write:
    group = _changeable(q, members=False)
    return _patch(q, "groups", group, _checked(q.body, _GROUP_PROPERTIES), "Update group")


WRITES: Mapping[str, Callable[[Question], Write]] = {
    "groups.members.add": _add_member,
    "groups.members.remove": _remove_member,
    "groups.owners.add": _add_owner,
    "groups.owners.remove": _remove_owner,
    "users.update": _update_user,
    "groups.update": _update_group,
}


def written_properties(body: Any) -> tuple[str, ...]:
    """The names a PATCH body wants to change; rights depend on them."""
    return tuple(body) if isinstance(body, dict) else ()


def _changeable(q: Question, *, members: bool) -> Resource:
    group = q.directory.groups[q.group_id()]
    if group.get("onPremisesSyncEnabled"):
        raise bad_request(_SYNCED)
    if group["mailEnabled"] and "Unified" not in group["groupTypes"]:
        raise bad_request(_EXCHANGE)
    if members and "DynamicMembership" in group["groupTypes"]:
        raise bad_request(_DYNAMIC)
    return group


def _assignable(group: Resource) -> bool:
    return bool(group.get("isAssignableToRole"))


def _referenced(body: Any, directory: Directory) -> str:
    if body is None:
        raise bad_request(_EMPTY_BODY)
    link = body.get("@odata.id") if isinstance(body, dict) else None
    found = _REFERENCE.fullmatch(link) if isinstance(link, str) else None
    if found is None:
        raise bad_request("Invalid object identifier in the '@odata.id' of the reference.")
    key = found[2].lower()
    oid = directory.user_id(key) or (key if key in directory.groups else None)
    if oid is None:
        raise missing(key)
    return oid


def _link(q: Question, relation: str, oid: str) -> Write:
    present: tuple[str, ...] = getattr(q.directory, relation).get(q.ids["group"], ())
    if oid in present:
        raise bad_request(
            "One or more added object references already exist for the following modified "
            f"properties: '{relation}'."
        )
    return _relate(q, relation, oid, (*present, oid), is_there=True)


def _unlink(q: Question, relation: str, oid: str) -> Write:
    present: tuple[str, ...] = getattr(q.directory, relation).get(q.ids["group"], ())
    if oid not in present:
        raise missing(oid)
    return _relate(q, relation, oid, tuple(o for o in present if o != oid), is_there=False)


def _relate(
    q: Question, relation: str, oid: str, holding: tuple[str, ...], *, is_there: bool
) -> Write:
    group_id, word = q.ids["group"], relation.removesuffix("s")
    verb = f"Add {word} to group" if is_there else f"Remove {word} from group"
    target = q.directory.object(oid)
    if target is None:
        raise missing(oid)
    return Write(
        after=q.directory.put(relation, group_id, holding),
        touched=(group_id, oid),
        target={"type": "group", "id": group_id, "relation": relation, "object": oid},
        old={word: not is_there},
        new={word: is_there},
        activities=(Activity(verb, target, q.directory.groups[group_id]),),
    )


def _patch(q: Question, kind: str, resource: Resource, written: Resource, activity: str) -> Write:
    old = {name: resource.get(name) for name in written}
    modified = tuple((n, old[n], new) for n, new in written.items() if old[n] != new)
    names = [activity] if modified else []
    if old.get("accountEnabled") != written.get("accountEnabled"):
        names.append("Enable account" if written["accountEnabled"] else "Disable account")
    after = {**resource, **written}
    return Write(
        after=q.directory.put(kind, resource["id"], after),
        touched=(resource["id"],),
        target={"type": kind.removesuffix("s"), "id": resource["id"]},
        old=old,
        new=dict(written),
        activities=tuple(Activity(name, after, None, modified) for name in names),
    )


def _checked(body: Any, known: Mapping[str, tuple[type, ...]]) -> Resource:
    if not isinstance(body, dict):
        raise bad_request(_EMPTY_BODY)
    for name, value in body.items():
        if name not in known:
            raise bad_request(f"Invalid property '{name}'.")
        if not isinstance(value, known[name]):
            raise bad_request(f"Invalid value specified for property '{name}' of resource.")
    return dict(body)
