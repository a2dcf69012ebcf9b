"""From an intent and what was found to ordered, conditional steps, each with its undo.

Rules
- a name becomes a target only by a unique exact match; anything else is a question;
- what is already so is no step: each step says the state it wants, and is skipped when it holds;
- a plan is refused before its first change when policy forbids a step, or its undo;
- every step is decided with the facts of the whole plan: its changes, their order, its budget;
- the forecast here is for people: execution decides again on fresh facts.

Never here: I/O, authority.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from agent.actions import Action, AddGroupMember, RemoveGroupMember
from agent.approve import impossible, needs_of
from agent.budget import Hour, PlannedChange, spent
from agent.domain import (
    Classification,
    Denied,
    Intent,
    Plan,
    Refusal,
    Request,
    ResourceName,
    Ruling,
    Step,
    TargetFacts,
)
from agent.facts import Moment, Notes, owners_of, query_facts, touch_of
from agent.values import Frozen, GroupId, PersonId, StepId
from policy.decide import Decision, RuleSet, decide
from policy.facts import fold
from policy.query import Query


class Question(Frozen):
    """What has to be asked back, and the choices that would answer it."""

    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a plan is made from."""

    request: Request
    intent: Intent
    notes: Notes
    classes: Mapping[str, Classification]
    hour: Hour
    rules: RuleSet
    now: datetime

    def moment(
        self, plan: tuple[PlannedChange, ...], step: StepId, *, undo: bool = False
    ) -> Moment:
        """Return what is true of one step as a part of a whole plan."""
        added_up = spent(self.hour, self.request.id, plan)
        return Moment(now=self.now, plan=plan, step=step, spent=added_up, undo=undo)


def resolve(intent: Intent, notes: Notes) -> tuple[GroupId, ...] | Question | Refusal:
    """Return the groups an intent is about, each by unique exact match, or what stands between."""
    groups: list[GroupId] = list(intent.group_ids)
    for named in intent.resources:
        match = _match(named, notes)
        if isinstance(match, Question | Refusal):
            return match
        if match not in groups:
            groups.append(match)
    return tuple(groups)


def _match(named: ResourceName, notes: Notes) -> GroupId | Question | Refusal:
    found = notes.field("resource", named.name, "groups")
    if not isinstance(found, list):
        return Refusal(
            code="not_looked_up",
            for_user=f"I could not look up `{named.name}`.",
            for_admin="the directory did not answer the lookup `resource`",
        )
    groups = [g for g in found if isinstance(g, dict)]
    if named.kind in ("site", "team"):
        groups = [g for g in groups if g.get("unified")]
    exact = [g for g in groups if fold(str(g.get("display"))) == fold(named.name)]
    if len(exact) == 1:
        return GroupId(str(exact[0]["id"]))
    if exact:
        return Question(
            text=f"There is more than one `{named.name}`. Please ask its owner which one you need."
        )
    near = tuple(sorted({str(g.get("display")) for g in groups}))[:6]
    if near:
        return Question(text=f"I found no `{named.name}`. Did you mean one of these?", choices=near)
    return Question(text=f"I found nothing called `{named.name}`. What exactly is it called?")


def actions_for(intent: Intent, groups: Sequence[GroupId], subject: PersonId) -> list[Action[Any]]:
    """Return the change each group needs."""
    if intent.operation == "remove":
        return [RemoveGroupMember(user=subject, group=group) for group in groups]
    return [AddGroupMember(user=subject, group=group) for group in groups]


class Stopped(NamedTuple):
    """Why there is no plan, and at which change planning stopped."""

    refusal: Refusal
    denied: Denied


def plan(scene: Scene, actions: Sequence[Action[Any]]) -> Plan | Stopped:
    """Return the steps still needed, or what stops them all before the first change."""
    needed = [a for a in actions if not _already(a, scene.notes)]
    open_actions = {StepId(f"s{number}"): action for number, action in enumerate(needed, 1)}
    whole = tuple(
        PlannedChange(step=step, action=a.name, touch=touch_of(a, scene.notes, scene.classes))
        for step, a in open_actions.items()
    )
    steps: list[Step] = []
    for name, action in open_actions.items():
        step = _step(scene, action, name, whole)
        if isinstance(step, Stopped):
            return step
        steps.append(step)
    return Plan(steps=tuple(steps))


def _already(action: Action[Any], notes: Notes) -> bool:
    """Whether the world already is as the action would make it."""
    seen = notes.seen("membership", action.target)
    return seen is not None and action.holds(seen)


def _stopped(
    step: StepId, action: Action[Any], refusal: Refusal, ruling: Ruling | None = None
) -> Stopped:
    at = Denied(
        step=step, action=action.spec, target=action.target, digest=action.digest, ruling=ruling
    )
    return Stopped(refusal, at)


def _step(
    scene: Scene, action: Action[Any], step: StepId, whole: tuple[PlannedChange, ...]
) -> Step | Stopped:
    if refusal := unchangeable(scene.notes, action.target):
        return _stopped(step, action, refusal)
    asked = decide_on(scene, action, scene.moment(whole, step))
    forecast = asked.decision
    if forecast.effect == "deny":
        return _stopped(step, action, denied(forecast), asked)
    undo, undoing = action.undo(scene.notes.seen("membership", action.target)), None
    if isinstance(undo, Action):
        undoing = decide_on(scene, undo, scene.moment(whole, step, undo=True))
        # an undo that would have to be approved first could not be relied on either
        if undoing.decision.effect == "deny" or undoing.decision.obligations:
            refusal = denied(undoing.decision, code="undo_denied")
            return _stopped(step, undo, refusal, undoing)
    if refusal := impossible(forecast.obligations, scene.request, scene.now):
        return _stopped(step, action, refusal, asked)
    needs = needs_of(
        forecast,
        scene.request,
        step,
        action.digest,
        owners_of(scene.notes, action.target),
        action.subject,
        scene.now,
    )
    if isinstance(needs, Refusal):
        return _stopped(step, action, needs, asked)
    return _made(scene, action, step, asked, undoing).model_copy(update={"approvals": needs})


def _made(
    scene: Scene, action: Action[Any], step: StepId, asked: Ruling, undoing: Ruling | None
) -> Step:
    """Return a step that policy lets stand, in the words that people will read."""
    name = display_name(scene.notes, action.target)
    subject = _shown(scene.notes, action.subject)
    who_is = "You are" if action.subject == scene.request.requester else f"{subject} is"
    return Step(
        id=step,
        action=action.spec,
        digest=action.digest,
        target=TargetFacts(type="group", id=action.target, name=name),
        reversible=undoing is not None,
        summary=action.describe(subject, name),
        achieved=action.achieved(who_is, name),
        facts=asked.facts,
        forecast=asked.decision,
        undo_facts=undoing.facts if undoing else None,
        undo_forecast=undoing.decision if undoing else None,
    )


def decide_on(scene: Scene, action: Action[Any], moment: Moment) -> Ruling:
    """Put one change to policy, on the facts of this scene."""
    facts = query_facts(action, scene.request, scene.notes, scene.classes, moment)
    return Ruling(facts=facts, decision=decide(scene.rules, Query.of(facts)))


def denied(decision: Decision, code: str = "denied") -> Refusal:
    """Return a policy denial as a refusal that names the layer and what would help."""
    layer = next((r for r in decision.layers if r.result != "permit"), None)
    rules = ", ".join(layer.denied_by) if layer and layer.denied_by else "no rule permits it"
    return Refusal(
        code=code,
        for_user=" ".join(p for p in (decision.reason, decision.remedy) if p),
        for_admin=f"layer {layer.layer if layer else '?'}: {rules}",
    )


def unchangeable(notes: Notes, group: GroupId) -> Refusal | None:
    """Return why nobody can change this group's members through Microsoft Graph, or None."""
    facts = notes.group(group)
    why = None
    if facts.get("dynamic"):
        why = "Its members are chosen by a rule, so nobody can be added by hand."
    elif facts.get("synced"):
        why = "It is managed on premises and cannot be changed from here."
    elif facts.get("mail_only"):
        why = "It is a mail list, which is managed in Exchange."
    if why is None:
        return None
    return Refusal(code="unchangeable", for_user=why, for_admin=f"group {group}: {why}")


def _shown(notes: Notes, person: PersonId) -> str:
    """Return how a person is shown: their display name is text for people, never compared."""
    return str(notes.field("person", person, "display") or person)


def display_name(notes: Notes, group: GroupId) -> str:
    """Return a group's display name: text to show, never to compare."""
    return str(notes.group(group).get("display") or group)
