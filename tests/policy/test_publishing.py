"""What must hold before rules are published."""

import subprocess
import sys
from typing import Any

import pytest

from policy.pack import SHIPPED
from policy.proposal import PublishRefused
from policy.publishing import (
    approve,
    examine,
    placed,
    propose,
    restored,
    shipped_checks,
)
from policy.snapshot import write_body
from tests.policy.publishing_pieces import (
    ANN,
    BO,
    CURRENT,
    HEAD,
    LIMITS,
    NO_PAST,
    NOW,
    OWN,
    by_bytes,
    candidate,
    checks,
)


def refused(act: Any, *arguments: Any) -> PublishRefused:
    with pytest.raises(PublishRefused) as fault:
        act(*arguments)
    return fault.value


def test_rules_that_hold_are_examined_and_named_by_body_diff_and_simulation() -> None:
    left_out = OWN[0].id
    seen = examine(candidate(left_out), CURRENT, LIMITS, checks(), NO_PAST)
    rules = [rule for rule in CURRENT if rule.id != left_out]
    assert seen.body == write_body(rules)
    assert seen.diff == by_bytes(CURRENT, rules)
    assert seen.simulation.decisions == 0


def test_every_problem_that_lint_has_is_told_with_its_place() -> None:
    bad = [
        one.model_copy(update={"tests": (), "provenance": None}) if one.id == OWN[0].id else one
        for one in CURRENT
    ]
    fault = refused(examine, list(placed(bad, "rules.yaml")), CURRENT, LIMITS, checks(), NO_PAST)
    assert fault.code == "lint"
    assert len(fault.problems) >= 2
    assert all(problem.startswith("rules.yaml:") for problem in fault.problems)


def test_a_limit_left_out_or_changed_is_refused_by_name() -> None:
    limit = LIMITS[0]
    fault = refused(examine, candidate(limit.id), CURRENT, LIMITS, checks(), NO_PAST)
    assert (fault.code, limit.id in fault.sentence) == ("limits", True)
    softer = limit.model_copy(update={"reason": "As you like."})
    changed = [softer if rule.id == limit.id else rule for rule in CURRENT]
    fault = refused(examine, list(placed(changed, "x")), CURRENT, LIMITS, checks(), NO_PAST)
    assert fault.code == "limits"


def test_a_proof_that_fails_and_rules_that_count_already_are_refused() -> None:
    left_out = OWN[0].id
    fault = refused(examine, candidate(left_out), CURRENT, LIMITS, checks("p1: never"), NO_PAST)
    assert (fault.code, fault.problems) == ("proof", ("p1: never",))
    assert refused(examine, candidate(), CURRENT, LIMITS, checks(), NO_PAST).code == "unchanged"


def test_an_approval_is_for_what_was_proposed_and_by_somebody_else() -> None:
    first = examine(candidate(OWN[0].id), CURRENT, LIMITS, checks(), NO_PAST)
    other = examine(candidate(OWN[1].id), CURRENT, LIMITS, checks(), NO_PAST)
    proposal = propose(first, NO_PAST, HEAD, ANN, NOW, {})
    approve(proposal, first, BO)
    for approver in (ANN, ANN.upper()):
        assert refused(approve, proposal, first, approver).code == "same_person"
    fault = refused(approve, proposal, other, BO)
    assert fault.code == "not_what_was_seen"
    assert "rules and diff" in fault.sentence


def test_going_back_never_loosens_a_limit() -> None:
    softer = [rule.model_copy(update={"reason": "Softer."}) for rule in LIMITS]
    assert restored((*softer, *OWN), LIMITS) == CURRENT
    assert restored(OWN, LIMITS) == CURRENT


def test_what_ships_is_held_to_limits_diff_and_proofs_by_the_solver() -> None:
    shipped = shipped_checks()
    assert shipped.limits({}) == LIMITS
    deny = next(rule for rule in OWN if rule.effect == "permit" and not rule.baseline)
    fewer = [rule for rule in CURRENT if rule.id != deny.id]
    seen = shipped.compare(CURRENT, fewer)
    assert f"rules removed: {deny.id}" in seen.sentences
    assert any(one.startswith("newly denied: ") for one in seen.sentences), seen.sentences
    open_door = [rule for rule in CURRENT if rule.effect == "permit"]
    broken = shipped.prove(open_door)
    assert any(one.startswith("break-glass") for one in broken), broken


def test_without_a_solver_publishing_is_refused_in_one_sentence() -> None:
    code = (
        "import sys; sys.modules['z3'] = None\n"
        "from policy.publishing import shipped_checks, PublishRefused\n"
        "from policy.pack import SHIPPED, load\n"
        "rules = load(SHIPPED / 'global')\n"
        "try: shipped_checks().prove(rules)\n"
        "except PublishRefused as refused: print(refused)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=SHIPPED.parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("no_prover: nothing is published unproved")
    assert "z3-solver" in ran.stdout
