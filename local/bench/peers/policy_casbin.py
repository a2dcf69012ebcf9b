"""The rules under pycasbin: its effects and its loop over policies, with Warrant's own matching.

A casbin matcher cannot say what a rule here says, so it calls a function of ours for each policy;
what is measured is that scan and what casbin adds to it.
"""

from collections.abc import Sequence
from typing import Any

import casbin

from local.bench.policy_rules import Record
from local.bench.policy_worker import Load, main
from policy.decide import ReadyRule
from policy.query import Query
from policy.rule import Layer, Rule

_MODEL = """
[request_definition]
r = layer, facts
[policy_definition]
p = layer, rule, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.layer == p.layer && applies(r.facts, p.rule)
"""


class Casbin:
    """One enforcer, asked for each layer."""

    def __init__(self, records: Sequence[Record]) -> None:
        rules = {record["id"]: ReadyRule.of(Rule.of(record)) for record in records}
        model = casbin.Model()
        model.load_model_from_text(_MODEL)
        self._enforcer = casbin.Enforcer(model)
        self._enforcer.add_function("applies", lambda facts, name: rules[name].applies(facts))
        effects = {"permit": "allow", "deny": "deny"}
        self._enforcer.add_policies(
            [
                [one["layer"], one["id"], effects[one["effect"]]]
                for one in records
                if one["effect"] in effects
            ]
        )

    def ready(self, question: Record) -> Query:
        """Read the facts as Warrant does."""
        return Query.of(question)

    def permits(self, question: Any) -> bool:
        """Enforce every layer."""
        return all([self._enforcer.enforce(layer.value, question) for layer in Layer])


def prepare(records: Sequence[Record]) -> Load:
    """Leave everything to the load."""
    return lambda: Casbin(records)


if __name__ == "__main__":
    main(prepare)
