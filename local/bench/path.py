"""How many answers of Graph must be waited for, one after the other? Read from the tenant's log.

The simulated tenant logs a call when it answers it, after the latency that was asked for. Two calls
belong to one wave when they overlap in time; a later wave begins where a call was sent after an
answer of the wave before. The longest chain of calls that do not overlap is the critical path: no
implementation that asks in this order can be faster than its length times the latency.

Never here: what a call was for. What could have been asked at once but was not counts as a wave:
that is the point.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

# A call sent right after an answer arrives cannot be answered sooner than this part of the latency
# later; clocks and event loops are not sharper than that.
_SLACK = 0.1


def graph_calls(log: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the calls to Graph, without those to Entra."""
    return [call for call in log if call["service"] == "graph"]


def waves(log: Iterable[Mapping[str, Any]], latency_ms: float) -> int:
    """Return the length of the longest chain of calls that cannot have overlapped."""
    if latency_ms <= 0:
        raise ValueError(f"expected a latency above zero to tell waves apart, saw {latency_ms}")
    answered = sorted(datetime.fromisoformat(c["at"]).timestamp() for c in graph_calls(log))
    chain, last = 0, float("-inf")
    for at in answered:
        if at - last >= latency_ms / 1000 * (1 - _SLACK):
            chain, last = chain + 1, at
    return chain


def writes(log: Iterable[Mapping[str, Any]]) -> int:
    """Return how many calls tried to change the tenant."""
    return sum(1 for call in graph_calls(log) if call["method"] != "GET")


def reads(log: Iterable[Mapping[str, Any]]) -> int:
    """Return how many calls read the tenant."""
    return sum(1 for call in graph_calls(log) if call["method"] == "GET")
