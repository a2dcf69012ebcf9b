"""What do Microsoft's own watchers and logs answer?

Answers risky people, sign-ins and directory audits for one authorised question. Never decides who
may ask, never writes an entry.

Rules:
- an entry is shown only when Microsoft's delay has passed, newest first;
- somebody who was never at risk is not listed, and is 404 by id.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from local.tenant.directory import Resource
from local.tenant.errors import missing
from local.tenant.odata import Many, One
from local.tenant.question import Question

Found = One | Many | Resource


def _list_risky(q: Question) -> Found:
    risky = [("riskyUser", entry) for entry in q.directory.risk.values()]
    return Many(risky, frozenset({"riskyUser"}), "identityProtection/riskyUsers")


def _get_risky(q: Question) -> Found:
    if q.ids["user"] not in q.directory.risk:
        raise missing(q.ids["user"])
    return One(q.directory.risk[q.ids["user"]], "riskyUser", "identityProtection/riskyUsers")


def _list_sign_ins(q: Question) -> Found:
    entries = _visible(q.tenant.sign_ins, "createdDateTime", q)
    items = [("signIn", entry) for entry in entries]
    return Many(items, frozenset({"signIn"}), "auditLogs/signIns")


def _get_sign_in(q: Question) -> Found:
    entries = _visible(q.tenant.sign_ins, "createdDateTime", q)
    return One(_entry(entries, q.ids["entry"]), "signIn", "auditLogs/signIns")


def _list_audits(q: Question) -> Found:
    entries = _visible(q.tenant.audits, "activityDateTime", q)
    items = [("directoryAudit", entry) for entry in entries]
    return Many(items, frozenset({"directoryAudit"}), "auditLogs/directoryAudits")


def _get_audit(q: Question) -> Found:
    entries = _visible(q.tenant.audits, "activityDateTime", q)
    return One(_entry(entries, q.ids["entry"]), "directoryAudit", "auditLogs/directoryAudits")


LOG_READS: Mapping[str, Callable[[Question], Found]] = {
    "risk.riskyUsers.list": _list_risky,
    "risk.riskyUsers.get": _get_risky,
    "audit.signIns": _list_sign_ins,
    "audit.signIns.get": _get_sign_in,
    "audit.directoryAudits": _list_audits,
    "audit.directoryAudits.get": _get_audit,
}


def _visible(entries: Iterable[Resource], moment: str, q: Question) -> list[Resource]:
    latest = q.now - timedelta(seconds=q.settings.audit_seconds)
    shown = [entry for entry in entries if datetime.fromisoformat(entry[moment]) <= latest]
    return sorted(shown, key=lambda entry: str(entry[moment]), reverse=True)


def _entry(entries: Iterable[Resource], oid: str) -> Resource:
    found = next((entry for entry in entries if str(entry["id"]).lower() == oid), None)
    if found is None:
        raise missing(oid)
    return found
