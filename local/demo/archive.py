"""The tenants' own stores, opened as their operators would: to show, to verify, to take away.

Rules
- reading goes through the product's own adapters, with the identities of the local world;
- a table that is taken away is put back row by row, whatever happened meanwhile;
- nothing here is needed by the product, and no promise rests on it but those about the stores.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient

from agent.audit.chain import Flaw, verify_chain
from agent.domain import Work
from agent.records import AuditRecord
from agent.settings import Settings
from agent.values import RequestId, TenantId
from agent.wiring import Deployment
from local.onboarding import DECIDERS, PACKS, republish
from local.up import trusting
from policy.pack import load

T = TypeVar("T")
_AT_ONCE = 500


class Archive:
    """The stores of every tenant of a local world."""

    def __init__(self, facts: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._facts, self._environment = facts, environment
        self.first = TenantId(facts["tenants"][0]["id"])

    def work(self, tenant: str, request: str) -> Work | None:
        """The work on a request, opened with its tenant's key."""

        async def ask(deployment: Deployment) -> Work | None:
            stores = await deployment.for_tenant(TenantId(tenant))
            record = await stores.requests.load(RequestId(request))
            return record.work if record else None

        return self._opened(ask)

    def trail(self, tenant: str) -> list[AuditRecord]:
        """Every audit record of a tenant, in order."""

        async def ask(deployment: Deployment) -> list[AuditRecord]:
            audit = (await deployment.for_tenant(TenantId(tenant))).audit
            found: list[AuditRecord] = []
            while page := await audit.read(len(found) + 1, _AT_ONCE):
                found += page
            return found

        return self._opened(ask)

    def flaws(self, tenant: str) -> tuple[int, list[Flaw]]:
        """How many records a tenant's chain has, and where it does not hold."""
        records = self.trail(tenant)
        return len(records), verify_chain(records)

    def publish(self, without: frozenset[str] = frozenset()) -> None:
        """Sign and publish the default policy of the first tenant, less some rules."""

        async def ask(deployment: Deployment) -> None:
            deciders = DECIDERS[str(self._facts["tenants"][0]["domain"])]
            rules = load(PACKS / "global", PACKS / "tenant-default", parameters=deciders)
            kept = [rule for rule in rules if rule.id not in without]
            await republish(deployment, self.first, kept)

        self._opened(ask)

    @contextmanager
    def without_table(self, table: str) -> Iterator[None]:
        """Delete a table of the first tenant for a while; every row comes back afterwards."""
        known = self._facts["tables"][self.first]
        key = AzureNamedKeyCredential(known["account"], known["key"])
        with TableServiceClient(endpoint=known["endpoint"], credential=key) as service:
            rows = list(service.get_table_client(table).list_entities())
            service.delete_table(table)
            try:
                yield
            finally:
                client = service.create_table(table)
                for row in rows:
                    client.create_entity(row)

    def _opened(self, ask: Callable[[Deployment], Awaitable[T]]) -> T:
        async def opened() -> T:
            deployment = Deployment(Settings.of(self._environment))
            try:
                return await ask(deployment)
            finally:
                await deployment.close()

        with trusting(self._environment):
            return asyncio.run(opened())
