"""Kill -9 between any two steps: the change is made once, and what is said of it is true.

By the tenant's own log: of all writes that arrived, exactly one changed anything. The other points
of local/bench/kill.py are measured by `local bench --only loop.kill`; these are where it matters.
"""

from collections.abc import Iterator

import pytest

from local.bench.bed import Bed
from local.bench.kill import kill_at, kill_bed, point
from local.faultproxy import FaultProxy

pytestmark = pytest.mark.stack

DEADLY = (
    "admitted, run not started",
    "second lookups under way",
    "place in the budget taken",
    "intent in the trail",
    "write sent, not carried out",
    "write carried out, not answered",
    "read-back under way",
    "outcome in the trail",
    "receipt about to be kept",
    "answer kept",
)


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bed, FaultProxy]]:
    with kill_bed(tmp_path_factory.mktemp("killed")) as bed_and_proxy:
        yield bed_and_proxy


@pytest.mark.parametrize("where", DEADLY)
def test_a_kill_leaves_one_change_and_a_true_answer(
    killable: tuple[Bed, FaultProxy], where: str
) -> None:
    survived = kill_at(*killable, point(where))
    assert survived.changes == 1
    assert (survived.status, survived.is_member) == ("done", True)
    assert survived.steps == ("done",), "found would mean: it forgot that the change is its own"
    assert {"request", "decision", "intent", "outcome", "answer"} <= set(survived.phases)
    assert survived.phases.index("intent") < survived.phases.index("outcome")


def test_a_change_whose_answer_was_lost_is_never_sent_again(
    killable: tuple[Bed, FaultProxy],
) -> None:
    survived = kill_at(*killable, point("write carried out, not answered"))
    assert survived.writes == 1
