"""What do Microsoft's own watchers and logs answer?

Answers risky people, sign-ins and directory audits for one authorised question. Never decides who
may ask, never writes an entry.

Rules:
- an entry is shown only when Microsoft's delay has passed, newest first;
- somebody who was never at risk is not listed, and is 404 by id.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from local.tenant.directory import Resource
from local.tenant.errors import missing
from local.tenant.estate import Tenant
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


class _Log(NamedTuple):
    """One of Microsoft's logs: its entries, when each was made, and how Graph calls it."""

    entries: Callable[[Tenant], Iterable[Resource]]
    moment: str
    kind: str
    place: str

    def list(self, q: Question) -> Found:
        items = [(self.kind, entry) for entry in self._visible(q)]
        return Many(items, frozenset({self.kind}), self.place)

    def get(self, q: Question) -> Found:
        return One(_entry(self._visible(q), q.ids["entry"]), self.kind, self.place)

    def _visible(self, q: Question) -> Sequence[Resource]:
        latest = q.now - timedelta(seconds=q.settings.audit_seconds)
        entries = self.entries(q.tenant)
        shown = [one for one in entries if datetime.fromisoformat(one[self.moment]) <= latest]
        return sorted(shown, key=lambda one: str(one[self.moment]), reverse=True)


_SIGN_INS = _Log(lambda tenant: tenant.sign_ins, "createdDateTime", "signIn", "auditLogs/signIns")
_AUDITS = _Log(
    lambda tenant: tenant.audits, "activityDateTime", "directoryAudit", "auditLogs/directoryAudits"
)
LOG_READS: Mapping[str, Callable[[Question], Found]] = {
    "risk.riskyUsers.list": _list_risky,
    "risk.riskyUsers.get": _get_risky,
    "audit.signIns": _SIGN_INS.list,
    "audit.signIns.get": _SIGN_INS.get,
    "audit.directoryAudits": _AUDITS.list,
    "audit.directoryAudits.get": _AUDITS.get,
}


def _entry(entries: Iterable[Resource], oid: str) -> Resource:
    found = next((entry for entry in entries if str(entry["id"]).lower() == oid), None)
    if found is None:
        raise missing(oid)
    return found
