"""What the activities of `agent.calls` do: bind the tenant's ports, call one stage, return ids.

Inputs and outputs are plain JSON (strict typing of the Durable SDK); a fault that a stage did not
turn into a value reaches the run as an exception, which stops the step.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from agent import answer, assess, execute
from agent.calls import ANSWER, ASSESS, EXECUTE, StepResult
from agent.ports import Tenant
from agent.values import TenantId

Open = Callable[[TenantId], Awaitable[Tenant]]


class Activities:
    """The three hops of a run, each bound to the tenant that its input names."""

    def __init__(self, for_tenant: Open) -> None:
        self._for_tenant = for_tenant

    async def assess(self, given: dict[str, Any]) -> dict[str, Any]:
        """Understand, investigate, plan and forecast."""
        ref = ASSESS.takes.model_validate(given)
        tenant = await self._for_tenant(ref.tenant)
        return (await assess.assess(tenant, ref.request)).model_dump(mode="json")

    async def execute(self, given: dict[str, Any]) -> dict[str, Any]:
        """Carry out or undo one step."""
        ref = EXECUTE.takes.model_validate(given)
        tenant = await self._for_tenant(ref.tenant)
        receipt = await execute.execute(tenant, ref.request, ref.step, ref.direction)
        result = StepResult(
            step=receipt.step, outcome=receipt.outcome, ours=receipt.ours, wait=receipt.wait
        )
        return result.model_dump(mode="json")

    async def answer(self, given: dict[str, Any]) -> dict[str, Any]:
        """End the request."""
        ref = ANSWER.takes.model_validate(given)
        tenant = await self._for_tenant(ref.tenant)
        return (await answer.answer(tenant, ref.request)).model_dump(mode="json")
