"""Every hour: set our trail against Microsoft's own log, and say where they differ.

Rules
- the log is read as a sponsor who lent the lookup `reconcile`, by that name and no other: whoever
  lent `history` let us look up one person's past, not read the whole directory's log;
- nobody lends it, or their sign-in fails -> the record says so; never as the application, never as
  somebody else;
- Microsoft's log is read first and our trail after it, so that an entry is never younger than the
  leave for it;
- each difference is recorded once: what earlier records told is not told again. Alarms go to the
  log before the trail, so that a trail that cannot be written hides none;
- the watermark moves only after all is recorded. It only saves reading: one that the trail itself
  does not vouch for, or that is ahead of the clock, is not believed.

Never here: how entries are paired (`agent.audit.reconcile`), what to do about an alarm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from agent.audit.effects import effects_of
from agent.audit.events import Event, of_directory_audit
from agent.audit.reconcile import BEFORE, FINAL, Reconciliation, Window, reconcile
from agent.chronicle import hands
from agent.domain import Authority, AuthorityMode, Sponsorship
from agent.errors import Fault, Permanent, SignInNeeded, Transient
from agent.ports import M365, Tenant
from agent.records import AuditRecord, Draft, Watermark
from agent.values import RequestId, TenantId, correlation, fresh_id

LOOKUP = "reconcile"
SCOPES = frozenset({"AuditLog.Read.All"})
SLACK = timedelta(hours=24)  # how long after its intent a change may still be told of
AT_ONCE = 500  # records a read
TOLD_AT_ONCE = 200  # differences a record
TENANTS_AT_ONCE = 8
TRIES, LONGEST_PAUSE = 4, timedelta(seconds=30)
NARROWEST = timedelta(minutes=1)
_PHASES = frozenset({"intent", "compensate", "outcome", "reconcile"})
_log = logging.getLogger("warrant.reconcile")

Open = Callable[[TenantId], Awaitable[Tenant]]
Told = tuple[str, int | None, str | None]  # which list, our sequence, Microsoft's id


@dataclass(frozen=True, slots=True)
class Source:
    """A log of Microsoft's: its name, how late its entries may be, and how it is read.

    `read` takes the application's id and a closed interval; it raises the faults of `M365.read`.
    """

    name: str
    delay: timedelta
    read: Callable[[M365, str, datetime, datetime], Awaitable[list[Event]]]


async def reconcile_each(tenants: Iterable[TenantId], open_: Open, application: str) -> None:
    """Reconcile every tenant; what goes wrong in one stops no other and is logged."""
    free = asyncio.Semaphore(TENANTS_AT_ONCE)

    async def one(tenant: TenantId) -> None:
        async with free:
            try:
                await reconcile_tenant(await open_(tenant), application)
            except Fault as fault:
                _log.error("tenant %s was not reconciled: %s", tenant, fault)
            except Exception as wrong:  # its message may quote what was read
                _log.error("tenant %s was not reconciled: %s", tenant, type(wrong).__name__)

    await asyncio.gather(*(one(tenant) for tenant in tenants))


async def reconcile_tenant(tenant: Tenant, application: str) -> None:
    """Set the trail against each of Microsoft's logs, and record what came of it.

    Raises StoreUnusable and Transient of our own stores.
    """
    lent = await tenant.sponsorships.standing()
    sponsor = min((one for one in lent if LOOKUP in one.lookups), key=lambda s: s.id, default=None)
    for source in SOURCES:
        now = tenant.clock.now()
        mark = await tenant.watermarks.reached(source.name) or Watermark(at=now, seq=1)
        since = min(mark.at, now) - source.delay - FINAL
        window = Window(since=since, now=now, delay=source.delay)
        try:
            theirs = await _theirs(tenant, source, sponsor, application, window)
        except Fault as fault:
            await _not_read(tenant, source, sponsor, fault)
        else:
            await _compare(tenant, source, sponsor, window, theirs, mark.seq)


async def _theirs(
    tenant: Tenant, source: Source, sponsor: Sponsorship | None, application: str, window: Window
) -> list[Event]:
    """Return what Microsoft's log says, read as the sponsor and as nobody else (INVARIANT 4)."""
    if sponsor is None:
        raise SignInNeeded("no_sponsor", f"nobody lends the lookup `{LOOKUP}`")
    m365 = tenant.tokens.sponsor(sponsor, correlation(RequestId(fresh_id())))
    return await source.read(m365, application, window.since - BEFORE, window.now)


async def _compare(
    tenant: Tenant,
    source: Source,
    sponsor: Sponsorship | None,
    window: Window,
    theirs: Sequence[Event],
    first: int,
) -> None:
    horizon = window.now - window.delay - FINAL - SLACK
    records, next_seq = await _trail(tenant, first, horizon)
    if first > 1 and not _vouched(records, source.name, first):
        _log.error("tenant %s: expected the trail to name watermark %s", tenant.id, first)
        records, next_seq = await _trail(tenant, 1, horizon)
    found = reconcile(effects_of(records), theirs, window)
    before = set(_told_before(records, source.name))
    news = [one for one in _told(found) if one not in before]
    _raise_alarms(tenant.id, source.name, news)
    for draft in _drafts(source, sponsor, window, found, news, next_seq):
        await tenant.audit.append([draft])
    await tenant.watermarks.reach(source.name, Watermark(at=window.now, seq=next_seq))


async def _trail(tenant: Tenant, first: int, horizon: datetime) -> tuple[list[AuditRecord], int]:
    """Return the records that matter from `first` on, and where the next run has to begin."""
    kept: list[AuditRecord] = []
    next_seq, seq = None, first
    while page := await tenant.audit.read(seq, AT_ONCE):
        for record in page:
            if next_seq is None and datetime.fromisoformat(record.body["at"]) >= horizon:
                next_seq = record.seq
        kept += [record for record in page if record.body.get("phase") in _PHASES]
        seq = page[-1].seq + 1
    return kept, next_seq or seq


def _vouched(records: Iterable[AuditRecord], source: str, first: int) -> bool:
    """Whether an earlier run recorded this watermark: who may write one table may not move it."""
    return any(
        (detail := record.body.get("detail") or {}).get("watermark") == first
        and detail.get("source") == source
        for record in records
        if record.body["phase"] == "reconcile"
    )


def _told(found: Reconciliation) -> list[Told]:
    """Return the lists as lines, alarms first."""
    return [
        *(("theirs_not_ours", None, event) for event in found.theirs_not_ours),
        *(("ours_not_seen", seq, None) for seq in found.ours_not_seen),
        *(("matched", pair.seq, pair.event) for pair in found.matched),
    ]


def _told_before(records: Iterable[AuditRecord], source: str) -> Iterable[Told]:
    for record in records:
        detail: dict[str, Any] = record.body.get("detail") or {}
        if record.body["phase"] == "reconcile" and detail.get("source") == source:
            yield from (("theirs_not_ours", None, e) for e in detail.get("theirs_not_ours", ()))
            yield from (("ours_not_seen", seq, None) for seq in detail.get("ours_not_seen", ()))
            yield from (("matched", seq, event) for seq, event in detail.get("matched", ()))


def _raise_alarms(tenant: TenantId, source: str, news: Iterable[Told]) -> None:
    for what, seq, event in news:
        if what == "theirs_not_ours":
            why = "was made through our application and is not in our trail"
            _log.error("tenant %s: entry %s of %s %s", tenant, event, source, why)
        elif what == "ours_not_seen":
            why = "tells of a change that is not in"
            _log.error("tenant %s: record %s %s %s", tenant, seq, why, source)


def _drafts(
    source: Source,
    sponsor: Sponsorship | None,
    window: Window,
    found: Reconciliation,
    news: Sequence[Told],
    next_seq: int,
) -> Iterable[Draft]:
    """One record, or more where the differences do not fit into one."""
    parts = [news[at : at + TOLD_AT_ONCE] for at in range(0, len(news), TOLD_AT_ONCE)] or [()]
    for number, part in enumerate(parts, 1):
        lists: dict[str, list[JsonValue]] = {}
        for what, seq, event in part:
            line: JsonValue = [seq, event] if what == "matched" else event if seq is None else seq
            lists.setdefault(what, []).append(line)
        alarm = any(what != "matched" for what, _, _ in part)
        yield Draft(
            phase="reconcile",
            at=window.now,
            acted_as=_hands(sponsor),
            outcome="alarm" if alarm else "agreed",
            detail={
                "source": source.name,
                "since": window.since.isoformat(),
                "until": window.now.isoformat(),
                "watermark": next_seq,
                "counts": {name: len(listed) for name, listed in found},
                "part": number,
                "parts": len(parts),
                **lists,
            },
        )


async def _not_read(
    tenant: Tenant, source: Source, sponsor: Sponsorship | None, fault: Fault
) -> None:
    """Say that Microsoft's log was not read; the watermark stays, so the next run catches up."""
    _log.error("tenant %s: %s was not read: %s", tenant.id, source.name, fault)
    draft = Draft(
        phase="reconcile",
        at=tenant.clock.now(),
        acted_as=_hands(sponsor),
        outcome="unread",
        detail={"source": source.name, "code": fault.code, "why": fault.sentence},
    )
    await tenant.audit.append([draft])


def _hands(sponsor: Sponsorship | None) -> dict[str, JsonValue] | None:
    if sponsor is None:
        return None
    why, mode = f"lends the lookup `{LOOKUP}`", AuthorityMode.SPONSOR
    return hands(Authority(mode=mode, person=sponsor.sponsor, why=why, sponsorship=sponsor.id))


async def directory_audits(
    m365: M365, application: str, since: datetime, until: datetime
) -> list[Event]:
    """Return the entries of the directory's log in this interval; too many are read in halves.

    Source: Graph directoryaudit-list; 5 calls in 10 s for each application and tenant.
    """
    between = f"activityDateTime ge {_moment(since)} and activityDateTime le {_moment(until)}"
    try:
        items = await _patiently(m365, {"$filter": between, "$top": "999"})
    except Permanent as fault:
        if fault.code not in ("too_many", "too_large") or until - since <= NARROWEST:
            raise
        middle = since + (until - since) / 2
        earlier = await directory_audits(m365, application, since, middle)
        return earlier + await directory_audits(m365, application, middle, until)
    try:
        return [of_directory_audit(item, application) for item in items]
    except ValueError as odd:
        raise Permanent("odd_answer", str(odd)) from None


async def _patiently(m365: M365, query: dict[str, str]) -> list[dict[str, Any]]:
    """Read all pages; a throttled log is waited for, because nobody else waits for this."""
    for _ in range(TRIES - 1):
        try:
            return await m365.read_all("auditLogs", "directoryAudits", query=query)
        except Transient as later:
            await asyncio.sleep(min(later.delay, LONGEST_PAUSE).total_seconds())
    return await m365.read_all("auditLogs", "directoryAudits", query=query)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


SOURCES = (Source("directoryAudits", timedelta(minutes=15), directory_audits),)
