"""What the shipped packs say to every task of a service desk's list, row by row of `tasks.csv`.

The column `task` is the number in the list of forty-five; a row without one is an action that is on
no list because nobody may have it. `default` is global with tenant-default, `strict` global with
strict; what is owed is written as `tests/policy/tasks.py` says.
"""

import csv
from pathlib import Path

import pytest

from policy.actions import CATALOGUE
from policy.decide import RuleSet
from policy.pack import SHIPPED, load
from tests.policy.tasks import MANAGERS, PARAMETERS, decided, facts

with (Path(__file__).parent / "tasks.csv").open(encoding="utf-8") as opened:
    ROWS = list(csv.DictReader(opened))
ALL = {**PARAMETERS, "people_managers_group": MANAGERS}
DEFAULT = RuleSet.of(load(SHIPPED / "global", SHIPPED / "tenant-default", parameters=ALL))
STRICT = RuleSet.of(load(SHIPPED / "global", SHIPPED / "strict", parameters=PARAMETERS))
ONLY_READ = {4, 43, 44, 45}  # why a sign-in failed; reports; who has access; status of a request


def _name(row: dict[str, str]) -> str:
    return " ".join(filter(None, (row["task"], row["action"], row["who"], row["given"])))


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_task_is_decided_as_the_list_says(row: dict[str, str]) -> None:
    asked = facts(row["action"], row["who"], row["whose"], row["given"])
    assert (decided(DEFAULT, asked), decided(STRICT, asked)) == (row["default"], row["strict"])


def test_every_action_and_every_task_has_a_row() -> None:
    assert {row["action"] for row in ROWS} == set(CATALOGUE)
    tasks = {int(row["task"]) for row in ROWS if row["task"]}
    assert tasks | ONLY_READ == set(range(1, 46))
    assert not tasks & ONLY_READ


def test_every_action_that_somebody_may_have_is_also_refused_to_somebody() -> None:
    yes = {row["action"] for row in ROWS if row["default"] != "no"}
    never = {kind.id for kind in CATALOGUE.values() if kind.risk == 4}
    assert not yes & never
    for action in yes:
        assert decided(DEFAULT, facts(action, "guest", "other")) == "no"


def test_strict_never_permits_what_the_default_refuses_or_asks_less_of_it() -> None:
    for row in ROWS:
        if row["strict"] == "no":
            continue
        assert row["default"] != "no", row
        persons = {mark for mark in row["default"].split() if mark in {"O", "M", "A", "S", "A2"}}
        assert persons <= set(row["strict"].split()), row
        assert "A" in row["strict"].split(), row


@pytest.mark.parametrize("absent", sorted(ALL))
def test_without_a_parameter_whatever_it_decides_on_is_refused(absent: str) -> None:
    given = {name: value for name, value in ALL.items() if name != absent}
    rules = RuleSet.of(load(SHIPPED / "global", SHIPPED / "tenant-default", parameters=given))
    mark = {"admin_group": "A", "security_group": "S", "people_managers_group": ""}[absent]
    refused = 0
    for row in ROWS:
        said = decided(rules, facts(row["action"], row["who"], row["whose"], row["given"]))
        needs = mark and any(
            o in {mark, f"{mark}2", f"tell-{mark}"} for o in row["default"].split()
        )
        if needs or (not mark and row["who"] == "manager"):
            assert said == "no", row
            refused += row["default"] != "no"
        else:
            assert said == row["default"], row
    assert refused >= 9
