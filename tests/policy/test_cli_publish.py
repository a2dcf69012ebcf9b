"""How the commands on a tenant's policy are typed, and what they tell."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from policy.cli import main
from policy.decide import RuleSet
from policy.desk import Reviewed, Shown
from policy.pack import SHIPPED, PlacedRule, read
from policy.proposal import PublishRefused
from policy.publishing import examine, propose
from policy.simulate import Simulation, simulate
from policy.snapshot import Head, write_body
from tests.policy.publishing_pieces import (
    ANN,
    BO,
    BODY,
    CURRENT,
    HEAD,
    LIMITS,
    NO_PAST,
    NOW,
    OWN,
    candidate,
    checks,
)

TENANT = "11111111-1111-4111-8111-111111111111"


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
