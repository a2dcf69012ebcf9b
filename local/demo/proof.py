"""Promises as checks: each puts one question to the simulated tenant's own state and log.

What Warrant says of itself is checked only where the promise is about what it says (the answer a
person gets, the trail an auditor gets).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agent.records import AuditRecord
from agent.values import digest_of
from local.demo.exhibits import Check, Dossier
from local.demo.play import WRITES, Mark, Play

NOTHING = "nothing"


def same(what: str, expected: object, seen: object) -> Check:
    """One thing that must be exactly so."""
    return Check(what, _worded(expected), _worded(seen))


def when(moment: str, check: Check) -> Check:
    """The same check, said to be of a moment in the story."""
    return Check(f"{moment}, {check.what}", check.expected, check.seen)


def membership(play: Play, nick: str, group: str, wanted: bool) -> Check:
    """Whether the tenant itself says that a person is in a group."""
    seen = play.is_member(nick, group)
    what = f"{play.name(play.oid(nick))} is a member of {group}, says the tenant"
    return Check(what, _yes(wanted), _yes(seen))


def changes(play: Play, since: Mark, *wanted: str) -> Check:
    """Exactly these changes, in this order, with these tokens, and no others."""
    seen = play.written(since)
    return Check("changes in the tenant's log", _listed(wanted), _listed(seen))


def nothing_sent(play: Play, since: Mark) -> Check:
    """Not one write even reached Microsoft Graph, not a refused one either."""
    seen = [f"{c['method']} {c['path']}" for c in play.calls(since, WRITES)]
    return Check("writes that reached the tenant", NOTHING, _listed(seen))


def app_only(play: Play, since: Mark) -> Check:
    """No call to Microsoft 365 without a named person's delegated token."""
    alone = [c for c in play.calls(since) if not (c["delegated"] and c["oid"])]
    return same("app-only calls to Microsoft 365, in the tenant's log", 0, len(alone))


def own_log(play: Play, nick: str, group: str, wanted: str) -> Check:
    """Whom Entra's own audit log names as the one who changed a membership last."""
    person = play.oid(nick)
    about = [
        a
        for a in play.stage.objects("audits")
        if any(t["id"] == person for t in a["targetResources"])
        and any(t["displayName"] == group for t in a["targetResources"])
    ]
    last = max(about, key=lambda a: str(a["activityDateTime"]), default=None)
    seen = str(last["initiatedBy"]["user"]["userPrincipalName"]) if last else NOTHING
    return Check("done by, in Entra's own audit log", play.upn(wanted), seen)


def graph_request(dossier: Dossier) -> Check:
    """Microsoft's request id in the receipt is the one in the tenant's log."""
    receipt = dossier.view["steps"][0]["receipt"]
    logged = [w["request_id"] for w in dossier.writes]
    return same(
        "Graph request id, in the tenant's log as in the receipt",
        _listed(logged),
        receipt["graph_request_id"],
    )


_LOOKED = {
    "person and department": re.compile(r"/users/[^/]+"),
    "site": re.compile(r"/sites|/groups/[^/]+/sites/root"),
    "access before": re.compile(r"/auditLogs/directoryAudits"),
    "risk flag": re.compile(r"/identityProtection/riskyUsers/[^/]+"),
}


def lookups(play: Play, since: Mark, requester: str, sponsor: str) -> Check:
    """What was read before anything was written, and as whom, by the tenant's log."""
    calls = play.calls(since)
    writes = [c["seq"] for c in calls if c["method"] in WRITES]
    reads = [c for c in calls if c["seq"] < min(writes, default=0)]
    seen = [
        f"{what} as {play.name(next(c['oid'] for c in reads if path.fullmatch(c['path'])))}"
        for what, path in _LOOKED.items()
        if any(path.fullmatch(c["path"]) for c in reads)
    ]
    own, lent = list(_LOOKED)[:2], list(_LOOKED)[2:]
    wanted = [f"{w} as {requester}" for w in own] + [f"{w} as {sponsor}" for w in lent]
    return Check("looked up before the act, in the tenant's log", _listed(wanted), _listed(seen))


def digests(dossier: Dossier) -> Check:
    """The trail names what was seen by digest; what is shown here has those very digests."""
    findings = dossier.work.findings if dossier.work else ()
    read = next(r for r in dossier.trail if r.body["phase"] == "read")
    wanted = [str(step.get("seen")) for step in read.body["reasoning"]]
    seen = [digest_of(finding.seen) for finding in findings]
    what = "look-ups whose digest in the trail is of what is shown here"
    return same(what, len(wanted), sum(a == b for a, b in zip(wanted, seen, strict=False)))


def around_the_act(dossier: Dossier) -> Check:
    """For every change an intent recorded before it, and an outcome after it."""
    seen = [_surrounded(dossier.trail, w) for w in dossier.writes]
    wanted = ["intent before, outcome after"] * len(dossier.writes)
    return Check("around each change, in the trail", _listed(wanted), _listed(seen))


def _surrounded(trail: Iterable[AuditRecord], write: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(write["at"])
    phases = {"POST": "intent", "DELETE": "compensate"}
    of_group = [r for r in trail if (r.body.get("target") or {}).get("id") == write["target"]["id"]]
    before = any(r.body["phase"] == phases[write["method"]] and _at(r) <= at for r in of_group)
    after = any(r.body["phase"] == "outcome" and _at(r) >= at for r in of_group)
    return f"{'intent' if before else 'nothing'} before, {'outcome' if after else 'nothing'} after"


def _at(record: AuditRecord) -> datetime:
    return datetime.fromisoformat(str(record.body["at"]))


def chained(play: Play, tenant: str | None = None) -> Check:
    """The whole trail of a tenant (the first one), from its first record, without a flaw."""
    count, flaws = play.archive.flaws(tenant or play.archive.first)
    seen = [f"#{f.seq} {f.what}" for f in flaws]
    return Check(f"flaws in the audit chain of {count} records", NOTHING, _listed(seen))


def reconciled(play: Play) -> Check:
    """Every change in the tenant's log is in the trail with its intent and its outcome."""
    trail = [r for t in play.stage.facts["tenants"] for r in play.archive.trail(t["id"])]
    intents = {r.body["request"] for r in trail if r.body["phase"] in ("intent", "compensate")}
    ends = {r.body["request"] for r in trail if r.body["phase"] == "outcome"}
    logged = [str(c["client_request_id"]).replace("-", "") for c in play.stage.changes()]
    seen = sum(request in intents and request in ends for request in logged)
    return same("changes in the tenant's log that the trail explains", len(logged), seen)


def ended(view: Mapping[str, Any], status: str) -> Check:
    """How a request ended."""
    return same("the request ended", status, view["status"])


def told(text: object, *phrases: str) -> Check:
    """That a person was told certain things, in these words."""
    said = str(text)
    missing = [p for p in phrases if p not in said]
    seen = "yes" if not missing else f"`{said}` without `{'`, `'.join(missing)}`"
    return Check(f"the person is told “{' … '.join(phrases)}”", "yes", seen)


def _listed(found: Iterable[str]) -> str:
    return "; ".join(found) or NOTHING


def _worded(value: object) -> str:
    return _yes(value) if isinstance(value, bool) else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
