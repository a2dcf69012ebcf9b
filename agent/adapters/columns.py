"""How values become columns: keys, sealed blobs in parts, and values read back under a model.

Rules
- a key part is plain ASCII without `|`, so a joined key can be read in one way only;
- what is sealed is packed first (deflated when that helps), bound to table, row and column, and
  spread over `{column}0`, `{column}1`, ... with `{column}_parts` saying how many count;
- what cannot be opened or parsed is StoreUnusable: a damaged row is never an empty row.

Never here: I/O, and any value in a message: faults name tables and columns only.
"""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Iterable
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from agent.adapters.sealing import Sealing
from agent.errors import Permanent, StoreUnusable

Row = dict[str, Any]
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

PART_BYTES = 64 * 1024  # the most one binary property holds
WORTH_DEFLATING = 256
READS_AT_ONCE = 16

_KEY_PART = re.compile(r"[A-Za-z0-9._:@=+-]{1,200}")
_PLAIN, _DEFLATED = b"\x00", b"\x01"


def is_key(part: str) -> bool:
    """Whether a text may be part of a partition or row key."""
    return _KEY_PART.fullmatch(part) is not None


def key(*parts: str) -> str:
    """Join parts into one key; Permanent("bad_key") when a part could be read as two."""
    for place, part in enumerate(parts, 1):
        if not is_key(part):
            raise Permanent("bad_key", f"expected letters, digits and ._:@=+- in key part {place}")
    return "|".join(parts)


def under(*parts: str) -> tuple[str, str]:
    """Return the first and last row key of all keys that begin with these parts."""
    prefix = key(*parts) + "|"
    return prefix, prefix + "~"  # `~` sorts after every character a key part may hold


class SealedColumns:
    """Seals and opens the columns of one table."""

    def __init__(self, sealing: Sealing, table: str) -> None:
        self._sealing = sealing
        self.table = table

    async def seal(self, row: Row, column: str, plain: bytes, limit: int = PART_BYTES) -> None:
        """Put a value sealed into the row; StoreUnusable when it exceeds `limit` bytes."""
        packed = _pack(plain)
        sealed = await self._sealing.seal(packed, table=self.table, row=_place(row), column=column)
        if len(sealed) > limit:
            raise StoreUnusable(
                "too_large",
                f"expected at most {limit} bytes in `{self.table}.{column}`, saw {len(sealed)}",
            )
        parts = [sealed[at : at + PART_BYTES] for at in range(0, len(sealed), PART_BYTES)]
        row.update({f"{column}{n}": part for n, part in enumerate(parts)})
        row[f"{column}_parts"] = len(parts)

    async def open(self, row: Row, column: str) -> bytes | None:
        """Return what was sealed in the column, or None where nothing is kept."""
        count = row.get(f"{column}_parts", 0)
        if not count:
            return None
        try:
            sealed = b"".join(row[f"{column}{n}"] for n in range(count))
        except (KeyError, TypeError):
            unreadable(self.table, column)
        plain = await self._sealing.open(sealed, table=self.table, row=_place(row), column=column)
        return _unpack(plain, self.table, column)

    async def open_as(self, row: Row, column: str, model: type[M]) -> M | None:
        """Return the sealed column as a value of `model`, or None where nothing is kept."""
        plain = await self.open(row, column)
        if plain is None:
            return None
        return parsed(TypeAdapter(model), plain, self.table, column)


def forgotten(column: str) -> Row:
    """Return the columns that overwrite a sealed column of one part with nothing."""
    return {f"{column}0": b"", f"{column}_parts": 0}


def parsed(adapter: TypeAdapter[T], text: str | bytes, table: str, column: str) -> T:
    """Return stored JSON as a value; StoreUnusable when it is not one."""
    try:
        return adapter.validate_json(text)
    except ValidationError:
        # The cause is dropped on purpose: pydantic's message quotes what it could not read.
        unreadable(table, column)


def unreadable(table: str, column: str) -> NoReturn:
    """Say that a stored column is not what we wrote."""
    raise StoreUnusable("row_unreadable", f"expected `{table}.{column}` as written, saw otherwise")


async def at_most(calls: Iterable[Awaitable[T]], limit: int = READS_AT_ONCE) -> list[T]:
    """Await all, a few at a time, and return their results in order."""
    gate = asyncio.Semaphore(limit)

    async def one(call: Awaitable[T]) -> T:
        async with gate:
            return await call

    return list(await asyncio.gather(*(one(call) for call in calls)))


def _place(row: Row) -> str:
    return f"{row['PartitionKey']}/{row['RowKey']}"  # no key holds a slash: one reading only


def _pack(plain: bytes) -> bytes:
    if len(plain) >= WORTH_DEFLATING:
        deflated = zlib.compress(plain, level=6)
        if len(deflated) < len(plain):
            return _DEFLATED + deflated
    return _PLAIN + plain


def _unpack(packed: bytes, table: str, column: str) -> bytes:
    how, body = packed[:1], packed[1:]
    if how == _PLAIN:
        return body
    if how != _DEFLATED:
        unreadable(table, column)
    try:
        return zlib.decompress(body)
    except zlib.error:
        unreadable(table, column)
