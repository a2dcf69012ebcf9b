"""Who may read a trail; that it is recorded first; that an export is whole or does not begin."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from agent.audit.verify import Verdict, verify_bundle
from agent.auditing import Auditing, Form, Wanted, admit
from agent.checkpoints import Checkpointing
from agent.errors import StoreUnusable
from agent.records import AuditRecord, Draft
from agent.spool import PAGE, AuditRefused
from agent.values import PersonId, Secret, TenantId
from tests.unit.test_checkpoints import Clock, Kept
from tests.unit.trails import KID, OTHER, OURS, TENANT, Bodies, body, chained

ONE, TWO = "1" * 32, "2" * 32


NADIA = PersonId("855af681-d3c0-4965-ae18-55ffd5a4213f")
TOKEN = Secret("canary")


@dataclass(frozen=True)
class Person:
    """Somebody who signed in."""

    tenant: TenantId = TENANT
    app_roles: frozenset[str] = frozenset({"Warrant.Auditor"})
    person: PersonId = NADIA
    upn: str | None = "canary@contoso.example"
    client: str = "1c99c70c-55f5-4ea3-a199-b971bce16d7b"
    signed_in_at: datetime | None = None
    assertion: Secret = TOKEN


class Trail:
    """A trail in memory; rows can be damaged, and the store can refuse to be written."""

    def __init__(self, bodies: Bodies) -> None:
        self.records = chained(bodies)
        self.damaged: set[int] = set()
        self.written: list[Draft] = []
        self.refuses = False
        self.reads = 0

    async def append(self, drafts: Sequence[Draft]) -> tuple[AuditRecord, ...]:
        if self.refuses:
            raise StoreUnusable("audit_unusable", "expected a place in the chain")
        self.written += drafts
        return ()

    async def of_request(self, request: str) -> list[AuditRecord]:
        return [one for one in self.records if one.body.get("request") == request]

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        self.reads += 1
        if self.damaged & set(range(first, first + limit)):
            raise StoreUnusable("row_unreadable", "expected a row as written")
        return [one for one in self.records if first <= one.seq < first + limit]


class Desk:
    """A desk over a trail in memory."""

    def __init__(self, count: int) -> None:
        of = {1: ONE, 2: TWO}
        bodies = [body(seq) | {"request": of.get(seq % 3, "0" * 32)} for seq in range(1, count + 1)]
        self.trail, self.kept = Trail(bodies), Kept()
        self.signing = Checkpointing(
            TENANT,
            self.trail,  # type: ignore[arg-type]
            self.kept,
            Clock(count + 1),
            KID,
            OURS.signer(),
            lambda kid, message, raw: OURS.signed(message, raw),
        )
        self.desk = Auditing(self.signing, OURS.pem.decode())

    async def taken(self, form: Form, by: Any = None, **wanted: Any) -> list[bytes]:
        lines: Iterator[bytes] = await self.desk.export(by or Person(), form, Wanted(**wanted))
        return list(lines)

    async def judged(self, **wanted: Any) -> Verdict:
        lines = await self.taken("bundle", **wanted)
        return verify_bundle(io.BytesIO(b"".join(lines)), [OURS.pem], tenant=TENANT)


@pytest.fixture
async def desk() -> Desk:
    """Twelve records, ten of them signed for."""
    made = Desk(12)
    whole, made.trail.records = made.trail.records, made.trail.records[:10]
    await made.signing.issue(early=True)
    made.trail.records = whole
    return made


def test_one_of_two_roles_of_the_own_organisation_is_needed() -> None:
    assert admit(Person(), TENANT) == "Warrant.Auditor"
    admin = Person(app_roles=frozenset({"Warrant.Admin", "x"}))
    assert admit(admin, TENANT.upper()) == "Warrant.Admin"
    for person, code in (
        (Person(tenant=OTHER), "wrong_tenant"),
        (Person(app_roles=frozenset()), "no_auditor"),
        (Person(app_roles=frozenset({"warrant.auditor", "Warrant.Auditors"})), "no_auditor"),
    ):
        with pytest.raises(AuditRefused) as refused:
            admit(person, TENANT)
        assert refused.value.code == code


async def test_without_a_record_of_it_nothing_is_exported(desk: Desk) -> None:
    desk.trail.refuses, before = True, desk.trail.reads
    for form in ("ndjson", "csv", "cef", "ocsf", "bundle"):
        with pytest.raises(StoreUnusable):
            await desk.taken(form)  # type: ignore[arg-type]
    for told in (desk.desk.explain, desk.desk.evidence):
        with pytest.raises(StoreUnusable):
            await told(Person(), ONE)  # type: ignore[operator]
    assert desk.trail.reads == before


async def test_whoever_may_not_leaves_no_record_and_gets_nothing(desk: Desk) -> None:
    with pytest.raises(AuditRefused):
        await desk.taken("csv", Person(app_roles=frozenset()))
    assert desk.trail.written == []


async def test_the_record_says_who_what_and_how_and_nothing_personal(desk: Desk) -> None:
    await desk.taken("csv", first=2, last=4)
    await desk.desk.explain(Person(), ONE)
    first, second = desk.trail.written
    assert (first.phase, first.actor) == ("export", Person().person)
    assert first.detail == {"format": "csv", "role": "Warrant.Auditor", "first": 2, "last": 4}
    assert second.detail == {"format": "explain", "role": "Warrant.Auditor", "request": ONE}
    assert "canary" not in first.model_dump_json() + second.model_dump_json()


async def test_a_range_holds_what_was_asked_for_and_no_more(desk: Desk) -> None:
    lines = await desk.taken("ndjson", first=3, last=5)
    assert [json.loads(line)["seq"] for line in lines] == [3, 4, 5]
    lines = await desk.taken("ndjson", first=11)
    assert [json.loads(line)["seq"] for line in lines] == [11, 12]
    lines = await desk.taken("ndjson", request=TWO)
    assert {json.loads(line)["body"]["request"] for line in lines} == {TWO}
    assert len(await desk.taken("csv")) == 13


@pytest.mark.parametrize(
    "wrong", [{"first": 3, "last": 2}, {"first": 0}, {"request": "x"}, {"request": ONE, "last": 1}]
)
def test_what_is_no_part_of_a_trail_cannot_be_asked_for(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Wanted(**wrong)


async def test_a_bundle_says_what_cannot_be_read_and_any_other_format_stops(desk: Desk) -> None:
    desk.trail.damaged = {5}
    verdict = await desk.judged()
    places = [(one.code, one.first, one.last) for one in verdict.findings]
    assert ("unreadable", None, None) in places
    assert ("deleted", 5, 5) in places
    assert verdict.records == 11
    with pytest.raises(AuditRefused) as refused:
        await desk.taken("ndjson")
    assert refused.value.code == "unreadable"
    assert "record 5" in refused.value.sentence


async def test_a_record_without_a_canonical_form_is_no_export(desk: Desk) -> None:
    whole = desk.trail.records[4]
    desk.trail.records[4] = whole.model_copy(update={"body": whole.body | {"n": float("nan")}})
    for form in ("ndjson", "csv", "cef", "ocsf"):
        with pytest.raises(AuditRefused) as refused:
            await desk.taken(form)  # type: ignore[arg-type]
        assert refused.value.code == "unreadable"
    assert "unreadable" in {one.code for one in (await desk.judged()).findings}


async def test_a_hole_longer_than_a_page_is_not_taken_for_the_end() -> None:
    desk = Desk(2 * PAGE + 10)
    await desk.signing.issue(early=True)
    del desk.trail.records[5 : PAGE + 900]
    verdict = await desk.judged()
    places = [(one.code, one.first, one.last) for one in verdict.findings]
    assert ("deleted", 6, PAGE + 900) in places
    assert verdict.records == 5 + 110


async def test_a_part_is_signed_for_or_refused_with_the_way_out(desk: Desk) -> None:
    verdict = await desk.judged(first=4, last=6)
    assert (verdict.findings, verdict.uncovered, verdict.records) == ((), None, 3)
    with pytest.raises(AuditRefused) as refused:
        await desk.taken("bundle", first=11, last=12)
    assert refused.value.code == "no_checkpoint"
    assert "checkpoint --now" in refused.value.sentence
    await desk.signing.issue(early=True)
    verdict = await desk.judged(first=11, last=12)
    assert (verdict.first, verdict.findings, verdict.uncovered) == (11, (), None)


async def test_the_trail_as_it_lies_there_is_judged_by_the_tenants_key(desk: Desk) -> None:
    verdict = await desk.desk.verify([], [])
    assert (verdict.findings, verdict.signed_to, verdict.uncovered) == ((), 10, (11, 12))
    assert desk.trail.written == [], "a verdict says nothing of what is in the records"
    witness = [one.checkpoint.line() for one in desk.kept.all]
    desk.kept.all.clear()
    del desk.trail.records[8:]
    cut = await desk.desk.verify([], [])
    assert [one.code for one in cut.findings] == ["missing_checkpoint"]
    cut = await desk.desk.verify([], witness)
    assert [one.code for one in cut.findings] == ["truncated"]


async def test_evidence_is_signed_by_the_key_it_names(desk: Desk) -> None:
    evidence, signature = await desk.desk.evidence(Person(), ONE)
    assert signature.kid == KID
    assert {record.body["request"] for record in evidence.records} == {ONE}
    with pytest.raises(AuditRefused) as refused:
        await desk.desk.evidence(Person(), "f" * 32)
    assert refused.value.code == "no_records"
