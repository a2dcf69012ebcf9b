"""The rules as far as agent-governance-toolkit-core can express them: one condition a rule.

Its rule holds one comparison of one field, without AND, overlap of lists, hours or doubt. Each
rule is given its first selector that is a comparison; the others are lost, so many decisions are
not those of the reference. It is here for its speed alone, and the agreement says so.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from agent_os.policies import PolicyEvaluator
from agent_os.policies.schema import (
    PolicyAction,
    PolicyCondition,
    PolicyDefaults,
    PolicyDocument,
    PolicyOperator,
    PolicyRule,
)

from local.bench.policy_rules import LAYERS, Record
from local.bench.policy_worker import Load, main
from tests.policy import cedar


def _comparisons(record: Record) -> Iterator[PolicyCondition]:
    for section, written in record.get("when", {}).items():
        for name, wanted in written.items():
            selector = f"{section}.{name}"
            if name in ("window", "same_department") or name.endswith(("_any", "_none")):
                continue
            operator = PolicyOperator.IN if isinstance(wanted, list) else PolicyOperator.EQ
            if isinstance(wanted, int) and not isinstance(wanted, bool):
                operator = PolicyOperator.LTE
            fact = cedar.fact_of(selector).replace(".", "_")
            yield PolicyCondition(field=fact, operator=operator, value=wanted)


def _rule(record: Record) -> PolicyRule:
    always = PolicyCondition(field="always", operator=PolicyOperator.EQ, value=True)
    deny = record["effect"] == "deny"
    return PolicyRule(
        name=record["id"],
        condition=next(_comparisons(record), always),
        action=PolicyAction.DENY if deny else PolicyAction.ALLOW,
        priority=1 if deny else 0,
    )


class Toolkit:
    """An evaluator for each layer."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._layers = [
            PolicyEvaluator(
                policies=[
                    PolicyDocument(
                        name=layer,
                        rules=[
                            _rule(one)
                            for one in records
                            if one["layer"] == layer and one["effect"] != "require"
                        ],
                        defaults=PolicyDefaults(action=PolicyAction.DENY),
                    )
                ]
            )
            for layer in LAYERS
        ]

    def ready(self, question: Record) -> dict[str, Any]:
        """Give the known facts, flat."""
        context: dict[str, Any] = cedar.request(question, ())["context"]
        return {**context, "always": True}

    def permits(self, question: Any) -> bool:
        """Evaluate every layer."""
        return all([layer.evaluate(question).allowed for layer in self._layers])


def prepare(records: Sequence[Record]) -> Load:
    """Leave everything to the load."""
    return lambda: Toolkit(records)


if __name__ == "__main__":
    main(prepare)
