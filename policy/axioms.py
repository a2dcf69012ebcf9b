"""The integrity of facts: what must be true between two facts of one honest query.

Answers  which relations every query keeps, and who guarantees each of them.
Never    changes a decision: the decision point takes facts as they come. The prover alone relies
         on these, and every proof names those that it needed.
Rules    - an axiom binds only where both of its facts are known.
         - an axiom that nobody guarantees makes a proof worthless: name the guarantor.
"""

from dataclasses import dataclass
from enum import StrEnum

from policy.query import Known, Query


class Relation(StrEnum):
    """How the first fact of an axiom stands to the second."""

    CONTAINS = "contains"  # a list has this text as an entry
    INCLUDES = "includes"  # a list has all entries of that list
    AT_MOST = "is at most"  # a count is not above that count


@dataclass(frozen=True, slots=True)
class Axiom:
    """One relation between two facts, and who guarantees it."""

    fact: str
    relation: Relation
    other: str
    guaranteed_by: str

    @property
    def name(self) -> str:
        """Say the axiom in words."""
        return f"{self.fact} {self.relation} {self.other}"

    def holds(self, query: Query) -> bool:
        """Say whether a query keeps to it."""
        one, other = query.facts[self.fact], query.facts[self.other]
        if not (isinstance(one, Known) and isinstance(other, Known)):
            return True
        match self.relation, one.value, other.value:
            case Relation.CONTAINS, frozenset() as entries, str(entry):
                return entry in entries
            case Relation.INCLUDES, frozenset() as entries, frozenset() as others:
                return others <= entries
            case Relation.AT_MOST, int(count), int(limit):
                return count <= limit
        raise TypeError(f"expected facts that can be related, saw `{self.name}`")


_PLAN = "the plan, whose steps are numbered and whose counts are made of them"
_BUDGET = "the budget of the tenant, which adds this plan's own share to what was spent"

AXIOMS: tuple[Axiom, ...] = (
    Axiom("plan.actions", Relation.CONTAINS, "action.id", _PLAN),
    Axiom("plan.actions", Relation.INCLUDES, "plan.before", _PLAN),
    Axiom("plan.subjects", Relation.AT_MOST, "runtime.subjects_last_hour", _BUDGET),
    Axiom("plan.licences", Relation.AT_MOST, "runtime.licences_last_hour", _BUDGET),
    Axiom("plan.privileged", Relation.AT_MOST, "runtime.privileged_last_hour", _BUDGET),
)
