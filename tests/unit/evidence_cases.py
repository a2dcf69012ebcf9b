"""Evidence for the tests: the demo's five requests, told as an auditor would have them told."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.audit.export.evidence import Added, Evidence, evidence_of
from agent.records import AuditRecord
from tests.unit.export_readers import demo_names, demo_trail, linked

TENANT = "7d1c1a3e-0d0b-4f5e-9a55-6a1a3f0c2b11"
MADE_AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
# The variants of the demo, in the order in which its trail has them.
VARIANTS = ("granted", "approved", "undone", "refused", "escalated")


def records_of(variant: str) -> list[AuditRecord]:
    """One variant's records."""
    trail = demo_trail()
    requests = list(dict.fromkeys(record.body["request"] for record in trail))
    wanted = requests[VARIANTS.index(variant)]
    return [record for record in trail if record.body["request"] == wanted]


def told(variant: str, **added: Any) -> Evidence:
    """One variant's evidence, with the names of the demo's directory."""
    records = records_of(variant)
    more = Added(names=demo_names(), **added)
    return evidence_of(records, TENANT, records[0].body["request"], MADE_AT, more)


def of_bodies(bodies: list[Mapping[str, Any]], names: Mapping[str, str]) -> Evidence:
    """Evidence of records with these bodies, whatever they are."""
    records = linked([dict(body) for body in bodies])
    return evidence_of(records, TENANT, "r" * 32, MADE_AT, Added(names=dict(names)))
