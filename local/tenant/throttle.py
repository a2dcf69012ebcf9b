"""Is this caller asking too much?

Answers what a Graph call costs and, where limits are enforced, whether it is refused and for how
long. Never counts a refused call.

Facts: microsoft-graph-docs-contrib throttling-limits.md @0135174. Identity: 3,500 resource units
per 10 s and 3,000 writes per 150 s for each app and (small) tenant. Audit reports: 5 requests per
10 s for each app and tenant. Identity protection: 1 request per second for each tenant, and its
429 does not say how long to wait. SharePoint's limits are not modelled.
"""

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.tenant.errors import throttled
from local.tenant.operations import Operation


@dataclass(frozen=True)
class _Limit:
    name: str
    amount: int
    seconds: int
    by_app: bool
    tells: bool


_IDENTITY = _Limit("identity", 3500, 10, by_app=True, tells=True)
_WRITES = _Limit("writes", 3000, 150, by_app=True, tells=True)
_REPORTS = _Limit("reports", 5, 10, by_app=True, tells=True)
_PROTECTION = _Limit("protection", 1, 1, by_app=False, tells=False)
_SMALL_PAGE = 20


def cost(operation: Operation, *, selects: bool, top: int | None) -> int:
    """Resource units of a call."""
    saved = int(selects) + int(top is not None and top < _SMALL_PAGE)
    return max(1, operation.units - saved)


class Limits:
    """Sliding windows of what each app has used in each tenant."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, ...], deque[tuple[datetime, int]]] = {}

    def spend(
        self, operation: Operation, units: int, tenant: str, app_id: str, now: datetime
    ) -> None:
        """Count a call; raises Graph's 429 when a limit is reached."""
        for limit, amount in _limits(operation, units):
            key = (limit.name, tenant, app_id if limit.by_app else "")
            window = self._used.setdefault(key, deque())
            start = now - timedelta(seconds=limit.seconds)
            while window and window[0][0] <= start:
                window.popleft()
            if sum(used for _, used in window) + amount > limit.amount:
                wait = (window[0][0] - start).total_seconds() if window else limit.seconds
                raise throttled(max(1, math.ceil(wait)) if limit.tells else None)
            window.append((now, amount))

    def clear(self) -> None:
        """Forget everything that was used."""
        self._used.clear()


def _limits(operation: Operation, units: int) -> list[tuple[_Limit, int]]:
    if operation.family == "reports":
        return [(_REPORTS, 1)]
    if operation.family == "protection":
        return [(_PROTECTION, 1)]
    if operation.family == "sharepoint":
        return []
    reads = operation.method == "GET" or operation.id.endswith("checkMemberGroups")
    return [(_IDENTITY, units)] if reads else [(_IDENTITY, units), (_WRITES, 1)]
