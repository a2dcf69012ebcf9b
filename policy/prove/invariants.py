"""What must hold of every policy, whatever else it says: the promises that publishing is held to.

Answers  which requests an invariant is about, and what of them may never happen.
Never    decides a request: rules do; an invariant is shown to hold of the rules beforehand.
Rules    - an invariant reads like a deny: it is about a request if one of `when` possibly matches,
           or one of `missing` is not known, and none of `unless` certainly matches. Doubt counts.
         - of such a request it says: never permitted; or only with an approval before; or only
           with that or a fresh proof of who asks.
         - an undo is exempt where circumstances must not keep a grant from being taken back, and
           is not where the target itself is out of bounds.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policy.conditions import Condition
from policy.facts import FACTS
from policy.obligations import Approval, Obligation, StepUp
from policy.query import Known, Query
from policy.rule import (
    ActionSelectors,
    Record,
    RequesterSelectors,
    Selectors,
    TargetSelectors,
    Text,
)

Price = Literal["never", "approved_before", "proven_afresh"]


class Invariant(Record):
    """One promise about all requests of a kind."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
    sentence: Text
    when: tuple[Selectors, ...] = ()
    missing: tuple[str, ...] = ()
    unless: tuple[Selectors, ...] = ()
    permitted: Price = "never"

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not self.when and not self.missing:
            raise ValueError("expected a class of requests in `when` or in `missing`")
        if strange := sorted(set(self.missing) - FACTS.keys()):
            raise ValueError(f"expected facts of the catalogue, saw `{strange[0]}`")
        if not all(one.all_conditions() for one in (*self.when, *self.unless)):
            raise ValueError("expected a selector in each of `when` and `unless`")
        return self

    def conditions(self) -> set[Condition]:
        """Give every condition it is written with."""
        return {one for part in (*self.when, *self.unless) for one in part.all_conditions()}

    def concerns(self, query: Query) -> bool:
        """Say whether a request is of the kind that this is about."""
        if any(all(_certain(c, query) for c in some.all_conditions()) for some in self.unless):
            return False
        unread = any(not isinstance(query.facts[name], Known) for name in self.missing)
        return unread or any(
            all(_possible(c, query) for c in some.all_conditions()) for some in self.when
        )

    def paid_by(self, owed: Obligation) -> bool:
        """Say whether this obligation is what a permit must come with."""
        match owed:
            case Approval(when="before"):
                return self.permitted != "never"
            case StepUp():
                return self.permitted == "proven_afresh"
            case _:
                return False


def _certain(condition: Condition, query: Query) -> bool:
    fact = query.facts[condition.fact]
    return isinstance(fact, Known) and condition.holds(fact.value)


def _possible(condition: Condition, query: Query) -> bool:
    fact = query.facts[condition.fact]
    return not isinstance(fact, Known) or condition.holds(fact.value)


_UNDO = Selectors(action=ActionSelectors(undo=True))
# Power by its nature, and yet asked for every day: it goes through privileged identity management.
_ROLE_HANDLED = Selectors(
    action=ActionSelectors(
        ids=(
            "role.activate",
            "role.deactivate",
            "role.eligibility.grant",
            "role.eligibility.remove",
        )
    ),
    target=TargetSelectors(types=("role",)),
)
# Told to nobody but its owner.
_OWN_SECRET = Selectors(
    action=ActionSelectors(
        ids=("user.password.reset", "device.passcode.reset", "device.recovery_key.reveal")
    ),
    target=TargetSelectors(subject="self"),
)

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        name="critical-risk-never",
        sentence="A change of critical risk, or of a risk nobody knows, is never permitted.",
        when=(Selectors(action=ActionSelectors(risk_min=4)),),
    ),
    Invariant(
        name="privileged-target-never",
        sentence="What has power over others, or may, never changes, but a role under PIM.",
        when=(Selectors(target=TargetSelectors(privileged=True)),),
        unless=(_ROLE_HANDLED,),
    ),
    Invariant(
        name="role-assignable-target-never",
        sentence="A group that can carry a role, or may be able to, never changes.",
        when=(Selectors(target=TargetSelectors(role_assignable=True)),),
    ),
    Invariant(
        name="break-glass-target-never",
        sentence="An emergency account, or what belongs to one, never changes.",
        when=(Selectors(target=TargetSelectors(tags_any=("break_glass", "break-glass"))),),
    ),
    Invariant(
        name="warrant-itself-never",
        sentence="Warrant never changes its own app, stores, policy or the groups that govern it.",
        when=(
            Selectors(target=TargetSelectors(tags_any=("warrant",))),
            Selectors(action=ActionSelectors(effects_any=("changes_warrant",))),
        ),
    ),
    Invariant(
        name="break-glass-requester-never",
        sentence="An emergency account never gets a change; an undo of one goes through.",
        when=(Selectors(requester=RequesterSelectors(flags_any=("break_glass",))),),
        unless=(_UNDO,),
    ),
    Invariant(
        name="flagged-requester-never",
        sentence="An account at risk, disabled, on hold or leaving gets no change but an undo.",
        when=(
            Selectors(
                requester=RequesterSelectors(
                    flags_any=("at_risk", "disabled", "security_hold", "leaver")
                )
            ),
        ),
        unless=(_UNDO,),
    ),
    Invariant(
        name="unread-flags-never",
        sentence="Whose flags nobody could read gets no change but an undo.",
        missing=("requester.flags",),
        unless=(_UNDO,),
    ),
    Invariant(
        name="guest-never",
        sentence="A guest, or who may be one, gets no change but an undo.",
        when=(Selectors(requester=RequesterSelectors(kinds=("guest",))),),
        unless=(_UNDO,),
    ),
    Invariant(
        name="unread-target-never",
        sentence="Nothing changes while nobody knows how dangerous that is, or what it is.",
        missing=("action.risk", "target.tags", "target.role_assignable"),
    ),
    Invariant(
        name="unread-request-never",
        sentence="Nothing but an undo is done before the facts about who asks and what for are in.",
        missing=("action.id", "action.effects", "requester.kind", "requester.flags", "target.type"),
        unless=(_UNDO,),
    ),
    Invariant(
        name="power-approved-before",
        sentence="What gives power over others, or may, waits for a person's yes.",
        when=(Selectors(action=ActionSelectors(effects_any=("grants_power",))),),
        unless=(_UNDO,),
        permitted="approved_before",
    ),
    Invariant(
        name="destruction-approved-before",
        sentence="What destroys waits for a person's yes, and so does what may destroy.",
        when=(Selectors(action=ActionSelectors(effects_any=("destroys",))),),
        unless=(_UNDO,),
        permitted="approved_before",
    ),
    Invariant(
        name="disclosure-approved-before",
        sentence="What may disclose a secret to anybody but its owner waits for a person's yes.",
        when=(Selectors(action=ActionSelectors(effects_any=("discloses_secret",))),),
        unless=(_UNDO, _OWN_SECRET),
        permitted="approved_before",
    ),
    Invariant(
        name="own-secret-proven-afresh",
        sentence="What may disclose a secret, to its owner too, waits for a fresh proof or a yes.",
        when=(Selectors(action=ActionSelectors(effects_any=("discloses_secret",))),),
        unless=(_UNDO,),
        permitted="proven_afresh",
    ),
    Invariant(
        name="weakening-approved-before",
        sentence="What consents for others or weakens protection waits for a person's yes.",
        when=(Selectors(action=ActionSelectors(effects_any=("consents", "weakens_protection"))),),
        unless=(_UNDO,),
        permitted="approved_before",
    ),
)
