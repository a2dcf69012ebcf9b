"""The work of the seed request and nothing else: no engine, no keys, no claims, no checks.

The floor runs these three stages one after the other; every peer runs the same three as the steps
of its own engine. The calls to Graph, their order and concurrency, the two forecasts and the last
decision by our policy, and the rows of the trail are those of the product; what a stage hands on
is plain JSON, because engines store it.

Rules
- the understanding is a stub: a name between fixed words;
- rows are written where the product writes its own, in one partition a run, without a chain;
- the write is sent blindly: whether it was sent before is exactly what an engine is asked to know.
"""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables.aio import TableServiceClient

from policy.decide import Decision, RuleSet, decide
from policy.pack import SHIPPED, load
from policy.query import Query

TABLE = "BenchTrail"
STAGES = ("assess", "execute", "answer")
State = dict[str, Any]
_FIELDS = "id,displayName,groupTypes,securityEnabled,mailEnabled,isAssignableToRole"


class Work:
    """The three stages, over one connection pool to the simulated Graph and one to Azurite."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._graph, self._world = str(plan["graph"]), str(plan["world"])
        self._sponsor = str(plan["sponsor_token"])
        self._rules = RuleSet.of(load(SHIPPED / "global", SHIPPED / "tenant-default"))
        where = plan["tables"]
        self._service = TableServiceClient(
            endpoint=where["endpoint"],
            credential=AzureNamedKeyCredential(where["account"], where["key"]),
            use_env_settings=False,
        )
        self._rows = self._service.get_table_client(TABLE)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def prepare(self) -> None:
        """Create the table of the trail."""
        await self._service.create_table_if_not_exists(TABLE)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._service.close()

    async def reset(self, group: str) -> None:
        """Empty a group again, through the stage manager; not part of the work."""
        async with self._session.patch(
            f"{self._world}/objects/groups/{group}", json={"members": []}
        ) as answer:
            answer.raise_for_status()

    async def assess(self, given: State) -> State:
        """Understand, look in two waves, forecast the change and its undo."""
        run, asker = uuid.uuid4().hex, given["asker"]
        await self._record(run, {"phase": "request", "actor": asker["oid"]})
        me, token, name = asker["oid"], asker["token"], asker["name"]
        person, standing, risk, groups, sites = await asyncio.gather(
            self._read(token, f"/users/{me}?$select=id,accountEnabled,department,userType"),
            self._read(token, f"/users/{me}/transitiveMemberOf?$top=999"),
            self._read(self._sponsor, f"/identityProtection/riskyUsers/{me}"),
            self._read(
                token, f"/groups?$filter=startswith(displayName,'{name}')&$select={_FIELDS}"
            ),
            self._read(token, f"/sites?search={name}"),
        )
        group = str(groups["value"][0]["id"])
        about = f"targetResources/any(t:t/id eq '{me}')"
        owners, member, site, history = await asyncio.gather(
            self._read(token, f"/groups/{group}/owners?$select=id"),
            self._read(token, f"/groups/{group}/members/{me}/$ref"),
            self._read(token, f"/groups/{group}/sites/root"),
            self._read(self._sponsor, f"/auditLogs/directoryAudits?$filter={about}&$top=100"),
        )
        seen = [person, standing, risk, groups, sites, owners, member, site, history]
        forecast, _ = self._decide(me, seen), self._decide(me, seen, undo=True)
        digest = hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()
        drafts = [{"phase": "read", "seen": digest}, {"phase": "decision", **_of(forecast)}]
        await self._record(run, *drafts)
        return {"run": run, "asker": asker, "group": group, "forecast": _of(forecast)}

    async def execute(self, given: State) -> State:
        """Read afresh, decide, write the intent, change the tenant, read back."""
        run, me, group = given["run"], given["asker"]["oid"], given["group"]
        edge = f"/groups/{group}/members/{me}/$ref"
        paths = (
            edge,
            f"/users/{me}?$select=id,accountEnabled,department,userType",
            f"/users/{me}/transitiveMemberOf?$top=999",
            f"/identityProtection/riskyUsers/{me}",
            f"/groups/{group}?$select={_FIELDS}",
            f"/groups/{group}/owners?$select=id",
        )
        seen = await asyncio.gather(*(self._read(self._sponsor, path) for path in paths))
        decision = self._decide(me, seen)
        await self._record(run, {"phase": "intent", "before": False, **_of(decision)})
        status = await self._write(f"/groups/{group}/members/$ref", me)
        verified = await self._read(self._sponsor, edge) is not None
        await self._record(run, {"phase": "outcome", "after": verified, "graph": status})
        return {**given, "verified": verified}

    async def answer(self, given: State) -> State:
        """Say how it ended."""
        await self._record(given["run"], {"phase": "answer", "verified": given["verified"]})
        return {"run": given["run"], "status": "done" if given["verified"] else "unknown"}

    async def _read(self, token: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(self._graph + path, headers=headers) as answer:
            if answer.status == 404:
                return None
            answer.raise_for_status()
            return await answer.json()

    async def _write(self, path: str, person: str) -> int:
        headers = {"Authorization": f"Bearer {self._sponsor}"}
        body = {"@odata.id": f"{self._graph}/directoryObjects/{person}"}
        async with self._session.post(self._graph + path, headers=headers, json=body) as answer:
            return answer.status

    def _decide(self, me: str, seen: object, *, undo: bool = False) -> Decision:
        action = "group.member.remove" if undo else "group.member.add"
        facts: dict[str, object] = {
            "action": {
                "id": action,
                "family": "group",
                "risk": 1,
                "reversible": True,
                "undo": undo,
            },
            "requester": {
                "id": me,
                "department": "Finance",
                "groups": [],
                "roles": [],
                "flags": [],
            },
            "target": {"type": "group", "tags": ["finance"], "department": "Finance"},
            "runtime": {"now": datetime.now(UTC).isoformat(), "channel": "http", "bulk_count": 1},
        }
        return decide(self._rules, Query.of(facts))

    async def _record(self, run: str, *records: State) -> None:
        at = datetime.now(UTC).isoformat()
        rows = [
            {
                "PartitionKey": run,
                "RowKey": f"{record['phase']}-{uuid.uuid4().hex[:8]}",
                "body": json.dumps({"at": at, "request": run, **record}),
            }
            for record in records
        ]
        if len(rows) == 1:
            await self._rows.create_entity(rows[0])
        else:
            await self._rows.submit_transaction([("create", row) for row in rows])


def _of(decision: Decision) -> State:
    return {"decision": decision.model_dump(mode="json")}
