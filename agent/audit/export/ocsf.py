"""Records as events of the Open Cybersecurity Schema Framework, version 1.6, one JSON line each.

Rules
- the record of what became of a change to a group, an account or somebody's access is an event of
  Group Management, Account Change or User Access Management; every other record (the intent too,
  so that no change is counted twice) is an event of API Activity. A change that lacks what its
  class demands, or of a kind that no class knows, is API Activity as well;
- the time, the phase, the request and the outcome have exact places (`_EXACT`); what else the body
  holds stands whole in `unmapped`, so that nothing is dropped and the body can be put together
  again. The other attributes say it a second time, in the schema's words;
- `time` is 0 where the body has none, since the schema demands one;
- strings are as they were: JSON escapes what a line cannot hold.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from agent.audit.export.fields import Severity, epoch_ms, line_of, severity, text
from agent.records import AuditRecord
from agent.values import canonical

SCHEMA = "1.6.0"
ACCOUNT_CHANGE, USER_ACCESS, GROUP_MANAGEMENT, API_ACTIVITY = 3001, 3005, 3006, 6003
_CLASSES = {
    ACCOUNT_CHANGE: "Account Change",
    USER_ACCESS: "User Access Management",
    GROUP_MANAGEMENT: "Group Management",
    API_ACTIVITY: "API Activity",
}
_CATEGORIES = {3: "Identity & Access Management", 6: "Application Activity"}
OTHER = 99


class Activity(NamedTuple):
    """What happened, in the schema's numbers and words."""

    class_uid: int
    activity_id: int
    name: str


# The kind of target -> its class; how an action's name ends -> its activity in that class.
_CLASS_OF_TARGET = {
    "group": GROUP_MANAGEMENT,
    "team": GROUP_MANAGEMENT,
    "user": ACCOUNT_CHANGE,
    "person": ACCOUNT_CHANGE,
    "site": USER_ACCESS,
    "app": USER_ACCESS,
    "licence": USER_ACCESS,
    "role": USER_ACCESS,
}
_ACTIVITY_OF_ENDING = {
    GROUP_MANAGEMENT: {
        "member.add": (3, "Add User"),
        "member.remove": (4, "Remove User"),
    },
    ACCOUNT_CHANGE: {
        "user.create": (1, "Create"),
        "user.enable": (2, "Enable"),
        "user.password.change": (3, "Password Change"),
        "user.password.reset": (4, "Password Reset"),
        "user.disable": (5, "Disable"),
        "user.delete": (6, "Delete"),
    },
    USER_ACCESS: {
        "add": (1, "Assign Privileges"),
        "assign": (1, "Assign Privileges"),
        "grant": (1, "Assign Privileges"),
        "remove": (2, "Revoke Privileges"),
        "revoke": (2, "Revoke Privileges"),
    },
}
_ACTIVITY_OF_PHASE = {
    "request": (1, "Create"),
    "read": (2, "Read"),
    "verify": (2, "Read"),
    "export": (2, "Read"),
    "config": (3, "Update"),
    "config_change": (3, "Update"),
    "policy_change": (3, "Update"),
}
_ENDS_A_CHANGE = ("outcome", "effect")
_STATUS = {
    "done": (1, "Success"),
    "found": (1, "Success"),
    "undone": (1, "Success"),
    "approve": (1, "Success"),
    "refused": (2, "Failure"),
    "reject": (2, "Failure"),
    "failed": (2, "Failure"),
    "unknown": (0, "Unknown"),
}
_SEVERITY = {
    Severity.INFORMATIONAL: "Informational",
    Severity.LOW: "Low",
    Severity.MEDIUM: "Medium",
    Severity.HIGH: "High",
}
# Field of the body -> the attribute that holds it exactly, when it is text.
_EXACT = {
    "at": ("metadata", "original_time"),
    "request": ("metadata", "correlation_uid"),
    "phase": ("metadata", "event_code"),
    "outcome": ("status_code",),
}
# Field of the body -> its name in `unmapped`; every field that is not here is under `record`.
_UNMAPPED = {
    "decision": "policy",
    "acted_as": "agent",
    "reasoning": "reasoning",
    "approval": "approval",
}


def ocsf(records: Iterable[AuditRecord], tenant: str, version: str) -> Iterator[str]:
    """Give each record as one event; `tenant` is whose trail it is, `version` the product's.

    Raises ValueError for a record that has no canonical form.
    """
    for record in records:
        line_of(record)  # refuses what cannot be written
        yield canonical(event(record, tenant, version)).decode() + "\n"


def event(record: AuditRecord, tenant: str, version: str) -> dict[str, Any]:
    """Return one record as an event."""
    body = record.body
    activity = activity_of(body)
    kept = {field for field in _EXACT if isinstance(body.get(field), str)}
    weight = severity(body)
    status_id, status = _STATUS.get(text(body, "outcome") or "", (OTHER, "Other"))
    category = activity.class_uid // 1000
    return {
        "class_uid": activity.class_uid,
        "class_name": _CLASSES[activity.class_uid],
        "category_uid": category,
        "category_name": _CATEGORIES[category],
        "activity_id": activity.activity_id,
        "activity_name": activity.name,
        "type_uid": activity.class_uid * 100 + activity.activity_id,
        "type_name": f"{_CLASSES[activity.class_uid]}: {activity.name}",
        "time": epoch_ms(text(body, "at")) or 0,
        "severity_id": int(weight),
        "severity": _SEVERITY[weight],
        "status_id": status_id,
        "status": status,
        **({"status_code": body["outcome"]} if "outcome" in kept else {}),
        "metadata": _metadata(record, tenant, version, kept),
        "actor": _actor(body),
        "src_endpoint": _source(body),
        "api": _api(body),
        **_objects(body, activity),
        "unmapped": _unmapped(record, kept),
    }


def activity_of(body: Mapping[str, Any]) -> Activity:
    """Return the class and the activity of a record."""
    phase = text(body, "phase") or ""
    name = text(body, "action", "name")
    if phase in _ENDS_A_CHANGE and name is not None:
        changed = _CLASS_OF_TARGET.get(text(body, "target", "type") or "")
        if changed is not None and _has_its_objects(body, changed):
            for ending, (number, caption) in _ACTIVITY_OF_ENDING[changed].items():
                if f".{name}".endswith(f".{ending}"):
                    return Activity(changed, number, caption)
            return Activity(changed, OTHER, name)
    number, caption = _ACTIVITY_OF_PHASE.get(phase, (OTHER, phase or "unknown"))
    return Activity(API_ACTIVITY, number, caption)


def _has_its_objects(body: Mapping[str, Any], class_uid: int) -> bool:
    return text(body, "target", "id") is not None and _user(body, class_uid) is not None


def _user(body: Mapping[str, Any], class_uid: int) -> str | None:
    """Return whose membership, account or access was changed."""
    if class_uid == ACCOUNT_CHANGE:
        return text(body, "target", "id")
    return text(body, "action", "arguments", "user")


def _objects(body: Mapping[str, Any], activity: Activity) -> dict[str, Any]:
    target = {"uid": text(body, "target", "id"), "type": text(body, "target", "type")}
    if activity.class_uid == API_ACTIVITY:
        return {"resources": [target]} if target["uid"] is not None else {}
    user = {"user": {"uid": _user(body, activity.class_uid), "type_id": 1}}
    if activity.class_uid == GROUP_MANAGEMENT:
        return {**user, "group": target}
    if activity.class_uid == USER_ACCESS:
        return {**user, "privileges": [text(body, "action", "name")], "resources": [target]}
    return user


def _metadata(record: AuditRecord, tenant: str, version: str, kept: set[str]) -> dict[str, Any]:
    exact = {
        place[1]: record.body[field]
        for field, place in _EXACT.items()
        if field in kept and place[0] == "metadata"
    }
    logged = epoch_ms(text(record.body, "logged_at"))
    return {
        "version": SCHEMA,
        "product": {"name": "Warrant", "vendor_name": "Warrant", "version": version},
        "log_name": "audit",
        "uid": record.hash,
        "sequence": record.seq,
        "tenant_uid": tenant,
        **({} if logged is None else {"logged_time": logged}),
        **exact,
    }


def _actor(body: Mapping[str, Any]) -> dict[str, Any]:
    person = text(body, "actor")
    user = {} if person is None else {"user": {"uid": person, "type_id": 1}}
    return {"app_name": "Warrant", **user}


def _source(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return where it came from: the channel where the record says it, the product where not."""
    channel = text(body, "source", "channel") or text(body, "detail", "channel")
    address = text(body, "source", "ip")
    named = {"svc_name": "Warrant"} if channel is None else {"name": channel}
    return named if address is None else {**named, "ip": address}


def _api(body: Mapping[str, Any]) -> dict[str, Any]:
    asked = text(body, "graph", "client_request_id")
    answered = text(body, "graph", "request_id")
    api: dict[str, Any] = {
        "operation": text(body, "action", "name") or text(body, "phase") or "unknown"
    }
    if asked is not None:
        api["request"] = {"uid": asked}
    if answered is not None:
        api["response"] = {"data": {"request_id": answered}}
    return api


def _unmapped(record: AuditRecord, kept: set[str]) -> dict[str, Any]:
    body = record.body
    named = {name: body[field] for field, name in _UNMAPPED.items() if field in body}
    rest = {f: v for f, v in body.items() if f not in kept and f not in _UNMAPPED}
    integrity = {"prev_hash": record.prev, "hash": record.hash}
    return {**named, "record": rest, "integrity": integrity}
