"""One policy rule, as it is written in a YAML file or in a table row.

Answers  what a rule may say; everything else is refused when it is read, not when it matters.
Never    decides, and never repairs: an empty list, a null or a typing slip is an error.
Rules    - all selectors of `when` must match; one that is left out does not constrain.
         - a permit without any selector is legal only as a `baseline`.
         - `unless` is for deny and require only, and must say something: an empty exemption
           would exempt everything.
         - obligations are for require only, which must have one.
         - each selector names, beside its type, the condition it means and the fact it reads.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from policy.conditions import (
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    Equals,
    Membership,
    NoneOf,
    Validity,
    Window,
    WindowHours,
)
from policy.facts import SAME_DEPARTMENT
from policy.obligations import Obligation


class Layer(StrEnum):
    """The six keys, in order; every one must permit."""

    GLOBAL = "global"
    TENANT = "tenant"
    TARGET = "target"
    DEPARTMENT = "department"
    ACTION = "action"
    RUNTIME = "runtime"


class Effect(StrEnum):
    """What a rule does when it applies."""

    PERMIT = "permit"
    DENY = "deny"
    REQUIRE = "require"


class Mode(StrEnum):
    """Whether a rule counts, is only reported, or sleeps."""

    ENFORCE = "enforce"
    REPORT_ONLY = "report_only"
    DISABLED = "disabled"


Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Words = Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Limit = Count | None
UtcTime = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]


class Record(BaseModel):
    """What all parts of a rule share: frozen, strict, and nothing that is not understood."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=False)


@dataclass(frozen=True, slots=True)
class On:
    """Ties a selector to the condition it means and the fact it reads."""

    condition: type[Condition]
    fact: str


class _Selectors(Record):
    @model_validator(mode="after")
    def _says_what_it_means(self) -> Self:
        # A selector whose value was forgotten must not silently stop constraining the rule.
        if nothing := sorted(n for n in self.model_fields_set if getattr(self, n) is None):
            raise ValueError(f"expected a value for `{nothing[0]}`, saw nothing: leave it out")
        return self

    def conditions(self, section: str) -> Iterator[Condition]:
        """Give the conditions that are written here; `section` is where, e.g. `requester`."""
        for name, field in type(self).model_fields.items():
            written = getattr(self, name)
            for on in field.metadata:
                if isinstance(on, On) and written is not None:
                    yield on.condition.of(f"{section}.{name}", on.fact, written)


class ActionSelectors(_Selectors):
    """What kind of change."""

    ids: Annotated[Words | None, On(Membership, "action.id")] = None
    families: Annotated[Words | None, On(Membership, "action.family")] = None
    risk_min: Annotated[Limit, On(AtLeast, "action.risk")] = None
    risk_max: Annotated[Limit, On(AtMost, "action.risk")] = None
    reversible: Annotated[bool | None, On(Equals, "action.reversible")] = None
    undo: Annotated[bool | None, On(Equals, "action.undo")] = None
    effects_any: Annotated[Words | None, On(AnyOf, "action.effects")] = None
    effects_none: Annotated[Words | None, On(NoneOf, "action.effects")] = None

    @model_validator(mode="after")
    def _bounds_meet(self) -> Self:
        least, most = self.risk_min, self.risk_max
        if least is not None and most is not None and least > most:
            raise ValueError(f"expected risk_min <= risk_max, saw {least} and {most}")
        return self


class RequesterSelectors(_Selectors):
    """Who asks."""

    ids: Annotated[Words | None, On(Membership, "requester.id")] = None
    departments: Annotated[Words | None, On(Membership, "requester.department")] = None
    groups_any: Annotated[Words | None, On(AnyOf, "requester.groups")] = None
    groups_none: Annotated[Words | None, On(NoneOf, "requester.groups")] = None
    roles_any: Annotated[Words | None, On(AnyOf, "requester.roles")] = None
    roles_none: Annotated[Words | None, On(NoneOf, "requester.roles")] = None
    kinds: Annotated[Words | None, On(Membership, "requester.kind")] = None
    flags_any: Annotated[Words | None, On(AnyOf, "requester.flags")] = None
    flags_none: Annotated[Words | None, On(NoneOf, "requester.flags")] = None


class TargetSelectors(_Selectors):
    """What would change."""

    types: Annotated[Words | None, On(Membership, "target.type")] = None
    ids: Annotated[Words | None, On(Membership, "target.id")] = None
    tags_any: Annotated[Words | None, On(AnyOf, "target.tags")] = None
    tags_none: Annotated[Words | None, On(NoneOf, "target.tags")] = None
    departments: Annotated[Words | None, On(Membership, "target.department")] = None
    subject: Annotated[Text | None, On(Equals, "target.subject")] = None
    owner_is_requester: Annotated[bool | None, On(Equals, "target.owner_is_requester")] = None
    privileged: Annotated[bool | None, On(Equals, "target.privileged")] = None
    role_assignable: Annotated[bool | None, On(Equals, "target.role_assignable")] = None
    same_department: Annotated[bool | None, On(Equals, SAME_DEPARTMENT)] = None


class RuntimeSelectors(_Selectors):
    """When, from where, and how much."""

    channels: Annotated[Words | None, On(Membership, "runtime.channel")] = None
    window: Annotated[WindowHours | None, On(Window, "runtime.now")] = None
    sign_in_age_max_minutes: Annotated[Limit, On(AtMost, "runtime.sign_in_age_minutes")] = None
    sign_in_risk_max: Annotated[Limit, On(AtMost, "runtime.sign_in_risk")] = None
    device_compliant: Annotated[bool | None, On(Equals, "runtime.device_compliant")] = None
    bulk_max: Annotated[Limit, On(AtMost, "runtime.bulk_count")] = None
    changes_last_hour_max: Annotated[Limit, On(AtMost, "runtime.changes_last_hour")] = None
    subjects_last_hour_max: Annotated[Limit, On(AtMost, "runtime.subjects_last_hour")] = None
    licences_last_hour_max: Annotated[Limit, On(AtMost, "runtime.licences_last_hour")] = None
    privileged_last_hour_max: Annotated[Limit, On(AtMost, "runtime.privileged_last_hour")] = None


class PlanSelectors(_Selectors):
    """What else the same plan does, in which order, and how much it touches."""

    actions_any: Annotated[Words | None, On(AnyOf, "plan.actions")] = None
    actions_none: Annotated[Words | None, On(NoneOf, "plan.actions")] = None
    before_any: Annotated[Words | None, On(AnyOf, "plan.before")] = None
    before_none: Annotated[Words | None, On(NoneOf, "plan.before")] = None
    subjects_max: Annotated[Limit, On(AtMost, "plan.subjects")] = None
    licences_max: Annotated[Limit, On(AtMost, "plan.licences")] = None
    privileged_max: Annotated[Limit, On(AtMost, "plan.privileged")] = None


class Selectors(_Selectors):
    """The shape of `when` and of `unless`: all that is written must match."""

    action: ActionSelectors = ActionSelectors()
    requester: RequesterSelectors = RequesterSelectors()
    target: TargetSelectors = TargetSelectors()
    runtime: RuntimeSelectors = RuntimeSelectors()
    plan: PlanSelectors = PlanSelectors()

    def all_conditions(self) -> tuple[Condition, ...]:
        """Give every condition that is written, in the order of the sections."""
        return tuple(
            condition
            for section in type(self).model_fields
            for condition in getattr(self, section).conditions(section)
        )


class Example(Record):
    """One of the rule's own tests: a query, and whether the rule applies to it."""

    name: Text
    query: dict[str, JsonValue]
    applies: bool


class Provenance(Record):
    """Who wrote the rule, who else approved it, and why it exists."""

    author: Text | None = None
    approver: Text | None = None
    created_at: UtcTime | date | None = None
    change: Text | None = None


class Rule(Record):
    """One rule; equal rules have equal canonical bytes."""

    schema_version: Annotated[int, Field(alias="schema", ge=1, le=1)]
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    layer: Layer
    effect: Effect
    mode: Mode = Mode.ENFORCE
    baseline: bool = False
    when: Selectors = Selectors()
    unless: Selectors | None = None
    obligations: tuple[Obligation, ...] = ()
    reason: Text
    remedy: Text | None = None
    valid_from: UtcTime | None = None
    valid_until: UtcTime | None = None
    tests: tuple[Example, ...] = ()
    provenance: Provenance | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read a rule from plain JSON data; raises pydantic's ValidationError."""
        return cls.model_validate_json(json.dumps(record))

    def record(self) -> dict[str, Any]:
        """Give the plain JSON data of this rule, without what is only a default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def conditions(self) -> tuple[Condition, ...]:
        """Give the conditions of `when`; the rule's validity is one of them."""
        written = self.when.all_conditions()
        if self.valid_from is None and self.valid_until is None:
            return written
        life = (self.valid_from, self.valid_until)
        return (*written, Validity.of("validity", "runtime.now", life))

    def exemption(self) -> tuple[Condition, ...] | None:
        """Give the conditions of `unless`; None if nothing is exempt."""
        return self.unless.all_conditions() if self.unless is not None else None

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        permit, require = self.effect is Effect.PERMIT, self.effect is Effect.REQUIRE
        if permit and not self.baseline and not self.when.all_conditions():
            raise ValueError("expected a selector: a permit for everything must say `baseline`")
        if self.baseline and not permit:
            raise ValueError(f"expected `baseline` on a permit only, saw it on a {self.effect}")
        if permit and self.unless is not None:
            raise ValueError("expected `unless` on deny and require only, saw it on a permit")
        if self.exemption() == ():
            raise ValueError("expected a selector in `unless`: an empty one exempts everything")
        if require != bool(self.obligations):
            raise ValueError("expected obligations on a require, at least one, and nowhere else")
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("expected valid_from before valid_until")
        return self
