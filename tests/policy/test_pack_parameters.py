"""What a pack leaves open: filled as ids, never as YAML; what stays open refuses, and is told."""

import json
from pathlib import Path

import pytest

from policy.cli import main
from policy.decide import RuleSet, decide
from policy.pack import SHIPPED, PackRefused, declared, limits, load, survey
from policy.query import Query

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000B"
DECLARED = """
- {name: deciders, meaning: who decides}
- {name: askers, meaning: who may ask}
"""
RULES = """
- schema: 1
  id: asked-by-askers
  layer: department
  effect: permit
  when: {requester: {groups_any: ["${askers}"]}}
  reason: You may ask.
  tests:
    - {name: one of them, query: {requester: {groups: ["${askers}"]}}, applies: true}
    - {name: not one of them, query: {requester: {groups: []}}, applies: false}
- schema: 1
  id: decided-by-deciders
  layer: department
  effect: require
  when: {action: {undo: false}}
  obligations:
    - {kind: approval, by: "group:${deciders}", expires_after: PT1H}
    - {kind: notify, who: "group:${deciders}"}
  reason: They decide.
  remedy: Wait.
- schema: 1
  id: deciders-stay
  layer: target
  effect: deny
  when: {target: {ids: ["${deciders}"]}}
  reason: They stay.
  remedy: Ask.
"""


def pack(folder: Path, rules: str = RULES, parameters: str = DECLARED) -> Path:
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    (folder / "parameters.yaml").write_text(parameters, encoding="utf-8")
    return folder


def complaints(folder: Path, **given: str) -> list[str]:
    with pytest.raises(PackRefused) as refused:
        load(folder, parameters=given)
    return [str(problem) for problem in refused.value.problems]


def test_what_is_given_stands_where_it_was_left_open(tmp_path: Path) -> None:
    seen = survey(pack(tmp_path), parameters={"deciders": A, "askers": B})
    assert (seen.problems, seen.remarks) == ([], [])
    asked, decided, stay = (one.rule for one in seen.placed)
    assert asked.when.requester.groups_any == (B.lower(),)
    assert asked.tests[0].query == {"requester": {"groups": [B.lower()]}}
    said = [owed.model_dump() for owed in decided.obligations]
    assert (said[0]["by"], said[1]["who"]) == (f"group:{A}", f"group:{A}")
    assert stay.when.target.ids == (A,)


def test_what_stays_open_refuses_and_is_told(tmp_path: Path) -> None:
    seen = survey(pack(tmp_path))
    assert seen.problems == []
    assert [one.rule.id for one in seen.placed] == ["decided-by-deciders", "deciders-stay"]
    decided, stay = (one.rule for one in seen.placed)
    assert (decided.effect, decided.obligations) == ("deny", ())
    assert "`deciders`" in str(decided.remedy)
    told = [str(remark) for remark in seen.remarks]
    assert ["left out without `askers`" in told[0], "rules.yaml:2" in told[0]] == [True, True]
    assert "denies instead of requiring, without `deciders`" in told[1]
    assert "means nobody by `deciders`" in told[2]
    anybody = Query.of(
        {"action": {"undo": False}, "target": {"id": A}, "requester": {"groups": [B]}}
    )
    layers = decide(RuleSet.of([decided, stay]), anybody).layers
    assert [layer.denied_by for layer in layers if layer.denied_by] == [("decided-by-deciders",)]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "admins",
        "${askers}",
        f"{A}\n",
        f"{A}, {B.lower()}",
        f'{A}"]}}}}\neffect: permit',
        "*",
        f"{{{A}}}",
        A.replace("-", ""),
    ],
)
def test_a_value_that_is_no_object_id_is_refused_before_it_is_used(
    tmp_path: Path, value: str
) -> None:
    (said,) = complaints(pack(tmp_path), deciders=value, askers=A)
    assert "parameter `deciders`: expected an object id" in said


def test_a_slip_in_a_name_is_told_with_the_name_that_was_meant(tmp_path: Path) -> None:
    (said,) = complaints(pack(tmp_path), decider=A)
    assert "unknown parameter `decider`; did you mean `deciders`?" in said
    (said,) = complaints(pack(tmp_path, RULES.replace("${askers}", "${asker}", 1)))
    assert "unknown parameter `asker`" in said
    assert "rules.yaml:6:" in said


@pytest.mark.parametrize("open_", ["${", "${}", "${Askers}", "${askers", "${a b}", "x${ask}y"])
def test_an_open_place_that_names_nothing_known_is_a_problem(tmp_path: Path, open_: str) -> None:
    said = complaints(pack(tmp_path, RULES.replace("reason: You may ask.", f"reason: '{open_}'")))
    assert any("unknown parameter" in one for one in said)


def test_a_required_parameter_that_is_absent_is_a_problem_that_names_it(tmp_path: Path) -> None:
    required = DECLARED.replace("who decides}", "who decides, required: true}")
    (said,) = complaints(pack(tmp_path, parameters=required), askers=A)
    assert "parameter `deciders`: expected a value, saw none; give who decides" in said
    assert len(load(tmp_path, parameters={"askers": A, "deciders": A})) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'when: {target: {ids: ["${deciders}"]}}',
            'when: {requester: {groups_none: ["${deciders}"]}}',
        ),
        ("when: {action: {undo: false}}", 'when: {requester: {groups_any: ["${deciders}"]}}'),
        (
            'when: {target: {ids: ["${deciders}"]}}',
            'when: {target: {ids: [a]}}\n  unless: {requester: {groups_none: ["${deciders}"]}}',
        ),
    ],
)  # fmt: skip
def test_a_rule_that_restrains_never_waits_for_what_may_be_absent(
    tmp_path: Path, before: str, after: str
) -> None:
    assert before in RULES
    folder = pack(tmp_path, RULES.replace(before, after))
    assert any("it may be absent" in one for one in complaints(folder, askers=A))
    assert load(folder, parameters={"askers": A, "deciders": A})


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ("- {name: Deciders, meaning: x}", "pattern"),
        ("- {name: deciders}", "expected it, saw none"),
        ("- {name: deciders, meaning: x, default: y}", "expected a name of the rule format"),
        ("- deciders", "object"),
        ("name: &a deciders", "no anchors"),
    ],
)
def test_a_bad_declaration_is_named(tmp_path: Path, parameters: str, complaint: str) -> None:
    assert any(complaint in one for one in complaints(pack(tmp_path, parameters=parameters)))


def test_a_rule_left_out_is_still_held_to_its_form(tmp_path: Path) -> None:
    (said,) = complaints(pack(tmp_path, RULES.replace("reason: You may ask.", "reasn: x", 1)))[:1]
    assert "reasn" in said or "reason" in said


def test_the_limits_take_what_they_ask_for_of_all_that_is_given() -> None:
    given = {"admin_group": A, "security_group": A, "people_managers_group": A}
    assert limits(given) == load(
        SHIPPED / "global", parameters={name: A for name in declared(SHIPPED / "global")}
    )
    assert limits({}) == load(SHIPPED / "global")
    assert {rule.id for rule in limits({})} == {rule.id for rule in limits(given)}


def test_the_command_line_fills_what_a_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"admin_group": A, "security_group": A}))
    strict = str(SHIPPED / "strict")
    assert main(["lint", strict, "--parameters", str(values)]) == 0
    assert "remark" not in capsys.readouterr().out
    assert main(["lint", strict]) == 0
    assert "remark: " in capsys.readouterr().out
    for wrong in ("[]", "{", '{"admin_group": 1, "admin_group": 2}'):
        values.write_text(wrong)
        with pytest.raises(SystemExit) as ended:
            main(["lint", strict, "--parameters", str(values)])
        assert ended.value.code == 2
