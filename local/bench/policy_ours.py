"""Warrant's engine as a policy worker: loaded from the bytes of a snapshot, as execution does it.

decide       the whole decision: names of all rules, obligations, reason
trace        the same, and the nearest miss of each layer in which nothing permits
whole        the same, and the question read from plain facts
reference    the plain scan, for comparison
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.bench.policy_rules import Record
from local.bench.policy_worker import Load, main
from policy import reference
from policy.decide import RuleSet, decide, trace
from policy.explain import near_misses
from policy.query import Query
from policy.rule import Rule
from policy.snapshot import Head, open_snapshot, write_body

WAYS = ("decide", "trace", "whole", "reference")
_NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Ours:
    """A rule set, asked in one of the ways."""

    rules: RuleSet
    way: str

    def ready(self, question: Record) -> Any:
        """Read the facts, unless reading them is to be timed."""
        return question if self.way == "whole" else Query.of(question)

    def permits(self, question: Any) -> bool:
        """Decide."""
        if self.way == "reference":
            return reference.decide(self.rules, question).effect == "permit"
        if self.way == "decide":
            return decide(self.rules, question).effect == "permit"
        query = Query.of(question) if self.way == "whole" else question
        decision, found = trace(self.rules, query)
        near_misses(self.rules, query, decision, found)
        return decision.effect == "permit"


def prepare(records: Sequence[Record], way: str) -> Load:
    """Make the bytes of a snapshot; loading is inflating, checking, parsing and indexing them."""
    body = write_body(Rule.of(record) for record in records)
    head = Head(
        snapshot_id=body.id,
        seq=1,
        sha256=body.sha256,
        kid="bench",
        signature="AAAA",
        published_by="bench",
        approved_by="bench",
        issued_at=_NOW,
    )

    def load() -> Ours:
        opened = open_snapshot(
            head,
            body.data,
            verify=lambda *_: True,
            now=_NOW,
            max_age=timedelta(days=1),
            last_seq_seen=1,
        )
        return Ours(opened.rules, way)

    return load


if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    main(lambda records: prepare(records, chosen))
