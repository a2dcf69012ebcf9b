"""What the publishing tests speak of: a policy that counts, its head, and checks that are quick."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from policy.pack import SHIPPED, PlacedRule, load
from policy.publishing import Checks, DiffReport, Past, placed
from policy.rule import Rule
from policy.snapshot import Head, write_body

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN, BO = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
LIMITS = load(SHIPPED / "global")
OWN = load(SHIPPED / "tenant-default")
CURRENT = (*LIMITS, *OWN)
BODY = write_body(CURRENT)
HEAD = Head(
    snapshot_id=BODY.id,
    seq=7,
    sha256=BODY.sha256,
    kid="k",
    published_by=ANN,
    approved_by=BO,
    issued_at=NOW,
)
NO_PAST = Past(NOW - timedelta(days=30), (), {})


def by_bytes(old: Sequence[Rule], new: Sequence[Rule]) -> DiffReport:
    """A diff that tells rule sets apart and nothing more."""
    both = write_body(old).id + write_body(new).id
    return DiffReport(hash=sha256(both.encode()).hexdigest(), sentences=("something changed",))


def checks(*failed: str) -> Checks:
    return Checks(limits=lambda _: LIMITS, compare=by_bytes, prove=lambda rules: failed)


def candidate(*left_out: str) -> list[PlacedRule]:
    return list(placed([rule for rule in CURRENT if rule.id not in left_out], "rules.yaml"))
