"""The shipped packs are what they ask of others: linted, proven by examples, explained."""

import pytest

from policy.lint import lint, remarks, run_examples
from policy.pack import SHIPPED, declared, survey
from policy.rule import Effect, Layer
from tests.policy.tasks import MANAGERS, PARAMETERS

ALL = {**PARAMETERS, "people_managers_group": MANAGERS}
TOGETHER = {
    "global": ("global",),
    "default": ("global", "tenant-default"),
    "strict": ("global", "strict"),
    "all folders at once": ("",),
}
each = pytest.mark.parametrize("packs", TOGETHER.values(), ids=TOGETHER)


@each
@pytest.mark.parametrize("filled", [True, False], ids=["filled", "open"])
def test_packs_have_no_problem_and_every_example_holds(
    packs: tuple[str, ...], filled: bool
) -> None:
    folders = [SHIPPED / name for name in packs]
    given = {name: ALL[name] for name in declared(*folders)} if filled else {}
    seen = survey(*folders, parameters=given)
    assert seen.problems == lint(seen.placed) == []
    assert bool(seen.remarks) is not filled
    results = [result for one in seen.placed for result in run_examples(one.rule)]
    assert [result for result in results if not result.holds] == []
    assert len(results) >= 2 * len(seen.placed)


@pytest.mark.parametrize("packs", [("global", "tenant-default"), ("global", "strict")])
def test_no_permit_of_a_pack_is_made_useless_by_another(packs: tuple[str, ...]) -> None:
    seen = survey(*(SHIPPED / name for name in packs))
    assert remarks(seen.placed) == []
    permits = {one.rule.layer for one in seen.placed if one.rule.effect is Effect.PERMIT}
    assert permits == set(Layer)


@each
def test_a_rule_that_stands_in_the_way_says_what_helps(packs: tuple[str, ...]) -> None:
    for one in survey(*(SHIPPED / name for name in packs)).placed:
        assert one.rule.effect is Effect.PERMIT or one.rule.remedy, one.rule.id


def test_what_an_organisation_must_give_is_told_with_each_rule_it_changes() -> None:
    seen = survey(SHIPPED / "global", SHIPPED / "tenant-default")
    told = " ".join(remark.sentence for remark in seen.remarks)
    assert "left out without `people_managers_group`" in told
    assert "denies instead of requiring, without `security_group`" in told
    assert set(declared(SHIPPED / "tenant-default")) == set(ALL)
    assert set(declared(SHIPPED / "global")) == set(declared(SHIPPED / "strict")) == set(PARAMETERS)
