"""Did this person have the access before, and who took it away when?

Source: Graph directoryaudit-list (`targetResources/any(...)`, 30 days with P1). Delegated reading
needs Reports Reader or Security Reader: read as a sponsor.
"""

from typing import Any, ClassVar

from pydantic import JsonValue

from agent.lookups._lookup import GroupLookup, Question, needed
from agent.ports import M365

NEWEST = "100"
_CHANGES = {"Add member to group": "added", "Remove member from group": "removed"}


class History(GroupLookup):
    """Changes of this person's membership among their newest log entries, at most five."""

    name: ClassVar = "history"
    source: ClassVar = "GET /auditLogs/directoryAudits"
    scopes: ClassVar = frozenset({"AuditLog.Read.All"})
    as_sponsor: ClassVar = True

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        group = needed(question.group)
        about_person = f"targetResources/any(t:t/id eq '{question.person}')"
        newest = {"$filter": about_person, "$orderby": "activityDateTime desc", "$top": NEWEST}
        # One page on purpose: it is told, not decided on, and must not cost more for a long past.
        page = await m365.read("auditLogs", "directoryAudits", query=newest) or {}
        changes: list[JsonValue] = [
            {"what": _CHANGES[item["activityDisplayName"]], "at": item["activityDateTime"]}
            for item in page.get("value") or ()
            if item.get("activityDisplayName") in _CHANGES and _names(item, group)
        ]
        return {"changes": changes[:5]}


def _names(item: dict[str, Any], group: str) -> bool:
    """Whether a log entry is about this group: by target, or by the property that names it."""
    for target in item.get("targetResources") or ():
        if str(target.get("id")).lower() == group:
            return True
        for changed in target.get("modifiedProperties") or ():
            values = f"{changed.get('newValue')}{changed.get('oldValue')}".lower()
            if changed.get("displayName") == "Group.ObjectID" and group in values:
                return True
    return False
