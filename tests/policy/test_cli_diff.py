"""The command that shows what a change of rules changes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.cli import main
from policy.diff import compare
from policy.pack import SHIPPED
from tests.policy.changed_rules import EASIER, OLD, OTHERS, edited, without
from tests.policy.company import ADD


def written(folder: Path, rules: Any) -> str:
    folder.mkdir()
    text = yaml.safe_dump([json.loads(json.dumps(one.record())) for one in rules])
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_shows_both_answers_and_the_hash(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, new = written(tmp_path / "old", OLD), written(tmp_path / "new", without(OTHERS))
    code, out, err = run(capsys, "diff", old, new)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"Rules removed: {OTHERS}"
    assert "Less demanding" in lines
    assert f"- {ADD}: approval by resource_owner, owed" in lines
    shown = {line.split()[0]: line for line in lines if line.startswith("    ")}
    assert OTHERS in shown["old"]
    assert "PT8H" in shown["old"]
    assert "owed" not in shown["new"]
    assert lines[-1] == f"diff hash {compare(OLD, without(OTHERS)).hash}"


def test_the_command_speaks_json_and_reads_rules_of_both_sides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = written(tmp_path / "both", [one for one in OLD if one.layer == "global"])
    tenant = [one for one in OLD if one.layer != "global"]
    old = written(tmp_path / "old", tenant)
    new = written(tmp_path / "new", [one for one in tenant if one.id != OTHERS])
    said = json.loads(run(capsys, "diff", old, new, "--also", both, "--json")[1])
    assert said["hash"] == compare(OLD, without(OTHERS)).hash
    assert [one["change"] for one in said["findings"]] == [EASIER]


def test_rules_that_make_no_snapshot_are_a_problem_and_not_a_diff(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    inexact = {"name": "half", "query": {"runtime": {"bulk_count": 1.5}}, "applies": True}
    new = edited(OTHERS, lambda rule: rule.update(tests=[inexact]))
    folders = written(tmp_path / "old", OLD), written(tmp_path / "new", new)
    code, out, err = run(capsys, "diff", *folders)
    assert (code, out) == (1, "")
    assert "expected whole numbers" in err


def test_the_command_says_when_no_request_is_decided_differently(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "diff", str(SHIPPED), str(SHIPPED))
    assert code == 0
    assert out.splitlines()[0] == "No request is decided differently."
