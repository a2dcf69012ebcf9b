"""What a change of rules changes: over all requests, with one request to show each kind of it.

Answers  what becomes permitted, denied, less or more demanding, and the hash one approves.
Never    lists a change that no request can see, nor leaves out one that some request can.
Rules    - grouped by the kinds of change that rules name, and all others together as any other.
         - a request is asked of the decision point under both rule sets, or NotConfirmed is raised.
         - a fact that a request leaves out does not matter to what it shows.
         - the hash is of both rule sets and of what was found, and not of the requests that show
           it: another solver may choose others.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from policy.decide import Decision
from policy.obligations import Obligation
from policy.prove.demands import Aspect
from policy.rule import Rule
from policy.snapshot import canonical, write_body

Change = Literal["newly_permitted", "less_demanding", "newly_denied", "more_demanding"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(_Answer):
    """What one rule set says to a request: by which rules, or in which layers by none."""

    effect: Literal["permit", "deny"]
    rules: tuple[str, ...]
    silent: tuple[str, ...]
    obligations: tuple[Obligation, ...]

    @classmethod
    def of(cls, decision: Decision) -> "Outcome":
        """Keep of a decision what made it."""
        denied = tuple(name for layer in decision.layers for name in layer.denied_by)
        permitted = tuple(name for layer in decision.layers for name in layer.permitted_by)
        required = tuple(name for layer in decision.layers for name in layer.required_by)
        permit = decision.effect == "permit"
        return cls(
            effect=decision.effect,
            rules=permitted + required if permit else denied,
            silent=tuple(one.layer for one in decision.layers if one.result == "silent"),
            obligations=decision.obligations if permit else (),
        )


class Topic(_Answer):
    """What is demanded in another measure: the kind, the person if it has one, and in what."""

    kind: str
    who: str
    aspect: Aspect


class Finding(_Answer):
    """One kind of request that is decided differently, and a request that shows it."""

    change: Change
    action: str | None
    """The kind of change; None is any that no rule names, and one that nobody knows."""
    topic: Topic | None
    query: dict[str, dict[str, Any]]
    old: Outcome
    new: Outcome


class Diff(_Answer):
    """All that differs between two rule sets."""

    old: str
    """The id of the snapshot these rules make."""
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator] # mypy knows no property under a decorator
    @property
    def hash(self) -> str:
        """Give what a second person approves: this very change, and what it was found to do."""
        found = [one.model_dump(include={"change", "action", "topic"}) for one in self.findings]
        said = {"kind": "warrant.policy.diff.v1", "old": self.old, "new": self.new, "found": found}
        return sha256(canonical(said)).hexdigest()


def compare(old: Sequence[Rule], new: Sequence[Rule]) -> Diff:
    """Give all that differs between two rule sets.

    Raises ProverMissing where there is no solver, Undecided where it gave up, NotConfirmed where
    it and the decision point differ, ValueError if two rules of one set have one id.
    """
    from policy.prove.changes import findings  # the solver loads only where rules are compared

    before, after = ({rule.id: rule for rule in rules} for rules in (old, new))
    both = before.keys() & after.keys()
    return Diff(
        old=write_body(old).id,
        new=write_body(new).id,
        added=tuple(sorted(after.keys() - both)),
        removed=tuple(sorted(before.keys() - both)),
        changed=tuple(sorted(name for name in both if before[name] != after[name])),
        findings=findings(old, new),
    )
