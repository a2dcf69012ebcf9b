"""The command that proves invariants: what it shows, and what it does not claim."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from policy.cli import main
from policy.decide import RuleSet, decide
from policy.pack import SHIPPED
from policy.prove import NotConfirmed, proof, search
from policy.prove.invariants import INVARIANTS
from policy.prove.proof import prove
from policy.query import Query
from policy.rule import Rule
from tests.policy.company import COMPANY, OPEN


def test_a_request_the_decision_point_does_not_confirm_is_a_fault_and_not_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    denying = decide(RuleSet.of([]), Query.of({}))
    monkeypatch.setattr(proof, "decide", lambda rules, query: denying)
    with pytest.raises(NotConfirmed, match="the decision point denies"):
        prove(OPEN)
    code, out, err = run(capsys, "prove", written(tmp_path, OPEN))
    assert (code, out) == (3, "")
    assert "fault of the prover" in err


def test_what_the_solver_gives_up_on_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "_MOST_MOMENTS", 0)
    code, out, err = run(capsys, "prove", written(tmp_path, COMPANY))
    assert (code, out) == (3, "")
    assert "not shown" in err


def written(folder: Path, rules: tuple[Rule, ...]) -> str:
    text = yaml.safe_dump([json.loads(json.dumps(one.record())) for one in rules])
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_shows_what_holds_and_ends_with_0(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = run(capsys, "prove", written(tmp_path, COMPANY))
    assert (code, err) == (0, "")
    assert f"{len(COMPANY)} rules, {len(INVARIANTS)} invariants hold, 0 broken" in out


def test_the_command_shows_a_request_for_what_breaks_and_ends_with_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "prove", written(tmp_path, OPEN), "--invariant", "guest-never")
    assert code == 1
    assert out.splitlines()[0].startswith("BROKEN  guest-never: ")
    request = json.loads(next(line for line in out.splitlines() if "request" in line)[16:])
    assert decide(RuleSet.of(OPEN), Query.of(request)).effect == "permit"
    assert "0 invariants hold, 1 broken" in out


def test_the_command_speaks_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "prove", written(tmp_path, OPEN), "--json")
    said = json.loads(out)
    assert (code, said["holds"], len(said["verdicts"])) == (1, False, len(INVARIANTS))
    assert all(one["counter_example"]["decision"]["effect"] == "permit" for one in said["verdicts"])


def test_the_command_says_when_nothing_is_permitted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "prove", written(tmp_path, OPEN[1:]))
    assert code == 0
    assert "permit nothing at all" in out


def test_an_unknown_invariant_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prove", str(SHIPPED), "--invariant", "all-is-well"])
    assert ended.value.code == 2
    assert "guest-never" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["prove"], ["diff", str(SHIPPED)]])
def test_without_the_solver_nothing_is_claimed(command: list[str]) -> None:
    hidden = "import sys; sys.modules['z3'] = None; from policy.cli import main; "
    script = f"{hidden}sys.exit(main({[*command, str(SHIPPED)]!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=SHIPPED.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "expected the solver `z3`, saw none" in done.stderr
    assert "Traceback" not in done.stderr


def test_deciding_and_the_command_line_load_no_solver() -> None:
    probe = "import sys, policy.cli, policy.diff, policy.decide; print('z3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=SHIPPED.parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
