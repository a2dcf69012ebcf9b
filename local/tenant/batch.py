"""What does $batch answer?

Answers up to twenty requests in one, each with a status of its own. Never makes them atomic:
items fail, throttle and commit one by one.

Rules:
- ids are unique without regard to case; a dependency stands earlier in the array;
- an item whose dependency did not succeed is not tried: 424;
- an item with a body says its Content-Type; urls are relative, or absolute below this Graph;
- every item carries the token of the batch.
"""

import json
from typing import Annotated, Any

from multidict import CIMultiDict
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.tenant.cloud import Cloud
from local.tenant.errors import RefusedError
from local.tenant.faults import Gone
from local.tenant.graph import Answer, Request, answer
from local.tenant.records import fresh_id

MOST_ITEMS = 20


class BatchItem(BaseModel):
    """One request of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None
    dependsOn: tuple[str, ...] = ()  # noqa: N815 - the wire's own name


class BatchBody(BaseModel):
    """The body of POST /$batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Annotated[tuple[BatchItem, ...], Field(max_length=MOST_ITEMS)]


async def answer_batch(cloud: Cloud, outer: Request, gone: Gone) -> Answer:
    """The batch's answer; DroppedError where an item's planted fault ends the connection."""
    try:
        items = _items(outer.body)
    except RefusedError as refused:
        request_id = fresh_id()
        date = cloud.now().strftime("%Y-%m-%dT%H:%M:%S")
        return Answer(refused.status, refused.body(date, request_id, request_id))
    statuses: dict[str, int] = {}
    responses: list[dict[str, Any]] = []
    for item in items:
        failed = [key for key in item.dependsOn if statuses[key.lower()] >= 400]
        said = _not_tried() if failed else await _one(cloud, outer, item, gone)
        statuses[item.id.lower()] = said.status
        responses.append(_response(item.id, said))
    return Answer(200, {"responses": responses})


def _items(body: bytes) -> tuple[BatchItem, ...]:
    try:
        items = BatchBody.model_validate_json(body).requests
    except ValidationError as fault:
        raise RefusedError(400, "BadRequest", f"Invalid batch payload format: {fault}") from fault
    earlier: set[str] = set()
    for item in items:
        if item.id.lower() in earlier:
            raise RefusedError(400, "BadRequest", f"Duplicate request id '{item.id}' in the batch.")
        if not earlier.issuperset(key.lower() for key in item.dependsOn):
            raise RefusedError(
                400, "BadRequest", f"Request '{item.id}' depends on a later request."
            )
        names = {name.lower() for name in item.headers}
        if item.body is not None and "content-type" not in names:
            raise RefusedError(
                400, "BadRequest", f"Request '{item.id}' has a body but no Content-Type."
            )
        earlier.add(item.id.lower())
    return items


async def _one(cloud: Cloud, outer: Request, item: BatchItem, gone: Gone) -> Answer:
    path, _, query = item.url.removeprefix(cloud.graph_url).partition("?")
    headers: CIMultiDict[str] = CIMultiDict(item.headers)
    headers["Authorization"] = outer.headers.get("Authorization", "")
    request = Request(
        method=item.method.upper(),
        path="/" + path.lstrip("/"),
        query=query,
        headers=headers,
        body=b"" if item.body is None else json.dumps(item.body).encode(),
    )
    return await answer(cloud, request, gone, batch=True)


def _not_tried() -> Answer:
    error = {"code": "FailedDependency", "message": "A request this one depends on has failed."}
    return Answer(424, {"error": error})


def _response(item_id: str, said: Answer) -> dict[str, Any]:
    response = {"id": item_id, "status": said.status, "headers": said.headers}
    return response if said.body is None else response | {"body": said.body}
