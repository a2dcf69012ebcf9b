"""One tenant in memory beside Microsoft's log of it, for tests of the hourly reading."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.audit.chain import ZERO
from agent.domain import Sponsorship
from agent.errors import Fault, Permanent
from agent.ports import Tenant
from agent.reconcile import SOURCES, reconcile_tenant
from agent.records import AuditRecord, Draft, Watermark
from agent.values import PersonId, TenantId
from tests.unit.links import chain

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
APP = "1c99c70c-55f5-4ea3-a199-b971bce16d7b"
SPONSOR = PersonId("00000000-0000-4000-8000-000000000007")
(DIRECTORY,) = SOURCES


def lent(name: str, *lookups: str, sponsor: str = SPONSOR) -> Sponsorship:
    return Sponsorship(
        id=name,
        sponsor=PersonId(sponsor),
        actions=frozenset(),
        lookups=frozenset(lookups),
        expires_at=NOW + 900 * HOUR,
    )


def entry(name: str, at: datetime, by: str = SPONSOR, app: str | None = APP) -> dict[str, Any]:
    return {
        "id": name,
        "activityDateTime": at.isoformat(),
        "activityDisplayName": "Add member to group",
        "result": "success",
        "initiatedBy": {"user": {"id": by}, "app": {"appId": app} if app else None},
        "targetResources": [{"id": "ann"}, {"id": "group"}],
    }


def change(phase: str, at: datetime, **more: Any) -> Draft:
    said = {
        "phase": phase,
        "at": at,
        "request": "r" * 32,
        "step": "s1",
        "acted_as": {"person": SPONSOR},
        "action": {"name": "group.member.add", "arguments": {"user": "ann", "group": "group"}},
    }
    return Draft.model_validate(said | more)


def done(at: datetime) -> Draft:
    return change("outcome", at, outcome="done", detail={"direction": "do", "ours": True})


@dataclass
class World:
    """One tenant in memory: its ports, and what Microsoft's log holds."""

    lent: list[Sponsorship] = field(default_factory=lambda: [lent("s", "reconcile")])
    log: list[dict[str, Any]] = field(default_factory=list)
    records: list[AuditRecord] = field(default_factory=list)
    mark: Watermark | None = None
    faults: list[Fault] = field(default_factory=list)
    most: int = 1_000_000
    asked: list[tuple[str, str]] = field(default_factory=list)  # as whom, with which filter
    time: datetime = NOW
    person: PersonId = SPONSOR

    def tenant(self) -> Tenant:
        ports = dict.fromkeys(Tenant.__slots__, self)
        return Tenant(**{**ports, "id": TenantId("t"), "service_desk": SPONSOR})  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.time

    async def standing(self) -> list[Sponsorship]:
        return self.lent

    def sponsor(self, sponsorship: Sponsorship, correlation: str) -> "World":
        self.person = sponsorship.sponsor
        return self

    async def read_all(self, *path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        self.asked.append((self.person, query["$filter"]))
        if self.faults:
            raise self.faults.pop(0)
        words = query["$filter"].split()
        first, last = datetime.fromisoformat(words[2]), datetime.fromisoformat(words[6])
        found = [
            e for e in self.log if first <= datetime.fromisoformat(e["activityDateTime"]) <= last
        ]
        if len(found) > self.most:
            raise Permanent("too_many", "expected fewer pages")
        return found

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        return [r for r in self.records if r.seq >= first][:limit]

    async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        tail = self.records[-1] if self.records else None
        links = chain(drafts, tail.seq if tail else 0, tail.hash if tail else ZERO)
        self.records += links
        return links

    async def reached(self, source: str) -> Watermark | None:
        return self.mark

    async def reach(self, source: str, watermark: Watermark) -> None:
        self.mark = watermark

    async def run(self) -> list[dict[str, Any]]:
        """What one run records."""
        known = len(self.records)
        await reconcile_tenant(self.tenant(), APP)
        return [r.body for r in self.records[known:]]
