"""Invariants over all requests: what holds is shown, and what breaks by a confirmed request."""

import json
from typing import Any

import pytest
import z3

from policy.decide import RuleSet, decide
from policy.diff import compare
from policy.facts import FACTS
from policy.pack import SHIPPED, load
from policy.prove import Undecided, search
from policy.prove.invariants import INVARIANTS, Invariant
from policy.prove.proof import Proof, prove
from policy.prove.symbols import Symbols, words_of
from policy.query import Query
from policy.rule import ActionSelectors, Effect, Rule, Selectors
from tests.policy.company import COMPANY, OPEN, rule


def broken(rules: tuple[Rule, ...] | list[Rule]) -> set[str]:
    """Name what breaks; each must be confirmed here once more, by the decision point alone."""
    shown = prove(rules)
    for verdict in shown.verdicts:
        assert verdict.holds == (verdict.counter_example is None)
        if verdict.counter_example:
            confirm(verdict.name, verdict.counter_example.query, rules)
    return {verdict.name for verdict in shown.verdicts if not verdict.holds}


def confirm(name: str, raw: dict[str, Any], rules: tuple[Rule, ...] | list[Rule]) -> None:
    (invariant,) = (one for one in INVARIANTS if one.name == name)
    query = Query.of(json.loads(json.dumps(raw)))
    decision = decide(RuleSet.of(rules), query)
    assert not query.errors
    assert decision.effect == "permit"
    assert invariant.concerns(query)
    kinds = {owed.kind for owed in decision.obligations}
    if invariant.permitted != "never":
        assert not any(getattr(owed, "when", "") == "before" for owed in decision.obligations)
    if invariant.permitted == "proven_afresh":
        assert "step_up" not in kinds


def without(name: str) -> list[Rule]:
    left = [one for one in COMPANY if one.id != name]
    assert len(left) == len(COMPANY) - 1, f"the mutant is out of date: no rule `{name}`"
    return left


def edited(name: str, before: str, after: str) -> list[Rule]:
    """Change one rule's text; the change must change something."""
    (old,) = (one for one in COMPANY if one.id == name)
    text = json.dumps(old.record())
    assert before in text, f"the mutant is out of date: no `{before}` in `{name}`"
    return [*without(name), Rule.of(json.loads(text.replace(before, after)))]


def test_a_company_that_keeps_every_promise_is_shown_to() -> None:
    assert broken(COMPANY) == set()
    assert prove(COMPANY).permits_something


# The packs say nothing yet of leavers, nor of what an action moves; these three rules do.
SHIPPED_COMPANY = (
    *load(SHIPPED / "global"),
    *load(SHIPPED / "tenant-default"),
    *(one for one in COMPANY if one.id in {"no-leaver", "not-its-policy", "powers-wait"}),
)
LIMITS = [one.id for one in SHIPPED_COMPANY if one.layer == "global" and one.effect == "deny"]
KEEPERS = {
    "global-no-role-assignable-groups": "role-assignable-target-never",
    "global-no-privileged-targets": "privileged-target-never",
    "global-break-glass-never-asks": "break-glass-requester-never",
    "global-break-glass-never-changes": "break-glass-target-never",
    "global-warrant-never-changes-itself": "warrant-itself-never",
}


def test_the_shipped_rules_keep_every_promise() -> None:
    assert broken(SHIPPED_COMPANY) == set()


@pytest.mark.parametrize("name", LIMITS)
def test_a_shipped_limit_that_is_dropped_is_missed(name: str) -> None:
    left = [one for one in SHIPPED_COMPANY if one.id != name]
    missed = broken(left)
    assert name not in KEEPERS or KEEPERS[name] in missed
    changes = {one.change for one in compare(SHIPPED_COMPANY, left).findings}
    assert changes <= {"newly_permitted"}
    assert changes or not missed, "what breaks a promise must be seen as a change"


def test_a_rule_set_that_permits_everything_breaks_everything() -> None:
    assert broken(OPEN) == {one.name for one in INVARIANTS}


def test_a_request_of_which_nothing_is_known_is_a_counter_example_too() -> None:
    never = Invariant(name="never", sentence="Never.", missing=("action.id",))
    (verdict,) = prove(OPEN, [never]).verdicts
    assert verdict.counter_example is not None
    assert verdict.counter_example.query == {}


def test_a_rule_set_that_permits_nothing_keeps_every_promise_and_says_so() -> None:
    shown = prove(OPEN[1:])
    assert (shown.holds, shown.permits_something) == (True, False)


def test_a_price_for_what_is_never_permitted_holds_of_nothing() -> None:
    never = rule("never", "deny", {"action": {"effects_any": ["destroys"]}})
    verdicts = {one.name: one for one in prove([*COMPANY, never]).verdicts}
    assert verdicts["destruction-approved-before"].of_nothing
    assert not verdicts["disclosure-approved-before"].of_nothing


DROPPED: dict[str, set[str]] = {
    "up-to-high-risk": set(),  # silence denies: without the permit nothing is permitted
    "no-role-assignable": {"role-assignable-target-never", "unread-target-never"},
    "no-privileged": {"privileged-target-never"},
    "no-break-glass": {"break-glass-target-never"},
    "not-itself": {"warrant-itself-never"},
    "not-its-policy": {"warrant-itself-never", "unread-request-never"},
    "no-emergency": {"break-glass-requester-never"},
    "no-risky": {"flagged-requester-never"},
    "no-leaver": {"flagged-requester-never"},
    "no-hold": {"flagged-requester-never"},
    "no-guests": set(),  # the permits ask for members: the deny is a second lock
    "not-many": set(),  # and so here
    "powers-wait": {
        "power-approved-before",
        "destruction-approved-before",
        "disclosure-approved-before",
        "own-secret-proven-afresh",
        "weakening-approved-before",
    },
}


@pytest.mark.parametrize("name", DROPPED)
def test_dropping_a_rule_breaks_exactly_what_it_alone_keeps(name: str) -> None:
    assert broken(without(name)) == DROPPED[name]


EDITED = [
    ("up-to-high-risk", '"risk_max": 3', '"risk_max": 4', "critical-risk-never"),
    ("no-break-glass", '"break-glass"', '"bg"', "break-glass-target-never"),
    ("no-privileged", "true", "false", "privileged-target-never"),
    ("no-risky", '"at_risk"', '"atrisk"', "flagged-requester-never"),
    ("no-risky", '"undo": true', '"undo": false', "flagged-requester-never"),
    ("powers-wait", '"grants_power", ', "", "power-approved-before"),
    ("powers-wait", '"destroys", ', "", "destruction-approved-before"),
    ("powers-wait", '"expires', '"when": "provisional", "expires', "disclosure-approved-before"),
    ("powers-wait", '"undo": false', '"risk_min": 1', "weakening-approved-before"),
]


@pytest.mark.parametrize(("name", "before", "after", "promise"), EDITED)
def test_weakening_a_rule_breaks_its_promise(
    name: str, before: str, after: str, promise: str
) -> None:
    assert promise in broken(edited(name, before, after))


def test_a_fresh_proof_is_no_approval_and_an_approval_is_as_good_as_a_proof() -> None:
    (old,) = (one for one in COMPANY if one.id == "powers-wait")
    fresh = {"obligations": [{"kind": "step_up", "max_age": "PT30M"}]}
    proven = [*without("powers-wait"), Rule.of({**old.record(), **fresh})]
    assert broken(proven) == {name for name in DROPPED["powers-wait"] if "approved" in name}


MODES = ["report_only", "disabled"]


@pytest.mark.parametrize("mode", MODES)
def test_a_deny_that_is_not_enforced_keeps_nothing(mode: str) -> None:
    name = "no-break-glass"
    (old,) = (one for one in COMPANY if one.id == name)
    asleep = Rule.of({**old.record(), "mode": mode})
    assert broken([*without(name), asleep]) == {"break-glass-target-never"}


def test_a_deny_that_ends_keeps_nothing_after_its_end() -> None:
    name = "no-break-glass"
    (old,) = (one for one in COMPANY if one.id == name)
    mortal = Rule.of({**old.record(), "valid_until": "2030-01-01T00:00:00Z"})
    (verdict,) = [v for v in prove([*without(name), mortal]).verdicts if not v.holds]
    assert verdict.counter_example is not None
    assert verdict.counter_example.query["runtime"]["now"] >= "2030-01-01"


def test_a_broad_permit_is_seen_where_only_silence_kept_a_promise() -> None:
    left = [one for one in without("no-guests") if one.effect != Effect.PERMIT]
    assert "guest-never" in broken([*left, *OPEN])


def test_hours_that_never_come_break_nothing_and_hours_that_do_are_shown() -> None:
    """Berlin and New York are five or six hours apart: a deny over one of them covers the other."""

    def hours(tz: str, begins: str, ends: str) -> dict[str, Any]:
        return {"runtime": {"window": {"tz": tz, "from": begins, "to": ends}}}

    def kept(begins: str, ends: str) -> Proof:
        closed = rule("closed", "deny", hours("Europe/Berlin", begins, ends))
        opened = rule(
            "open-runtime", "permit", hours("America/New_York", "07:00", "08:00"), layer="runtime"
        )
        never = Invariant(name="never", sentence="Never.", missing=("target.id",))
        return prove([*OPEN[:-1], opened, closed], [never])

    assert kept("12:00", "14:00").holds
    (verdict,) = kept("13:00", "14:00").verdicts
    assert verdict.counter_example is not None
    now = verdict.counter_example.query["runtime"]["now"]
    assert now[5:7] in {"03", "10", "11"}, "only these weeks are five hours apart"


def test_a_proof_names_the_axioms_that_it_needed() -> None:
    wipes = Selectors(action=ActionSelectors(ids=("device.wipe",)))
    never = Invariant(name="wipe-never", sentence="Never.", when=(wipes,))
    two = {"action": {"ids": ["group.member.add", "device.wipe"]}}
    only_two = rule("only-two", "deny", {"action": {"risk_min": 0}}, unless=two)
    listed = rule("no-wipes", "deny", {"plan": {"actions_any": ["device.wipe"]}})
    named = rule("no-wipe", "deny", {"action": {"ids": ["device.wipe"]}})
    for rules, needed in (
        ([*OPEN, only_two, listed], ("plan.actions contains action.id",)),
        ([*OPEN, only_two, listed, named], ()),
    ):
        (verdict,) = prove(rules, [never]).verdicts
        assert (verdict.holds, verdict.rests_on) == (True, needed)


def test_what_a_counter_example_leaves_out_does_not_matter() -> None:
    (verdict,) = (v for v in prove(without("no-leaver")).verdicts if not v.holds)
    assert verdict.counter_example is not None
    raw, rules = verdict.counter_example.query, RuleSet.of(without("no-leaver"))
    assert "department" not in raw["requester"]
    for department in ("Finance", "Sales"):
        asked = {**raw, "requester": {**raw["requester"], "department": department}}
        assert decide(rules, Query.of(asked)).effect == "permit"


def test_a_solver_that_cannot_tell_is_not_taken_for_a_proof() -> None:
    symbols = Symbols([])
    number = z3.Int("n", symbols.context)
    hard = z3.And(number > 2, number * number * number + 3 == 7 * number * number - 2)
    one = search.Search(symbols)
    one._solver.set("rlimit", 1)
    with pytest.raises(Undecided, match="gave up"):
        one.find(hard)


def test_invariants_use_the_words_of_the_catalogue_and_names_of_their_own() -> None:
    assert len({one.name for one in INVARIANTS}) == len(INVARIANTS)
    for invariant in INVARIANTS:
        for condition in invariant.conditions():
            allowed = set(FACTS[condition.fact].values)
            assert not allowed or words_of(condition) <= allowed, invariant.name


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"missing": ("target.colour",)},
        {"when": (Selectors(),)},
        {"missing": ("action.id",), "unless": (Selectors(),)},
    ],
)
def test_an_invariant_that_is_about_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Invariant(name="n", sentence="s", **wrong)
