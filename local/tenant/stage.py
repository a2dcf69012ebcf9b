"""What does the stage manager see of the directory, and plant in it?

Answers objects as Graph resources plus their relations, and replaces, changes or removes them at
once, without rights, logs or delay. Never part of Graph.

Rules:
- a property that Graph does not know is refused, so that a misspelt plant cannot pass a test;
- people may be named by id or user principal name, roles also by display name or template id;
- what is absent from a PUT takes its default; what is absent from a PATCH stays;
- removing an object removes it from every relation.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.tenant.directory import Directory, Resource
from local.tenant.estate import Tenant
from local.tenant.odata import PROPERTIES
from local.tenant.roles import ROLE_NAMES, ROLE_TEMPLATES

_TYPES: Mapping[str, str] = {
    "users": "user",
    "groups": "group",
    "sites": "site",
    "roles": "directoryRole",
    "risk": "riskyUser",
    "licences": "subscribedSku",
    "audits": "directoryAudit",
    "signins": "signIn",
}
_FIELDS: Mapping[str, str] = {"licences": "skus"}
_LOGS: Mapping[str, str] = {"audits": "audits", "signins": "sign_ins"}
# kind -> name in the body -> (field of Directory, whether it is a list)
_RELATIONS: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    "users": {"manager": ("managers", False)},
    "groups": {
        "members": ("members", True),
        "owners": ("owners", True),
        "site": ("group_sites", False),
    },
    "roles": {"members": ("role_members", True)},
}
KINDS = (*_TYPES, "consents")
_SINCE = "2024-03-11T08:30:00Z"
_DEFAULTS: Mapping[str, Resource] = {
    "users": {
        "givenName": None,
        "surname": None,
        "jobTitle": None,
        "department": None,
        "mail": None,
        "businessPhones": [],
        "mobilePhone": None,
        "otherMails": [],
        "usageLocation": None,
        "userType": "Member",
        "accountEnabled": True,
        "onPremisesSyncEnabled": None,
        "createdDateTime": _SINCE,
        "signInSessionsValidFromDateTime": _SINCE,
        "lastPasswordChangeDateTime": _SINCE,
        "assignedLicenses": [],
    },
    "groups": {
        "description": None,
        "groupTypes": [],
        "mail": None,
        "mailEnabled": False,
        "mailNickname": "group",
        "securityEnabled": True,
        "visibility": None,
        "isAssignableToRole": None,
        "membershipRule": None,
        "onPremisesSyncEnabled": None,
        "createdDateTime": _SINCE,
        "assignedLicenses": [],
    },
    "risk": {
        "riskDetail": "none",
        "riskLastUpdatedDateTime": _SINCE,
        "isDeleted": False,
        "isProcessing": False,
    },
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "users": ("displayName", "userPrincipalName"),
    "groups": ("displayName",),
    "sites": ("displayName", "webUrl"),
    "risk": ("riskLevel", "riskState"),
    "audits": ("activityDateTime", "activityDisplayName"),
    "signins": ("createdDateTime", "userId"),
    "licences": ("skuId", "skuPartNumber"),
}
_DERIVED = uuid.UUID("f3f3d3a1-52ce-4a53-9b1e-0d1b6a55f9a7")


class StageError(ValueError):
    """A plant that would not make sense; the message says what was expected."""


class AbsentError(LookupError):
    """There is no such kind or object."""


def show_all(tenant: Tenant, kind: str) -> list[Resource]:
    """Every object of a kind."""
    if kind == "consents":
        return [{"id": app, "scopes": list(held)} for app, held in tenant.consents.items()]
    _check_kind(kind)
    if kind in _LOGS:
        return list(getattr(tenant, _LOGS[kind]))
    return [show(tenant, kind, oid) for oid in getattr(tenant.directory, _field(kind))]


def show(tenant: Tenant, kind: str, key: str) -> Resource:
    """One object with its relations; raises AbsentError."""
    if kind == "consents" or kind in _LOGS:
        found = next((o for o in show_all(tenant, kind) if o["id"].lower() == key.lower()), None)
        if found is None:
            raise AbsentError(f"expected one of the {kind}, saw {key!r}")
        return found
    _check_kind(kind)
    oid = _known(tenant.directory, kind, key)
    resource = dict(getattr(tenant.directory, _field(kind))[oid])
    for name, (field, many) in _RELATIONS.get(kind, {}).items():
        held = getattr(tenant.directory, field).get(oid)
        resource[name] = list(held or ()) if many else held
    return resource


def put(tenant: Tenant, kind: str, key: str, body: Mapping[str, Any]) -> Resource:
    """Create or replace an object."""
    if kind == "consents":
        tenant.consents[key] = tuple(str(scope) for scope in body.get("scopes", ()))
        return show(tenant, kind, key)
    _check_kind(kind)
    oid = _new_id(tenant.directory, kind, key)
    relations = {name: body[name] for name in _RELATIONS.get(kind, {}) if name in body}
    plain = {name: value for name, value in body.items() if name not in relations}
    resource = {**_DEFAULTS.get(kind, {}), **_identity(tenant, kind, oid, key), **plain, "id": oid}
    _check_resource(kind, resource)
    if kind in _LOGS:
        entries: list[Resource] = getattr(tenant, _LOGS[kind])
        entries[:] = [entry for entry in entries if entry["id"] != oid] + [resource]
        return resource
    directory = tenant.directory.put(_field(kind), oid, resource)
    tenant.plant(_related(directory, kind, oid, relations))
    return show(tenant, kind, oid)


def patch(tenant: Tenant, kind: str, key: str, body: Mapping[str, Any]) -> Resource:
    """Change some properties or relations of an object that exists."""
    before = show(tenant, kind, key)
    return put(tenant, kind, str(before["id"]), {**before, **body})


def delete(tenant: Tenant, kind: str, key: str) -> None:
    """Remove an object and every relation to it."""
    oid = str(show(tenant, kind, key)["id"])
    if kind == "consents":
        del tenant.consents[oid]
    elif kind in _LOGS:
        entries: list[Resource] = getattr(tenant, _LOGS[kind])
        entries[:] = [entry for entry in entries if entry["id"] != oid]
    else:
        directory = tenant.directory.drop(_field(kind), oid)
        # A risk record shares its id with the person, who stays.
        tenant.plant(directory if kind in ("risk", "licences") else directory.unlink(oid))


def people(tenant: Tenant) -> list[Resource]:
    """Everybody, as tests and demos need them."""
    return [
        {
            "oid": oid,
            "upn": user["userPrincipalName"],
            "name": user["displayName"],
            "title": user.get("jobTitle"),
            "department": user.get("department"),
            "roles": sorted(tenant.directory.role_names_of(oid)),
            "kind": user.get("userType"),
            "enabled": user["accountEnabled"],
            "tenant": tenant.id,
        }
        for oid, user in tenant.directory.users.items()
    ]


def _check_kind(kind: str) -> None:
    if kind not in _TYPES:
        raise AbsentError(f"expected one of {', '.join(KINDS)}, saw {kind!r}")


def _field(kind: str) -> str:
    return _FIELDS.get(kind, kind)


def _resolve(directory: Directory, kind: str, key: str) -> str:
    lowered = key.lower()
    if kind in ("users", "risk"):
        return directory.user_id(lowered) or lowered
    if kind == "roles":
        names = {role["displayName"].lower(): oid for oid, role in directory.roles.items()}
        by_template = {role["roleTemplateId"]: oid for oid, role in directory.roles.items()}
        return names.get(lowered) or by_template.get(lowered) or lowered
    return lowered


def _known(directory: Directory, kind: str, key: str) -> str:
    oid = _resolve(directory, kind, key)
    if oid not in getattr(directory, _field(kind)):
        raise AbsentError(f"expected one of the {kind}, saw {key!r}")
    return oid


def _new_id(directory: Directory, kind: str, key: str) -> str:
    oid = _resolve(directory, kind, key)
    if kind != "roles" or oid in directory.roles:
        return oid
    name = _role_name(key)
    return str(uuid.uuid5(_DERIVED, name))


def _role_name(key: str) -> str:
    by_lower = {name.lower(): name for name in ROLE_TEMPLATES}
    name = by_lower.get(key.lower()) or ROLE_NAMES.get(key.lower())
    if name is None:
        raise StageError(f"expected the name or template id of a built-in role, saw {key!r}")
    return name


def _identity(tenant: Tenant, kind: str, oid: str, key: str) -> Resource:
    """What an object of this kind says of itself when the plant does not."""
    if kind == "roles" and oid not in tenant.directory.roles:
        name = _role_name(key)
        return {"displayName": name, "description": None, "roleTemplateId": ROLE_TEMPLATES[name]}
    if kind == "roles":
        return dict(tenant.directory.roles[oid])
    if kind == "risk":
        person = tenant.directory.users.get(oid)
        if person is None:
            raise StageError(f"expected a person, saw {key!r}")
        names = {"userDisplayName": "displayName", "userPrincipalName": "userPrincipalName"}
        return {name: person[source] for name, source in names.items()}
    return {}


def _check_resource(kind: str, resource: Resource) -> None:
    unknown = sorted(set(resource) - PROPERTIES[_TYPES[kind]])
    if unknown:
        raise StageError(f"expected properties of {_TYPES[kind]}, saw {', '.join(unknown)}")
    lacking = [name for name in _REQUIRED.get(kind, ()) if resource.get(name) is None]
    if lacking:
        raise StageError(f"expected {', '.join(lacking)} in {kind}, saw none")


def _related(directory: Directory, kind: str, oid: str, relations: Mapping[str, Any]) -> Directory:
    for name, value in relations.items():
        field, many = _RELATIONS[kind][name]
        if value is None:
            directory = directory.drop(field, oid)
        elif many:
            directory = directory.put(field, oid, tuple(_ends(directory, value)))
        else:
            end = str(value).lower() if name == "site" else next(_ends(directory, [value]))
            directory = directory.put(field, oid, end)
    return directory


def _ends(directory: Directory, keys: Iterable[Any]) -> Iterator[str]:
    for key in keys:
        lowered = str(key).lower()
        oid = directory.user_id(lowered) or (lowered if lowered in directory.groups else None)
        if oid is None:
            raise StageError(f"expected a person or group, saw {key!r}")
        yield oid
