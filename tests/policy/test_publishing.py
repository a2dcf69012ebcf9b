"""What must hold before rules are published, and how the commands say so."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from policy.cli import main
from policy.decide import RuleSet
from policy.desk import Reviewed, Shown
from policy.pack import SHIPPED, PlacedRule, load, read
from policy.proposal import PublishRefused
from policy.publishing import (
    Checks,
    DiffReport,
    Past,
    approve,
    examine,
    placed,
    propose,
    restored,
    shipped_checks,
)
from policy.rule import Rule
from policy.simulate import Simulation, simulate
from policy.snapshot import Head, write_body

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TENANT = "11111111-1111-4111-8111-111111111111"
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


class OneDesk:
    """A desk that keeps what it is asked, and answers from one policy."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, tenant: str, token_file: str | None) -> "OneDesk":
        self.asked.append(("open", tenant, token_file))
        return self

    def propose(
        self, candidate: Sequence[PlacedRule], parameters: Mapping[str, str], days: int
    ) -> Reviewed:
        self.asked.append(("propose", len(candidate), days))
        fewer = [one for one in candidate if one.rule.id != OWN[0].id]
        seen = examine(fewer, CURRENT, LIMITS, checks(), NO_PAST)
        proposal = propose(seen, NO_PAST, HEAD, ANN, NOW, {})
        return Reviewed(proposal=proposal, diff=seen.diff, simulation=seen.simulation)

    def roll_back(self, seq: int, parameters: Mapping[str, str], days: int) -> Reviewed:
        self.asked.append(("roll_back", seq, days))
        return self.propose(candidate(OWN[0].id), {}, days)

    def review(self, diff: str) -> Reviewed:
        self.asked.append(("review", diff))
        return self.propose(candidate(OWN[0].id), {}, 30)

    def approve(self, diff: str) -> Head:
        self.asked.append(("approve", diff))
        if diff == "0" * 64:
            raise PublishRefused("same_person", "expected another person", ["first", "second"])
        return HEAD

    def renew(self) -> Head:
        self.asked.append(("renew",))
        return HEAD

    def simulate(self, candidate: Sequence[PlacedRule], days: int) -> Simulation:
        self.asked.append(("simulate", len(candidate), days))
        return simulate([], RuleSet.of(CURRENT))

    def show(self) -> Shown:
        past = tuple(HEAD.model_copy(update={"seq": seq}) for seq in (5, 6, 7))
        return Shown(head=HEAD, age_days=1, stale_in_days=89, rules=CURRENT, waiting=(), past=past)


def ran(capsys: pytest.CaptureFixture[str], desk: OneDesk, *arguments: str) -> tuple[int, str, str]:
    code = main([*arguments], desk)
    said = capsys.readouterr()
    return code, said.out, said.err


HASH = "ab" * 32
PACK = str(SHIPPED / "tenant-default")
COMMANDS = {
    "publish": (["publish", PACK], ("propose", len(CURRENT), 30)),
    "approve": (["publish", "--approve", HASH], ("approve", HASH)),
    "renew": (["publish", "--renew"], ("renew",)),
    "rollback": (["rollback", "--to", "5", "--days", "7"], ("roll_back", 5, 7)),
    "proposal": (["show", "--proposal", HASH], ("review", HASH)),
    "simulate": (["simulate", PACK], ("simulate", len(CURRENT), 30)),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reaches_the_desk_of_the_tenant_and_tells_facts_as_json(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, expected = COMMANDS[command]
    for more in ([], ["--json"]):
        desk = OneDesk()
        where = ["--tenant", TENANT.upper(), "--token-file", "t", *more]
        code, out, err = ran(capsys, desk, *arguments, *where)
        assert (code, err) == (0, "")
        assert desk.asked[0] == ("open", TENANT, "t")
        assert desk.asked[1] == expected
        assert isinstance(json.loads(out), dict) if more else out.endswith("\n")


def test_a_proposal_is_told_with_the_words_that_approve_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = OneDesk()
    code, out, _ = ran(capsys, desk, "rollback", "--to", "5", "--tenant", TENANT)
    assert code == 0
    assert "something changed" in out
    assert f"proposed by {ANN}" in out
    assert "python3 -m policy publish --approve " in out


def test_a_refusal_tells_its_code_and_every_reason(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, OneDesk(), "publish", "--approve", "0" * 64, "--tenant", TENANT)
    assert (code, out) == (1, "")
    assert err == "refused: same_person: expected another person\nfirst\nsecond\n"


def test_show_tells_head_persons_age_and_rules_of_each_layer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = ran(capsys, OneDesk(), "show", "--tenant", TENANT)
    assert f"sequence 7, 2026-03-02 09:00 UTC, published by {ANN}, approved by {BO}" in out
    assert "refused as stale in 89 days" in out
    assert f"{len(CURRENT)} rules: global " in out
    assert "no proposal waits" in out
    _, out, _ = ran(capsys, OneDesk(), "show", "--tenant", TENANT, "--json")
    facts = json.loads(out)
    assert sum(facts["rules"].values()) == len(CURRENT)
    assert (facts["head"]["seq"], facts["history"]) == (7, 3)
    _, out, _ = ran(capsys, OneDesk(), "show", "--tenant", TENANT, "--history")
    assert [line.split(",")[0] for line in out.splitlines()] == [
        "sequence 7",
        "sequence 6",
        "sequence 5",
    ]


def test_the_rules_that_are_shown_can_be_read_as_rule_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = ran(capsys, OneDesk(), "show", "--tenant", TENANT, "--rules")
    (tmp_path / "shown.yaml").write_text(out, encoding="utf-8")
    found, problems = read(tmp_path)
    assert problems == []
    assert write_body([one.rule for one in found]) == BODY


@pytest.mark.parametrize(
    "arguments",
    [
        ["publish"],
        ["publish", "--tenant", TENANT],
        ["publish", PACK, "--renew", "--tenant", TENANT],
        ["publish", PACK, "--approve", HASH, "--tenant", TENANT],
        ["publish", "--approve", "abc", "--tenant", TENANT],
        ["publish", "--renew", "--tenant", "contoso"],
        ["publish", "--renew", "--tenant", TENANT, "--author", "ann"],
        ["rollback", "--to", "0", "--tenant", TENANT],
        ["rollback", "--to", "-1", "--tenant", TENANT],
        ["rollback", "--tenant", TENANT],
        ["show", "--history", "--rules", "--tenant", TENANT],
        ["simulate", PACK],
        ["simulate", PACK, "--decisions", "x", "--tenant", TENANT],
    ],
)
def test_wrong_usage_reaches_no_desk(arguments: list[str]) -> None:
    desk = OneDesk()
    with pytest.raises(SystemExit) as ended:
        main(arguments, desk)
    assert ended.value.code == 2
    assert desk.asked == []


@pytest.mark.parametrize("command", ["publish", "rollback", "show", "simulate"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_rules_with_problems_reach_no_desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text("schema: 1\nid: x\n", encoding="utf-8")
    desk = OneDesk()
    code, _, err = ran(capsys, desk, "publish", str(tmp_path), "--tenant", TENANT)
    assert code == 1
    assert "bad.yaml:" in err
    assert [what for what, *_ in desk.asked] == ["open"]


def test_a_stranger_can_replay_decisions_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = {"action": {"id": "group.member.add"}}
    asked = tmp_path / "query.json"
    asked.write_text(json.dumps(query), encoding="utf-8")
    assert main(["explain", "--rules", PACK, "--query", str(asked)]) == 0
    decision = json.loads(capsys.readouterr().out)
    kept = {"request": "r1", "step": "s1", "phase": "plan", "at": NOW.isoformat()}
    line = json.dumps(kept | {"facts": query, "decision": decision})
    past = tmp_path / "past.ndjson"
    past.write_text(line + "\n", encoding="utf-8")
    same = ["simulate", PACK, "--decisions", str(past), "--current", PACK]
    assert main([*same, "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["decisions"], seen["reproduced"], seen["moves"]) == (1, 1, [])
    other = json.dumps(kept | {"facts": query, "decision": decision | {"reason": "because"}})
    past.write_text(other, encoding="utf-8")
    assert main(same) == 1, "a decision that cannot be made again is a finding"
    assert "not the same again: r1 s1 plan: `reason`" in capsys.readouterr().out
    past.write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(same)
    assert ended.value.code == 2
    assert "line 1" in capsys.readouterr().err
