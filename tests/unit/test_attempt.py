"""An attempt to undo is one at the inverse of what a receipt says is ours, and at nothing else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.adapters.clock import SystemClock
from agent.attempt import Attempt, Loaded
from agent.domain import Plan, Work
from agent.errors import StoreUnusable
from agent.ports import Tenant
from agent.records import Claim
from agent.values import StepId
from tests.unit.values import act, receipt, record, step

STEP = step()
WORK = Work(intent=act("Finance"), plan=Plan(steps=(STEP,)))
# an attempt asks its tenant for the time and for nothing else until it is carried out
TENANT = cast(Tenant, SimpleNamespace(clock=SystemClock()))


def undo(*receipts: Any) -> Attempt:
    loaded = Loaded(record(WORK), [], [], tuple(receipts))
    return Attempt(TENANT, loaded, StepId(STEP.id), "undo", Claim(attempt=1))


def test_what_is_ours_is_undone_by_the_inverse() -> None:
    done = receipt(STEP, "done", ours=True, before=False, after=True)
    assert undo(done).action.name == "group.member.remove"


@pytest.mark.parametrize("outcome", ["found", "failed", "refused"])
def test_what_is_not_ours_is_never_undone(outcome: str) -> None:
    with pytest.raises(StoreUnusable, match="nothing of ours"):
        undo(receipt(STEP, outcome, ours=False, before=False))


def test_a_step_without_a_receipt_is_never_undone() -> None:
    with pytest.raises(StoreUnusable, match="nothing of ours"):
        undo()
