"""Everything that the decision at execution rests on, read now; and that decision.

Rules
- safety facts are read again for the step at hand; of the plan's other steps, what the tenant says
  of their targets is read again too;
- the place in the budgets of the hour is taken while the world is read, and counted after it;
- the policy is read last: a slow Graph must not let an act go through on one that was replaced.

Used by `agent.execute` alone. Never here: changes, what follows from the decision.
"""

import asyncio
from collections.abc import Mapping

from pydantic import JsonValue

from agent.actions import action_of
from agent.allowance import Allowance
from agent.attempt import Attempt
from agent.budget import Hour, PlannedChange, Reservation
from agent.domain import Classification
from agent.facts import Notes, touch_of
from agent.investigate import fresh_questions, look
from agent.plan import Scene, decide_on
from agent.ports import M365
from agent.scene import classes_of, readers
from policy.decide import Decision


async def look_again(attempt: Attempt, m365: M365) -> tuple[JsonValue, Scene]:
    """Return the state of the change itself, and the scene in which to decide on it."""
    tenant, request, target = attempt.tenant, attempt.request, attempt.action.target
    reading = readers(tenant, m365, request, attempt.lent)
    planned = [action_of(step.action) for step in attempt.work.plan.steps]
    if attempt.direction == "do":
        attempt.allowance = Allowance(tenant.budget, _reservation(attempt))
    seen, found, classes = await asyncio.gather(
        attempt.action.observe(m365),
        look(reading, tenant.clock, fresh_questions(request.requester, target)),
        classes_of(
            tenant,
            [request.requester, *(action.subject for action in planned)],
            [action.target for action in planned],
        ),
    )
    notes = Notes(found)
    hour = await _counted(attempt, notes, classes)
    # read last: a slow Graph must not let an act go through on a policy that was replaced meanwhile
    snapshot = await tenant.policies.newest()
    attempt.now = tenant.clock.now()
    scene = Scene(
        request=request,
        intent=attempt.work.intent,
        notes=notes,
        classes=classes,
        hour=hour,
        rules=snapshot.rules,
        now=attempt.now,
    )
    return seen, scene


def decide_now(attempt: Attempt, scene: Scene) -> Decision:
    """Return the decision that counts; it is kept with what it was made from."""
    foreseen = Notes(attempt.work.findings)
    plan = []
    for step in attempt.work.plan.steps:
        notes = scene.notes if step.id == attempt.step.id else foreseen
        touch = touch_of(action_of(step.action), notes, scene.classes)
        plan.append(PlannedChange(step=step.id, action=step.action.name, touch=touch))
    moment = scene.moment(tuple(plan), attempt.step.id, undo=attempt.direction == "undo")
    return attempt.ruled(decide_on(scene, attempt.action, moment))


def _reservation(attempt: Attempt) -> Reservation:
    """Return the place in the budgets, by what was known of the target when it was planned."""
    classes = {c.id: c for c in attempt.work.classes}
    return Reservation(
        at=attempt.now,
        requester=attempt.request.requester,
        request=attempt.request.id,
        step=attempt.step.id,
        attempt=attempt.claim.attempt,
        touch=touch_of(attempt.action, Notes(attempt.work.findings), classes),
    )


async def _counted(attempt: Attempt, notes: Notes, classes: Mapping[str, Classification]) -> Hour:
    if attempt.allowance is None:
        return await attempt.tenant.budget.last_hour(attempt.request.requester)
    return await attempt.allowance.counted(touch_of(attempt.action, notes, classes))
