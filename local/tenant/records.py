"""What do Entra's own logs say?

Answers one log entry at a time in Microsoft's shape: a directoryAudit for a change, a signIn for
an interactive sign-in. Never decides when an entry becomes visible; readers ask that.

Rules:
- old and new values are JSON inside strings, as Entra writes them;
- times are UTC with a trailing Z.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.tenant.directory import Resource
from local.tenant.estate import App

_SIGN_IN_FAILURES = {50126: "Error validating credentials due to invalid username or password."}


@dataclass(frozen=True)
class Activity:
    """What happened: to whom, and in which group if any; old and new values of properties."""

    name: str
    target: Resource
    group: Resource | None = None
    modified: tuple[tuple[str, Any, Any], ...] = ()


def moment(at: datetime) -> str:
    """A time as Graph writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def audit_entry(
    activity: Activity, *, entry_id: str, at: datetime, by: Resource | None, app: App | None
) -> Resource:
    """A directoryAudit; `by` is the person acting, `app` the application they acted through."""
    of_group = activity.group is not None or "groupTypes" in activity.target
    return {
        "id": f"Directory_{entry_id}",
        "category": "GroupManagement" if of_group else "UserManagement",
        "correlationId": entry_id,
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity.name,
        "activityDateTime": moment(at),
        "loggedByService": "Core Directory",
        "operationType": _operation_type(activity.name),
        "initiatedBy": {"user": _initiator(by), "app": _application(app)},
        "targetResources": _targets(activity),
        "additionalDetails": [],
    }


def sign_in_entry(
    person: Resource, *, entry_id: str, at: datetime, tenant: str, details: dict[str, Any]
) -> Resource:
    """A signIn of a person; details: app, ip, city, country, risk, error."""
    failure = _SIGN_IN_FAILURES.get(details["error"])
    risk = details["risk"]
    return {
        "id": entry_id,
        "createdDateTime": moment(at),
        "userId": person["id"],
        "userDisplayName": person["displayName"],
        "userPrincipalName": person["userPrincipalName"].lower(),
        "appId": details.get("app_id"),
        "appDisplayName": details["app"],
        "ipAddress": details["ip"],
        "clientAppUsed": "Mobile Apps and Desktop clients",
        "correlationId": entry_id,
        "conditionalAccessStatus": "notApplied",
        "isInteractive": True,
        "homeTenantId": tenant,
        "riskDetail": "none",
        "riskLevelAggregated": risk,
        "riskLevelDuringSignIn": risk,
        "riskState": "none" if risk == "none" else "atRisk",
        "riskEventTypes_v2": [] if risk == "none" else ["unfamiliarFeatures"],
        "status": {"errorCode": details["error"], "failureReason": failure or "Other."},
        "location": {"city": details["city"], "countryOrRegion": details["country"]},
    }


def fresh_id() -> str:
    """A new random id in Microsoft's form."""
    return str(uuid.uuid4())


def _initiator(by: Resource | None) -> Resource | None:
    if by is None:
        return None
    return {
        "id": by["id"],
        "displayName": by["displayName"],
        "userPrincipalName": by["userPrincipalName"],
        "ipAddress": "",
    }


def _application(app: App | None) -> Resource | None:
    return {"appId": app.client_id, "displayName": app.name} if app else None


def _targets(activity: Activity) -> list[Resource]:
    modified = [
        {"displayName": name, "oldValue": _as_text(old), "newValue": _as_text(new)}
        for name, old, new in activity.modified
    ]
    target = _target(activity.target, modified)
    if activity.group is None:
        return [target]
    if not modified:
        names = ("Group.ObjectID", "Group.DisplayName")
        gone = activity.name.startswith("Remove")
        target["modifiedProperties"] = [
            _either(name, activity.group[key], gone=gone)
            for name, key in zip(names, ("id", "displayName"), strict=True)
        ]
    return [target, _target(activity.group, [])]


def _target(resource: Resource, modified: list[Resource]) -> Resource:
    is_group = "groupTypes" in resource
    return {
        "id": resource["id"],
        "displayName": resource["displayName"],
        "type": "Group" if is_group else "User",
        "userPrincipalName": resource.get("userPrincipalName"),
        "groupType": _group_type(resource) if is_group else None,
        "modifiedProperties": modified,
    }


def _group_type(group: Resource) -> str:
    return "unifiedGroups" if "Unified" in group["groupTypes"] else "azureAD"


def _either(name: str, value: str, *, gone: bool) -> Resource:
    text = _as_text(value)
    old, new = (text, None) if gone else (None, text)
    return {"displayName": name, "oldValue": old, "newValue": new}


def _as_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _operation_type(activity: str) -> str:
    first = activity.split(" ", 1)[0]
    return {"Add": "Assign", "Remove": "Unassign"}.get(first, "Update")
