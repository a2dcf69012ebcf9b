"""One storage account's tables: rows in, rows out, and every failure as one of our faults.

Rules
- a write whose answer was lost is sent again; a conflict after that is ours when the stored row
  holds what was sent, so that no caller sees its own write as somebody else's. A write that must
  be told from an equal one of another writer carries something of its own (a seal, a nonce);
- a missing table, a refused sign-in and an unreachable account are StoreUnusable; a busy or
  silent one is Transient, after at most PATIENCE seconds;
- the running app never creates a table: `create_tables` belongs to onboarding.

Never here: what rows mean, and the content of a row in a message. The SDK is imported when an
account is opened: importing this module loads nothing of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.adapters.audit_rows import AUDIT_TABLES
from agent.adapters.columns import Row
from agent.adapters.table_faults import fault_of, faults, is_conflict, reason, silent
from agent.errors import Transient

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableClient, TableServiceClient

_POLICY_TABLES = ("Policies", "PolicySnapshots", "PolicyHeads")
TENANT_TABLES = (
    "Targets",
    *_POLICY_TABLES,
    "Requests",
    "Approvals",
    "Sponsorships",
    *AUDIT_TABLES,
    "Budget",
    "Watermarks",
)
REGISTRY_TABLE = "Registry"

PATIENCE = 6.0  # seconds a request may wait for its own storage
_PAUSES = (0.05, 0.25)  # seconds before each further try of a write
CONNECT_SECONDS, ANSWER_SECONDS = 2, 3  # one try
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_Send = Callable[["TableClient"], Awaitable[str]]


class Account:
    """One storage account: one connection pool, shared by all its tables."""

    def __init__(self, service: "TableServiceClient") -> None:
        self._service = service

    def rows(self, table: str) -> "Rows":
        """Return one table of this account."""
        return Rows(self._service.get_table_client(table))

    async def create(self, table: str) -> None:
        """Create a table unless it is there; for onboarding only."""
        from azure.core.exceptions import AzureError

        try:
            async with asyncio.timeout(PATIENCE):
                await self._service.create_table_if_not_exists(table)
        except TimeoutError:
            raise silent(table, PATIENCE) from None
        except AzureError as error:
            raise fault_of(table, error) from None

    async def close(self) -> None:
        """Close the account's connections."""
        await self._service.close()


def open_account(
    endpoint: str, credential: "AsyncTokenCredential | None", unsafe_key: str | None = None
) -> Account:
    """Open an account by the app's own identity, or by an account key on this machine only."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.data.tables.aio import TableServiceClient

    if (credential is None) == (unsafe_key is None):
        raise ValueError("expected either a credential or an unsafe key, saw both or neither")
    given: AsyncTokenCredential | AzureNamedKeyCredential
    if credential is not None:
        given = credential
    else:
        given = AzureNamedKeyCredential(_loopback_account(endpoint), unsafe_key or "")
    return Account(
        TableServiceClient(
            endpoint=endpoint,
            credential=given,
            use_env_settings=False,  # no proxies: the look for one costs a thread for each call
            retry_total=2,
            retry_backoff_factor=0.1,
            retry_backoff_max=1,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
        )
    )


async def create_tables(account: Account, tables: Iterable[str] = TENANT_TABLES) -> None:
    """Create the tables of a tenant, or those named; for onboarding only."""
    await asyncio.gather(*(account.create(table) for table in tables))


class Rows:
    """One table of one account."""

    def __init__(self, client: "TableClient") -> None:
        self._client = client
        self.table = client.table_name

    async def get(self, pk: str, rk: str, select: Sequence[str] | None = None) -> Row | None:
        """Return one row, or None when there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        columns = list(select) if select else None
        async with faults(self.table, PATIENCE):
            try:
                return await self._client.get_entity(pk, rk, select=columns)
            except ResourceNotFoundError as error:
                if reason(error) == "TableNotFound":
                    raise
        return None

    async def query(
        self,
        pk: str,
        *,
        between: tuple[str, str] | None = None,
        equals: Mapping[str, str] | None = None,
        select: Sequence[str] | None = None,
        first: int | None = None,
    ) -> list[Row]:
        """Return a partition's rows in order of row key.

        `between` is inclusive; `equals` compares columns in the store; `first` is how many at most.
        """
        terms, values = ["PartitionKey eq @pk"], {"pk": pk}
        if between:
            terms += ["RowKey ge @low", "RowKey le @high"]
            values |= {"low": between[0], "high": between[1]}
        for place, (column, value) in enumerate((equals or {}).items()):
            terms.append(f"{column} eq @v{place}")
            values[f"v{place}"] = value
        found: list[Row] = []
        async with faults(self.table, PATIENCE):
            pages = self._client.query_entities(
                " and ".join(terms),
                parameters=values,
                select=list(select) if select else None,
                results_per_page=first,
            )
            async for row in pages:
                found.append(row)
                if first is not None and len(found) == first:
                    break
        return found

    async def scan(self, between: tuple[str, str]) -> AsyncIterator[Row]:
        """Yield the rows of all partitions with a row key in this range: the whole table is read.

        Each page may take PATIENCE seconds; a request never waits for this.
        """
        keys = {"low": between[0], "high": between[1]}
        pages = self._client.query_entities("RowKey ge @low and RowKey le @high", parameters=keys)
        by_page = pages.by_page()
        while True:
            async with faults(self.table, PATIENCE):
                page = await anext(by_page, None)
                rows = [] if page is None else [row async for row in page]
            if page is None:
                return
            for row in rows:
                yield row

    async def insert(self, row: Row) -> bool:
        """Add a row; False when the key was taken by another."""

        async def send(client: "TableClient") -> str:
            return _etag(await client.create_entity(row, retry_total=0))

        return await self._settle(send, [row]) is not None

    async def transaction(self, rows: Sequence[Row]) -> bool:
        """Add rows of one partition, all or none; False when a key was taken by another."""
        operations = [("create", row) for row in rows]

        async def send(client: "TableClient") -> str:
            await client.submit_transaction(operations, retry_total=0)
            return "all"

        return await self._settle(send, rows) is not None

    async def merge(self, row: Row, etag: str) -> str | None:
        """Change these columns of the row read under `etag`; the new ETag, or None if it changed.

        There is no conditional replacing: aiohttp sends a PUT again by itself when a connection
        breaks, and the second answer would tell us that somebody else was faster.
        """
        from azure.core import MatchConditions
        from azure.data.tables import UpdateMode

        async def send(client: "TableClient") -> str:
            done = await client.update_entity(
                row,
                mode=UpdateMode.MERGE,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
                retry_total=0,
            )
            return _etag(done)

        return await self._settle(send, [row])

    async def upsert(self, row: Row) -> None:
        """Set the given columns, whether the row exists or not; other columns stay."""
        await self._set(row, "merge")

    async def put(self, row: Row) -> None:
        """Set the row to exactly these columns, whether it exists or not."""
        await self._set(row, "replace")

    async def delete(self, row: Row) -> None:
        """Remove a row as it was read; nothing happens when it has changed since, or is gone."""
        from azure.core import MatchConditions

        unchanged = {"etag": etag_of(row), "match_condition": MatchConditions.IfNotModified}
        await self._remove(row["PartitionKey"], row["RowKey"], **unchanged)

    async def remove(self, pk: str, rk: str) -> None:
        """Remove a row whatever it holds by now; nothing happens when it is gone."""
        await self._remove(pk, rk)

    async def _remove(self, pk: str, rk: str, **condition: Any) -> None:
        async def send(client: "TableClient") -> str:
            await client.delete_entity(pk, rk, retry_total=0, **condition)
            return "gone"

        await self._settle(send, [])

    async def until_answered(self, send: Callable[["TableClient"], Awaitable[str]]) -> None:
        """Send a change that does no harm when it is sent twice, until it is answered."""
        await self._settle(send, [])

    async def _set(self, row: Row, mode: str) -> None:
        from azure.data.tables import UpdateMode

        async def send(client: "TableClient") -> str:
            return _etag(await client.upsert_entity(row, mode=UpdateMode(mode), retry_total=0))

        await self._settle(send, [row])

    async def _settle(self, send: _Send, sent: Sequence[Row]) -> str | None:
        """Send a write until it is answered; None on a conflict that is not our own doing."""
        from azure.core.exceptions import AzureError

        unclear = False
        async with faults(self.table, PATIENCE):
            for pause in (*_PAUSES, None):
                try:
                    return await send(self._client)
                except AzureError as error:
                    if is_conflict(error):
                        return await self._own(sent) if unclear else None
                    if pause is None or not isinstance(fault_of(self.table, error), Transient):
                        raise
                unclear = True
                await asyncio.sleep(pause)
        return None

    async def _own(self, sent: Sequence[Row]) -> str | None:
        """Return the ETag when what was sent is what is stored."""
        etag = None
        for row in sent:
            stored = await self.get(row["PartitionKey"], row["RowKey"])
            if stored is None or any(stored.get(name) != value for name, value in row.items()):
                return None
            etag = etag_of(stored)
        return etag


def etag_of(row: Row) -> str:
    """Return the ETag under which a row was read."""
    return str(row.metadata["etag"])  # type: ignore[attr-defined]


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["etag"])


def _loopback_account(endpoint: str) -> str:
    address = urlsplit(endpoint)
    if address.hostname not in _LOOPBACK:
        raise ValueError("expected a loopback endpoint for an unsafe key, saw another")
    return address.path.strip("/")
