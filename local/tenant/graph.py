"""What does Graph answer to this request?

Answers one request, alone or from a batch, in the order in which Microsoft decides. Never keeps
anything between requests but what the cloud holds.

The order of a request:
 0 log the arrival · 1 who is calling · 2 a planted fault, if one meets it · 3 is the token good ·
 4 which operation · 5 is the caller within limits · 6 scope and right together · 7 read, or
 prepare the write · 8 commit · 9 the fault's second half · 10 complete the log.

Rules:
- rights are decided on the directory as it is, reads are answered from what has spread;
- a token that carries no person reaches nothing, and is logged as such;
- what a caller may not see and what does not exist stay different (403, 404), as in Graph.

# INVARIANT: test_rights.py::test_a_missing_scope_and_a_missing_right_get_the_same_403
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from local.tenant.actor import Actor
from local.tenant.bearer import bearer, challenge, check_still_welcome
from local.tenant.cloud import Cloud
from local.tenant.directory import Directory
from local.tenant.errors import RefusedError, bad_token, denied, throttled, unavailable
from local.tenant.estate import Tenant
from local.tenant.faults import DroppedError, Gone, InjectedError, met_by
from local.tenant.odata import Many, One, Query, QueryError, parse, render_many, render_one
from local.tenant.operations import Match, MethodError, find
from local.tenant.question import Question
from local.tenant.reads import READS
from local.tenant.records import fresh_id
from local.tenant.rights import permitted
from local.tenant.throttle import cost
from local.tenant.writes import WRITES, written_properties

_DEFAULT_RETRY_AFTER = 5


@dataclass(frozen=True)
class Request:
    """A Graph request; `path` is still percent-encoded and starts below /v1.0."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What Graph says; a None body is an empty one."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Visit:
    """One request on its way through."""

    request: Request
    entry: dict[str, Any]
    actor: Actor | None
    refusal: RefusedError | None
    now: datetime
    headers: dict[str, str]
    stale: bool = False
    silent: bool = False


async def answer(cloud: Cloud, request: Request, gone: Gone, *, batch: bool = False) -> Answer:
    """Graph's answer; raises DroppedError when the connection must end without one."""
    request_id = fresh_id()
    client_request_id = request.headers.get("client-request-id", request_id)
    headers = {"request-id": request_id, "client-request-id": client_request_id}
    actor, refusal = bearer(cloud, request.headers.get("Authorization"))
    entry = cloud.journal.call(
        _arrival(cloud, request, actor)
        | {"batch": batch, "request_id": request_id, "client_request_id": client_request_id}
    )
    visit = _Visit(request, entry, actor, refusal, cloud.now(), headers)
    try:
        said = await _serve(cloud, visit, gone)
    except RefusedError as refused:
        date = visit.now.strftime("%Y-%m-%dT%H:%M:%S")
        body = refused.body(date, request_id, client_request_id)
        entry["error"] = refused.code
        said = Answer(refused.status, body, refused.headers)
    entry["status"] = said.status
    return Answer(said.status, said.body, {**visit.headers, **said.headers})


async def _serve(cloud: Cloud, visit: _Visit, gone: Gone) -> Answer:
    request, actor = visit.request, visit.actor
    who = frozenset({actor.oid.lower(), actor.upn.lower()}) if actor else frozenset[str]()
    fault = cloud.faults.pick(request.method, visit.entry["path"], who)
    if fault:
        visit.entry["fault"] = fault.spec.fault
        visit.stale = fault.spec.fault == "stale_read"
        visit.silent = fault.spec.fault == "silent_204"

    async def carry_out() -> Answer:
        return _decide(cloud, visit)

    try:
        return await met_by(fault, gone, carry_out)
    except InjectedError as injected:
        raise _worded(cloud, injected, visit.now) from injected
    except DroppedError:
        visit.entry["error"] = "dropped"
        raise


def _decide(cloud: Cloud, visit: _Visit) -> Answer:
    if visit.refusal:
        raise visit.refusal
    actor = visit.actor
    tenant = cloud.estate.tenants.get(actor.tenant) if actor else None
    if actor is None or tenant is None:
        raise bad_token("Access token is empty.")
    check_still_welcome(cloud, tenant, actor, visit.now)
    match = _operation(visit.request)
    ids = match.ids | ({"user": actor.oid} if match.operation.right == "self" else {})
    query = _query(visit.request)
    _spend(cloud, visit, match, query, actor)
    body = _body(visit.request)
    changes = written_properties(body) if visit.request.method == "PATCH" else ()
    if not permitted(match.operation, actor, tenant.directory, ids, changes):
        raise denied()
    reads = match.operation.id not in WRITES
    named = _named(tenant, ids)
    question = Question(
        tenant=tenant,
        directory=_view(tenant, visit, query, named) if reads else tenant.directory,
        settings=cloud.estate.settings,
        actor=actor,
        operation=match.operation,
        ids=ids,
        cast=match.cast,
        query=query,
        body=body,
        now=visit.now,
    )
    if match.operation.id in WRITES:
        return _write(cloud, visit, question)
    return _read(cloud, visit, question)


def _read(cloud: Cloud, visit: _Visit, question: Question) -> Answer:
    operation = question.operation
    key = operation.id.replace("me.", "users.", 1) if operation.right == "self" else operation.id
    found = READS[key](question)
    try:
        if isinstance(found, One):
            return Answer(200, render_one(found, question.query, cloud.graph_url))
        if isinstance(found, Many):
            path, allowed = visit.request.path, operation.filter
            body = render_many(found, question.query, cloud.graph_url, path, allowed)
            return Answer(200, body)
    except QueryError as refused:
        raise RefusedError(400, refused.code, refused.message) from refused
    return Answer(200, found)


def _write(cloud: Cloud, visit: _Visit, question: Question) -> Answer:
    write = WRITES[question.operation.id](question)
    changed = write.changes_state and not visit.silent
    if changed:
        cloud.commit(question.tenant, write, question.actor)
    entry = visit.entry
    kept = ("tenant", "oid", "upn", "app_id", "delegated", "scopes", "method", "path")
    cloud.journal.change(
        {name: entry[name] for name in kept}
        | {
            "at": visit.now.isoformat(),
            "target": write.target,
            "before": write.old,
            "after": write.new if changed else write.old,
            "changed": changed,
            "client_request_id": entry["client_request_id"],
            "request_id": entry["request_id"],
            "call": entry["seq"],
        }
    )
    return Answer(204, None)


def _arrival(cloud: Cloud, request: Request, actor: Actor | None) -> dict[str, Any]:
    return {
        "at": cloud.now().isoformat(),
        "service": "graph",
        "method": request.method,
        "path": unquote(request.path),
        "query": unquote(request.query.replace("+", " ")),
        "tenant": actor.tenant if actor else None,
        "oid": actor.oid if actor else None,
        "upn": actor.upn if actor else None,
        "app_id": actor.app_id if actor else None,
        "audience": actor.audience if actor else None,
        "delegated": actor.delegated if actor else None,
        "scopes": sorted(actor.scopes) if actor else [],
        "fault": None,
        "error": None,
    }


def _operation(request: Request) -> Match:
    try:
        match = find(request.method, request.path)
    except MethodError as fault:
        raise RefusedError(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        ) from fault
    if match is None:
        segment = unquote(request.path.strip("/").split("/")[0])
        raise RefusedError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
    return match


def _query(request: Request) -> Query:
    try:
        return parse(request.query, request.headers)
    except QueryError as refused:
        raise RefusedError(400, refused.code, refused.message) from refused


def _spend(cloud: Cloud, visit: _Visit, match: Match, query: Query, actor: Actor) -> None:
    top = query.top if "$top" in dict(query.given) else None
    units = cost(match.operation, selects=bool(query.select), top=top)
    if match.operation.family == "identity":
        visit.headers["x-ms-resource-unit"] = str(units)
    if cloud.estate.settings.throttling:
        cloud.limits.spend(match.operation, units, actor.tenant, actor.app_id, visit.now)


def _body(request: Request) -> Any:
    if not request.body.strip():
        return None
    try:
        return json.loads(request.body)
    except ValueError as fault:
        raise RefusedError(400, "BadRequest", "Unable to read JSON request payload.") from fault


def _named(tenant: Tenant, ids: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(tenant.directory.user_id(v) or v if k == "user" else v for k, v in ids.items())


def _view(tenant: Tenant, visit: _Visit, query: Query, named: tuple[str, ...]) -> Directory:
    if visit.stale:
        return tenant.before_last_write()
    if query.advanced:
        return tenant.seen_by_index(visit.now)
    return tenant.seen_by_id(named)


def _worded(cloud: Cloud, injected: InjectedError, now: datetime) -> RefusedError:
    seconds = injected.seconds
    if injected.kind == "429":
        return throttled(_DEFAULT_RETRY_AFTER if seconds is None else round(seconds))
    if injected.kind == "403":
        return denied()
    if injected.kind == "claims":
        return challenge(cloud, now)
    refused = unavailable(int(injected.kind))
    if seconds is not None:
        refused.headers["Retry-After"] = str(round(seconds))
    return refused
