"""Which Microsoft 365 tenants this deployment serves, and where the stores of each are.

Rules
- the id comes from a validated token; what is unknown or switched off is None;
- an entry is believed for KEPT at most: switching a tenant off takes effect within it;
- public keys and addresses only: nothing here is secret, everything here is trusted, so only the
  onboarding identity may write the table.

Never here: names a person typed, discovery of tenants, secrets.
"""

import json
from datetime import datetime, timedelta

from agent.adapters.columns import Row, is_key, key, unreadable
from agent.adapters.tables import Rows
from agent.adapters.vault import PublicJwk
from agent.ports import Clock
from agent.values import Frozen, Guid

PARTITION = "tenant"
KEPT = timedelta(seconds=60)
_KEYS = ("policy_key", "audit_key")


class Registration(Frozen):
    """One tenant of this deployment: its stores, its public keys, and who takes its tickets."""

    id: Guid
    name: str
    domain: str
    tables_endpoint: str
    vault_url: str
    policy_key: PublicJwk
    signing_kid: str
    audit_key: PublicJwk
    service_desk: Guid
    identity: Guid  # client id of the managed identity that reaches this tenant's stores
    publisher: Guid  # client id of the identity that may write its policy; the app never uses it
    enabled: bool = True


class RegistryTable:
    """The tenants of one deployment."""

    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Registration]] = {}

    async def find(self, tenant: str) -> Registration | None:
        """Return a tenant that is served, or None when it is unknown or switched off."""
        now = self._clock.now()
        read_at, kept = self._kept.get(tenant, (None, None))
        if kept is None or read_at is None or not timedelta(0) <= now - read_at <= KEPT:
            self._kept.pop(tenant, None)
            kept = await self._read(tenant)
            if kept is None:
                return None
            self._kept[tenant] = (now, kept)
        return kept if kept.enabled else None

    async def every(self) -> list[Registration]:
        """Return all tenants, those switched off too: for the operator."""
        return [self._registration(row) for row in await self._rows.query(PARTITION)]

    async def put(self, registration: Registration) -> None:
        """Add a tenant or replace what is said of it: for onboarding."""
        said = registration.model_dump(mode="json", exclude={"id", *_KEYS})
        await self._rows.put(
            {
                "PartitionKey": PARTITION,
                "RowKey": key(registration.id),
                **said,
                "policy_key": json.dumps(registration.policy_key, sort_keys=True),
                "audit_key": json.dumps(registration.audit_key, sort_keys=True),
            }
        )
        self._kept.pop(registration.id, None)

    async def _read(self, tenant: str) -> Registration | None:
        row = await self._rows.get(PARTITION, tenant) if is_key(tenant) else None
        return None if row is None else self._registration(row)

    def _registration(self, row: Row) -> Registration:
        said = {name: row.get(name) for name in Registration.model_fields if name in row}
        try:
            said |= {"id": row["RowKey"], **{name: json.loads(row[name]) for name in _KEYS}}
            return Registration.model_validate(said, strict=True)
        except (KeyError, TypeError, ValueError):
            unreadable(self._rows.table, "tenant")
