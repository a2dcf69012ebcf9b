"""The desk at which one tenant's trail is judged, taken away and explained.

Rules
- what the records say goes to people with the app role `Warrant.Auditor` or `Warrant.Admin` only,
  guests too: who audits is often from outside, and the tenant gives the role;
- that somebody takes or reads records is itself a record, durable before the first byte goes out:
  no record, no export. A verdict names records and says nothing of what is in them;
- a bundle says which record cannot be read and goes on; any other format stops there;
- what goes out was read completely before: an export is whole or does not begin.

Never here: sign-ins and settings (`agent.audit_desk`), what a format looks like
(`agent.audit.export`), whether a bundle holds (`agent.audit.verifier`).
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, JsonValue, model_validator

from agent import __version__
from agent.audit.bundle import Header, bundle, part, selected, unreadable_line
from agent.audit.chain import ZERO
from agent.audit.checkpoint import Checkpoint, KeptCheckpoint
from agent.audit.export.cef import cef
from agent.audit.export.csv import csv
from agent.audit.export.evidence import Evidence, Signature, evidence_of, signing_bytes
from agent.audit.export.ndjson import ndjson
from agent.audit.export.ocsf import ocsf
from agent.audit.merkle import Frontier
from agent.audit.verify import Verdict, verify_bundle
from agent.checkpoints import Checkpointing
from agent.chronicle import export_draft
from agent.ports import Caller
from agent.records import AuditRecord
from agent.spool import IN_MEMORY, AuditRefused, Line, readable_line, spooled
from agent.values import Frozen, RequestId

ROLES = ("Warrant.Auditor", "Warrant.Admin")
"""The app roles, in the token of whoever reads the trail: one of them is enough."""

Form = Literal["ndjson", "csv", "cef", "ocsf", "bundle"]
Seq = Annotated[int, Field(ge=1, lt=2**53)]

_LINES: Mapping[Form, Callable[[Iterable[AuditRecord], str], Iterator[str]]] = {
    "ndjson": lambda records, _: ndjson(records),
    "csv": lambda records, _: csv(records),
    "cef": lambda records, _: cef(records, __version__),
    "ocsf": lambda records, tenant: ocsf(records, tenant, __version__),
}


class Auditor(Caller, Protocol):
    """Somebody whose token was validated, and what they were assigned in this application."""

    @property
    def app_roles(self) -> frozenset[str]:
        """Their app roles."""


class Wanted(Frozen):
    """Which records: those of one request, or those of a range; all where nothing is said."""

    first: Seq | None = None
    last: Seq | None = None
    request: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None

    @model_validator(mode="after")
    def _is_one_part(self) -> Self:
        if self.request is not None and (self.first or self.last):
            raise ValueError("expected a request or a range, saw both")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"expected a range, saw {self.first} to {self.last}")
        return self

    def said(self) -> dict[str, JsonValue]:
        """Return it as it is recorded."""
        return self.model_dump(exclude_none=True)

    def holds(self, record: AuditRecord) -> bool:
        """Whether this record is wanted."""
        if self.request is not None:
            return bool(record.body.get("request") == self.request)
        return (self.first or 1) <= record.seq and (self.last is None or record.seq <= self.last)


def admit(person: Auditor, tenant: str) -> str:
    """Give the role by which somebody may read a tenant's trail; raises AuditRefused."""
    if person.tenant.lower() != tenant.lower():
        raise AuditRefused("wrong_tenant", "expected a sign-in of this organisation, saw another")
    for role in ROLES:
        if role in person.app_roles:
            return role
    named = " or ".join(f"`{role}`" for role in ROLES)
    raise AuditRefused("no_auditor", f"expected the app role {named}, saw a token without it")


class Auditing:
    """The desk of one tenant. `pem` is its public key, under the id by which it signs."""

    def __init__(self, signing: Checkpointing, pem: str) -> None:
        self._signing, self._keys = signing, {signing.kid: pem}
        self._tenant, self._trail, self._kept = signing.tenant, signing.trail, signing.kept

    async def verify(self, trusted: Sequence[bytes], witness: Iterable[bytes]) -> Verdict:
        """Judge the whole trail as it lies in the tables now, by the tenant's key or those given.

        Raises ValueError when a key is none.
        """
        keys = list(trusted) or [pem.encode() for pem in self._keys.values()]
        with SpooledTemporaryFile(IN_MEMORY) as file:
            file.writelines(await self._bundle(Wanted()))
            file.seek(0)
            return verify_bundle(file, keys, tenant=self._tenant, witness=witness)  # type: ignore[arg-type]

    async def export(self, by: Auditor, form: Form, wanted: Wanted) -> Iterator[bytes]:
        """Record that somebody takes records away, then give them; raises AuditRefused."""
        await self._record(by, form, wanted)
        if form == "bundle":
            return await self._bundle(wanted)
        if wanted.request is not None:
            found: Iterable[AuditRecord] = await self._request(wanted.request)
            for record in found:
                readable_line(record)
        else:
            file = await spooled(self._trail, wanted.first or 1, wanted.last, readable_line)
            found = (AuditRecord.model_validate_json(line) for line in file)
        return (line.encode() for line in _LINES[form](found, self._tenant))

    async def evidence(self, by: Auditor, request: str) -> tuple[Evidence, Signature]:
        """Record that somebody takes a request's evidence away, then tell and sign it.

        Raises AuditRefused, and StoreUnusable where this process may not sign.
        """
        evidence = await self._told(by, "evidence", request)
        kid, raw = await self._signing.sign(signing_bytes(evidence))
        value = urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
        return evidence, Signature(kid=kid, value=value)

    async def explain(self, by: Auditor, request: str) -> Evidence:
        """Record that somebody reads a request's story, then tell it; raises AuditRefused."""
        return await self._told(by, "explain", request)

    async def checkpoint(self, *, early: bool) -> list[Checkpoint]:
        """Sign what is due, or all there is; raises CheckpointRefused."""
        return await self._signing.issue(early=early)

    async def _told(self, by: Auditor, form: str, request: str) -> Evidence:
        await self._record(by, form, Wanted(request=request))
        records = await self._request(request)
        try:
            return evidence_of(records, self._tenant, request, self._signing.clock.now())
        except ValueError as unwritable:
            raise AuditRefused("unreadable", str(unwritable)) from None

    async def _record(self, by: Auditor, form: str, wanted: Wanted) -> None:
        role, now = admit(by, self._tenant), self._signing.clock.now()
        # INVARIANT: this record is durable before a record is handed out, or none is; held by
        # test_without_a_record_of_it_nothing_is_exported.
        await self._trail.append([export_draft(by, role, form, wanted.said(), now)])

    async def _request(self, request: str) -> list[AuditRecord]:
        records = await self._trail.of_request(RequestId(request))
        if not records:
            raise AuditRefused("no_records", f"expected records of request {request}, saw none")
        return records

    async def _bundle(self, wanted: Wanted) -> Iterator[bytes]:
        """Return the lines of a bundle of all of it, or of what is wanted with its proof."""
        kept = await self._kept.every()
        checkpoints = [one.checkpoint for one in kept]
        signed = max((one.size for one in checkpoints), default=0)
        if wanted.said():
            header = await self._part(wanted, kept)
            file = await spooled(self._trail, header.first, header.last, _line_of(wanted))
        else:
            file = await spooled(self._trail, 1, None, _line_of(wanted), signed)
            header = Header(
                tenant=self._tenant,
                exported_at=self._signing.clock.now(),
                last=max(signed, file.last),
                keys=self._keys,
            )
        return bundle(header, checkpoints, file)

    async def _part(self, wanted: Wanted, kept: Sequence[KeptCheckpoint]) -> Header:
        first, last = wanted.first or 1, wanted.last
        if wanted.request is not None:
            found = await self._request(wanted.request)
            first, last = found[0].seq, found[-1].seq
        if last is None:
            last = max((one.checkpoint.size for one in kept), default=0)
        before = [one for one in kept if one.checkpoint.size < first]
        try:
            return part(
                self._tenant,
                self._signing.clock.now(),
                self._keys,
                before=before[-1].tree() if before else Frontier(),
                prev=before[-1].checkpoint.last_hash if before else ZERO,
                wanted=max(first, last),
                checkpoints=[one.checkpoint for one in kept],
            )
        except ValueError as unsigned:
            sentence = f"{unsigned}: sign one with `python3 -m agent audit checkpoint --now`"
            raise AuditRefused("no_checkpoint", sentence) from None


def _line_of(wanted: Wanted) -> Line:
    def write(one: AuditRecord | int) -> bytes:
        if isinstance(one, int):
            return unreadable_line(one)
        try:
            return b"".join(selected([one], wanted.holds))
        except (ValueError, RecursionError):
            return unreadable_line(one.seq)

    return write
