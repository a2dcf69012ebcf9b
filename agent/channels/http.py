"""The HTTP face: an Entra token, a bounded body, one stage of the agent, an answer of CONTRACT.

Rules
- authenticate first, then read the body; whoever is not let in learns nothing else;
- what is not yours is 404, like what does not exist;
- a refusal of ours is a 4xx with a sentence that helps, a fault of the world a 503 with
  Retry-After; a 5xx of any other kind is a bug: it says nothing but its correlation id.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping

import azure.functions as func

from agent import admit
from agent.actions import BadArguments, UnknownAction, action_of
from agent.channels import views
from agent.channels.bodies import BadInput, NewReply, NewRequest, NewVote, read
from agent.channels.replies import faulted, problem, reply
from agent.chronicle import refused_draft
from agent.domain import ActionSpec, Ask, Refusal, Request
from agent.errors import Fault, NotAuthenticated
from agent.ports import Caller, Tenant
from agent.records import AuditRecord, RequestRecord
from agent.values import RequestId, StepId, TenantId

POLL_SECONDS = "2"
_KEY = re.compile(r"[!-~]{1,200}")
_ID = re.compile(r"[0-9a-f]{32}")
_VOTE_STATUS = {"not_an_approver": 403, "expired": 410, "other_digest": 412}
_log = logging.getLogger("warrant.http")

Validate = Callable[[str | None], Awaitable[Caller]]
Open = Callable[[TenantId], Awaitable[Tenant]]


class Visit:
    """One call by one authenticated person."""

    def __init__(self, caller: Caller, tenant: Tenant, runs: admit.Runs, req: func.HttpRequest):
        self.caller, self.tenant, self.runs, self.req = caller, tenant, runs, req
        self.person = admit.Person(id=caller.person, upn=caller.upn, assertion=caller.assertion)


Handler = Callable[[Visit], Awaitable[func.HttpResponse]]


class HttpApi:
    """The API of version 1, bound to a way of validating callers and of opening tenants."""

    def __init__(self, validate: Validate, for_tenant: Open) -> None:
        self._validate, self._for_tenant = validate, for_tenant

    async def serve(
        self, req: func.HttpRequest, runs: admit.Runs, handler: Handler
    ) -> func.HttpResponse:
        """Let a caller in, run a handler, and turn every refusal and fault into an answer."""
        visit: Visit | None = None
        try:
            caller = await self._validate(_header(req, "authorization"))
            visit = Visit(caller, await self._for_tenant(caller.tenant), runs, req)
            return await handler(visit)
        except NotAuthenticated as no:
            headers = {"WWW-Authenticate": "Bearer"} if no.status == 401 else {}
            return problem(no.status, no.code, no.sentence, headers=headers)
        except BadInput as bad:
            await _recorded(visit, bad)
            return problem(bad.status, bad.code, bad.sentence, bad.details)
        except Fault as fault:
            _log.warning("answered with a fault: %s", fault)
            return faulted(fault)


async def _recorded(visit: Visit | None, bad: BadInput) -> None:
    """Leave one record of what an identified person sent that could not be taken."""
    if visit is None:
        return
    draft = refused_draft(visit.caller.person, bad.code, visit.tenant.clock.now())
    try:
        await visit.tenant.audit.append([draft])
    except Fault as fault:
        # nothing was taken in and nothing changed: the answer stays the 4xx, the log is the alarm
        _log.error("a refused call could not be recorded: %s", fault)


async def create_request(visit: Visit) -> func.HttpResponse:
    """POST /requests: take a request in."""
    key = _idempotency_key(visit.req)
    body = read(NewRequest, visit.req.get_body(), _headers(visit.req))
    ask = _ask(body)
    tenant, caller = visit.tenant, visit.caller
    request = Request(
        id=admit.request_id(tenant, caller.person, key),
        requester=caller.person,
        upn=caller.upn,
        channel="http",
        client=caller.client,
        ask=ask,
        created_at=tenant.clock.now(),
        signed_in_at=caller.signed_in_at,
    )
    taken = await admit.admit(tenant, visit.runs, visit.person, ask, request)
    if taken.verdict == "conflict":
        raise BadInput(409, "conflict", "this Idempotency-Key was used with another body")
    line = views.request_line(taken.record)
    place = {"Location": line["links"]["self"], "Retry-After": POLL_SECONDS}
    return reply({k: line[k] for k in ("id", "status", "links")}, 202, place)


def _ask(body: NewRequest) -> Ask:
    """Return what is asked; an action is checked here, before anything is kept."""
    if (body.text is None) == (body.action is None):
        raise BadInput(400, "malformed", "expected either `text` or `action` with `arguments`")
    if body.action is None:
        if body.arguments is not None:
            raise BadInput(400, "malformed", "`arguments` go with `action`")
        return Ask(text=body.text, justification=body.justification)
    try:
        action = action_of(ActionSpec(name=body.action, arguments=body.arguments or {}))
    except UnknownAction as unknown:
        raise BadInput(422, "unknown_action", str(unknown)) from None
    except BadArguments as bad:
        raise BadInput(422, "bad_arguments", str(bad)) from None
    spec = action.spec
    return Ask(action=spec.name, arguments=dict(spec.arguments), justification=body.justification)


async def list_requests(visit: Visit) -> func.HttpResponse:
    """GET /requests: one's own, newest first."""
    records = await visit.tenant.requests.list_of(visit.caller.person)
    return reply({"items": [views.request_line(r) for r in records]})


async def show_request(visit: Visit) -> func.HttpResponse:
    """GET /requests/{id}: 202 while it runs, 200 at the end."""
    stored = await visit.tenant.requests.whole(_request_id(visit.req))
    record = _mine(visit, stored.record)
    tenant, request, receipts = visit.tenant, record.request.id, stored.receipts
    votes = []
    for step in record.work.plan.steps if record.work else ():
        if step.approvals:
            votes += await tenant.approvals.votes(request, step.id)
    trail = await _trail(tenant, request)
    whole = views.request_whole(record, receipts, votes, trail)
    if record.status.final:
        return reply(whole)
    return reply(whole, 202, {"Location": whole["links"]["self"], "Retry-After": POLL_SECONDS})


async def _trail(tenant: Tenant, request: RequestId) -> list[AuditRecord] | None:
    """Return a request's records, or None while the trail cannot be read."""
    try:
        return await tenant.audit.of_request(request)
    except Fault as fault:
        _log.warning("shown without its trail: %s", fault)
        return None


async def reply_to_request(visit: Visit) -> func.HttpResponse:
    """POST /requests/{id}/reply: answer a clarifying question."""
    record = await _own(visit)
    body = read(NewReply, visit.req.get_body(), _headers(visit.req))
    refusal = await admit.reply(visit.tenant, visit.runs, visit.person, record, body.text)
    if refusal is not None:
        raise BadInput(409, refusal.code, refusal.for_user)
    line = views.request_line(record)
    place = {"Location": line["links"]["self"], "Retry-After": POLL_SECONDS}
    return reply({"id": line["id"], "status": "running", "links": line["links"]}, 202, place)


async def list_approvals(visit: Visit) -> func.HttpResponse:
    """GET /approvals: what waits for me."""
    tenant = visit.tenant
    items = []
    for pending in await tenant.approvals.waiting_for(visit.caller.person):
        votes = await tenant.approvals.votes(pending.request, pending.step)
        view = views.pending_view(pending, votes, tenant.clock.now())
        if view["standing"] == "open":
            items.append(view)
    return reply({"items": items})


async def decide_approval(visit: Visit) -> func.HttpResponse:
    """POST /requests/{id}/approvals: approve or reject exactly what was shown."""
    body = read(NewVote, visit.req.get_body(), _headers(visit.req))
    ballot = admit.Ballot(
        request=_request_id(visit.req),
        step=StepId(body.step),
        digest=body.digest,
        decision=body.decision,
        comment=body.comment,
    )
    outcome = await admit.vote(visit.tenant, visit.runs, visit.person, ballot)
    if outcome is None:
        raise BadInput(404, "not_found", "there is no such request here")
    if isinstance(outcome, Refusal):
        raise BadInput(_VOTE_STATUS[outcome.code], outcome.code, outcome.for_user)
    if outcome.verdict == "decided":
        raise BadInput(409, "already_decided", "this was decided already")
    return reply(views.vote_view(outcome.vote))


async def list_tickets(visit: Visit) -> func.HttpResponse:
    """GET /tickets: what was handed to me, with the whole account."""
    records = await visit.tenant.requests.open_tickets(visit.caller.person)
    return reply({"items": [views.ticket_view(r) for r in records]})


async def show_audit(visit: Visit) -> func.HttpResponse:
    """GET /audit?request=: the records of one of my own requests."""
    wanted = visit.req.params.get("request", "")
    if not _ID.fullmatch(wanted):
        raise BadInput(400, "malformed", "expected the parameter `request` with a request's id")
    record = await visit.tenant.requests.load(RequestId(wanted))
    if record is None or record.request.requester != visit.caller.person:
        raise BadInput(404, "not_found", "there is no such request here")
    trail = await visit.tenant.audit.of_request(RequestId(wanted))
    return reply({"items": [views.audit_view(r) for r in trail]})


async def _own(visit: Visit) -> RequestRecord:
    """Return the caller's own request; somebody else's is not there at all."""
    return _mine(visit, await visit.tenant.requests.load(_request_id(visit.req)))


def _mine(visit: Visit, record: RequestRecord | None) -> RequestRecord:
    if record is None or record.request.requester != visit.caller.person:
        raise BadInput(404, "not_found", "there is no such request here")
    return record


def _request_id(req: func.HttpRequest) -> RequestId:
    wanted = req.route_params.get("id", "")
    if not _ID.fullmatch(wanted):
        raise BadInput(404, "not_found", "there is no such request here")
    return RequestId(wanted)


def _idempotency_key(req: func.HttpRequest) -> str | None:
    key = _header(req, "idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadInput(
            400, "malformed", "expected an Idempotency-Key of 1 to 200 visible characters"
        )
    return key


def _headers(req: func.HttpRequest) -> Mapping[str, str]:
    return {str(k).lower(): str(v) for k, v in req.headers.items()}


def _header(req: func.HttpRequest, name: str) -> str | None:
    return _headers(req).get(name)


HANDLERS: Mapping[str, Handler] = {
    "create_request": create_request,
    "list_requests": list_requests,
    "show_request": show_request,
    "reply_to_request": reply_to_request,
    "list_approvals": list_approvals,
    "decide_approval": decide_approval,
    "list_tickets": list_tickets,
    "show_audit": show_audit,
}
