"""A thousand rules are proved, and a change of them compared, while a publisher waits."""

from random import Random
from time import perf_counter
from typing import Any

from policy.decide import RuleSet, decide
from policy.diff import compare
from policy.prove.invariants import INVARIANTS
from policy.prove.proof import prove
from policy.query import Query
from policy.rule import Layer, Rule
from tests.policy.company import COMPANY

MOST_SECONDS = 15.0
ACTIONS = [f"area{n % 12}.thing{n}.do" for n in range(60)]
DEPARTMENTS = [f"department {n}" for n in range(80)]
TAGS = [f"tag-{n}" for n in range(120)]
ROLES = [f"Role {n} Administrator" for n in range(40)]
GROUPS = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(300)]
TYPES = ["group", "site", "user", "device"]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC", "Australia/Sydney"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
APPROVAL = {"kind": "approval", "by": "manager", "expires_after": "PT8H"}


class LargeCompany:
    """Rules as a large company might write them: what they say is drawn, and drawn alike again."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def rules(self, many: int, prefix: str = "g") -> list[Rule]:
        return [self.rule(f"{prefix}{number:05d}") for number in range(many)]

    def rule(self, name: str) -> Rule:
        effect = self.random.choices(["permit", "deny", "require"], [6, 2, 2])[0]
        record: dict[str, Any] = {
            "schema": 1,
            "id": name,
            "layer": self.random.choice([*Layer][1:]),
            "effect": effect,
            "when": self.when(),
            "reason": "because",
        }
        if effect != "permit" and self.chance(0.4):
            record["unless"] = {"requester": {"roles_any": self.some(ROLES, 3)}}
        if effect == "require":
            quorum = self.random.randint(1, 2)
            bound = {"kind": "time_bound", "max": "P7D"}
            record["obligations"] = [
                self.random.choice([{**APPROVAL, "quorum": quorum}, bound, {"kind": "justify"}])
            ]
        if self.chance(0.05):
            record["valid_until"] = f"2027-{self.random.randint(1, 12):02d}-01T00:00:00Z"
        return Rule.of(record)

    def when(self) -> dict[str, dict[str, Any]]:
        drawn: dict[str, dict[str, Any]] = {"action": {"ids": self.some(ACTIONS, 4)}}
        for odds, section, name, value in (
            (0.3, "action", "risk_max", self.random.randint(0, 3)),
            (0.2, "action", "effects_none", ["destroys", "consents"]),
            (0.4, "requester", "departments", self.some(DEPARTMENTS, 4)),
            (0.25, "requester", "groups_any", self.some(GROUPS, 4)),
            (0.15, "requester", "groups_none", self.some(GROUPS, 2)),
            (0.2, "requester", "roles_any", self.some(ROLES, 3)),
            (0.5, "action", "undo", self.chance(0.2)),
            (0.2, "requester", "flags_none", ["at_risk"]),
            (0.3, "target", "types", self.some(TYPES, 2)),
            (0.3, "target", "tags_any", self.some(TAGS, 3)),
            (0.2, "target", "tags_none", self.some(TAGS, 3)),
            (0.15, "target", "same_department", self.chance(0.5)),
            (0.1, "runtime", "window", self.window()),
            (0.2, "runtime", "bulk_max", self.random.randint(1, 50)),
            (0.1, "plan", "before_none", self.some(ACTIONS, 2)),
        ):
            if self.chance(odds):
                drawn.setdefault(section, {})[name] = value
        return drawn

    def window(self) -> dict[str, Any]:
        return {
            "tz": self.random.choice(ZONES),
            "days": self.some(DAYS, 6),
            "from": self.random.choice(["06:00", "08:00", "22:00"]),
            "to": self.random.choice(["05:00", "17:00", "18:00"]),
        }

    def some(self, words: list[str], most: int) -> list[str]:
        return self.random.sample(words, self.random.randint(1, most))

    def chance(self, odds: float) -> bool:
        return self.random.random() < odds


THOUSAND = [*COMPANY, *LargeCompany(7).rules(1_000)]


def test_a_thousand_rules_are_held_to_every_invariant_in_time() -> None:
    begun = perf_counter()
    shown = prove(THOUSAND)
    took = perf_counter() - begun
    assert took < MOST_SECONDS
    assert shown.permits_something
    assert len(shown.verdicts) == len(INVARIANTS)
    # The hard limits need no other rule, so no number of permits beside them breaks one.
    held = {verdict.name for verdict in shown.verdicts if verdict.holds}
    assert {"critical-risk-never", "privileged-target-never", "break-glass-target-never"} <= held
    rules = RuleSet.of(THOUSAND)
    for verdict in shown.verdicts:
        if verdict.counter_example:
            query = Query.of(verdict.counter_example.query)
            assert decide(rules, query).effect == "permit"


def test_a_change_among_a_thousand_rules_is_compared_in_time() -> None:
    begun = perf_counter()
    opened = {"action": {"ids": ["area1.thing1.do"], "undo": True}}
    new = [
        Rule.of(
            {
                "schema": 1,
                "id": f"h-{layer}",
                "layer": layer,
                "effect": "permit",
                "when": opened,
                "reason": "because",
            }
        )
        for layer in Layer
    ]
    diff = compare(THOUSAND, [*THOUSAND, *new])
    assert perf_counter() - begun < MOST_SECONDS
    assert {(one.change, one.action) for one in diff.findings} == {
        ("newly_permitted", "area1.thing1.do")
    }
