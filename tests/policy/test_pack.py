"""Folders of rules, and the command line: every problem is named, with its place and a remedy."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from policy.cli import main
from policy.lint import lint
from policy.pack import SHIPPED, PackRefused, load, read

RULE = """
schema: 1
id: finance-only
layer: department
effect: deny
when:
  requester:
    departments: [Finance]
reason: Finance is closed.
remedy: Ask.
tests:
  - {name: finance, query: {requester: {department: Finance}}, applies: true}
  - {name: sales, query: {requester: {department: Sales}}, applies: false}
provenance: {author: ada, approver: grace, created_at: "2026-11-23T09:00:00Z", change: first}
"""
DEFAULT = str(SHIPPED / "tenant-default")
QUERY = {"requester": {"department": "Finance", "kind": "member"}}


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_rule_and_a_list_of_rules_are_read(tmp_path: Path) -> None:
    second = RULE.replace("finance-only", "second").strip().replace("\n", "\n  ")
    files = folder(tmp_path, one=RULE, many=f"- {second}\n")
    assert sorted(rule.id for rule in load(files)) == ["finance-only", "second"]


def test_plain_words_and_hours_stay_texts(tmp_path: Path) -> None:
    text = RULE.replace("[Finance]", "[NO, on, 08:00, 2026-11-23, 0x1f]")
    (rule,) = load(folder(tmp_path, one=text))
    assert rule.when.requester.departments == ("NO", "on", "08:00", "2026-11-23", "0x1f")


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("", 1, "expected a rule"),
        ("# nothing\n", 1, "expected a rule"),
        ("[]", 1, "expected a rule"),
        ("just words", 1, "object"),
        ("- 3\n", 1, "object"),
        ("a: [", 1, "expected the node content"),
        ("a: b\n---\na: c\n", 2, "another document"),
        ("a: !!python/object/apply:os.system [ls]", 1, "constructor"),
        ("a: !!timestamp 2026-11-23", 1, "constructor"),
        ("a: &x 1\nb: *x\n", 1, "no anchors"),
        ("a: *x\n", 1, "no anchors"),
        ("? [a]\n: 1\n", 1, "a name that is not there yet"),
        ("a: " + "[" * 50, 1, "20 levels"),
        ("a: \x01\n", 1, "not allowed"),
        (RULE.replace("[Finance]", "[]"), 8, "expected at least one"),
        (RULE.replace("departments: [Finance]", "departments:"), 8, "saw nothing"),
        (RULE.replace("departments:", "departement:"), 8, "expected a name of the rule format"),
        (RULE.replace("layer: department", "layer: galaxy"), 4, "global"),
        (RULE.replace("reason: Finance is closed.\n", ""), 2, "expected it, saw none"),
        (RULE.replace("[Finance]", "[Finance, 3]"), 8, "expected a text"),
        (RULE + "id: again\n", 15, "a name that is not there yet"),
        (RULE + "priority: 1\n", 15, "expected a name of the rule format"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_a_remedy(
    tmp_path: Path, text: str, line: int, complaint: str
) -> None:
    placed, problems = read(folder(tmp_path, bad=text, good=RULE.replace("only", "good")))
    assert [one.rule.id for one in placed] == ["finance-good"]
    (problem,) = problems
    assert complaint in problem.sentence
    assert (problem.file, problem.line) == (str(tmp_path / "bad.yaml"), line)
    assert problem.remedy


def test_a_file_too_large_or_of_another_encoding_is_a_problem(tmp_path: Path) -> None:
    folder(tmp_path, large="#" * 300_000)
    (tmp_path / "latin.yaml").write_bytes(b"reason: \xe4")
    assert len(read(tmp_path)[1]) == 2


def test_every_problem_of_every_file_is_named_and_nothing_is_loaded(tmp_path: Path) -> None:
    twice = RULE.replace("effect: deny", "effect: allow").replace(
        "reason: Finance is closed.\n", ""
    )
    with pytest.raises(PackRefused) as refused:
        load(folder(tmp_path, a=RULE, b=RULE, c=twice))
    sentences = [str(problem) for problem in refused.value.problems]
    assert len(sentences) == 3
    assert any(f"also at {tmp_path / 'a.yaml'}:2" in sentence for sentence in sentences)


def test_a_folder_without_rules_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(PackRefused, match="saw none"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("applies: false", "applies: true", "expected an example that applies"),
        ("department: Sales", "department: Finance", "example `sales` fails"),
        ("department: Sales", "departement: Sales", "unknown fact"),
        ("approver: grace, ", "", "second person"),
        ("approver: grace", "approver: ADA", "second person"),
        ("author: ada, ", "", "expected author"),
        ("remedy: Ask.\n", "", "remedy"),
        ("departments: [Finance]", "flags_any: [at-risk]", "expected one of at_risk"),
        ("departments: [Finance]", "kinds: [members]", "expected one of member"),
        ("departments: [Finance]", "groups_any: [it-admins]", "object id"),
        ("department: Sales", "department: 1.5", "whole numbers"),
    ],
)
def test_lint_names_what_keeps_a_rule_from_being_published(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    assert lint(read(folder(tmp_path, one=RULE))[0]) == []
    placed, problems = read(folder(tmp_path, one=RULE.replace(before, after)))
    assert problems == []
    assert any(complaint in problem.sentence for problem in lint(placed))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_explain_prints_one_decision_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = folder(tmp_path, one=RULE) / "query.json"
    query.write_text(json.dumps(QUERY))
    code, out, _ = run(capsys, "explain", "--rules", str(tmp_path), "--query", str(query))
    decision = json.loads(out)
    assert (code, decision["effect"], decision["reason"]) == (0, "deny", "Finance is closed.")
    assert [layer["layer"] for layer in decision["layers"]] == [
        *("global", "tenant", "target", "department", "action", "runtime")
    ]
    assert set(decision) == {
        *("effect", "layers", "obligations", "shadow", "unknown", "snapshot", "reason", "remedy")
    }


def test_explain_in_a_batch_prints_one_decision_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(f"{json.dumps(QUERY)}\n\n{{}}\n"))
    rules = str(folder(tmp_path, one=RULE))
    code, out, _ = run(capsys, "explain", "--rules", rules, "--query", "-", "--batch")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["unknown"] for line in lines] == [[], ["requester.department"]]


def test_explain_for_people_names_layers_and_the_nearest_miss(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {**QUERY, "action": {"family": "audit", "risk": 1}, "target": {"tags": 3}}
    monkeypatch.setattr(sys, "stdin", StringIO(json.dumps(facts)))
    code, out, _ = run(capsys, "explain", "--rules", DEFAULT, "--query", "-", "--human")
    assert code == 0
    assert out.startswith("DENY: ")
    assert "tenant     silent" in out
    assert "nearest permit `tenant-everyday-work-is-on`: missed on action.families" in out
    assert "in doubt on target.types, target.tags_none" in out
    assert "mistyped: `target.tags` must be a list of texts" in out


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("{", "Expecting"),
        ("[]", "expected a JSON object"),
        ('{"requester": {"departement": "x"}}', "unknown fact"),
        ('{"action": {}, "action": {}}', "saw one twice"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_query_that_cannot_be_asked_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(query))
    code, out, err = run(capsys, "explain", "--rules", str(SHIPPED), "--query", "-")
    assert (code, out) == (2, "")
    assert complaint in err


def test_rules_with_a_problem_answer_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("{}"))
    rules = str(folder(tmp_path, one=RULE, two="a: 1"))
    code, out, err = run(capsys, "explain", "--rules", rules, "--query", "-")
    assert (code, out) == (1, "")
    assert "two.yaml:1" in err


def test_lint_and_test_report_and_set_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = str(folder(tmp_path, one=RULE))
    assert run(capsys, "lint", good)[:2] == (0, "1 rules, 0 problems\n")
    assert run(capsys, "test", good)[:2] == (0, "2 examples, 0 failed\n")
    bad = str(folder(tmp_path, one=RULE.replace("department: Sales", "department: Finance")))
    assert run(capsys, "lint", bad)[0] == 1
    code, out, _ = run(capsys, "test", bad)
    assert code == 1
    assert "FAILED finance-only: sales: expected applies: false, saw applies: true" in out


def test_lint_and_test_speak_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = str(folder(tmp_path, one=RULE.replace("approver: grace, ", "")))
    facts: dict[str, Any] = json.loads(run(capsys, "lint", rules, "--json")[1])
    assert (facts["rules"], len(facts["problems"])) == (1, 1)
    assert json.loads(run(capsys, "test", rules, "--json")[1]) == {"run": 2, "failed": []}


@pytest.mark.parametrize("arguments", [[], ["explain"], ["lint", "nowhere"], ["burn"]])
def test_wrong_usage_is_told_and_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["explain", "lint", "test"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: python3 -m policy" in capsys.readouterr().out


def test_it_runs_as_a_module_and_the_decision_point_loads_nothing_it_should_not() -> None:
    root = SHIPPED.parent.parent
    probe = (
        "import sys, policy.decide, policy.snapshot, policy.entity, policy.explain;"
        "print(sorted({'yaml', 'cryptography', 'agent', 'azure', 'z3'} & set(sys.modules)))"
    )
    for arguments, expected in (
        (["-c", probe], "[]"),
        (["-m", "policy", "test", str(SHIPPED)], "0 failed"),
    ):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=True
        )
        assert expected in done.stdout
