"""What the agent needs of the world, as Protocols already bound to one tenant.

No method takes a tenant id (INVARIANT 8: tests/laws/test_ports.py). Ports that speak to Microsoft
365 are bound to one person as well. Adapters raise only faults of `agent.errors`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from agent.budget import Hour, Reservation
from agent.domain import Classification, Request, Ruling, Sponsorship, Status, Step, Work
from agent.receipts import Answer, Began, GraphTrace, Receipt, Vote
from agent.records import (
    AuditRecord,
    Claim,
    Draft,
    Pending,
    RequestRecord,
    Stored,
    Watermark,
    Written,
)
from agent.trail import AuditPage, AuditQuery
from agent.values import PersonId, RequestId, Secret, StepId, TenantId
from policy.snapshot import Snapshot

if TYPE_CHECKING:
    from agent.authorize import Warrant


class Clock(Protocol):
    """The one source of the time."""

    def now(self) -> datetime:
        """Return the current time, aware UTC."""


class Caller(Protocol):
    """Who is calling, as their validated sign-in says; nothing in it comes from a body."""

    @property
    def tenant(self) -> TenantId:
        """The organisation that signed the token."""

    @property
    def person(self) -> PersonId:
        """The person's object id."""

    @property
    def upn(self) -> str | None:
        """Their sign-in name: text to show, it can be given to somebody else."""

    @property
    def client(self) -> str:
        """The id of the application that they signed in to."""

    @property
    def signed_in_at(self) -> datetime | None:
        """When they proved who they are; None where the token does not say."""

    @property
    def assertion(self) -> Secret:
        """The very token they showed, to be exchanged on their behalf."""


class M365(Protocol):
    """Microsoft Graph as one named person may use it: one tenant, one delegated token."""

    @property
    def person(self) -> PersonId:
        """Whose token every call carries."""

    def text(self, value: str) -> str:
        """Return a value as a quoted OData string literal; refuses control characters."""

    def reference(self, person: str) -> str:
        """Return the `@odata.id` of a directory object, as Graph wants it in a `$ref` body."""

    async def read(
        self, *path: str, query: Mapping[str, str] | None = None
    ) -> "dict[str, Any] | None":
        """GET one object by path segments; None when Graph says 404.

        Raises Transient (429, 5xx, timeouts), Permanent("forbidden") and SignInNeeded.
        """

    async def read_all(
        self, *path: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """GET a collection, all pages (bounded); same faults as `read`."""

    async def write(
        self, warrant: "Warrant", method: str, *path: str, body: Mapping[str, Any] | None = None
    ) -> GraphTrace:
        """Make one change, sent at most once; spends the warrant before anything is sent.

        Raises Transient only where nothing can have happened (429), Permanent on a clear no,
        UnknownOutcome when the answer was lost or a 5xx came back.
        """


class TokenBroker(Protocol):
    """Turns what a person lent us into Graph access as that person; never as the application."""

    def requester(self, person: PersonId, assertion: Secret, correlation: str) -> M365:
        """Graph on behalf of the person whose own sign-in token is given.

        `correlation` is a GUID in lower case: the client-request-id of every call.
        """

    def sponsor(self, sponsorship: Sponsorship, correlation: str) -> M365:
        """Graph as the sponsor, by their sealed refresh token."""


class AuditLog(Protocol):
    """The tenant's append-only, hash-chained trail."""

    async def append(self, drafts: Sequence[Draft]) -> tuple[Written, ...]:
        """Write records durably and in order, all or none. Raises StoreUnusable."""

    async def of_request(self, request: RequestId) -> list[AuditRecord]:
        """Return a request's records in order of sequence."""

    async def search(
        self, query: AuditQuery, continuation: str | None = None, limit: int = 50
    ) -> AuditPage:
        """Return a page of answers, newest first. Raises Permanent("bad_continuation")."""

    async def read(self, first: int, limit: int) -> list[AuditRecord]:
        """Return up to `limit` records from sequence `first` on."""


class PolicyStore(Protocol):
    """The tenant's signed policy snapshots."""

    async def newest(self) -> Snapshot:
        """Read the head now and return its snapshot. Raises StoreUnusable on any doubt."""

    async def recent(self) -> Snapshot:
        """Return a snapshot whose head was read at most 30 s ago: for forecasts only."""


class RequestStore(Protocol):
    """Requests and the work on them; everything personal is sealed with the tenant's key."""

    async def admit(
        self, request: Request, body_digest: str, assertion: Secret
    ) -> RequestRecord | None:
        """Insert the request if its id is new (None), else return the record that was there."""

    async def load(self, request: RequestId) -> RequestRecord | None:
        """Return the record, or None when there is none."""

    async def whole(self, request: RequestId) -> Stored:
        """Return everything stored of a request, by one read."""

    async def list_of(self, person: PersonId) -> list[RequestRecord]:
        """Return a person's own requests, newest first."""

    async def assertion(self, request: RequestId) -> Secret | None:
        """Return the requester's sealed sign-in token, or None when it is no longer kept."""

    async def save_work(self, request: RequestId, work: Work, status: Status) -> None:
        """Keep what was assessed."""

    async def set_status(self, request: RequestId, status: Status) -> None:
        """Say where an unfinished request stands."""

    async def reply(self, request: RequestId, number: int, text: str, assertion: Secret) -> bool:
        """Keep the n-th reply and the sign-in it came with; False when it was answered already."""

    async def claim(self, request: RequestId, step: StepId, direction: str) -> Claim:
        """Count one more attempt at a step and return what earlier attempts left."""

    async def save_began(
        self,
        request: RequestId,
        step: StepId,
        direction: str,
        began: Began,
        rulings: Sequence[Ruling],
    ) -> None:
        """Keep what was true before a change: written before it, so that a crash is readable."""

    async def save_receipt(
        self, request: RequestId, receipt: Receipt, rulings: Sequence[Ruling]
    ) -> None:
        """Keep what a step did; a wait in which nothing was sent also voids what was begun.

        `rulings` are all that were made on this step so far, in this direction.
        """

    async def finish(self, request: RequestId, answer: Answer, at: datetime) -> None:
        """Close the request, and forget the requester's sign-in token."""

    async def open_tickets(self, person: PersonId) -> list[RequestRecord]:
        """Return the requests handed over to this person."""


class ApprovalStore(Protocol):
    """Who was asked, and what they said: one atomic row a decision."""

    async def ask(self, request: RequestId, step: Step, requester: PersonId) -> None:
        """Record what is asked of whom; asking twice is asking once."""

    async def waiting_for(self, person: PersonId) -> list[Pending]:
        """Return what waits for this person's decision."""

    async def pending(self, request: RequestId, step: StepId) -> list[Pending]:
        """Return what was asked for a step."""

    async def vote(
        self, request: RequestId, vote: Vote, quorum: int, assertion: Secret
    ) -> Vote | None:
        """Insert the decision; None when it is now recorded, else the vote that decided before."""

    async def votes(self, request: RequestId, step: StepId) -> list[Vote]:
        """Return all decisions on a step."""

    async def assertion(self, request: RequestId, vote: Vote) -> Secret | None:
        """Return the approver's sealed sign-in token, for that step only."""

    async def forget(self, request: RequestId) -> None:
        """Forget the approvers' sign-in tokens of a request that has ended; the votes stay."""


class Budget(Protocol):
    """What is being changed in this hour: reserved before it is decided, counted by everybody."""

    async def reserve(self, reservation: Reservation) -> None:
        """Write a reservation durably, in place of what this attempt reserved before.

        Whoever counts after this returns sees it. Raises Transient and StoreUnusable.
        """

    async def release(self, reservation: Reservation) -> None:
        """Give a reservation back."""

    async def last_hour(self, requester: PersonId) -> Hour:
        """Return what is reserved in the last hour, read now; what nobody can read is None."""


class SponsorshipStore(Protocol):
    """Rights that named people lent."""

    async def standing(self) -> list[Sponsorship]:
        """Return all sponsorships that are neither revoked nor expired, read now."""


class TargetStore(Protocol):
    """The tenant's own classification of its resources (admins keep it)."""

    async def classification(self, target: str) -> Classification | None:
        """Return what the tenant says this target is, or None where it says nothing."""


class WatermarkStore(Protocol):
    """How far each log of Microsoft's was set against the trail."""

    async def reached(self, source: str) -> Watermark | None:
        """Return the watermark of a log, or None before its first reconciliation."""

    async def reach(self, source: str, watermark: Watermark) -> None:
        """Keep a new watermark."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation, as a handle: every port in it reaches this tenant and no other."""

    id: TenantId
    service_desk: PersonId
    clock: Clock
    tokens: TokenBroker
    audit: AuditLog
    policies: PolicyStore
    requests: RequestStore
    approvals: ApprovalStore
    sponsorships: SponsorshipStore
    targets: TargetStore
    budget: Budget
    watermarks: WatermarkStore
